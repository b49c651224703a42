"""`make demo`: one message end to end in a temporary folder, headless; exit 0 only when the portal says `delivered`."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType

from b24app.operations.local import processes, stack
from b24app.operations.local.embedded import temporary_folder
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import Ports, Stack

SECONDS = 90


def run_demo() -> int:
    """Start everything on free ports, send one message, stop everything; return 0 if it was delivered."""
    signal.signal(signal.SIGALRM, _raise_timeout)
    signal.alarm(SECONDS)
    with temporary_folder() as folder:
        try:
            with stack.run_stack(
                folder, Ports(0, 0, 0, 0), durable=False, say=lambda text: print(f"… {text}", flush=True)
            ) as run:
                _send_one_message(run)
        except Exception as error:  # noqa: BLE001 - whatever the error, show the logs before they are removed
            _show_failure(error, folder / "logs")
            return 1
        finally:
            signal.alarm(0)
    print("Delivered, and everything is stopped.")
    return 0


def _send_one_message(run: Stack) -> None:
    started = time.time()
    journey = Journey(run, lambda text, at: print(f"{at - started:7.2f} s  {text}", flush=True))
    journey.install_app()
    journey.connect_account()
    journey.follow_message(journey.send_message())


def _show_failure(error: Exception, logs: Path) -> None:
    for log in sorted(logs.glob("*.log")):
        print(f"--- {log.stem} ---\n{processes.read_tail(log, 25)}", file=sys.stderr)
    first_line = str(error).partition("\n")[0]
    print(f"The message did not arrive: {type(error).__name__}: {first_line}", file=sys.stderr)


def _raise_timeout(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")
