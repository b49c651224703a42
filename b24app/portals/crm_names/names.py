"""Names of CRM items. Screens read the stored ones; the portal is asked in the background, with a viewer's own rights.

Administrators of a portal share what one of their tokens may read. An employee sees only what the portal has lately
answered to his own token (`visitor_tokens`), so names are stored for each of them.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from redis import RedisError

from b24app.core.redis import redis_client
from b24app.portals import scopes, tokens
from b24app.portals.crm_names import crm_lists, visitor_tokens
from b24app.portals.crm_names.crm_lists import MAX_ITEMS, Item, ListedItem
from b24app.portals.errors import NoToken, PortalError, PortalRefused
from b24app.portals.models import CrmName, Portal
from b24app.portals.rest import token_renewal

log = structlog.get_logger(__name__)

ADMINISTRATORS = 0  # as a viewer; others are user ids
SCOPE = "crm"
NAME_TTL = timedelta(days=1)  # also for what has no name or may not be read
KEEP_FOR = timedelta(days=30)  # after that nobody has looked at its messages
MAX_DUE = 200  # of a page; the rest is fetched by a later one
MAX_REQUESTS = 6  # of a task
MAX_FOUND = 20  # items that a name is looked for among
REFUSED, SILENT, NO_ACCESS = "refused", "silent", "no access"
PAUSE_SECONDS = {REFUSED: 3600, SILENT: 120, NO_ACCESS: 60}
STALE_TOKEN = frozenset({"EXPIRED_TOKEN", "INVALID_TOKEN", "NO_AUTH_FOUND"})


@dataclass(frozen=True, slots=True)
class StoredNames:
    """Names by item, some of the items whose names must be fetched, and why none can be, "" if they can."""

    names: Mapping[Item, CrmName]
    due: Sequence[Item] = ()
    trouble: str = ""


def stored_names(portal: Portal, viewer: int, items: Iterable[Item]) -> StoredNames:
    """Return the stored names of these items and of whom they are with, as far as the viewer may see them."""
    wanted = sorted(set(items))
    if not wanted:
        return StoredNames({})
    found = _load(portal, viewer, wanted)
    owners = sorted({one.owner_key for one in found.values() if one.owner_id} - set(wanted))
    found |= _load(portal, viewer, owners) if owners else {}
    fresh = timezone.now() - NAME_TTL
    due = [one for one in (*wanted, *owners) if one not in found or found[one].asked_at <= fresh]
    if viewer != ADMINISTRATORS:  # his rights may be others by now
        found = {item: one for item, one in found.items() if one.asked_at > fresh}
    trouble = _read_trouble(portal, viewer) if due else ""
    return StoredNames(found, () if trouble else due[:MAX_DUE], trouble)


def fetch_names(portal: Portal, viewer: int, items: Iterable[Item]) -> None:
    """Fetch the names that are due from the portal and store them, also that an item has none for this viewer.

    A deal's contact or company is fetched with it. What the portal does not answer is not asked for a while.
    """
    try:
        for _request in range(MAX_REQUESTS):
            due = stored_names(portal, viewer, items).due[:MAX_ITEMS]
            if not due:
                return
            _store(portal, viewer, due, crm_lists.list_items(portal, _find_access(portal, viewer), due))
    except NoToken:
        _pause(portal, viewer, NO_ACCESS)
    except PortalRefused as refusal:
        _pause(portal, viewer, NO_ACCESS if refusal.code in STALE_TOKEN else REFUSED)
    except PortalError as error:
        _pause(portal, viewer, SILENT)
        log.info("crm_names_missing", portal=portal.pk, code=error.code)


def find_items(portal: Portal, viewer: int, words: str) -> list[Item]:
    """Return some items whose stored names contain these words, and those that are with them."""
    rows = CrmName.objects.filter(portal=portal, viewer=viewer)
    if viewer != ADMINISTRATORS:
        rows = rows.filter(asked_at__gt=timezone.now() - NAME_TTL)
    named = rows.filter(Q(name__icontains=words) | Q(person__icontains=words)).order_by("-asked_at")[:MAX_FOUND]
    found = [one.item_key for one in named]
    with_them = Q(pk=None)
    for type_id, number in found:
        with_them |= Q(owner_type=type_id, owner_id=number)
    more = rows.filter(with_them).order_by("-asked_at")[:MAX_FOUND] if found else ()
    return list(dict.fromkeys([*found, *(one.item_key for one in more)]))


def forget_number(portal: Portal, number: str) -> int:
    """Delete the names of everybody who has this phone number (E.164); return how many."""
    theirs = Q(pk=None)
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        theirs |= Q(phones__contains=[_digest_with(key, portal, number)])
    return CrmName.objects.filter(theirs, portal=portal).delete()[0]


def forget_unused(portal_id: int, limit: int) -> int:
    """Delete some of the names that nobody has looked at for long; return how many."""
    old = CrmName.objects.filter(portal_id=portal_id, asked_at__lt=timezone.now() - KEEP_FOR)
    return CrmName.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]


def digest_phone(portal: Portal, number: str) -> str:
    """Return what stands for a phone number beside a name: it tells whose number it is, and not the number."""
    return _digest_with(settings.SECRET_KEY, portal, number)


def _digest_with(key: str, portal: Portal, number: str) -> str:
    return hmac.digest(key.encode(), f"phone:{portal.uuid.hex}:{number}".encode(), sha256).hex()[:20]


def _load(portal: Portal, viewer: int, items: Sequence[Item]) -> dict[Item, CrmName]:
    by_type: dict[int, list[int]] = {}
    for type_id, number in items:
        by_type.setdefault(type_id, []).append(number)
    which = Q(pk=None)
    for type_id, numbers in by_type.items():
        which |= Q(type_id=type_id, item_id__in=numbers)
    return {one.item_key: one for one in CrmName.objects.filter(which, portal=portal, viewer=viewer)}


def _find_access(portal: Portal, viewer: int) -> str:
    """Return an access token with the viewer's rights; raise NoToken where there is none now."""
    if viewer != ADMINISTRATORS:
        return visitor_tokens.find_token(portal, viewer)
    token = tokens.choose_token(portal)
    if token is None or not token.is_admin:
        raise NoToken("NO_TOKEN")
    try:
        return token_renewal.fresh_token(portal, token).access
    except token_renewal.DeadToken:
        raise NoToken("NO_TOKEN") from None


def _store(portal: Portal, viewer: int, due: Sequence[Item], found: Mapping[Item, ListedItem]) -> None:
    """Upsert all that was asked for, in one order, so that two processes do not deadlock."""
    now, nothing = timezone.now(), ListedItem()
    rows = [
        CrmName(
            portal=portal,
            viewer=viewer,
            type_id=item[0],
            item_id=item[1],
            name=one.name,
            person=one.person,
            owner_type=one.owner[0],
            owner_id=one.owner[1],
            phones=[digest_phone(portal, number) for number in one.phones],
            asked_at=now,
        )
        for item in sorted(due)
        for one in (found.get(item, nothing),)
    ]
    CrmName.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["portal", "viewer", "type_id", "item_id"],
        update_fields=["name", "person", "owner_type", "owner_id", "phones", "asked_at"],
    )


def _read_trouble(portal: Portal, viewer: int) -> str:
    """Return why the portal is not asked now; without Redis it may be."""
    if not scopes.has_scopes(portal, SCOPE):
        return REFUSED
    try:
        noted = redis_client().get(_pause_key(portal, viewer))
    except RedisError:
        return ""
    return noted.decode() if isinstance(noted, bytes) else ""


def _pause(portal: Portal, viewer: int, trouble: str) -> None:
    try:
        redis_client().set(_pause_key(portal, viewer), trouble, ex=PAUSE_SECONDS[trouble])
    except RedisError:
        log.warning("redis_unavailable", kind="crm_names")


def _pause_key(portal: Portal, viewer: int) -> str:
    return f"crm-names:{portal.pk}:{viewer}"
