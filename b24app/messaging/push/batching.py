"""Whether it is worth a call to tell a portal now: words wait for company while more are coming, but not for long."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

BATCH = 50
FOR = timedelta(seconds=20)  # at most
LOOK_AGAIN = timedelta(seconds=2)
UNDER_WAY_FOR = timedelta(seconds=60)  # after it no report is waited for

GLANCE = """
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
    """When to look again, as long as less than a full batch waits for more that is coming; None: tell it now."""
    now = timezone.now()
    values: dict[str, Any] = {
        "portal": portal_id,
        "batch": BATCH,
        "now": now,
        "until": now + FOR,
        "soon": now + LOOK_AGAIN,
        "lately": now - UNDER_WAY_FOR,
    }
    with database.cursor() as cursor:
        cursor.execute(GLANCE, values)
        count, oldest, only_again, soon, under_way = cursor.fetchone()
    waits = 0 < count < BATCH and now - oldest < FOR and (only_again or soon or under_way)
    return now + LOOK_AGAIN if waits else None
