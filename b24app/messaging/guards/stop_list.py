"""Whom a portal does not write to: learnt from the services, kept by hand, brought in a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.utils import timezone

from b24app.core.keyset import iterate_pages
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.portals.models import Portal

CODE = "stop_list"  # beside the reason of a message that our own list stopped
AT_ONCE, ADDED_AT_ONCE = 2000, 10_000

LEARN = """
INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_at, note)
SELECT gen_random_uuid(), m.* FROM (
    SELECT DISTINCT m.portal_id, m.to, %(source)s, %(now)s::timestamptz, '' FROM messaging_message m
    WHERE m.id = ANY(%(ids)s) AND m.reason = 'opt_out' AND m.status IN ('failed', 'undelivered')
      AND m.service_code <> %(own)s AND m.to <> ''
    ORDER BY m.portal_id, m.to) m
ON CONFLICT (portal_id, number) DO NOTHING
"""


# A row of a model each would cost ten times as much.
ADD = """
INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_at, added_by, note)
SELECT gen_random_uuid(), %(portal)s, one.number, %(source)s, %(now)s, %(user)s, one.note
FROM unnest(%(numbers)s::text[], %(notes)s::text[]) one(number, note)
ON CONFLICT (portal_id, number) DO NOTHING
"""
COUNT = """
SELECT count(*) FROM messaging_stoppednumber
WHERE portal_id = %(portal)s AND number = ANY(%(numbers)s::text[])
"""


def learn_from(message_ids: Iterable[int], source: StopSource) -> int:
    """Keep the numbers of messages that their service failed as an opt-out. Answers how many are new.

    Runs inside the caller's transaction, after the messages were written.
    """
    if not (ids := list(message_ids)):
        return 0
    with database.cursor() as cursor:
        cursor.execute(LEARN, {"ids": ids, "source": source.value, "now": timezone.now(), "own": CODE})
        return int(cursor.rowcount)


def add_numbers(portal: Portal, numbers: Mapping[str, str], source: StopSource, user_id: int | None) -> int:
    """Stop numbers (E.164), each with a note; one that is stopped already stays as it is. Answers how many are new."""
    said: dict[str, Any] = {"portal": portal.pk, "source": str(source), "now": timezone.now(), "user": user_id}
    rows, new = sorted(numbers.items()), 0
    for start in range(0, len(rows), ADDED_AT_ONCE):
        some = rows[start : start + ADDED_AT_ONCE]
        lists = {"numbers": [number for number, _note in some], "notes": [note[:200] for _number, note in some]}
        with database.cursor() as cursor:
            cursor.execute(ADD, said | lists)
            new += cursor.rowcount
    return new


def remove_numbers(portal: Portal, pk: int) -> bool:
    """Allow a number again; answers whether it was stopped."""
    return StoppedNumber.objects.filter(portal=portal, pk=pk).delete()[0] > 0


def count_known(portal: Portal, numbers: Sequence[str]) -> int:
    """Return how many of these different numbers are stopped."""
    found = 0
    for start in range(0, len(numbers), ADDED_AT_ONCE):
        with database.cursor() as cursor:
            cursor.execute(COUNT, {"portal": portal.pk, "numbers": list(numbers[start : start + ADDED_AT_ONCE])})
            found += cursor.fetchone()[0]
    return found


def find_entry(portal: Portal, number: str) -> StoppedNumber | None:
    """The entry of a number."""
    return StoppedNumber.objects.filter(portal=portal, number=number).first() if number else None


def all_entries(portal: Portal) -> Iterator[tuple[str, str, datetime, int | None, str]]:
    """Number, source, when, by whom and note of all, newest first, read piece by piece."""
    rows = StoppedNumber.objects.filter(portal=portal)
    columns = rows.values_list("pk", "number", "source", "added_at", "added_by", "note")
    for page in iterate_pages(columns, ["-pk"], lambda row: row[:1], AT_ONCE):
        for _pk, number, source, added_at, added_by, note in page:
            yield number, source, added_at, added_by, note
