"""The rows of the list of messages: what each shows beside its own columns."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from b24app.console.formats.money import scale
from b24app.console.journal.crm_names import MessageNames, NamedLink
from b24app.console.journal.message_history import describe_source, missing_text_label
from b24app.console.wording import explained, explanations
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.models import Portal
from providers.kit.segments import measure


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A message with its words. `new_day` is its day where a new one begins above it.

    `service` is "" where it would only repeat; `service_name` is there always. `places` is the scale of the prices of
    the page in the same currency.
    """

    message: Message
    person: NamedLink | None
    item: NamedLink | None
    service: str
    service_name: str
    source: str
    parts: int
    places: int
    why: str
    no_text: str
    until: datetime | None
    new_day: date | None
    may: bool
    ticked: bool


def make_rows(
    messages: Sequence[Message], portal: Portal, names: MessageNames, ticked: Collection[str]
) -> list[JournalRow]:
    """Return a row for each message, in their order."""
    rows: list[JournalRow] = []
    day = None
    is_one_service = len({message.connection.service for message in messages}) < 2
    scales = _price_scales(messages)
    for message in messages:
        local = timezone.localtime(message.received_at).date()
        rows.append(
            JournalRow(
                message=message,
                person=names.find_recipient(message),
                item=names.name_item(message),
                service="" if is_one_service else _service_beside_sender(message),
                service_name=explained.service_title(message.connection.service),
                source=describe_source(message),
                parts=message.parts or measure(message.sender.written(message.text)).parts,
                places=scales.get(message.currency, 0),
                why=_short_explanation(message),
                no_text=missing_text_label(message, portal),
                until=_held_until(message),
                new_day=local if local != day else None,
                may=_is_actionable(message),
                ticked=message.reference.hex in ticked,
            )
        )
        day = local
    return rows


def page_digest(messages: Iterable[Message], names: MessageNames) -> str:
    """Return what changes whenever the page does."""
    shown = [
        (one.pk, one.status, one.phase, one.wait, one.due_at, one.parts, one.price, one.repeats) for one in messages
    ]
    return hashlib.sha256(repr((shown, names.shown_state)).encode()).hexdigest()[:16]


def _price_scales(messages: Iterable[Message]) -> dict[str, int]:
    prices: dict[str, list[Decimal]] = {}
    for message in messages:
        if message.price is not None:
            prices.setdefault(message.currency, []).append(message.price)
    return {currency: scale(amounts) for currency, amounts in prices.items()}


def _service_beside_sender(message: Message) -> str:
    """Return the service, unless the sender's name already says it."""
    title = explained.service_title(message.connection.service)
    return "" if title.casefold() in message.sender.name.casefold() else title


def _is_actionable(message: Message) -> bool:
    """Return whether any action applies to a message."""
    is_lost = message.status in ("failed", "undelivered") and bool(message.to and message.text)
    return is_lost or message.phase in (Phase.WAITING, Phase.UNKNOWN)


def _short_explanation(message: Message) -> str:
    """Return the line under the status: why a message ended or waits long, in a few words."""
    if message.phase == Phase.WAITING:
        return explanations.short_wait(message.wait)
    if message.phase == Phase.UNKNOWN or message.status in ("failed", "undelivered"):
        return explanations.short_reason(message.reason)
    return ""


def _held_until(message: Message) -> datetime | None:
    """Return when a rule releases the message that it holds, or when it is scheduled for."""
    by_rule = message.phase == Phase.WAITING and message.wait in (Wait.QUIET_HOURS, Wait.CAP, Wait.SCHEDULED)
    return message.due_at if by_rule and not explanations.expires_first(message) else None
