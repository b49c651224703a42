"""A portal that left with "delete settings and data" ticked is forgotten, in small pieces."""

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.core.isolation import work_each
from b24app.exchange_log import pruning
from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, Connection, DayTally, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter, Kind
from b24app.messaging.models.guards import CapUse, StoppedNumber
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown, SetAsideClimb, UncountedClimb
from b24app.messaging.privacy import retention
from b24app.portals.models import Portal

AT_ONCE = 2000


def erase_due() -> None:
    """Go on forgetting the portals whose time has come; a portal that came back meanwhile is left alone."""
    due = Portal.objects.filter(erase_at__lte=timezone.now(), uninstalled_at__isnull=False)
    held = [int(key) for key in dead_letters.held(Kind.LEAVING)]
    work_each(due.exclude(pk__in=held).order_by("erase_at")[:10], _erase_some, _set_aside)


def _set_aside(portal: Portal, error: Exception) -> None:
    dead_letters.note(Kind.LEAVING, portal.pk, error, portal=portal.pk, retry=True)


def _erase_some(portal: Portal) -> None:
    """At most so many rows; the portal's own row goes last."""
    with transaction.atomic():
        messages = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST)
        batch = list(messages.values_list("pk", flat=True)[:AT_ONCE])
        retention.forget_numbers(batch)
    gone = len(batch) + pruning.prune_exchanges(portal.pk, timezone.now(), AT_ONCE)
    # The stop list outlives single messages, for to forget a number is to write to it again; with the portal it goes.
    stopped = StoppedNumber.objects.filter(portal=portal).order_by("-id").values_list("pk", flat=True)[:AT_ONCE]
    gone += StoppedNumber.objects.filter(pk__in=list(stopped)).delete()[0]
    counted = CapUse.objects.filter(portal=portal).values_list("pk", flat=True)[:AT_ONCE]
    gone += CapUse.objects.filter(pk__in=list(counted)).delete()[0]
    if gone:
        return
    with transaction.atomic(), database.cursor() as cursor:
        if Portal.objects.select_for_update().filter(pk=portal.pk, erase_at__isnull=False).exists():
            # That no message names them any more is found by reading the table: no index begins with them alone.
            cursor.execute("SET LOCAL statement_timeout = 0")
            senders = Sender.objects.filter(portal=portal).values("pk")
            UncountedClimb.objects.filter(sender_id__in=senders).delete()
            SetAsideClimb.objects.filter(sender_id__in=senders).delete()
            DeadLetter.objects.filter(portal_id=portal.pk).delete()
            MonthBreakdown.objects.filter(portal=portal).delete()
            DayBreakdown.objects.filter(portal=portal).delete()
            DayTally.objects.filter(portal=portal).delete()
            Sender.objects.filter(portal=portal).delete()
            Connection.objects.filter(portal=portal).delete()
            portal.delete()
