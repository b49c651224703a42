"""What went wrong with an account or a message, why, and what to do, in the words of whoever can mend it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from b24app.messaging.connections.lifecycle import TooManyAccounts
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Phase, Reason, Wait
from providers.kit import registry
from providers.kit.errors import SmsError

Words = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`what` happened, what `todo`, a `link` to read on; `code` and `words` are the other side's own.

    `field` is the form field where it can be mended, "" for the page.
    """

    what: Words
    todo: Words = ""
    link: str = ""
    code: str = ""
    words: str = ""
    field: str = ""


# -- the service ------------------------------------------------------------------------------------------------------

_CHECK: Mapping[str, tuple[Words, Words]] = {
    "auth": (
        _("{service} does not accept these credentials."),
        _("Compare them with what {service} shows, letter by letter, and check again."),
    ),
    "balance": (
        _("{service} knows this account, but says that its balance is used up."),
        _("Top it up at {service}, then check again."),
    ),
    "throttled": (_("{service} was asked too often."), _("Wait a minute and check again.")),
    "unreachable": (
        _("{service} could not be reached."),
        _("Check the address if you entered one; otherwise try again in a few minutes."),
    ),
    "uncertain": (_("{service} did not answer in time."), _("Try again in a few minutes.")),
}
_CHECK_OTHERWISE = (
    _("{service} refused the check."),
    _("Read below what it answered, correct the fields and check again."),
)


def of_check(error: SmsError, service: str) -> Explained:
    """Why credentials could not be checked; `service` is its title."""
    what, todo = _CHECK.get(error.reason, _CHECK_OTHERWISE)
    return Explained(
        what=str(what).format(service=service),
        todo=gettext(error.hint) if error.hint else str(todo).format(service=service),
        link=error.link,
        code=error.code,
        words=error.words,
    )


def of_twin(connection: Connection) -> Explained:
    """Why an account is not connected a second time."""
    what = gettext("This account is connected already, as “{title}”.").format(title=connection.title)
    return Explained(what=what, todo=_("All its senders go under that one connection: add another sender there."))


def of_limit(full: TooManyAccounts) -> Explained:
    """Why no further account is connected."""
    if full.service:
        what = ngettext(
            "This Bitrix24 has {count} account at {service}, which is the limit.",
            "This Bitrix24 has {count} accounts at {service}, which is the limit.",
            full.limit,
        ).format(count=full.limit, service=service_title(full.service))
    else:
        what = ngettext(
            "This Bitrix24 has {count} account, which is the limit.",
            "This Bitrix24 has {count} accounts, which is the limit.",
            full.limit,
        ).format(count=full.limit)
    todo = _("Disconnect an account you no longer use, or ask Sendline support for a higher limit.")
    return Explained(what=what, todo=todo)


# -- a message --------------------------------------------------------------------------------------------------------

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
_STOPPED = Explained(
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


def service_title(code: str) -> str:
    """The title of a service; its code where its file does not load."""
    try:
        return registry.get(code).title
    except registry.Unavailable:
        return code


def of_end(message: Message) -> Explained | None:
    """Why a message failed, was not delivered or is unknown; None for one that is well."""
    if message.status not in ("failed", "undelivered") and message.phase != Phase.UNKNOWN:
        return None
    if message.reason == Reason.OPT_OUT and message.service_code == stop_list.CODE:
        return _STOPPED
    service = service_title(message.connection.service)
    what, todo = _REASONS.get(message.reason, _NO_REASON)
    hint, link = _hint(message.connection.service, message.service_code)
    return Explained(
        what=str(what).format(service=service),
        todo=hint or str(todo).format(service=service),
        link=link,
        code=message.service_code,
        words=message.detail,
    )


def of_reason(reason: str, services: Collection[str]) -> Explained:
    """Why many messages ended, in short, and what helps; the latter may name the service, so there must be only one."""
    # What a service says of one message stands on that message's page only.
    _what, todo = ("", "") if reason == Reason.REJECTED else _REASONS.get(reason, _NO_REASON)
    titles = [service_title(service) for service in services]
    words = str(todo).format(service=titles[0]) if len(titles) == 1 else "" if "{" in str(todo) else str(todo)
    return Explained(what=in_short(reason), todo=words)


def of_wait(message: Message) -> Explained | None:
    """Why a message waits; None for one that does not."""
    if message.phase != Phase.WAITING:
        return None
    names = {
        "service": service_title(message.connection.service),
        "connection": message.connection.title,
        "sender": message.sender.name,
    }
    hint, link = _hint(message.connection.service, message.service_code)
    return Explained(
        what=str(_wait(message)).format(**names),
        todo=_EXPIRES_FIRST if expires_first(message) else hint,
        link=link,
        code=message.service_code,
        words=message.detail,
    )


def _wait(message: Message) -> Words:
    if message.wait == Wait.PAUSED and message.connection.state == ConnectionState.PAUSED:
        return _PAUSED_ACCOUNT
    if message.wait == Wait.PAUSED and message.sender.paused_at is not None:
        return _PAUSED_SENDER
    return _WAITS[message.wait]


def meanings() -> list[tuple[str, str, Words]]:
    """Each of the five words and the open question: its code, the word and what it means."""
    return [(code, str(word), means) for code, (word, means) in _MEANINGS.items()]


def waits() -> dict[str, list[str]]:
    """What a message may wait for: in short, and in the words that stand on such messages."""
    names = {"service": gettext("the service"), "connection": "…", "sender": "…"}
    found: dict[str, list[str]] = {}
    for wait, words in _WAITS.items():
        told = str(words).format(**names)
        found.setdefault(waiting_in_short(wait) or gettext("Queued"), []).append(told[:1].upper() + told[1:])
    return found


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
    """Does a message that a rule holds expire before the rule lets it go?"""
    by_rule = message.wait in (Wait.QUIET_HOURS, Wait.CAP)
    return by_rule and message.due_at is not None and message.due_at >= message.expires_at


def in_short(reason: str) -> str:
    """A reason in two or three words, for a list."""
    return str(REASON_NAMES.get(reason, ""))


def waiting_in_short(wait: str) -> str:
    """What a message waits for when it is not just the next try."""
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


def _hint(service: str, code: str) -> tuple[str, str]:
    """What the service's file says of its own code: a sentence and a link."""
    try:
        hint = registry.get(service).hints.get(code)
    except registry.Unavailable:
        hint = None
    return (gettext(hint.text), hint.link) if hint else ("", "")


def of_block(connection: Connection) -> Explained:
    """Why a connection is blocked."""
    service = service_title(connection.service)
    hint, link = _hint(connection.service, connection.error_code)
    if connection.blocked_reason == "balance":
        what, todo = _("The balance at {service} is used up."), _("Top it up at {service}, then turn it on again.")
    else:
        what, todo = _("{service} does not accept the credentials any more."), _("Enter new ones.")
    return Explained(
        what=what.format(service=service),
        todo=hint or todo.format(service=service),
        link=link,
        code=connection.error_code,
        words=connection.error_words,
    )
