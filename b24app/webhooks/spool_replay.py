"""What waited on this node's disk goes its usual way as soon as the database is back; every process looks for it."""

import os
import threading
from collections.abc import Mapping

import structlog
from django.db import connections

from b24app.core import shutdown, spool
from b24app.messaging.dispatch import completer, preparation
from b24app.messaging.smpp import receipts
from b24app.portals import tokens
from b24app.webhooks import delivery_reports, portal_events, portal_messages

log = structlog.get_logger(__name__)

EVERY = 2.0  # seconds

HANDLERS: Mapping[str, spool.Handler] = {
    "tokens": tokens.replay_renewed_token,  # first in meaning: a lost refresh token needs a person
    "wish": portal_messages.replay_message,
    "report": delivery_reports.replay_report,
    "event": portal_events.replay_event,
    "unsigned": portal_events.replay_event,
    "receipts": receipts.replay_receipts,
    "verdicts": completer.replay_results,
    "claim": preparation.undo_claims,
}


class _Process:
    """Which process replays: a fork inherits all of this but the thread."""

    pid = 0


_process = _Process()
_starting = threading.Lock()


def replay_spool() -> int:
    """Replay what waits now; answers how many records went."""
    return spool.replay_records(HANDLERS) if spool.waiting_records() else 0


def keep_replaying() -> None:
    """Start the process's replaying thread, unless it runs; what was set aside before is tried once more."""
    with _starting:
        if _process.pid != os.getpid():
            shutdown.start_essential(_forever, name="spool-replay", daemon=True)
            _process.pid = os.getpid()


def _forever() -> None:
    tried_again = False
    while not shutdown.wait_for_request(EVERY):
        try:
            if not tried_again:
                spool.retry_poisoned()
                tried_again = True
            taken = replay_spool()
            if taken:
                log.info("spool_replayed", records=taken)
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever happens
            log.error("spool_not_replayed", error=type(error).__name__)
        finally:
            connections.close_all()
