"""Names of a portal's employees. Screens read the stored ones; the portal is asked in the background."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from b24app.core import sanitize
from b24app.portals import scopes
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Employee, Portal
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import as_mapping

METHOD, SCOPES = "user.get", ("user_brief", "user_basic", "user")  # any of them is enough
NAME_TTL = timedelta(days=30)  # also for "has no name"
REFUSAL_TTL = timedelta(days=1)  # a permission may be granted any day
BATCH_SIZE = 50  # what fits into one response, so that no second page is needed
MAX_DUE = 200  # per call; the rest is fetched by a later one
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class StoredEmployees:
    """Names by user id, without those who have none, and some of the ids whose names must be fetched."""

    names: Mapping[int, str]
    due: Sequence[int]


def stored_employees(portal: Portal, ids: Iterable[int]) -> StoredEmployees:
    """Return the stored names of these employees, in one query. Nothing is due where we have no permission to ask."""
    wanted = sorted(set(ids))
    if not wanted:
        return StoredEmployees({}, ())
    rows = Employee.objects.filter(portal=portal, user_id__in=wanted).values_list("user_id", "name", "asked_at")
    found = {user_id: (name, asked_at) for user_id, name, asked_at in rows}
    old = timezone.now() - NAME_TTL
    due = [one for one in wanted if one not in found or found[one][1] <= old] if _may_fetch(portal) else []
    return StoredEmployees({user_id: name for user_id, (name, _at) in found.items() if name}, due[:MAX_DUE])


def fetch_employees(portal: Portal, ids: Iterable[int]) -> None:
    """Fetch the names that are due from the portal and store them, also that an employee has none.

    A refusal is stored too and not raised. Raise what else `PortalClient.call` raises; earlier batches stay stored.
    """
    due = stored_employees(portal, ids).due
    for first in range(0, len(due), BATCH_SIZE):
        batch = due[first : first + BATCH_SIZE]
        try:
            names = _fetch_names(portal, batch)
        except PortalRefused:
            _store_names(portal, dict.fromkeys(due, ""), timezone.now() - NAME_TTL + REFUSAL_TTL, fields=["asked_at"])
            return
        _store_names(portal, {one: names.get(one, "") for one in batch}, timezone.now(), fields=["name", "asked_at"])


def _may_fetch(portal: Portal) -> bool:
    return any(scopes.has_scopes(portal, scope) for scope in SCOPES)


def _fetch_names(portal: Portal, ids: Sequence[int]) -> dict[int, str]:
    """Return names by user id; with ADMIN_MODE an administrator's token sees guests from outside the company too."""
    with scopes.tolerate_missing_scope(portal):
        answer = PortalClient(portal).call(METHOD, {"FILTER": {"ID": list(ids)}, "ADMIN_MODE": True})
    if not isinstance(answer, list):
        raise InDoubt("UNREADABLE")
    people = [as_mapping(one) for one in answer]
    return {int(one["ID"]): _full_name(one) for one in people if str(one.get("ID", "")).isdecimal()}


def _full_name(person: Mapping[str, Any]) -> str:
    """Return first and last name in the order of most portals, on one line."""
    name = " ".join(str(person[field]) for field in ("NAME", "LAST_NAME") if person.get(field))
    return " ".join(sanitize.sanitize_text(name).split())[:MAX_NAME]


def _store_names(portal: Portal, names: Mapping[int, str], at: datetime, *, fields: Sequence[str]) -> None:
    """Upsert the names, ordered by user id so that two processes do not deadlock."""
    rows = [Employee(portal=portal, user_id=one, name=name, asked_at=at) for one, name in sorted(names.items())]
    Employee.objects.bulk_create(rows, update_conflicts=True, unique_fields=["portal", "user_id"], update_fields=fields)
