"""Let a portal rest after a push that failed as a whole, longer each time, and give up what it has deleted by now."""

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.messaging.models import Message
from b24app.messaging.push.answers import give_up
from b24app.portals import tokens
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalGone, PortalRefused
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import error_policy
from b24app.portals.status_timing import DELETED_AFTER

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 4 * 3600.0  # seconds
SHORTEST_TOKEN_WAIT, LONGEST_TOKEN_WAIT = timedelta(hours=1), timedelta(days=1)
BATCH, MAX_BATCHES = 1_000, 10  # of statuses given up by one visit


def postpone_pushes(portal: Portal, error: PortalError) -> datetime | None:
    """Write on the portal's row when to push again after a call failed; return it, None where another column says so.

    The statuses stay due: pushing one twice does no harm. Failures are counted per portal, not per status: otherwise
    each batch would double the delay.
    """
    now = timezone.now()
    if isinstance(error, NotNow):
        if portal.suspension:
            _give_up_deleted(portal, error.code, now)
        return _pause_until(portal, error.until or now + timedelta(minutes=1), now)
    _give_up_deleted(portal, error.code, now)
    if isinstance(error, PortalGone):
        return None
    if isinstance(error, NoToken) and portal.no_token_since is not None:
        wait = min(max(now - portal.no_token_since, SHORTEST_TOKEN_WAIT), LONGEST_TOKEN_WAIT)
        error_policy.update_portal(portal, token_retry_at=now + wait)
        return portal.token_retry_at
    if isinstance(error, PortalRefused):
        log.error("status_batch_refused", portal=portal.pk, code=error.code)
    first, factor = (10.0, 2.0) if isinstance(error, InDoubt) else (600.0, 3.0)
    failures = min(portal.push_failures + 1, 1000)
    until = now + backoff_delay(failures, first=first, limit=LONGEST_PAUSE, factor=factor)
    error_policy.update_portal(portal, push_failures=failures, push_after=until)
    return until


def _pause_until(portal: Portal, until: datetime, now: datetime) -> datetime:
    """Return `until`; a pause that is not on the portal's row, as it is not the portal's, is written there."""
    if portal.may_be_called(now):
        error_policy.update_portal(portal, push_after=until)
    return until


def _give_up_deleted(portal: Portal, code: str, now: datetime) -> None:
    """Give up the due statuses of messages that the portal has deleted by now, however long its silence will last."""
    due = Message.objects.filter(portal=portal, push_at__lte=now, received_at__lt=now - DELETED_AFTER)
    oldest = due.order_by("push_at").values_list("pk", flat=True)
    for _ in range(MAX_BATCHES):
        # Their ids are read first: a subquery with a limit makes the planner read the whole table.
        messages = list(oldest[:BATCH])
        if not messages:
            return
        give_up(due.filter(pk__in=messages), portal.pk, code)


def waits_for_token(portal: Portal, now: datetime) -> bool:
    """Return whether only authors may push for now, as no administrator's token works."""
    waits = portal.no_token_since is not None and portal.token_retry_at is not None and portal.token_retry_at > now
    return waits and not tokens.usable_tokens(portal).filter(is_admin=True).exists()


def waiting_for_token(now: datetime) -> Q:
    """Return the condition for portals where nobody may push for now."""
    live = PortalToken.objects.filter(portal=OuterRef("pk"), dead_reason="")
    live = live.filter(~Q(refresh="") | Q(expires_at__gt=now))
    return Q(~Exists(live), no_token_since__isnull=False, token_retry_at__gt=now)
