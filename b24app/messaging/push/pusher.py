"""Step 4: the portal is told. One batch of at most 50, with the reactions of docs/bitrix24.md K."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_each, work_isolated
from b24app.core.lease_release import release_leases
from b24app.messaging import dead_letters
from b24app.messaging.models import Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import FINAL, Phase, Status
from b24app.messaging.push import batching
from b24app.messaging.push.batching import BATCH
from b24app.portals.client import BatchCommand, BatchResult, PortalClient
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalGone, PortalRefused, Postponed
from b24app.portals.models import Portal
from b24app.portals.status_timing import OVERWRITES_FOR, SETTLED_AFTER

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)
BATCHES_A_VISIT = 20
REFILL = timedelta(seconds=10)  # in which the portal's bucket of 50 calls lets 20 go on any plan (docs/bitrix24.md C.4)
NOT_FOUND_FOR = timedelta(minutes=15)  # a campaign's row appears after the hand-over (docs/bitrix24.md K2, K3)
NOT_FOUND_STEPS = (5, 15, 60, 300)
POSTPONED_FOR = timedelta(minutes=1)
LOOK_FOR_TOKEN = timedelta(hours=1)
NOBODY_MAY = frozenset({"ACCESS_DENIED", "AUTHORIZATION_ERROR", "USER_ACCESS_ERROR", "NO_TOKEN", "INSUFFICIENT_SCOPE"})
METHOD = "messageservice.message.status.update"


def push_due(portal_id: int) -> datetime | None:
    """Tell a portal what it does not know yet; answers when to come back."""
    later = batching.wait_until(portal_id)
    if later:
        return later
    now = timezone.now()
    free = Q(push_lease_until=None) | Q(push_lease_until__lt=now)
    free &= Q(push_after=None) | Q(push_after__lte=now)
    if not Portal.objects.filter(free, pk=portal_id).update(push_lease_until=now + LEASE):
        return None
    portal = Portal.objects.get(pk=portal_id)
    again: datetime | None = None
    try:
        again = _drain(portal)
    finally:
        mine = Portal.objects.filter(pk=portal_id, push_lease_until=portal.push_lease_until)
        release_leases(lambda: mine.update(push_lease_until=None))
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
    return max(filter(None, (due, portal.rest_after, portal.suspended_until, portal.push_after)))


def _drain(portal: Portal) -> datetime | None:
    for turn in range(BATCHES_A_VISIT):
        later = batching.wait_until(portal.pk) if turn else None
        if later:
            return later
        if not portal.may_be_called(timezone.now()) or not _holds_lease(portal):
            return None
        messages = _untold(portal)
        if not messages:
            return None
        # Whatever becomes of the call, the portal may show it from here on; only a later word takes it back.
        queued = [one.pk for one in messages if one.status == Status.QUEUED]
        if queued:
            Message.objects.filter(pk__in=queued).update(pushed=Status.QUEUED)
        try:
            answers = PortalClient(portal).batch([_command(message) for message in messages])
        except PortalError as error:
            return _put_off(portal, messages, error)
        _acknowledge(messages, answers)
        Portal.objects.filter(pk=portal.pk).exclude(push_failures=0).update(push_failures=0, push_after=None)
    # So the bucket never fills up, and screens that call the portal meanwhile find room in it.
    until = timezone.now() + REFILL
    Portal.objects.filter(pk=portal.pk).update(push_after=until)
    return until


def _untold(portal: Portal) -> list[Message]:
    """What is due, final words first. A row that has nothing to say any more is taken off the list."""
    due = Message.objects.filter(portal=portal, push_at__lte=timezone.now())
    rows = list(due.select_related("sender").defer("text", "links").order_by("push_at")[: 4 * BATCH])
    silent = {one.pk for one in rows if _says_nothing(one)} | _outdone(rows)
    if silent:
        due.filter(pk__in=silent).update(push_at=None)
    words = [one for one in rows if one.pk not in silent]
    return sorted(words, key=lambda one: one.status not in FINAL)[:BATCH]


def _says_nothing(message: Message) -> bool:
    return message.phase == Phase.UNKNOWN or message.status == message.pushed == Status.SENT


def _outdone(messages: Sequence[Message]) -> set[int]:
    """The portal knows one fate for an original and its resends: once one was delivered, that is the word."""
    others = [one.pk for one in messages if one.status != Status.DELIVERED]
    if not others:
        return set()
    return set(Message.objects.filter(_arrived(), pk__in=others).values_list("pk", flat=True))


def _arrived() -> Q:
    arrived = Q(resends__status=Status.DELIVERED) | Q(resend_of__status=Status.DELIVERED)
    return arrived | Q(resend_of__resends__status=Status.DELIVERED)


def _command(message: Message) -> BatchCommand:
    return BatchCommand(
        METHOD, {"CODE": message.sender.code, "MESSAGE_ID": message.message_id or "", "STATUS": message.status}
    )


TOLD = """
UPDATE messaging_message m SET
    pushed = w.status,
    push_at = CASE WHEN m.status = w.status THEN w.confirm_at ELSE coalesce(m.push_at, %s) END,
    push_tries = CASE WHEN m.status = w.status THEN 0 ELSE m.push_tries END,
    push_error = CASE WHEN m.status = w.status THEN '' ELSE m.push_error END
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS w(id, status, confirm_at)
WHERE m.id = w.id
"""


@retry_on_deadlock
def _note_told(messages: Sequence[Message], now: datetime) -> None:
    """The portal took these words; some are said once more, and those that climbed meanwhile say the higher one."""
    rows = [(one.pk, one.status, _confirm_at(one, now)) for one in sorted(messages, key=lambda one: one.pk)]
    if rows:
        with database.cursor() as cursor:
            cursor.execute(TOLD, [now, *(list(column) for column in zip(*rows, strict=True))])


def _confirm_at(message: Message, now: datetime) -> datetime | None:
    early = message.status in FINAL and now < message.received_at + OVERWRITES_FOR
    return message.received_at + SETTLED_AFTER if early else None


def _acknowledge(messages: Sequence[Message], answers: Sequence[BatchResult]) -> None:
    now = timezone.now()
    pairs = list(zip(messages, answers, strict=True))
    told = [message for message, answer in pairs if answer.error is None]
    work_isolated(told, partial(_note_told, now=now), _set_aside)
    refused = [(message, answer.error) for message, answer in pairs if answer.error is not None]
    work_each(refused, partial(_note_refused, now=now), lambda pair, error: _set_aside(pair[0], error))


def _set_aside(message: Message, error: Exception) -> None:
    """The portal is not told this status again, for it would be with every batch."""
    dead_letters.note(Kind.STATUS, message.pk, error, portal=message.portal_id)
    Message.objects.filter(pk=message.pk).update(push_at=None, push_error=type(error).__name__[:60])


def _note_refused(pair: tuple[Message, PortalRefused], now: datetime) -> None:
    message, error = pair
    _refused(message, error, now)


def _refused(message: Message, error: PortalRefused, now: datetime) -> None:
    row = Message.objects.filter(pk=message.pk)
    if isinstance(error, Postponed):
        row.update(push_at=now + POSTPONED_FOR)  # at least; the portal's row may say later
    elif error.code.upper() in NOBODY_MAY:
        row.update(push_at=now + LOOK_FOR_TOKEN)
    elif error.code.upper() == "ERROR_MESSAGE_NOT_FOUND":
        _not_found(message, now)
    else:
        log.error("status_refused", message=message.pk, code=error.code)
        row.update(push_at=None, push_error=error.code[:60])


def _not_found(message: Message, now: datetime) -> None:
    row = Message.objects.filter(pk=message.pk)
    if now < message.received_at + NOT_FOUND_FOR and message.push_tries < len(NOT_FOUND_STEPS):
        later = now + timedelta(seconds=NOT_FOUND_STEPS[message.push_tries])
        row.update(push_at=later, push_tries=message.push_tries + 1)
    else:
        row.update(push_at=None, push_error="ERROR_MESSAGE_NOT_FOUND")


def _put_off(portal: Portal, messages: Sequence[Message], error: PortalError) -> datetime | None:
    """Nothing is acknowledged. What may have arrived all the same is said again; saying it twice does no harm."""
    now = timezone.now()
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], push_at__lte=now)
    if isinstance(error, InDoubt):
        # On the portal, not on its words: else each batch would be a failure more, and wait twice as long.
        failures = min(portal.push_failures + 1, 1000)
        until = now + backoff_delay(failures, first=10, limit=1800, factor=2)
        Portal.objects.filter(pk=portal.pk).update(push_failures=failures, push_after=until)
        return until
    if isinstance(error, NotNow):
        return error.until or now + timedelta(minutes=1)
    if isinstance(error, NoToken | PortalGone):
        rows.update(push_at=now + LOOK_FOR_TOKEN)
        return None
    if isinstance(error, PortalRefused):
        log.error("batch_refused", portal=portal.pk, code=error.code)
    rows.update(push_at=now + timedelta(minutes=15))
    return None
