"""Store events of the application's life: nobody is asked before Bitrix24 has its answer."""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from b24app.messaging.models.app_events import AppEvent
from b24app.portals import application_events
from b24app.portals.callers import caller_limits
from b24app.portals.models import Portal
from b24app.portals.rest.exchange_records import printable_name

log = structlog.get_logger(__name__)

MAX_UNSIGNED = 100  # rows that wait, of all portals: anybody may post to the installer's address
MAX_UNSIGNED_OF_PORTAL = 5
UNSIGNED_PER_MINUTE = 30  # in this process


class TooManyEvents(Exception):
    """Strangers have used up what unsigned events may cost; the launch beside a real one makes up for it."""


class MinuteBudget:
    """Counts unsigned events in windows of a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin a new window."""
        self._window, self._used = 0, 0

    def take(self) -> bool:
        """Return whether one more is within the budget, and count it."""
        with self._lock:
            window = int(time.monotonic() // 60)
            if window != self._window:
                self._window, self._used = window, 0
            self._used += 1
            return self._used <= UNSIGNED_PER_MINUTE


unsigned_budget = MinuteBudget()


def store_event(record: Mapping[str, Any]) -> int | None:
    """Store an event, and return its id for `enqueue.app_event`; None where its portal is not here any more.

    `record` has the portal's uuid (hex, empty at the installer's address), the generation of the signed address (None
    there) and the payload. Raise TooManyEvents.
    """
    payload = record["payload"]
    if record["generation"] is None:
        portal = _check_unsigned(payload)
    else:
        portal = Portal.objects.filter(uuid=uuid.UUID(record["portal"])).only("pk").first()
        if portal is None:
            log.warning("event_without_portal")
            return None
    name = printable_name(payload["event"].upper()[:60])
    return AppEvent.objects.create(portal=portal, generation=record["generation"], name=name, payload=payload).pk


def _check_unsigned(payload: Mapping[str, Any]) -> Portal | None:
    """Return the portal that an unsigned event names, if it is one of ours. Raise TooManyEvents."""
    if not unsigned_budget.take():
        caller_limits.count_turned_away("events")
        raise TooManyEvents
    portal = application_events.find_named_portal(payload)
    waiting = AppEvent.objects.filter(generation=None)
    if waiting.count() >= MAX_UNSIGNED or waiting.filter(portal=portal).count() >= (
        MAX_UNSIGNED_OF_PORTAL if portal else MAX_UNSIGNED
    ):
        caller_limits.count_turned_away("events")
        raise TooManyEvents
    return portal
