"""Changes as the list, the pages of objects and the file show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from b24app.audit import lookup
from b24app.audit.models import Change, Kind
from b24app.console.frame.screen import address
from b24app.console.models import TextTemplate
from b24app.console.wording.changes import FieldChange, describe_change, describe_fields
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.portals.models import Portal

MAX_NAME, MESSAGE_DIGITS = 40, 8


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change in words: `who` is a name, `href` leads to the object where it still exists."""

    change: Change
    title: str
    who: str
    fields: list[FieldChange]
    href: str
    is_undone: bool
    can_undo: bool

    @property
    def name(self) -> str:
        """Return the name of the object at that time; of a message the beginning of its reference."""
        name = self.change.name
        shown = MESSAGE_DIGITS if self.change.kind == Kind.MESSAGE else MAX_NAME
        return name if len(name) <= shown else f"{name[:shown]}…"

    @classmethod
    def load_all(cls, portal: Portal, changes: Sequence[Change]) -> list[Self]:
        """Return the rows of some changes, with a few queries for all of them and one for each that may be undone."""
        people = EmployeeNames.load(portal, _people(changes))
        undone = lookup.undone_changes(portal, changes)
        links = _find_links(portal, changes)
        return [
            cls(
                change=one,
                title=describe_change(one),
                who=people.actor_name(one.user_id),
                fields=describe_fields(one, people.names),
                href=links.get((one.kind, one.object_id or 0), ""),
                is_undone=one.uuid in undone,
                can_undo=one.uuid not in undone and lookup.can_undo(one),
            )
            for one in changes
        ]


def _people(changes: Iterable[Change]) -> set[int]:
    """Return the user ids that stand in changes: who did it, and who is notified."""
    found = {one.user_id for one in changes if one.user_id is not None}
    for one in changes:
        for values in (one.before, one.after):
            listed = values.get("user_ids")
            found |= {person for person in listed if isinstance(person, int)} if isinstance(listed, list) else set()
    return found


def _find_links(portal: Portal, changes: Iterable[Change]) -> dict[tuple[str, int], str]:
    """Return the pages of the objects that still exist, by kind and id; one query for each kind."""
    ids = {kind: {one.object_id for one in changes if one.kind == kind and one.object_id} for kind in Kind}
    senders = Sender.objects.filter(portal=portal, pk__in=ids[Kind.SENDER]).exclude(state=SenderState.REMOVED)
    senders = senders.exclude(connection__state=ConnectionState.REMOVED)
    accounts = Connection.objects.filter(portal=portal, pk__in=ids[Kind.ACCOUNT]).exclude(state=ConnectionState.REMOVED)
    messages = Message.objects.filter(portal=portal, pk__in=ids[Kind.MESSAGE])
    templates = TextTemplate.objects.filter(portal=portal, pk__in=ids[Kind.TEMPLATE])
    links: dict[tuple[str, int], str] = {}
    for pk, found in senders.values_list("pk", "uuid"):
        links[Kind.SENDER.value, pk] = address(portal, "sender", sender=found)
    for pk, found in accounts.values_list("pk", "uuid"):
        links[Kind.ACCOUNT.value, pk] = address(portal, "connection", connection=found)
    for pk, found in templates.values_list("pk", "uuid"):
        links[Kind.TEMPLATE.value, pk] = address(portal, "text-template", template=found)
    for pk, found in messages.values_list("pk", "reference"):
        links[Kind.MESSAGE.value, pk] = address(portal, "message", reference=found)
    return links
