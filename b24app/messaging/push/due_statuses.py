"""Choose the statuses that are due in a portal, and write them as commands of a batch."""

from collections.abc import Collection, Sequence

from django.db.models import Q
from django.utils import timezone

from b24app.messaging.models import Message
from b24app.messaging.models.statuses import FINAL, Phase, Status
from b24app.messaging.push.batching import BATCH_SIZE
from b24app.portals.models import Portal
from b24app.portals.rest.client import BatchCommand

METHOD = "messageservice.message.status.update"


def find_due(portal: Portal, size: int, among: Collection[int] | None = None) -> list[Message]:
    """Return at most `size` messages whose statuses are due, final ones first, among these ids if they are given.

    Where nothing is left to push, clear `push_at`.
    """
    due = Message.objects.filter(portal=portal, push_at__lte=timezone.now())
    if among is not None:
        due = due.filter(pk__in=among)
    rows = list(due.select_related("sender").defer("text", "links").order_by("push_at")[: 4 * BATCH_SIZE])
    skipped = {one.pk for one in rows if _has_nothing_to_push(one)} | _superseded(rows)
    if skipped:
        due.filter(pk__in=skipped).update(push_at=None)
    messages = [one for one in rows if one.pk not in skipped]
    return sorted(messages, key=lambda one: one.status not in FINAL)[:size]


def _has_nothing_to_push(message: Message) -> bool:
    return message.phase == Phase.UNKNOWN or message.status == message.pushed == Status.SENT


def _superseded(messages: Sequence[Message]) -> set[int]:
    """Return the messages of which another copy was delivered: the portal has one status for all resends of one."""
    others = [one.pk for one in messages if one.status != Status.DELIVERED]
    if not others:
        return set()
    return set(Message.objects.filter(_has_delivered_copy(), pk__in=others).values_list("pk", flat=True))


def _has_delivered_copy() -> Q:
    arrived = Q(resends__status=Status.DELIVERED) | Q(resend_of__status=Status.DELIVERED)
    return arrived | Q(resend_of__resends__status=Status.DELIVERED)


def update_command(message: Message) -> BatchCommand:
    params = {"CODE": message.sender.code, "MESSAGE_ID": message.message_id or "", "STATUS": message.status}
    return BatchCommand(METHOD, params, message=message.pk)
