"""`manage.py smpp`: keeps SMPP accounts bound, sends over them and receives their delivery receipts."""

import os
import signal
from typing import Any

import structlog
from django.core.management.base import BaseCommand

from b24app.core import shutdown
from b24app.core.gc_tuning import reduce_collections
from b24app.messaging.smpp import bind_limit
from b24app.messaging.smpp.smpp_dispatcher import SmppDispatcher
from b24app.operations.monitoring import monitor
from b24app.operations.schema import wait_for_migrations
from b24app.operations.starting import check_can_start
from b24app.webhooks import spool_replay

EXIT_WITHIN = 18.0  # seconds
SIGNAL_WAIT = 1.0
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Any number may run; each account is bound by one of them. Exits within 20 seconds of a request to stop."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        check_can_start()
        wait_for_migrations()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # in all threads; this one waits for them below
        reduce_collections()
        bind_limit.raise_file_limit()
        spool_replay.keep_replaying()
        smpp = SmppDispatcher()
        dispatcher = shutdown.start_essential(smpp.run, name="dispatcher")
        monitor.keep_monitoring("smpp", smpp.leases.holder)
        log.info("smpp_ready", pid=os.getpid())  # from here on a signal ends it gracefully
        while signal.sigtimedwait(STOP_SIGNALS, SIGNAL_WAIT) is None:
            pass
        shutdown.request_shutdown()
        shutdown.exit_after(EXIT_WITHIN)
        dispatcher.join()
        raise SystemExit(shutdown.exit_code())
