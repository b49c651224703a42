"""`manage.py smpp`: keeps the accounts bound that speak SMPP, sends over them and takes their receipts."""

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from b24app.core import stopping
from b24app.core.garbage import rarely_collect
from b24app.doors import replay
from b24app.messaging.smpp.process import Switchboard

GONE_AFTER = 18.0  # seconds
LOOK_EVERY = 1.0
ENDS = {signal.SIGTERM, signal.SIGINT}


class Command(BaseCommand):
    """Any number may run; each account is bound by one of them. Asked to stop, it is gone within 20 seconds."""

    help = __doc__
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # for all threads; this one waits for them below
        rarely_collect()
        replay.keep_replaying()
        board = threading.Thread(target=Switchboard().run, name="board")
        board.start()
        while board.is_alive() and signal.sigtimedwait(ENDS, LOOK_EVERY) is None:
            pass
        stopping.ask()
        late = threading.Timer(GONE_AFTER, os._exit, [0])
        late.daemon = True
        late.start()
        board.join()
