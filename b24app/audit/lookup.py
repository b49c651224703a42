"""Find changes: the newest of an object, of a message, and whether one can still be undone."""

import uuid
from collections.abc import Collection, Sequence

from django.db import connection as database

from b24app.audit.models import Action, Change, ChangedMessage, Kind
from b24app.portals.models import Portal

# DISTINCT would read all changes of the portal.
PEOPLE = """
WITH RECURSIVE people AS (
    SELECT (SELECT min(c.user_id) FROM audit_change c WHERE c.portal_id = %(portal)s) AS user_id
    UNION ALL
    SELECT (SELECT min(c.user_id) FROM audit_change c WHERE c.portal_id = %(portal)s AND c.user_id > p.user_id)
    FROM people p WHERE p.user_id IS NOT NULL
)
SELECT user_id FROM people WHERE user_id IS NOT NULL LIMIT %(limit)s
"""


def latest_changes(portal: Portal, kind: Kind, object_id: int, limit: int) -> list[Change]:
    """Return the newest changes of an object."""
    mine = Change.objects.filter(portal=portal, kind=kind, object_id=object_id)
    return list(mine.order_by("-id")[:limit])


def latest_change(portal: Portal, kind: Kind, object_id: int, actions: Sequence[Action]) -> Change | None:
    """Return the newest change of an object by one of these actions."""
    mine = Change.objects.filter(portal=portal, kind=kind, object_id=object_id, action__in=actions)
    return mine.order_by("-id").first()


def people_of(portal: Portal, limit: int) -> list[int]:
    """Return the user ids of those who have changed something, at most `limit`; one look-up in the index for each."""
    with database.cursor() as cursor:
        cursor.execute(PEOPLE, {"portal": portal.pk, "limit": limit})
        return [user_id for (user_id,) in cursor.fetchall()]


def change_of_message(portal: Portal, message_id: int, action: Action) -> Change | None:
    """Return the change of this kind that a person made to a message, be it alone or with many others."""
    return changes_of_messages(portal, [message_id], action).get(message_id)


def changes_of_messages(portal: Portal, message_ids: Collection[int], action: Action) -> dict[int, Change]:
    """Return by message the newest change of this kind that a person made to it, alone or with many others."""
    if not message_ids:
        return {}
    alone = Change.objects.filter(portal=portal, kind=Kind.MESSAGE, object_id__in=message_ids, action=action)
    found = {change.object_id: change for change in alone.order_by("pk") if change.object_id is not None}
    others = ChangedMessage.objects.filter(pk__in=set(message_ids) - found.keys())
    deeds = dict(others.values_list("pk", "change"))
    shared = Change.objects.filter(portal=portal, action=action, uuid__in=set(deeds.values())) if deeds else ()
    by_deed = {change.uuid: change for change in shared}
    return found | {pk: by_deed[deed] for pk, deed in deeds.items() if deed in by_deed}


def undone_changes(portal: Portal, changes: Sequence[Change]) -> set[uuid.UUID]:
    """Return which of these recent changes were undone; a reversal is a change of the same portal, hardly older."""
    recent = [one for one in changes if one.may_be_undone]
    if not recent:
        return set()
    later = Change.objects.filter(portal=portal, at__gte=min(one.at for one in recent), undoes__isnull=False)
    reversed_changes = set(later.values_list("undoes", flat=True))
    return {one.uuid for one in recent if one.uuid in reversed_changes}


def can_undo(change: Change) -> bool:
    """Return whether the change may be reversed: recent, and its object was not changed again."""
    if not change.may_be_undone:
        return False
    later = Change.objects.filter(
        portal_id=change.portal_id, kind=change.kind, object_id=change.object_id, pk__gt=change.pk
    )
    return not later.exists()
