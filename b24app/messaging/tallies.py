"""The day's tallies move with the statuses they count, in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from django.db import connection as database

from b24app.messaging.statuses import Climb, Count, Status

ADD_TO_TALLIES = """
INSERT INTO messaging_daytally AS t
       (portal_id, day, connection_id, sender_id, status, reason, currency, messages, parts, money)
SELECT * FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                     %s::int[], %s::int[], %s::numeric[])
ON CONFLICT (portal_id, day, connection_id, sender_id, status, reason, currency) DO UPDATE
SET messages = t.messages + excluded.messages, parts = t.parts + excluded.parts, money = t.money + excluded.money
"""


def move(climbed: Iterable[Climb]) -> None:
    """Take messages out of the tally they counted in and into the one they count in now."""
    totals: defaultdict[tuple[object, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for climb in climbed:
        where = (climb.portal_id, climb.day, climb.connection_id, climb.sender_id)
        if climb.before.status != Status.QUEUED:  # what waits is counted live, from its partial index
            _add(totals[*where, *_key(climb.before)], climb.before, -1)
        _add(totals[*where, *_key(climb.after)], climb.after, 1)
    if not totals:
        return
    # In key order, so that two writers never wait for each other in a circle.
    rows = [(*key, *totals[key]) for key in sorted(totals, key=str)]
    with database.cursor() as cursor:
        cursor.execute(ADD_TO_TALLIES, [list(column) for column in zip(*rows, strict=True)])


def _key(count: Count) -> tuple[str, str, str]:
    return count.status, count.reason, count.currency


def _add(total: list[Decimal], count: Count, sign: int) -> None:
    for place, value in enumerate((1, count.parts or 0, count.price or 0)):
        total[place] += sign * Decimal(value)
