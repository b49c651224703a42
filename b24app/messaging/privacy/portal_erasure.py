"""Erase the data of portals that uninstalled with "delete settings and data", in small batches."""

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.audit import pruning as audit_pruning
from b24app.core.isolation import work_each
from b24app.exchange_log import pruning
from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, Connection, DayTally, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter, Kind
from b24app.messaging.models.guards import CapUse, StoppedNumber
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown, SetAsideClimb, UncountedClimb
from b24app.messaging.privacy import retention
from b24app.portals.models import CrmName, Portal

BATCH_SIZE = 2000


def erase_due() -> None:
    """Erase a batch of each portal that is due; a portal that was installed again is left alone."""
    due = Portal.objects.filter(erase_at__lte=timezone.now(), uninstalled_at__isnull=False)
    held = [int(key) for key in dead_letters.held(Kind.LEAVING)]
    work_each(due.exclude(pk__in=held).order_by("erase_at")[:10], _erase_batch, _set_aside_portal)


def _set_aside_portal(portal: Portal, error: Exception) -> None:
    dead_letters.note(Kind.LEAVING, portal.pk, error, portal=portal.pk, retry=True)


def _erase_batch(portal: Portal) -> None:
    """Delete a batch of a portal's rows; once nothing else is left, the rest with the portal's own row."""
    with transaction.atomic():
        messages = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST)
        batch = list(messages.values_list("pk", flat=True)[:BATCH_SIZE])
        retention.delete_messages(batch)
    deleted = len(batch) + pruning.prune_exchanges(portal.pk, timezone.now(), BATCH_SIZE)
    # The stop list outlives single messages: without an entry, its number would get messages again.
    stopped = StoppedNumber.objects.filter(portal=portal).order_by("-id").values_list("pk", flat=True)[:BATCH_SIZE]
    deleted += StoppedNumber.objects.filter(pk__in=list(stopped)).delete()[0]
    uses = CapUse.objects.filter(portal=portal).values_list("pk", flat=True)[:BATCH_SIZE]
    deleted += audit_pruning.erase_changes(portal, BATCH_SIZE)
    deleted += CapUse.objects.filter(pk__in=list(uses)).delete()[0]
    names = CrmName.objects.filter(portal=portal).values_list("pk", flat=True)[:BATCH_SIZE]
    deleted += CrmName.objects.filter(pk__in=list(names)).delete()[0]
    if deleted:
        return
    with transaction.atomic(), database.cursor() as cursor:
        if Portal.objects.select_for_update().filter(pk=portal.pk, erase_at__isnull=False).exists():
            # PostgreSQL scans the table to check that no message refers to them: no index starts with such a column.
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
