"""Our places on CRM cards: a tab, and an item in the row above the timeline where messages are written.

The item asks for Bitrix24's own interface (`useBuiltInInterface`). A portal that does not know it opens our page in a
slider instead, and one that has no such place keeps the tab.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from django.utils import timezone

from b24app.core import signed_urls
from b24app.portals import scopes
from b24app.portals.crm.owner_types import FIRST_DYNAMIC_TYPE, WITH_METHODS, OwnerType, placement_name
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.languages import FRAME_CODES
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import MAX_COMMANDS, BatchCommand, BatchResult, PortalClient
from b24app.portals.rest.responses import as_mapping

log = structlog.get_logger(__name__)

TITLE = "Sendline"
TAB, COMPOSER = "DETAIL_TAB", "DETAIL_ACTIVITY"
BUILT_IN = {"useBuiltInInterface": "Y"}
MAX_SMART_PROCESSES = 40
UNAVAILABLE = scopes.MISSING_SCOPE | {"ERROR_METHOD_NOT_FOUND", "ERROR_PLACEMENT_NOT_FOUND"}


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the card of entities of one type. Portals may do without one that is optional."""

    code: str
    is_composer: bool
    is_optional: bool


def bind_places(portal: Portal) -> list[str]:
    """Bind the places that the portal has not bound yet, and take back those that lead to an old address of ours.

    Places that it cannot have are skipped. Return the codes of tabs that were refused (the next call tries them again);
    raise what `PortalClient.batch` raises. The portal itself removes all of them when the application is uninstalled.
    """
    refused: list[str] = []
    if scopes.has_scopes(portal, "placement", "crm"):
        with scopes.tolerate_missing_scope(portal):
            refused = _bind_missing(PortalClient(portal))
    if refused:
        log.warning("tabs_refused", portal=portal.pk, places=refused)
    else:
        error_policy.update_portal(portal, tabs_bound_at=timezone.now())
    return refused


def _bind_missing(client: PortalClient) -> list[str]:
    try:
        handlers = _bound_handlers(client.call("placement.get"))
    except PortalRefused as refusal:
        if refusal.code in scopes.MISSING_SCOPE:
            return []
        handlers = {}  # it does not list them; what is bound already is refused below, which is success
    handler = signed_urls.public_url("/card/")
    types = [int(one) for one in OwnerType] + _list_smart_processes(client)
    wanted = [place for place in _places_for(types) if handler not in handlers.get(place.code, ())]
    old = [
        BatchCommand("placement.unbind", {"PLACEMENT": code, "HANDLER": one})
        for code, some in handlers.items()
        for one in some
        if one != handler and one.endswith("/card/") and code.endswith((TAB, COMPOSER))
    ]
    for commands in _split_batches(old):
        client.batch(commands)
    results = [
        result
        for commands in _split_batches([_bind_command(place, handler) for place in wanted])
        for result in client.batch(commands)
    ]
    return [
        place.code
        for place, result in zip(wanted, results, strict=True)
        if not _is_done(result) and not place.is_optional
    ]


def _places_for(types: Sequence[int]) -> list[Place]:
    return [
        Place(f"CRM_{placement_name(one)}_{kind}", kind == COMPOSER, kind == COMPOSER or one not in WITH_METHODS)
        for kind in (TAB, COMPOSER)
        for one in types
    ]


def _list_smart_processes(client: PortalClient) -> list[int]:
    """Return the types of the portal's smart processes; none where it does not tell."""
    try:
        rows = as_mapping(client.call("crm.type.list")).get("types")
    except (PortalRefused, InDoubt):  # CRM methods may refuse without a code
        return []
    found = (str(as_mapping(row).get("entityTypeId", "")) for row in rows) if isinstance(rows, list) else ()
    numbers = (int(one) for one in found if one.isascii() and one.isdecimal() and len(one) < 10)
    return list(islice((one for one in numbers if one >= FIRST_DYNAMIC_TYPE), MAX_SMART_PROCESSES))


def _bound_handlers(rows: Any) -> Mapping[str, list[str]]:
    """Return the addresses by placement."""
    found: dict[str, list[str]] = {}
    for row in map(as_mapping, rows if isinstance(rows, list) else []):
        found.setdefault(str(row.get("placement", "")), []).append(str(row.get("handler", "")))
    return found


def _bind_command(place: Place, handler: str) -> BatchCommand:
    fields: dict[str, object] = {
        "PLACEMENT": place.code,
        "HANDLER": handler,
        "TITLE": TITLE,
        # A portal shows the title in the user's language, and the application's name where that is not listed.
        "LANG_ALL": {language: {"TITLE": TITLE} for language in FRAME_CODES},
    }
    return BatchCommand("placement.bind", fields | ({"OPTIONS": BUILT_IN} if place.is_composer else {}))


def _split_batches(commands: Sequence[BatchCommand]) -> Iterator[Sequence[BatchCommand]]:
    for first in range(0, len(commands), MAX_COMMANDS):
        yield commands[first : first + MAX_COMMANDS]


def _is_done(result: BatchResult) -> bool:
    if result.error is None:
        return result.result is not False
    return result.error.code in UNAVAILABLE or result.error.is_already_bound
