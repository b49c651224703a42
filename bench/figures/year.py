"""A year of Reports by employee, the largest breakdown: read day by day, and with its months summed up."""

import time
from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode

from django.db import connection as database
from django.db import connections
from django.utils import timezone

from b24app.messaging.models.statistics import TOOK
from b24app.messaging.statistics import monthly
from b24app.portals import page_tickets
from b24app.portals.models import Portal
from bench import sendline_side
from bench.lab import Lab
from bench.report import Result, Sizes, median
from bench.sendline_side import sender, tenant

SENDERS, TURNS = 4, 9
# The values of each day and sender.
KINDS = {
    "employee": [str(user) for user in range(1, 201)],
    "country": ["GB", "US", "DE", "FR", "PL", "KZ", "UA", "BR", "IN", "IT", "ES", "TR", "VN", "JP", "CN"],
    "source": ["crm", "automation", "campaign", "other", "card", "resend", "test"],
}

FILL = f"""
INSERT INTO messaging_daybreakdown (portal_id, dimension, day, sender_id, value, currency, messages, delivered,
    undelivered, failed, stopped, money, {", ".join(TOOK)})
SELECT %s, %s, %s::date - d, s, v, 'USD', 20, 17, 1, 1, 1, 0.1234, 5, 4, 3, 2, 1, 1, 1, 0
FROM generate_series(0, 364) d, unnest(%s::bigint[]) s, unnest(%s::text[]) v ORDER BY d DESC, random()
"""


def measure(lab: Lab, _sizes: Sizes) -> Result:
    """Compare the same pages before and after, of one size."""
    sendline_side.empty()
    one = tenant(lab, "year")
    senders = [one.sender, *(sender(one.portal, one.connection, f"year-{place}") for place in range(1, SENDERS))]
    with database.cursor() as cursor:
        for dimension, values in KINDS.items():
            cursor.execute(FILL, [one.portal.pk, dimension, timezone.localdate(), [it.pk for it in senders], values])
        # The figures stand above the breakdown, and without a tally there is nothing to show.
        cursor.execute(
            """INSERT INTO messaging_daytally
                   (portal_id, day, connection_id, sender_id, status, reason, currency, messages, parts, money)
               SELECT portal_id, day, %s, sender_id, 'delivered', '', currency, sum(messages), sum(messages), sum(money)
               FROM messaging_daybreakdown WHERE dimension = 'source' GROUP BY portal_id, day, sender_id, currency""",
            [one.connection.pk],
        )
        cursor.execute("VACUUM (ANALYZE) messaging_daybreakdown, messaging_daytally")
    connections.close_all()
    with sendline_side.serving(lab, "web"):
        by_days = _looks(lab, one.portal)
        summed = monthly.roll_up_months(60.0)
        with database.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) messaging_monthbreakdown")
        connections.close_all()
        by_months = _looks(lab, one.portal)
    keys = {"report_year_ms": median(by_months), "report_year_ratio": median(by_days) / median(by_months)}
    return Result(keys, {"by_days_ms": by_days, "by_months_ms": by_months, "months": summed})


def _looks(lab: Lab, portal: Portal) -> list[float]:
    today = timezone.localdate()
    query = {"by": "employee", "since": str(today - timedelta(days=364)), "until": str(today)}
    return [_look(lab, portal, query) for _ in range(TURNS)][2:]


def _look(lab: Lab, portal: Portal, query: Mapping[str, str]) -> float:
    """Milliseconds until the page is there."""
    connection = HTTPConnection("127.0.0.1", lab.web_port, timeout=60)
    headers = {
        "Authorization": f"Bearer {page_tickets.mint_ticket(portal, 1, is_admin=True, language='en')}",
        "HX-Request": "true",
    }
    started = time.monotonic()
    try:
        connection.request("GET", f"/p/{portal.uuid.hex}/reports/?{urlencode(query)}", headers=headers)
        answer = connection.getresponse()
        if b"report-since" not in answer.read():
            raise RuntimeError(f"the reports answered {answer.status}")
        return 1000 * (time.monotonic() - started)
    finally:
        connection.close()
