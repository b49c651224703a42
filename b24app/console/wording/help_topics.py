"""Which article of help explains a problem; the articles themselves are in the room `help`."""

from collections.abc import Mapping

from b24app.console.wording.explained import service_hint
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait

SENDER_MISSING, STATUS_MISSING = "sender-missing", "bitrix24-status"
_BY_REASON: Mapping[str, str] = {
    Reason.INVALID_NUMBER: "number-rejected",
    Reason.OPT_OUT: "opt-outs",
    Reason.CAPPED: "costs",
    Reason.EXPIRED: "delay",
    Reason.SENDER_REMOVED: SENDER_MISSING,
}
FOR_ADMINISTRATORS = frozenset({"opt-outs", "costs", SENDER_MISSING, "quiet-hours"})


def topic_of(message: Message, *, is_admin: bool) -> str:
    """Return the article about why a message failed or waits, "" for one that does neither."""
    if message.phase == Phase.UNKNOWN:
        return "unknown"
    if message.phase == Phase.WAITING:
        topic = "quiet-hours" if message.wait == Wait.QUIET_HOURS else "delay"
        return topic if is_admin or topic not in FOR_ADMINISTRATORS else "delay"
    if message.status not in (Status.FAILED, Status.UNDELIVERED):
        return ""
    topic = _BY_REASON.get(message.reason, "not-delivered")
    return topic if is_admin or topic not in FOR_ADMINISTRATORS else "not-delivered"


def explains_code(message: Message) -> bool:
    """Return whether the article of the message's service explains its code."""
    return bool(service_hint(message.connection.service, message.service_code)[0])
