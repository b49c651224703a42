"""The one statement that changes statuses; `Message.objects.advance` is its only caller."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils import timezone

from b24app.core.database import raw_sql
from b24app.messaging.models.dimensions import end_in_sql, source_in_sql
from b24app.messaging.models.statuses import Change, Climb, Count
from b24app.portals.status_timing import FINAL_STATUS_AFTER

COLUMNS = ("status", "reason", "code", "detail", "ref", "parts", "price", "currency", "poll_at")
FIRST_PUSH_AFTER = f"interval '{FINAL_STATUS_AFTER.seconds} seconds'"
RANK = "array_position(ARRAY['queued', 'sent', 'failed', 'delivered'], replace({}, 'undelivered', 'failed'))"

# Rows are locked in id order, so that two of these statements cannot deadlock. Messages from before the breakdowns have
# no country and are not noted for them.
ADVANCE = f"""
WITH change AS (
    SELECT * FROM json_to_recordset(%s)
           AS c(id bigint, status text, reason text, code text, detail text, ref text, parts int, price numeric,
                currency text, poll_at timestamptz)
), old AS (
    SELECT m.id, m.status, m.reason, m.parts, m.price, m.currency,
           coalesce(m.sent_at, m.first_attempt_at, m.received_at) AS taken_at
    FROM messaging_message m WHERE m.id IN (SELECT id FROM change) ORDER BY m.id FOR UPDATE
), climbed AS (
    UPDATE messaging_message m SET
        status = c.status, phase = 'done', wait = '', due_at = NULL, lease_until = NULL, reason = c.reason,
        service_code = left(c.code, 60), detail = left(c.detail, 300), ref = coalesce(nullif(c.ref, ''), m.ref),
        parts = coalesce(c.parts, m.parts), price = coalesce(c.price, m.price),
        currency = coalesce(nullif(c.currency, ''), m.currency),
        sent_at = CASE WHEN c.status = 'failed' THEN m.sent_at ELSE coalesce(m.sent_at, %s) END,
        final_at = CASE WHEN c.status <> 'sent' THEN %s::timestamptz END,
        poll_at = CASE WHEN c.status = 'sent' THEN c.poll_at END,
        push_tries = 0, push_error = '', pushed_again_at = NULL,
        push_at = CASE WHEN m.message_id IS NULL THEN NULL
                       WHEN c.status <> 'sent' THEN greatest(%s, m.received_at + {FIRST_PUSH_AFTER})
                       WHEN m.pushed = 'queued' THEN %s END
    FROM change c JOIN old ON old.id = c.id
    WHERE m.id = c.id AND {RANK.format("old.status")} < {RANK.format("c.status")}
    RETURNING m.id, m.portal_id, m.connection_id, m.sender_id, m.day,
        old.status AS was, old.reason AS was_reason, old.parts AS was_parts, old.price AS was_price,
        old.currency AS was_currency, m.status, m.reason, m.parts, m.price, m.currency,
        m.country, {source_in_sql("m")} AS source, m.author_id,
        {end_in_sql("old")} AS began, {end_in_sql("m")} AS became,
        CASE WHEN m.status = 'delivered' THEN greatest(extract(epoch FROM m.final_at - old.taken_at), 0) END AS took
), noted AS (
    INSERT INTO messaging_uncountedclimb
        (sender_id, day, country, source, author_id, was, was_price, was_currency, became, price, currency, took)
    SELECT sender_id, day, country, source, author_id, began, was_price, was_currency, became, price, currency, took
    FROM climbed WHERE country IS NOT NULL
)
SELECT id, portal_id, connection_id, sender_id, day, was, was_reason, was_parts, was_price, was_currency,
       status, reason, parts, price, currency FROM climbed
"""  # noqa: S608 - made of constants


def advance_statuses(cursor: Any, changes: Sequence[Change]) -> list[Climb]:
    """Apply the changes that climb, at most one per message; return them."""
    now = timezone.now()
    cursor.execute(ADVANCE, [raw_sql.as_json([_change_row(change) for change in changes]), now, now, now, now])
    return [_to_climb(*row) for row in cursor.fetchall()]


def _change_row(change: Change) -> dict[str, Any]:
    return {"id": change.pk, **{name: getattr(change, name) for name in COLUMNS}}


def _to_climb(pk: int, portal: int, connection: int, sender: int, day: date, *counts: Any) -> Climb:
    return Climb(pk, portal, connection, sender, day, before=Count(*counts[:5]), after=Count(*counts[5:]))
