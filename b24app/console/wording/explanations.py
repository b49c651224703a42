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
        _("Correct the number in the CRM, then send again."),
    ),
    Reason.BLOCKED: (
        _("The message was blocked on its way."),
        _("Ask {service} why; another sender or another text may pass."),
    ),
    Reason.OPT_OUT: (
        _("The person has asked not to receive messages from this sender."),
        _("Only they can allow it again."),
    ),
    Reason.INVALID_REQUEST: (
        _("{service} does not accept something in the message or in the settings of the sender."),
        _("Check the sender, then send again."),
    ),
    Reason.DUPLICATE: (_("{service} took it for a repeat of an earlier message."), ""),
    Reason.REJECTED: (_("{service} refused the message."), _("Its own words below may say why.")),
    Reason.EXPIRED: (
        _("It waited longer than messages of this sender may wait, so it was not sent."),
        _("Send it again if it is still worth reading."),
    ),
    Reason.EMPTY_TEXT: (_("The message had no text."), _("Look at the rule or the card it came from.")),
    Reason.TEXT_TOO_LONG: (_("The text is longer than {service} takes."), _("Shorten it and send again.")),
    Reason.SENDER_REMOVED: (
        _("Its sender had been removed here, but the portal still used it."),
        _("Choose another sender in the rule it came from."),
    ),
    Reason.NOT_CONFIGURED: (_("The sender was not set up to the end."), _("Finish it under Senders.")),
    Reason.CANCELLED: (_("It was stopped here before it was sent."), ""),
    Reason.CAPPED: (
        _("This number has had as many messages as your limits allow, so it was not sent."),
        _("Raise the limit in Settings, or send it again when the hour or the day is over."),
    ),
    Reason.TIMED_OUT: (
        _("{service} fell silent after we had handed the message over, so it may have been sent."),
        _("Sending again could reach the person twice. Look at {service} if you can, then decide."),
    ),
    Reason.INTERRUPTED: (
        _("We were interrupted while handing the message over, so it may have been sent."),
        _("Sending again could reach the person twice. Look at {service} if you can, then decide."),
    ),
    Reason.UNREACHED: (
        _("The phone could not be reached."),
        _("It may be switched off or out of range; try again later."),
    ),
}
_ON_STOP_LIST = Explained(
    what=_("This number is on your stop list, so the message was not sent and cost nothing."),
    todo=_("If the person agrees to messages again, take the number off the list, then send again."),
)
_NO_REASON = (_("{service} gave no reason."), _("Try again later, or ask {service}."))

_WAITS: Mapping[str, Words] = {
    Wait.NONE: _("It is next in line."),
    Wait.RATE: _("{service} asked us to slow down. Nothing is lost."),
    Wait.RETRY: _("The last try surely did not send it, so it is safe to try again. Nothing is lost."),
    Wait.PAUSED: _("All sending is paused by an administrator. It goes out when somebody turns it on again."),
    Wait.BLOCKED: _("{service} does not accept the account “{connection}”. It goes out once that is mended."),
    Wait.UNAVAILABLE: _("{service} is not available in this installation for now. Whoever runs it has been told."),
    Wait.QUIET_HOURS: _("It is night where the person may be. It goes out when the quiet hours end there."),
    Wait.CAP: _("A limit of messages is reached. It goes out when the hour or the day is over."),
}
_PAUSED_ACCOUNT = _("“{connection}” is paused by an administrator. It goes out when somebody turns it on again.")
_PAUSED_SENDER = _("The sender “{sender}” is paused by an administrator. It goes out when somebody turns it on again.")
_EXPIRES_FIRST = _("It will be too old by then, so it will not be sent: stop it, or change the rule it waits for.")


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
        _("Sendline has it, the service not yet: it waits for its turn or is being handed over just now."),
    ),
    "sent": (_("Sent"), _("The service has taken it. Whether it arrives is not known yet, and some never tell.")),
    "delivered": (_("Delivered"), _("The service says that it has reached the phone.")),
    "undelivered": (_("Undelivered"), _("The service has tried, but the phone was not reached.")),
    "failed": (
        _("Failed"),
        _("It was not sent: the service refused it, or it was stopped here. Its page says why."),
    ),
    "unknown": (
        _("Outcome unknown"),
        _("It may have been sent: the service fell silent before it answered. An administrator decides what to do."),
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
    Wait.BLOCKED: _("Account not accepted"),
    Wait.UNAVAILABLE: _("Service not available"),
    Wait.QUIET_HOURS: _("Quiet hours"),
    Wait.CAP: _("Limit reached"),
}
REASON_NAMES: Mapping[str, Words] = {
    Reason.INVALID_NUMBER: _("Wrong number"),
    Reason.BLOCKED: _("Blocked"),
    Reason.OPT_OUT: _("Unsubscribed"),
    Reason.INVALID_REQUEST: _("Setting not accepted"),
    Reason.DUPLICATE: _("Taken for a repeat"),
    Reason.REJECTED: _("Refused by the service"),
    Reason.EXPIRED: _("Waited too long"),
    Reason.EMPTY_TEXT: _("No text"),
    Reason.TEXT_TOO_LONG: _("Text too long"),
    Reason.SENDER_REMOVED: _("Sender removed"),
    Reason.NOT_CONFIGURED: _("Sender not finished"),
    Reason.CANCELLED: _("Stopped by a person"),
    Reason.CAPPED: _("Too many to this number"),
    Reason.TIMED_OUT: _("No answer came"),
    Reason.INTERRUPTED: _("Interrupted on our side"),
    Reason.UNREACHED: _("Phone not reached"),
}
