"""What a portal's employees are called. Screens read what is remembered; the portal is asked behind their backs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from b24app.core import sanitize
from b24app.portals import scopes
from b24app.portals.client import PortalClient
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Employee, Portal
from b24app.portals.responses import as_mapping

METHOD, SCOPES = "user.get", ("user_brief", "user_basic", "user")  # any of them is enough
NAME_TTL = timedelta(days=30)  # a name, and that there is none
REFUSAL_TTL = timedelta(days=1)  # a permission may be granted any day
BATCH_SIZE = 50  # one answer's worth, so that no second page is to be asked for
MAX_DUE = 200  # at a time; whoever is left out is asked for by a later look
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class StoredEmployees:
    """Names by user id, without those who have none, and some of the ids that are to be asked for."""

    names: Mapping[int, str]
    due: Sequence[int]


def stored_employees(portal: Portal, ids: Iterable[int]) -> StoredEmployees:
    """What is remembered of these employees, in one query. Nothing is due where the portal lets us ask for nothing."""
    wanted = sorted(set(ids))
    if not wanted:
        return StoredEmployees({}, ())
    rows = Employee.objects.filter(portal=portal, user_id__in=wanted).values_list("user_id", "name", "asked_at")
    found = {user_id: (name, asked_at) for user_id, name, asked_at in rows}
    old = timezone.now() - NAME_TTL
    due = [one for one in wanted if one not in found or found[one][1] <= old] if _may_fetch(portal) else []
    return StoredEmployees({user_id: name for user_id, (name, _at) in found.items() if name}, due[:MAX_DUE])


def fetch_employees(portal: Portal, ids: Iterable[int]) -> None:
    """Ask the portal for those of these that are due, and remember what it said, and of whom it said nothing.

    A refusal bothers nobody; raises what else `rest.call` raises, and then what was learnt before is kept.
    """
    due = stored_employees(portal, ids).due
    for first in range(0, len(due), BATCH_SIZE):
        some = due[first : first + BATCH_SIZE]
        try:
            called = _fetch_names(portal, some)
        except PortalRefused:
            _store_names(portal, dict.fromkeys(due, ""), timezone.now() - NAME_TTL + REFUSAL_TTL, fields=["asked_at"])
            return
        _store_names(portal, {one: called.get(one, "") for one in some}, timezone.now(), fields=["name", "asked_at"])


def _may_fetch(portal: Portal) -> bool:
    return any(scopes.has_scopes(portal, scope) for scope in SCOPES)


def _fetch_names(portal: Portal, ids: Sequence[int]) -> dict[int, str]:
    """What the portal calls these; ADMIN_MODE shows an administrator's token guests from outside the company, too."""
    with scopes.tolerate_missing_scope(portal):
        answer = PortalClient(portal).call(METHOD, {"FILTER": {"ID": list(ids)}, "ADMIN_MODE": True})
    if not isinstance(answer, list):
        raise InDoubt("UNREADABLE")
    people = [as_mapping(one) for one in answer]
    return {int(one["ID"]): _full_name(one) for one in people if str(one.get("ID", "")).isdecimal()}


def _full_name(person: Mapping[str, Any]) -> str:
    """First and last name in the order of most portals, without anything that would break a line."""
    words = " ".join(str(person[field]) for field in ("NAME", "LAST_NAME") if person.get(field))
    return " ".join(sanitize.sanitize_text(words).split())[:MAX_NAME]


def _store_names(portal: Portal, called: Mapping[int, str], at: datetime, *, fields: Sequence[str]) -> None:
    """In the order of their numbers, so that two who remember at once do not wait for one another."""
    rows = [Employee(portal=portal, user_id=one, name=name, asked_at=at) for one, name in sorted(called.items())]
    Employee.objects.bulk_create(rows, update_conflicts=True, unique_fields=["portal", "user_id"], update_fields=fields)
