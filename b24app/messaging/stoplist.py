"""Whom a portal does not write to: learnt from the services, kept by hand, brought in a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db import connection as database
from django.utils import timezone

from b24app.messaging.guard_models import StoppedNumber, StopSource
from b24app.portals.models import Portal

CODE = "stop_list"  # beside the reason of a message that our own list stopped
AT_ONCE = 2000

LEARN = """
INSERT INTO messaging_stoppednumber (uuid, portal_id, number, source, added_at, note)
SELECT gen_random_uuid(), m.* FROM (
    SELECT DISTINCT m.portal_id, m.to, %(source)s, %(now)s::timestamptz, '' FROM messaging_message m
    WHERE m.id = ANY(%(ids)s) AND m.reason = 'opt_out' AND m.status IN ('failed', 'undelivered')
      AND m.service_code <> %(own)s AND m.to <> ''
    ORDER BY m.portal_id, m.to) m
ON CONFLICT (portal_id, number) DO NOTHING
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


def add(portal: Portal, numbers: Mapping[str, str], source: StopSource, user_id: int | None) -> int:
    """Stop numbers (E.164), each with a note; one that is stopped already stays as it is. Answers how many are new."""
    now, new = timezone.now(), 0
    rows = [
        StoppedNumber(portal=portal, number=number, source=source, added_at=now, added_by=user_id, note=note[:200])
        for number, note in sorted(numbers.items())
    ]
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        new += len(batch) - len(known(portal, [row.number for row in batch]))
        StoppedNumber.objects.bulk_create(batch, ignore_conflicts=True)
    return new


def remove(portal: Portal, pk: int) -> bool:
    """Allow a number again; answers whether it was stopped."""
    return StoppedNumber.objects.filter(portal=portal, pk=pk).delete()[0] > 0


def known(portal: Portal, numbers: Sequence[str]) -> set[str]:
    """Which of these are stopped."""
    found: set[str] = set()
    for start in range(0, len(numbers), AT_ONCE):
        some = StoppedNumber.objects.filter(portal=portal, number__in=numbers[start : start + AT_ONCE])
        found.update(some.values_list("number", flat=True))
    return found


def entry(portal: Portal, number: str) -> StoppedNumber | None:
    """The entry of a number."""
    return StoppedNumber.objects.filter(portal=portal, number=number).first() if number else None


def everything(portal: Portal) -> Iterator[tuple[str, str, datetime, int | None, str]]:
    """Number, source, when, by whom and note of all, newest first, read piece by piece."""
    last = None
    while True:
        rows = StoppedNumber.objects.filter(portal=portal).order_by("-pk")
        piece = list(rows.filter(pk__lt=last)[:AT_ONCE] if last is not None else rows[:AT_ONCE])
        for row in piece:
            yield row.number, row.source, row.added_at, row.added_by, row.note
        if len(piece) < AT_ONCE:
            return
        last = piece[-1].pk
