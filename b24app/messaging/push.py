"""Step 4: the portal is told. One batch of at most 50, with the reactions of the decision table."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import DateTimeField, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from b24app.core.leases import let_go
from b24app.core.times import backoff
from b24app.messaging.models import Message
from b24app.messaging.statuses import FINAL, Phase, Status
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalGone, Postponed, Refused
from b24app.portals.models import Portal
from b24app.portals.rest import Answer, Command, batch

log = structlog.get_logger(__name__)

BATCH = 50
LEASE = timedelta(seconds=90)
BATCHES_A_VISIT = 20
GATHER = timedelta(seconds=5)  # between batches that are not full, so that 1,000 words cost few calls
OVERWRITES_FOR = timedelta(seconds=30)  # the portal writes its own `sent` over what comes earlier
CONFIRM_AT = timedelta(seconds=40)
NOT_FOUND_FOR = timedelta(minutes=15)  # a campaign's row appears after the hand-over
NOT_FOUND_STEPS = (5, 15, 60, 300)
POSTPONED_FOR = timedelta(minutes=1)
LOOK_FOR_TOKEN = timedelta(hours=1)
NOBODY_MAY = frozenset({"ACCESS_DENIED", "AUTHORIZATION_ERROR", "USER_ACCESS_ERROR", "NO_TOKEN", "INSUFFICIENT_SCOPE"})
METHOD = "messageservice.message.status.update"


def drain(portal_id: int) -> datetime | None:
    """Tell a portal what it does not know yet; answers when to come back."""
    now = timezone.now()
    free = Q(push_lease_until=None) | Q(push_lease_until__lt=now)
    if not Portal.objects.filter(free, pk=portal_id).update(push_lease_until=now + LEASE):
        return None
    portal = Portal.objects.get(pk=portal_id)
    again: datetime | None = None
    try:
        again = _drain(portal)
    finally:
        mine = Portal.objects.filter(pk=portal_id, push_lease_until=portal.push_lease_until)
        let_go(lambda: mine.update(push_lease_until=None))
    return again or _next_due(portal)


def _holds_lease(portal: Portal) -> bool:
    """Hold the lease for one batch more; whoever lost it says nothing, for its words may be old by now."""
    until = timezone.now() + LEASE
    mine = Portal.objects.filter(pk=portal.pk, push_lease_until=portal.push_lease_until)
    if not mine.update(push_lease_until=until):
        return False
    portal.push_lease_until = until
    return True


def _next_due(portal: Portal) -> datetime | None:
    first = Message.objects.filter(portal=portal, push_at__isnull=False).order_by("push_at")
    due = first.values_list("push_at", flat=True).first()
    if due is None or portal.uninstalled_at is not None:
        return None
    return max(filter(None, (due, portal.rest_after, portal.suspended_until)))


def _drain(portal: Portal) -> datetime | None:
    for _ in range(BATCHES_A_VISIT):
        if not portal.may_be_called(timezone.now()) or not _holds_lease(portal):
            return None
        messages = _untold(portal)
        if not messages:
            return None
        # Whatever becomes of the call, the portal may show it from here on; only a later word takes it back.
        Message.objects.filter(pk__in=[one.pk for one in messages if one.status == Status.QUEUED]).update(
            pushed=Status.QUEUED
        )
        try:
            answers = batch(portal, [_command(message) for message in messages])
        except PortalError as error:
            return _put_off(portal, messages, error)
        for message, answer in zip(messages, answers, strict=True):
            _acknowledge(message, answer)
        Portal.objects.filter(pk=portal.pk).exclude(push_failures=0).update(push_failures=0)
        if len(messages) < BATCH:
            return timezone.now() + GATHER if _next_due(portal) else None
    return timezone.now()


def _untold(portal: Portal) -> list[Message]:
    """What is due, final words first. A row that has nothing to say any more is taken off the list."""
    now = timezone.now()
    due = Message.objects.filter(portal=portal, push_at__lte=now)
    nothing_new = Q(phase=Phase.UNKNOWN) | Q(status=Status.SENT, pushed=Status.SENT)
    # The portal knows one fate for an original and its resends: once one was delivered, that is the word.
    arrived = Q(resends__status=Status.DELIVERED) | Q(resend_of__status=Status.DELIVERED)
    arrived |= Q(resend_of__resends__status=Status.DELIVERED)
    outdone = Q(pk__in=due.filter(arrived).exclude(status=Status.DELIVERED).values("pk"))
    due.filter(nothing_new | outdone).update(push_at=None)
    rows = due.select_related("sender").order_by("push_at")
    final = list(rows.exclude(status__in=[Status.QUEUED, Status.SENT])[:BATCH])
    rest = list(rows.filter(status__in=[Status.QUEUED, Status.SENT])[: BATCH - len(final)])
    return final + rest


def _command(message: Message) -> Command:
    return Command(
        METHOD, {"CODE": message.sender.code, "MESSAGE_ID": message.message_id or "", "STATUS": message.status}
    )


def _acknowledge(message: Message, answer: Answer) -> None:
    now = timezone.now()
    row = Message.objects.filter(pk=message.pk)
    if answer.error is None:
        early = message.status in FINAL and now < message.received_at + OVERWRITES_FOR
        confirm = message.received_at + CONFIRM_AT if early else None
        told = row.filter(status=message.status)
        if not told.update(pushed=message.status, push_at=confirm, push_tries=0, push_error=""):
            row.update(
                pushed=message.status, push_at=Coalesce("push_at", Value(now, DateTimeField()))
            )  # it climbed meanwhile
    elif isinstance(answer.error, Postponed):
        row.update(push_at=now + POSTPONED_FOR)  # at least; the portal's row may say later
    elif answer.error.code.upper() in NOBODY_MAY:
        row.update(push_at=now + LOOK_FOR_TOKEN)
    elif answer.error.code.upper() == "ERROR_MESSAGE_NOT_FOUND":
        _not_found(message, now)
    else:
        log.error("status_refused", message=message.pk, code=answer.error.code)
        row.update(push_at=None, push_error=answer.error.code[:60])


def _not_found(message: Message, now: datetime) -> None:
    row = Message.objects.filter(pk=message.pk)
    if now < message.received_at + NOT_FOUND_FOR and message.push_tries < len(NOT_FOUND_STEPS):
        later = now + timedelta(seconds=NOT_FOUND_STEPS[message.push_tries])
        row.update(push_at=later, push_tries=message.push_tries + 1)
    else:
        row.update(push_at=None, push_error="ERROR_MESSAGE_NOT_FOUND")


def _put_off(portal: Portal, messages: Sequence[Message], error: PortalError) -> datetime | None:
    """Nothing is acknowledged. What may have arrived all the same waits a minute and is said again."""
    now = timezone.now()
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], push_at__lte=now)
    if isinstance(error, InDoubt):
        failures = portal.push_failures + 1
        Portal.objects.filter(pk=portal.pk).update(push_failures=failures)
        wait = max(timedelta(minutes=1), backoff(failures, first=60, limit=1800, factor=2))
        rows.update(push_at=now + wait)
        return now + wait
    if isinstance(error, NotNow):
        return error.until or now + timedelta(minutes=1)
    if isinstance(error, NoToken | PortalGone):
        rows.update(push_at=now + LOOK_FOR_TOKEN)
        return None
    if isinstance(error, Refused):
        log.error("batch_refused", portal=portal.pk, code=error.code)
    rows.update(push_at=now + timedelta(minutes=15))
    return None
