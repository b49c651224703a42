"""The history of a message: what has happened to it and what comes next, read from its rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from b24app.console.journal.conditions import SOURCES
from b24app.console.templatetags.console import STATUS_WORDS
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import expires_first, explain_end, explain_wait, short_reason
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import DeliveryReport, Message
from b24app.messaging.models.dimensions import OTHER, source_of
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status, Wait
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.contract import Reports

Words = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStep:
    """One line: `mark` is ok, warn, bad, info, wait or spin; a step `ahead` has not happened yet."""

    at: datetime | None
    mark: str
    icon: str
    title: Words
    text: Words = ""
    code: str = ""
    ahead: bool = False


def build_history(
    message: Message, exchanges: Iterable[Exchange], reports: Iterable[DeliveryReport]
) -> list[HistoryStep]:
    """Return all steps, oldest first, those ahead last."""
    reports = list(reports)
    past = [
        *_attempt_steps(message, exchanges),
        *(_report_step(message, one) for one in reports),
        *_final_steps(message, reports),
    ]
    # The sort is stable: steps of one moment stay in the order in which they happen. The clocks of our machines may
    # differ, so what certainly came first is put first.
    past.sort(key=lambda step: step.at or message.received_at)
    return [_received_step(message), *past, *_resend_steps(message), *_push_steps(message), *_next_steps(message)]


def describe_source(message: Message) -> str:
    """Return where a message came from, in the words that the filter offers."""
    source = source_of(message.origin, message.module)
    if source == OTHER and message.module:
        return gettext("Bitrix24 ({module})").format(module=message.module)
    return str(SOURCES[source][0])


def missing_text_label(message: Message, portal: Portal) -> str:
    """Return what is shown where a message has no text."""
    emptied_to = portal.texts_emptied_to
    is_erased = not (message.to or message.raw_to)  # on request, before the retention period ends
    if is_erased or (emptied_to and message.received_at < emptied_to):
        return gettext("(deleted)")
    return gettext("(empty)")


def _received_step(message: Message) -> HistoryStep:
    titles = {Origin.PORTAL: _("Received from Bitrix24"), Origin.RESEND: _("Resent manually")}
    title = titles.get(Origin(message.origin), _("Accepted by Sendline"))
    text = describe_source(message) if message.origin == Origin.PORTAL else ""
    return HistoryStep(at=message.received_at, mark="ok", icon="check", title=title, text=text)


def _attempt_steps(message: Message, exchanges: Iterable[Exchange]) -> list[HistoryStep]:
    """Return one step per exchange with the service; where none is stored, what the row remembers."""
    service = service_title(message.connection.service)
    with_service = [one for one in exchanges if one.peer == message.connection.service]
    until = message.sent_at or message.final_at
    attempts = [one for one in with_service if until is None or one.at <= until]
    is_accepted = message.sent_at is not None
    failed = attempts[:-1] if is_accepted else attempts
    steps = [_failed_attempt(one, place, service) for place, one in enumerate(failed, 1)]
    if is_accepted:
        steps.append(_accepted_step(message, service, attempts[-1] if attempts else None))
    elif not attempts and message.first_attempt_at:
        title = ngettext("Sent to {service}", "Sent to {service}, {count} attempts", message.attempts)
        title = title.format(service=service, count=message.attempts)
        steps.append(HistoryStep(at=message.first_attempt_at, mark="info", icon="sent", title=title))
    lookups = [one for one in with_service if until is not None and one.at > until]
    return steps + [_lookup_step(one, service) for one in lookups]


def _failed_attempt(one: Exchange, place: int, service: str) -> HistoryStep:
    if one.status == 0:
        title = gettext("Attempt {place}: no response from {service}").format(place=place, service=service)
        return HistoryStep(at=one.at, mark="warn", icon="retry", title=title)
    title = gettext("Attempt {place}: rejected by {service}").format(place=place, service=service)
    text = gettext("Response {status} in {ms} ms").format(status=one.status, ms=one.ms)
    return HistoryStep(at=one.at, mark="warn", icon="retry", title=title, text=text)


def _accepted_step(message: Message, service: str, answer: Exchange | None) -> HistoryStep:
    title = gettext("Accepted by {service}").format(service=service)
    details = []
    if message.ref:
        details.append(gettext("Message ID: {ref}").format(ref=message.ref))
    if answer is not None and answer.status:
        details.append(gettext("response in {ms} ms").format(ms=answer.ms))
    return HistoryStep(at=message.sent_at, mark="ok", icon="check", title=title, text=", ".join(details))


def _lookup_step(one: Exchange, service: str) -> HistoryStep:
    title = gettext("Status requested from {service}").format(service=service)
    answered = gettext("Response {status} in {ms} ms").format(status=one.status, ms=one.ms)
    text = answered if one.status else gettext("No response")
    return HistoryStep(at=one.at, mark="info", icon="search", title=title, text=text)


_REPORTED = {
    Status.QUEUED: ("info", "queued", _("Queued at {service}")),
    Status.SENT: ("info", "sent", _("Sent by {service}")),
    Status.DELIVERED: ("ok", "delivered", _("Delivered")),
    Status.UNDELIVERED: ("warn", "undelivered", _("Not delivered")),
    Status.FAILED: ("bad", "failed", _("Failed")),
}


def _report_step(message: Message, report: DeliveryReport) -> HistoryStep:
    service = service_title(message.connection.service)
    reported = gettext("{service} reported “{word}”").format(service=service, word=report.word)
    if report.status not in Status.values:
        return HistoryStep(at=report.received_at, mark="wait", icon="info", title=reported, code=report.code)
    mark, icon, title = _REPORTED[Status(report.status)]
    is_explained = explain_end(message) is not None and report.code == message.service_code
    if report.word.casefold() in Status.values:  # says in English what the title says in the reader's language
        reported = ""
    detail = "" if is_explained else report.detail
    text = ": ".join(filter(None, (reported, detail)))
    return HistoryStep(
        at=report.received_at,
        mark=mark,
        icon=icon,
        title=title.format(service=service),
        text=text,
        code="" if is_explained else report.code,
    )


def _final_steps(message: Message, reports: list[DeliveryReport]) -> list[HistoryStep]:
    """Return the end in few words, unless a report has already shown it; the page explains it above."""
    if message.final_at is None or any(one.status == message.status for one in reports):
        return []
    mark, icon, title = _REPORTED[Status(message.status)]
    text = short_reason(message.reason)
    if message.reason == Reason.CANCELLED:
        title, text = _("Canceled before sending"), ""
    return [HistoryStep(at=message.final_at, mark=mark, icon=icon, title=title, text=text)]


def _resend_steps(message: Message) -> list[HistoryStep]:
    return [
        HistoryStep(at=again.received_at, mark="info", icon="retry", title=_("Resent manually"))
        for again in message.resends.order_by("pk")
    ]


def _push_steps(message: Message) -> list[HistoryStep]:
    """Return what the portal has been told; tests and messages from our own screens are not pushed."""
    if message.message_id is None or message.phase != Phase.DONE:
        return []
    if message.push_error.isupper():  # a code; of an error of ours it is the name of a class
        title = gettext("Bitrix24 did not accept the status “{status}”").format(
            status=STATUS_WORDS[Status(message.status)]
        )
        is_retried = message.push_at is not None
        return [
            HistoryStep(
                at=message.push_at, mark="warn", icon="portal", title=title, code=message.push_error, ahead=is_retried
            )
        ]
    if message.push_at is None:
        title = gettext("Status in Bitrix24: “{status}”").format(status=STATUS_WORDS[Status(message.pushed)])
        return [HistoryStep(at=None, mark="info", icon="portal", title=title)]
    title = gettext("Sending status to Bitrix24: “{status}”").format(status=STATUS_WORDS[Status(message.status)])
    return [HistoryStep(at=message.push_at, mark="wait", icon="portal", title=title, ahead=True)]


def _next_steps(message: Message) -> list[HistoryStep]:
    service = service_title(message.connection.service)
    if message.phase == Phase.ON_WIRE:
        title = gettext("Sending to {service}").format(service=service)
        return [HistoryStep(at=None, mark="spin", icon="", title=title)]
    if message.phase == Phase.UNKNOWN:
        return [HistoryStep(at=None, mark="warn", icon="unknown", title=gettext("Unknown"))]
    if message.phase == Phase.WAITING:
        return [_next_attempt(message)]
    if message.status != Status.SENT:
        return []
    if _sends_no_reports(message.connection.service):
        title = gettext("{service} does not report delivery").format(service=service)
        return [HistoryStep(at=None, mark="wait", icon="info", title=title)]
    return [HistoryStep(at=None, mark="spin", icon="", title=_("Waiting for delivery"))]


def _next_attempt(message: Message) -> HistoryStep:
    why = explain_wait(message)
    text = why.what if why and not message.wait else ""  # what holds a message stands above
    if message.wait in ("paused", "blocked", "unavailable"):
        return HistoryStep(
            at=message.due_at, mark="wait", icon="pause", title=_("Waiting, expires"), text=text, ahead=True
        )
    if message.wait in ("quiet_hours", "cap"):
        title = _("Expires") if expires_first(message) else _("Waiting until")
        return HistoryStep(at=message.due_at, mark="wait", icon="pause", title=title, text=text, ahead=True)
    if message.wait == Wait.SCHEDULED:
        title = _("Scheduled for")
        return HistoryStep(at=message.due_at, mark="wait", icon="queued", title=title, text=text, ahead=True)
    title = _("Next attempt") if message.attempts else _("First attempt")
    return HistoryStep(at=message.due_at, mark="wait", icon="queued", title=title, text=text, ahead=True)


def _sends_no_reports(service: str) -> bool:
    try:
        return registry.get(service).reports == Reports.NONE
    except registry.Unavailable:
        return False
