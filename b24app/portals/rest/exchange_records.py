"""Recording exchanges with Bitrix24; a record that cannot be written changes nothing else."""

from collections.abc import Callable

import structlog
from django.db import DatabaseError
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)


def record_exchange(portal: Portal | None, exchange: Exchange) -> None:
    """Save one exchange for a portal, or for one that is not identified yet."""
    exchange.portal_id = portal.pk if portal else None
    try:
        exchange.save()
    except DatabaseError as error:
        log.warning("exchange_not_recorded", portal=exchange.portal_id, kind=type(error).__name__)


def exchange_recorder(portal: Portal | None) -> Callable[[Exchange], None]:
    """Return a function that saves a portal's exchanges at once."""
    return lambda exchange: record_exchange(portal, exchange)


def record_event(portal: Portal | None, event: str, note: str) -> None:
    """Save an event from the portal; `note` says why it had no effect, "" when it had."""
    host = portal.domain if portal else ""
    exchange = Exchange(
        at=timezone.now(),
        peer="bitrix24",
        method="EVENT",
        host=host,
        path=printable_name(event),
        status=200,
        error=note,
    )
    record_exchange(portal, exchange)


def printable_name(event: str) -> str:
    """Return the event's name without what cannot be printed: a stranger may have written anything."""
    return "".join(letter for letter in event[:100] if letter.isascii() and letter.isprintable())
