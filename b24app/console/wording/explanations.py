"""Why a message failed or waits, and what to do about it, in the words of the reader."""

from collections.abc import Collection, Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explained import Explained, Words, service_hint, service_title
from b24app.messaging.guards import stop_list
from b24app.messaging.models import ConnectionState, Message
from b24app.messaging.models.statuses import Phase, Reason, Wait

_REASONS: Mapping[str, tuple[Words, Words]] = {
    Reason.INVALID_NUMBER: (
        _("This number cannot receive messages."),
        _("Correct the number in the CRM, then resend."),
    ),
    Reason.BLOCKED: (
        _("The message was blocked by the service or operator."),
        _("Ask {service} for the reason, or try another sender or text."),
    ),
    Reason.OPT_OUT: (
        _("The recipient has opted out of messages from this sender."),
        _("Only the recipient can opt in again."),
    ),
    Reason.INVALID_REQUEST: (
        _("{service} rejected a value in the message or in the sender settings."),
        _("Check the sender, then resend."),
    ),
    Reason.DUPLICATE: (_("{service} treated it as a duplicate of an earlier message."), ""),
    Reason.REJECTED: (_("{service} rejected the message."), _("See the response below for details.")),
    Reason.EXPIRED: (
        _("The message expired before it could be sent."),
        _("Resend it if it is still relevant."),
    ),
    Reason.EMPTY_TEXT: (_("The message had no text."), _("Check the automation rule or CRM item that sent it.")),
    Reason.TEXT_TOO_LONG: (_("The text is longer than {service} allows."), _("Shorten the text and resend.")),
    Reason.SENDER_REMOVED: (
        _("The sender was removed, but Bitrix24 still used it."),
        _("Choose another sender in the automation rule that sent it."),
    ),
    Reason.NOT_CONFIGURED: (_("The sender setup is incomplete."), _("Finish the setup under Senders.")),
    Reason.CANCELLED: (_("Canceled before sending."), ""),
    Reason.CAPPED: (
        _("Not sent: this number has reached the limit you set."),
        _("Raise the limit in Settings, or resend in the next hour or day."),
    ),
    Reason.TIMED_OUT: (
        _("{service} did not confirm the message, so it may have been sent."),
        _("Resending could deliver it twice. Check {service} if you can, then choose."),
    ),
    Reason.INTERRUPTED: (
        _("Sendline was interrupted while sending, so the message may have been sent."),
        _("Resending could deliver it twice. Check {service} if you can, then choose."),
    ),
    Reason.UNREACHED: (
        _("The phone could not be reached."),
        _("It may be turned off or out of coverage. Try again later."),
    ),
}
_ON_STOP_LIST = Explained(
    what=_("Not sent: this number is on your opt-out list. You were not charged."),
    todo=_("If the recipient agrees to receive messages again, remove the number from the opt-out list, then resend."),
)
_NO_REASON = (_("{service} gave no reason."), _("Try again later, or contact {service}."))

_WAITS: Mapping[str, Words] = {
    Wait.NONE: _("Next in the queue."),
    Wait.RATE: _("{service} asked us to slow down. We retry automatically."),
    Wait.RETRY: _("The last attempt was not sent, so it is safe to retry. We retry automatically."),
    Wait.PAUSED: _("An administrator paused all sending. The message is sent when sending is resumed."),
    Wait.BLOCKED: _("{service} rejected the account “{connection}”. The message is sent when the account works again."),
    Wait.UNAVAILABLE: _("{service} is currently unavailable in Sendline. Sendline support has been notified."),
    Wait.QUIET_HOURS: _("Quiet hours apply at the recipient’s location. The message is sent when they end."),
    Wait.CAP: _("Sending limit reached. The message is sent in the next hour or day."),
    Wait.SCHEDULED: _("The message is sent at the scheduled time."),
    Wait.COPY: _("The message came from another address with your Bitrix24 ID. An administrator has to allow it."),
}
_PAUSED_ACCOUNT = _("An administrator paused “{connection}”. The message is sent when the account is resumed.")
_PAUSED_SENDER = _("An administrator paused the sender “{sender}”. The message is sent when the sender is resumed.")
_EXPIRES_FIRST = _("It will expire before it can be sent. Cancel it, or change the limit or pause that holds it.")


def explain_end(message: Message) -> Explained | None:
    """Explain why a message failed, was not delivered or is unknown; return None for any other."""
    if message.status not in ("failed", "undelivered") and message.phase != Phase.UNKNOWN:
        return None
    if message.reason == Reason.OPT_OUT and message.service_code == stop_list.CODE:
        return _ON_STOP_LIST
    service = service_title(message.connection.service)
    what, todo = _REASONS.get(message.reason, _NO_REASON)
    hint, link = service_hint(message.connection.service, message.service_code)
    return Explained(
        what=str(what).format(service=service),
        todo=hint or str(todo).format(service=service),
        link=link,
        code=message.service_code,
        words=message.detail,
    )


def explain_reason(reason: str, services: Collection[str]) -> Explained:
    """Explain in short why many messages ended.

    The advice may name the service, so it is left out where there are several.
    """
    # What a service says of one message stands on that message's page only.
    _what, todo = ("", "") if reason == Reason.REJECTED else _REASONS.get(reason, _NO_REASON)
    titles = [service_title(service) for service in services]
    words = str(todo).format(service=titles[0]) if len(titles) == 1 else "" if "{" in str(todo) else str(todo)
    return Explained(what=short_reason(reason), todo=words)


def explain_wait(message: Message) -> Explained | None:
    """Explain why a message waits; return None for one that does not."""
    if message.phase != Phase.WAITING:
        return None
    names = {
        "service": service_title(message.connection.service),
        "connection": message.connection.title,
        "sender": message.sender.name,
    }
    hint, link = service_hint(message.connection.service, message.service_code)
    return Explained(
        what=str(_wait_sentence(message)).format(**names),
        todo=_EXPIRES_FIRST if expires_first(message) else hint,
        link=link,
        code=message.service_code,
        words=message.detail,
    )


def _wait_sentence(message: Message) -> Words:
    if message.wait == Wait.PAUSED and message.connection.state == ConnectionState.PAUSED:
        return _PAUSED_ACCOUNT
    if message.wait == Wait.PAUSED and message.sender.paused_at is not None:
        return _PAUSED_SENDER
    return _WAITS[message.wait]


def status_meanings() -> list[tuple[str, str, Words]]:
    """Return code, name and meaning of each of the five statuses and of the unknown outcome."""
    return [(code, str(word), means) for code, (word, means) in _MEANINGS.items()]


def wait_meanings() -> dict[str, list[str]]:
    """Return what a message may wait for: the short form, and the sentences shown on such messages."""
    names = {"service": gettext("the service"), "connection": "…", "sender": "…"}
    meanings: dict[str, list[str]] = {}
    for wait, words in _WAITS.items():
        sentence = str(words).format(**names)
        sentences = meanings.setdefault(short_wait(wait) or gettext("Queued"), [])
        sentences.append(sentence[:1].upper() + sentence[1:])
    return meanings


_MEANINGS: Mapping[str, tuple[Words, Words]] = {
    "queued": (
        _("Queued"),
        _("In Sendline: waiting to be sent, or being sent right now."),
    ),
    "sent": (_("Sent"), _("Accepted by the service. Delivery is not confirmed yet; some services never confirm it.")),
    "delivered": (_("Delivered"), _("The service confirmed delivery to the phone.")),
    "undelivered": (_("Not delivered"), _("The service tried to deliver it, but the phone could not be reached.")),
    "failed": (
        _("Failed"),
        _("The message was not sent: the service rejected it or Sendline stopped it. See the message for the reason."),
    ),
    "unknown": (
        _("Unknown"),
        _("The message may have been sent: the service did not confirm it. An administrator has to review it."),
    ),
}


def expires_first(message: Message) -> bool:
    """Return whether a message that a rule holds expires before the rule releases it."""
    by_rule = message.wait in (Wait.QUIET_HOURS, Wait.CAP)
    return by_rule and message.due_at is not None and message.due_at >= message.expires_at


def short_reason(reason: str) -> str:
    """Return a reason in two or three words, for a list."""
    return str(REASON_NAMES.get(reason, ""))


def short_wait(wait: str) -> str:
    """Return what a message waits for in two or three words, "" for just the next attempt."""
    return str(WAIT_NAMES.get(wait, ""))


WAIT_NAMES: Mapping[str, Words] = {
    Wait.PAUSED: _("Paused"),
    Wait.BLOCKED: _("Account rejected"),
    Wait.UNAVAILABLE: _("Service unavailable"),
    Wait.QUIET_HOURS: _("Quiet hours"),
    Wait.CAP: _("Limit reached"),
    Wait.SCHEDULED: _("Scheduled"),
    Wait.COPY: _("Address not confirmed"),
}
REASON_NAMES: Mapping[str, Words] = {
    Reason.INVALID_NUMBER: _("Invalid number"),
    Reason.BLOCKED: _("Blocked"),
    Reason.OPT_OUT: _("Opted out"),
    Reason.INVALID_REQUEST: _("Invalid setting"),
    Reason.DUPLICATE: _("Treated as a duplicate"),
    Reason.REJECTED: _("Rejected by the service"),
    Reason.EXPIRED: _("Expired"),
    Reason.EMPTY_TEXT: _("Empty text"),
    Reason.TEXT_TOO_LONG: _("Text too long"),
    Reason.SENDER_REMOVED: _("Sender removed"),
    Reason.NOT_CONFIGURED: _("Sender not set up"),
    Reason.CANCELLED: _("Canceled"),
    Reason.CAPPED: _("Recipient limit reached"),
    Reason.TIMED_OUT: _("No response"),
    Reason.INTERRUPTED: _("Interrupted in Sendline"),
    Reason.UNREACHED: _("Phone unreachable"),
}
