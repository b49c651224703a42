"""Which senders fail too often: of their messages of the last hour, by the limit that an administrator has set.

One statement reads a stretch of the index of the portal's newest messages, at most MAX_READ of them, so it costs the
same on the busiest portal; where more came in an hour, the rate is of those.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection as database
from django.db.models import Exists, OuterRef, Q, QuerySet

from b24app.messaging.models import Message, Sender, SenderState
from b24app.messaging.models.dimensions import NO_FAILURE
from b24app.messaging.models.notices import NoticeRules
from b24app.messaging.models.statuses import Status
from b24app.messaging.statistics.delivery_rate import Rate
from b24app.messaging.statistics.demo_accounts import is_demo
from b24app.portals.models import Portal

WINDOW = timedelta(hours=1)
MAX_READ = 20_000  # messages
MIN_FAILURES = 5  # no limit is so low that fewer are worth a look

COUNT_RECENT = """
SELECT sender_id, status, reason, count(*) FROM (
    SELECT sender_id, status, reason FROM messaging_message
    WHERE portal_id = %s AND received_at >= %s ORDER BY received_at DESC, id DESC LIMIT %s
) recent WHERE status IN ('failed', 'undelivered', 'delivered') GROUP BY 1, 2, 3
"""


def failing_senders(portal: Portal, rules: NoticeRules, now: datetime) -> Mapping[int, Rate]:
    """Return the senders whose failures pass the limit, with their rate of the last hour."""
    if not rules.failures or not _has_failures(portal, now):
        return {}
    found = {pk: rate for pk, rate in _recent_rates(portal, now).items() if _passes_limit(rate, rules)}
    senders = Sender.objects.filter(portal=portal, pk__in=list(found)).exclude(state=SenderState.REMOVED)
    services = dict(senders.values_list("pk", "connection__service"))
    return {pk: found[pk] for pk, service in sorted(services.items()) if not is_demo(service)}


def portals_with_failures(now: datetime) -> Q:
    """Return the condition for portals that may have a failing sender: a few probes of a partial index for each."""
    unwatched = NoticeRules.objects.filter(portal=OuterRef("pk"), failures=False)
    enough = _recent_failures(now).filter(portal=OuterRef("pk"))[MIN_FAILURES - 1 : MIN_FAILURES]
    return Exists(enough) & ~Exists(unwatched)


def _has_failures(portal: Portal, now: datetime) -> bool:
    return _recent_failures(now).filter(portal=portal)[MIN_FAILURES - 1 : MIN_FAILURES].exists()


def _recent_failures(now: datetime) -> "QuerySet[Message]":
    lost = Message.objects.filter(status__in=[Status.FAILED, Status.UNDELIVERED], received_at__gte=now - WINDOW)
    return lost.exclude(reason__in=NO_FAILURE)


def _recent_rates(portal: Portal, now: datetime) -> Mapping[int, Rate]:
    rates: defaultdict[int, Rate] = defaultdict(Rate)
    with database.cursor() as cursor:
        cursor.execute(COUNT_RECENT, [portal.pk, now - WINDOW, MAX_READ])
        for sender, status, reason, messages in cursor.fetchall():
            rates[sender] += Rate.of(status, reason, messages)
    return rates


def _passes_limit(rate: Rate, rules: NoticeRules) -> bool:
    is_enough = rate.ended >= max(rules.failure_messages, 1) and rate.failed >= MIN_FAILURES
    return is_enough and 100 * rate.failed >= rules.failure_percent * rate.ended
