"""Replaying this node's spool as soon as the database is back; every web process does it in a thread."""

import os
import threading
from collections.abc import Mapping

import structlog
from django.db import connections

from b24app.core import shutdown, spool
from b24app.messaging.dispatch import completer, preparation
from b24app.messaging.smpp import receipts
from b24app.portals.rest import token_renewal
from b24app.webhooks import address_keys, delivery_reports, portal_events, portal_messages

log = structlog.get_logger(__name__)

REPLAY_INTERVAL = 2.0  # seconds

HANDLERS: Mapping[str, spool.Handler] = {
    "tokens": token_renewal.replay_renewed_token,  # the most important: a lost refresh token costs a person's time
    "wish": portal_messages.replay_message,
    "report": delivery_reports.replay_report,
    "event": portal_events.replay_event,
    "unsigned": portal_events.replay_event,
    "receipts": receipts.replay_receipts,
    "verdicts": completer.replay_results,
    "claim": preparation.undo_claims,
}


class _Process:
    """The process whose thread replays: a fork inherits this, but not the thread."""

    pid = 0


_process = _Process()
_starting = threading.Lock()


def replay_spool() -> int:
    """Replay the waiting records; return how many were processed."""
    return spool.replay_records(HANDLERS) if spool.waiting_records() else 0


def keep_replaying() -> None:
    """Start the process's replaying thread unless it runs; it first tries poisoned records again."""
    with _starting:
        if _process.pid != os.getpid():
            shutdown.start_essential(_replay_forever, name="spool-replay", daemon=True)
            _process.pid = os.getpid()


def _replay_forever() -> None:
    has_retried = False
    while not shutdown.wait_for_request(REPLAY_INTERVAL):
        try:
            if not has_retried:
                spool.retry_poisoned()
                has_retried = True
            replayed = replay_spool()
            if replayed:
                log.info("spool_replayed", records=replayed)
            address_keys.store_due_uses()
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever happens
            log.error("spool_replay_failed", error=type(error).__name__)
        finally:
            connections.close_all()
