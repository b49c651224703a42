"""A portal's stop list: numbers that get no messages, reported by services, added by hand or imported from a file."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.audit import removed_numbers
from b24app.audit.models import NUMBER_UNDO_PERIOD, Action, Change, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core.database.keyset import iterate_pages
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.portals.models import Portal
from providers.kit.phones import mask_number

CODE = "stop_list"  # the service code of a message that this list stopped, so it is not taken for a service's opt-out
PAGE_SIZE, BATCH_SIZE = 2000, 10_000

ADD_OPT_OUTS = """
INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_at, note)
SELECT gen_random_uuid(), m.* FROM (
    SELECT DISTINCT m.portal_id, m.to, %(source)s, %(now)s::timestamptz, '' FROM messaging_message m
    WHERE m.id = ANY(%(ids)s) AND m.reason = 'opt_out' AND m.status IN ('failed', 'undelivered')
      AND m.service_code <> %(own)s AND m.to <> ''
    ORDER BY m.portal_id, m.to) m
ON CONFLICT (portal_id, number) DO NOTHING
"""


# Inserting model instances would cost ten times as much.
ADD_NUMBERS = """
INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_at, added_by, note)
SELECT gen_random_uuid(), %(portal)s, one.number, %(source)s, %(now)s, %(user)s, one.note
FROM unnest(%(numbers)s::text[], %(notes)s::text[]) one(number, note)
ON CONFLICT (portal_id, number) DO NOTHING
"""
COUNT_STOPPED = """
SELECT count(*) FROM messaging_stoppednumber
WHERE portal_id = %(portal)s AND number = ANY(%(numbers)s::text[])
"""


def add_opt_outs(message_ids: Iterable[int], source: StopSource) -> int:
    """Add the numbers of messages that their service failed as an opt-out; return how many are new.

    Runs inside the caller's transaction, after the messages were written.
    """
    if not (ids := list(message_ids)):
        return 0
    with database.cursor() as cursor:
        cursor.execute(ADD_OPT_OUTS, {"ids": ids, "source": source.value, "now": timezone.now(), "own": CODE})
        return int(cursor.rowcount)


def add_numbers(portal: Portal, numbers: Mapping[str, str], source: StopSource, user_id: int | None) -> int:
    """Add numbers (E.164), each with a note, and leave existing entries as they are; return how many are new."""
    with transaction.atomic():
        new = _insert_numbers(portal, numbers, source, user_id)
        if new:
            _record_added(portal, numbers, source, new)
    return new


def _insert_numbers(portal: Portal, numbers: Mapping[str, str], source: StopSource, user_id: int | None) -> int:
    common: dict[str, Any] = {"portal": portal.pk, "source": str(source), "now": timezone.now(), "user": user_id}
    rows, new = sorted(numbers.items()), 0
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows[start : start + BATCH_SIZE]
        lists = {"numbers": [number for number, _note in batch], "notes": [note[:200] for _number, note in batch]}
        with database.cursor() as cursor:
            cursor.execute(ADD_NUMBERS, common | lists)
            new += cursor.rowcount
    return new


def remove_number(portal: Portal, pk: int) -> bool:
    """Delete an entry; return whether there was one. It can be restored for an hour."""
    with transaction.atomic():
        entry = StoppedNumber.objects.select_for_update().filter(portal=portal, pk=pk).first()
        if entry is None:
            return False
        StoppedNumber.objects.filter(pk=entry.pk).delete()
        change = record_change(Action.REMOVED, _entry_subject(entry))
        stored: dict[str, object] = {
            "number": entry.number,
            "source": entry.source,
            "added_at": entry.added_at.isoformat(),
        }
        stored |= {"added_by": entry.added_by, "note": entry.note}
        transaction.on_commit(lambda: removed_numbers.keep_number(change.uuid, stored))
    return True


def restore_number(portal: Portal, change: uuid.UUID) -> bool:
    """Bring back the entry that a change removed, as it was; return False if it is not known or was added again."""
    stored = removed_numbers.read_number(change)
    if stored is None:
        return False
    columns = {**stored, "added_at": datetime.fromisoformat(stored["added_at"])}
    with transaction.atomic():
        entry, is_new = StoppedNumber.objects.get_or_create(
            portal=portal, number=columns.pop("number"), defaults=columns
        )
        if is_new:
            record_change(Action.RESTORED, _entry_subject(entry))
        transaction.on_commit(lambda: removed_numbers.forget_numbers([change]))
    return is_new


def forget_removals(portal: Portal, number: str) -> None:
    """Forget the removals of a number that could still be undone, once the transaction ends.

    Their record has the masked number only, so removals of others that end alike may go with them.
    """
    recent = Change.objects.filter(
        portal=portal, kind=Kind.OPT_OUT, action=Action.REMOVED, at__gt=timezone.now() - NUMBER_UNDO_PERIOD
    )
    changes = list(recent.filter(name=mask_number(number)).values_list("uuid", flat=True))
    transaction.on_commit(lambda: removed_numbers.forget_numbers(changes))


def _record_added(portal: Portal, numbers: Mapping[str, str], source: StopSource, new: int) -> None:
    """Record one number by itself, masked, and a file as a whole."""
    if source == StopSource.FILE:
        record_change(Action.IMPORTED, Subject(portal.pk, Kind.OPT_OUT), count=new)
        return
    for entry in StoppedNumber.objects.filter(portal=portal, number__in=list(numbers)):
        record_change(Action.ADDED, _entry_subject(entry))


def _entry_subject(entry: StoppedNumber) -> Subject:
    return Subject(entry.portal_id, Kind.OPT_OUT, entry.pk, mask_number(entry.number))


def count_stopped(portal: Portal, numbers: Sequence[str]) -> int:
    """Return how many of these different numbers are stopped."""
    found = 0
    for start in range(0, len(numbers), BATCH_SIZE):
        with database.cursor() as cursor:
            cursor.execute(COUNT_STOPPED, {"portal": portal.pk, "numbers": list(numbers[start : start + BATCH_SIZE])})
            found += cursor.fetchone()[0]
    return found


def find_entry(portal: Portal, number: str) -> StoppedNumber | None:
    """Return the entry of a number (E.164), None if it is not stopped."""
    return StoppedNumber.objects.filter(portal=portal, number=number).first() if number else None


def iterate_entries(portal: Portal) -> Iterator[tuple[str, str, datetime, int | None, str]]:
    """Yield the number, source, time, user id and note of every entry, newest first, read in pages."""
    rows = StoppedNumber.objects.filter(portal=portal)
    columns = rows.values_list("pk", "number", "source", "added_at", "added_by", "note")
    for page in iterate_pages(columns, ["-pk"], lambda row: row[:1], PAGE_SIZE):
        for _pk, number, source, added_at, added_by, note in page:
            yield number, source, added_at, added_by, note
