"""How many messages had come by this time yesterday: a day that has just begun compares with nothing else."""

from datetime import datetime, time, timedelta

from django.utils import timezone

from b24app.messaging.models import Message
from b24app.messaging.statistics.demo_accounts import demo_accounts
from b24app.portals.models import Portal

MAX_COUNTED = 10_000  # counted live, from the journal's index; a flood must not slow the screen


def count_by_this_time(portal: Portal, now: datetime) -> int | None:
    """Count yesterday's messages up to the same time of day; None where there are too many to count live."""
    local = timezone.localtime(now, portal.zone)
    first = datetime.combine(local.date() - timedelta(days=1), time.min, portal.zone)
    until = datetime.combine(first.date(), local.timetz())
    received = Message.objects.filter(portal=portal, received_at__gte=first, received_at__lt=until)
    counted = received.exclude(connection__in=demo_accounts(portal))[: MAX_COUNTED + 1].count()
    return counted if counted <= MAX_COUNTED else None
