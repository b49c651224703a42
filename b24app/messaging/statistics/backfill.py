"""Count messages from before the breakdowns existed, each once, while traffic goes on.

A message that is not in the breakdowns has no country (null). One transaction sets its country and notes its status
changes so far; from then on `advance` notes them. So the rows themselves record the progress: the backfill may be
stopped, killed and restarted at any moment.
"""

import time
from collections.abc import Iterator

from django.db import connection as database
from django.db import transaction
from django.db.models import Max, Min

from b24app.core import shutdown
from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.messaging.models import Message
from b24app.messaging.models.dimensions import end_in_sql, source_in_sql
from b24app.messaging.models.statuses import Status
from b24app.messaging.statistics import breakdowns
from providers.kit.phones import region_of

BATCH_SIZE = 1000  # ids; status changes of these messages wait for the batch

# In id order, like `advance`, so that they do not deadlock.
LOCK_UNCOUNTED = """
SELECT id, "to" FROM messaging_message WHERE id > %s AND id <= %s AND country IS NULL ORDER BY id FOR UPDATE
"""
# `sent_at` equals `final_at` where a message went from waiting to a final status at once: then it was accepted at its
# first attempt.
FILL_COUNTRIES = f"""
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
    """Go through all messages once, the newest first; after each batch yield the progress and the messages counted.

    Progress is a share, 0 to 1. The backfill pauses after each batch for as long as that took, and ends between two
    batches when a shutdown is requested.
    """
    bounds = Message.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return
    end = bounds["first"] - 1
    high, whole = bounds["last"], bounds["last"] - end
    while high > end and not shutdown.is_requested():
        started, low = time.monotonic(), max(end, high - BATCH_SIZE)
        found = _backfill_batch(low, high)
        high = low
        yield 1 - (high - end) / whole, found
        if found:
            breakdowns.count_climbs()  # otherwise current status changes would queue behind these
            shutdown.wait_for_request(time.monotonic() - started)


@retry_on_deadlock
def _backfill_batch(low: int, high: int) -> int:
    """Backfill the messages with `low` < id <= `high`; return how many had to be."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(LOCK_UNCOUNTED, [low, high])
        rows = cursor.fetchall()
        if not rows:
            return 0
        cursor.execute(FILL_COUNTRIES, [[pk for pk, _to in rows], [region_of(to) for _pk, to in rows]])
        return int(cursor.fetchone()[0])
