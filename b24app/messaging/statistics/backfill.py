"""The breakdowns' past: what was here before them is counted too, each message once, while all goes on moving.

A message that the breakdowns leave out has no country (null). It is given one and what it has climbed so far is noted
in one transaction; from then on `advance` notes what it climbs. So the rows themselves say how far this has come: it
may be stopped, killed and begun again at any moment, and beside whatever the engine does.
"""

import time
from collections.abc import Iterator

from django.db import connection as database
from django.db import transaction
from django.db.models import Max, Min

from b24app.core import shutdown
from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.messaging.models import Message
from b24app.messaging.models.dimensions import end_in_sql, source_in_sql
from b24app.messaging.models.statuses import Status
from b24app.messaging.statistics import breakdowns
from providers.kit.phones import region_of

AT_ONCE = 1000  # ids: how long a batch may hold up whoever climbs there

# In id order, as `advance` locks them.
FIND = """
SELECT id, "to" FROM messaging_message WHERE id > %s AND id <= %s AND country IS NULL ORDER BY id FOR UPDATE
"""
# What went from waiting to its end at once has both moments from the same clock: it was taken at its first attempt.
FILL = f"""
WITH filled AS (
    UPDATE messaging_message m SET country = given.country
    FROM unnest(%s::bigint[], %s::text[]) AS given(id, country) WHERE m.id = given.id
    RETURNING m.sender_id, m.day, m.country, {source_in_sql("m")} AS source, m.author_id, m.status,
        {end_in_sql("m")} AS became, m.price, m.currency,
        CASE WHEN m.status = '{Status.DELIVERED}' THEN greatest(extract(epoch FROM m.final_at
            - coalesce(nullif(m.sent_at, m.final_at), m.first_attempt_at, m.received_at)), 0) END AS took
), noted AS (
    INSERT INTO messaging_uncountedclimb
        (sender_id, day, country, source, author_id, was, was_price, was_currency, became, price, currency, took)
    SELECT sender_id, day, country, source, author_id, '{Status.QUEUED}', NULL, '', became, price, currency, took
    FROM filled WHERE status <> '{Status.QUEUED}'
)
SELECT count(*) FROM filled
"""  # noqa: S608 - made of constants


def backfill_breakdowns() -> Iterator[tuple[float, int]]:
    """Go through all messages once, the newest first, and yield after each batch.

    Yields which share of the way is behind (0 to 1), and how many messages the batch has found. It rests as long as a
    batch took, and leaves between two batches when the process is asked to stop.
    """
    bounds = Message.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return
    end = bounds["first"] - 1
    high, whole = bounds["last"], bounds["last"] - end
    while high > end and not shutdown.is_requested():
        started, low = time.monotonic(), max(end, high - AT_ONCE)
        found = _fill(low, high)
        high = low
        yield 1 - (high - end) / whole, found
        if found:
            breakdowns.count_climbs()  # or those of now would wait behind those of the past
            shutdown.wait_for_request(time.monotonic() - started)


@retry_on_deadlock
def _fill(low: int, high: int) -> int:
    """Messages with an id above `low` and up to `high`."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(FIND, [low, high])
        rows = cursor.fetchall()
        if not rows:
            return 0
        cursor.execute(FILL, [[pk for pk, _to in rows], [region_of(to) for _pk, to in rows]])
        return int(cursor.fetchone()[0])
