"""Erase the data of portals that left: at once where "delete settings and data" was ticked, else after a grace period.

What is being erased never comes back: the row of such a portal loses its member_id first, so that a portal installing
us again begins anew beside it.
"""

import time
from datetime import timedelta

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from b24app.audit import pruning as audit_pruning
from b24app.core import shutdown
from b24app.exchange_log import pruning
from b24app.messaging.models import NEWEST_FIRST, Connection, DayTally, LeaseTakeover, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.guards import CapUse, StoppedNumber
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown, SetAsideClimb, UncountedClimb
from b24app.messaging.privacy import retention
from b24app.portals import installation
from b24app.portals.models import CrmName, Portal

log = structlog.get_logger(__name__)

BATCH_SIZE = 2000
ROUND_SECONDS = 20.0
AHEAD = timedelta(days=365)  # rows that a wrong clock dated in the future go too
LEASE = timedelta(minutes=5)  # longer than a round and the last transaction


def erase_portal(portal_id: int) -> bool:
    """Erase the portal's rows for some seconds, if it is due; return whether there are more.

    The longest rest is as long as a batch took, so that sending goes on beside it.
    """
    portal = _claim_portal(portal_id)
    if portal is None:
        return False
    installation.forget_identity(portal)
    Connection.objects.filter(portal=portal).update(account={})
    until = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < until:
        started = time.monotonic()
        if not _erase_batch(portal):
            _erase_rest(portal)
            return False
        if shutdown.wait_for_request(time.monotonic() - started):
            break
    return Portal.objects.filter(pk=portal_id).update(erase_at=timezone.now()) > 0


def _claim_portal(portal_id: int) -> Portal | None:
    """Take a portal that is due, so that no other process erases it at the same time."""
    now = timezone.now()
    due = Portal.objects.filter(pk=portal_id, erase_at__lte=now, uninstalled_at__isnull=False)
    return Portal.objects.get(pk=portal_id) if due.update(erase_at=now + LEASE) else None


def _erase_batch(portal: Portal) -> int:
    """Delete some rows of each large table; return how many."""
    with transaction.atomic():
        messages = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST)
        batch = list(messages.values_list("pk", flat=True)[:BATCH_SIZE])
        retention.delete_messages(batch)
    deleted = len(batch) + pruning.prune_exchanges(portal.pk, timezone.now() + AHEAD, BATCH_SIZE)
    deleted += audit_pruning.erase_changes(portal, BATCH_SIZE)
    # The stop list outlives single messages: without an entry, its number would get messages again.
    for rows in (StoppedNumber.objects, CapUse.objects, CrmName.objects):
        deleted += _delete_some(rows.filter(portal=portal))
    return deleted


def _delete_some(rows: QuerySet[Model]) -> int:
    chosen = list(rows.order_by("-pk").values_list("pk", flat=True)[:BATCH_SIZE])
    return rows.filter(pk__in=chosen).delete()[0]


def _erase_rest(portal: Portal) -> None:
    """Delete what is little, and the portal's own row with all that belongs to it."""
    with transaction.atomic(), database.cursor() as cursor:
        # PostgreSQL scans the table to check that no message refers to them: no index starts with such a column.
        cursor.execute("SET LOCAL statement_timeout = 0")
        senders = Sender.objects.filter(portal=portal).values("pk")
        UncountedClimb.objects.filter(sender_id__in=senders).delete()
        SetAsideClimb.objects.filter(sender_id__in=senders).delete()
        DeadLetter.objects.filter(portal_id=portal.pk).delete()
        accounts = Connection.objects.filter(portal=portal).values("pk")
        LeaseTakeover.objects.filter(connection_id__in=accounts).delete()
        MonthBreakdown.objects.filter(portal=portal).delete()
        DayBreakdown.objects.filter(portal=portal).delete()
        DayTally.objects.filter(portal=portal).delete()
        Sender.objects.filter(portal=portal).delete()
        Connection.objects.filter(portal=portal).delete()
        portal.delete()
    log.info("portal_erased", portal=portal.pk)
