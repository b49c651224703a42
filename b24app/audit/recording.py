"""Record changes, in the transaction of the change itself: both are committed or neither is."""

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.audit.actor import current_actor
from b24app.audit.models import Action, Change, Kind

MAX_NAME = 200

# One row for a deed on many messages, whose count grows in the transaction of each message.
COUNT_MESSAGE = """
WITH deed AS (
    INSERT INTO audit_change (portal_id, uuid, at, user_id, action, kind, name, before, after, count)
    VALUES (%(portal)s, %(uuid)s, %(now)s, %(user)s, %(action)s, 'message', '', '{}', '{}', 1)
    ON CONFLICT (uuid) DO UPDATE SET count = audit_change.count + 1
)
INSERT INTO audit_changedmessage (message_id, change) VALUES (%(message)s, %(uuid)s)
ON CONFLICT (message_id) DO UPDATE SET change = excluded.change
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed: its kind, the id of its row, and its name at that time."""

    portal_id: int
    kind: Kind
    object_id: int | None = None
    name: str = ""


def record_change(
    action: Action,
    subject: Subject,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    count: int = 1,
) -> Change:
    """Store who did what to whom. Runs inside the caller's transaction."""
    actor = current_actor()
    change = Change.objects.create(
        portal_id=subject.portal_id,
        user_id=actor.user_id,
        action=action,
        kind=subject.kind,
        object_id=subject.object_id,
        name=subject.name[:MAX_NAME],
        before=dict(before or {}),
        after=dict(after or {}),
        count=count,
        undoes=actor.undoes,
    )
    actor.recorded.append(change.uuid)
    return change


@contextmanager
def record_edit(
    subject: Subject, read: Callable[[], Mapping[str, object]], *, secret: Collection[str] = ()
) -> Iterator[None]:
    """Run the block in a transaction, and record the fields in which `read` differs afterwards, if any.

    Of `secret` fields only that they changed is recorded.
    """
    with transaction.atomic():
        before = as_stored(read())
        yield
        after = as_stored(read())
        changed = [name for name in after if before.get(name) != after[name]]
        if changed:
            record_change(
                Action.EDITED,
                subject,
                before={name: None if name in secret else before.get(name) for name in changed},
                after={name: None if name in secret else after[name] for name in changed},
            )


def record_message(
    action: Action, portal_id: int, message_id: int, reference: uuid.UUID, deed: uuid.UUID | None = None
) -> None:
    """Record a deed on a message: in a row of its own, or in the one row of `deed`, a deed on many messages."""
    if deed is None:
        record_change(action, Subject(portal_id, Kind.MESSAGE, message_id, reference.hex))
        return
    values: dict[str, Any] = {"portal": portal_id, "uuid": deed, "now": timezone.now(), "user": current_actor().user_id}
    with database.cursor() as cursor:
        cursor.execute(COUNT_MESSAGE, {**values, "action": str(action), "message": message_id})


def as_stored(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values as they are read back from a change: durations, times and decimals are text there."""
    stored: dict[str, Any] = json.loads(json.dumps(dict(values), cls=DjangoJSONEncoder))
    return stored
