"""Decide how many statuses a batch holds, and whether to wait, at most 20 s, for a fuller one."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

from b24app.core import wait_limit
from b24app.portals.models import Portal
from b24app.portals.rest.bitrix import READ_SECONDS

BATCH_SIZE = 50
MAX_WAIT = timedelta(seconds=20)
CHECK_EVERY = timedelta(seconds=2)
REPORT_EXPECTED_FOR = timedelta(seconds=60)  # after the send; a batch does not wait for later reports

COUNT_DUE = """
WITH due AS (
    SELECT push_at, pushed, status FROM messaging_message
    WHERE portal_id = %(portal)s AND push_at <= %(now)s ORDER BY push_at LIMIT %(batch)s
)
SELECT count(*), min(push_at), bool_and(pushed = status),
    EXISTS (SELECT 1 FROM messaging_message
            WHERE portal_id = %(portal)s AND push_at > %(now)s AND push_at <= %(until)s AND pushed <> status),
    EXISTS (SELECT 1 FROM (SELECT phase, status, sent_at, due_at, push_at FROM messaging_message
                           WHERE portal_id = %(portal)s ORDER BY received_at DESC, id DESC LIMIT %(batch)s) latest
            WHERE (push_at IS NULL OR push_at > %(now)s)
              AND (phase = 'on_wire' OR (phase = 'waiting' AND due_at <= %(soon)s)
                   OR (status = 'sent' AND sent_at > %(lately)s)))
FROM due
"""


def wait_until(portal_id: int) -> datetime | None:
    """Return when to check again while a batch that is not full waits for more statuses; None to push now."""
    now = timezone.now()
    values: dict[str, Any] = {
        "portal": portal_id,
        "batch": BATCH_SIZE,
        "now": now,
        "until": now + MAX_WAIT,
        "soon": now + CHECK_EVERY,
        "lately": now - REPORT_EXPECTED_FOR,
    }
    with database.cursor() as cursor:
        cursor.execute(COUNT_DUE, values)
        count, oldest, only_repeats, due_soon, in_progress = cursor.fetchone()
    waits = 0 < count < BATCH_SIZE and now - oldest < MAX_WAIT and (only_repeats or due_soon or in_progress)
    return now + CHECK_EVERY if waits else None


def batch_size(portal: Portal, *, is_first: bool = False) -> int:
    """Return how many statuses to push at once: one at first where it is not known whether any token may push."""
    return 1 if is_first and portal.no_token_since is not None else min(max(portal.push_batch_size, 1), BATCH_SIZE)


def size_after_answer(size: int, count: int, seconds: float) -> int:
    """Return the size of the next batch after the portal took so many `seconds` for `count` statuses."""
    allowed = wait_limit.shorten_timeout(READ_SECONDS)
    if seconds > allowed / 2:
        return max(1, count // 2)
    return min(max(size, 2 * count), BATCH_SIZE) if seconds < allowed / 4 else size


def size_without_answer(count: int) -> int:
    """Return the size of the next batch after `count` statuses brought no answer in time."""
    return max(1, count // 4)
