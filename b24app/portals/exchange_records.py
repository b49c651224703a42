"""Keeps what was said with Bitrix24; a record that cannot be written changes nothing else."""

from collections.abc import Callable

import structlog
from django.db import DatabaseError
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)


def record_exchange(portal: Portal | None, exchange: Exchange) -> None:
    """Write one exchange down for a portal, or for none that is known yet."""
    exchange.portal_id = portal.pk if portal else None
    try:
        exchange.save()
    except DatabaseError as error:
        log.warning("exchange_not_kept", portal=exchange.portal_id, kind=type(error).__name__)


def exchange_recorder(portal: Portal | None) -> Callable[[Exchange], None]:
    """Return the recorder that writes a portal's exchanges down at once."""
    return lambda exchange: record_exchange(portal, exchange)


def record_event(portal: Portal | None, event: str, note: str) -> None:
    """Write down an event the portal sent us; `note` says why it had no effect, "" when it had."""
    host = portal.domain if portal else ""
    exchange = Exchange(
        at=timezone.now(),
        peer="bitrix24",
        method="EVENT",
        host=host,
        path=_printable_name(event),
        status=200,
        error=note,
    )
    record_exchange(portal, exchange)


def _printable_name(event: str) -> str:
    """The event's name, whatever a stranger may have written there."""
    return "".join(letter for letter in event[:100] if letter.isascii() and letter.isprintable())
