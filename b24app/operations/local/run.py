"""`make run`: everything a newcomer needs on one machine, with its data kept in `.local`."""

import sys
from pathlib import Path

from b24app.operations.local import processes, stack
from b24app.operations.local.embedded import Busy
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Ports, Stack
from b24app.operations.local.visitor import Astray

LOCAL = ROOT / ".local"


def run() -> int:
    """Start, say where to look, and stay until Ctrl-C (0) or until a part ends by itself (1)."""
    try:
        with stack.running(LOCAL, Ports(), durable=True, say=_say) as running:
            _furnish(running)
            _welcome(running)
            ended = running.supervisor.watch()
    except KeyboardInterrupt:
        print("\nStopped; the data is kept in .local.")
        return 0
    except (processes.NotReady, Busy, Astray) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{ended} ended by itself:\n{processes.tail(running.supervisor.log(ended))}", file=sys.stderr)
    return 1


def _furnish(running: Stack) -> None:
    """The first time: install the application in the sandbox portal and put a little demonstration data into it."""
    mark = LOCAL / "furnished"
    if mark.exists():
        return
    _say("installing the application in the sandbox portal")
    Journey(running, lambda _words, _at: None).install()
    _say("telling it a past: a demo account with a sender and two weeks of messages")
    running.supervisor.run("seed", ["manage.py", "seed_demo"])
    mark.touch()


def _welcome(running: Stack) -> None:
    print(
        f"\nOpen {running.portal}/\n\n"
        f"  1. Open Sendline in the portal, connect Twilio (address {running.sms}, any AC… account), save a sender.\n"
        f"  2. Open a contact, write an SMS through it, watch it become delivered; it arrives at {running.sms}/.\n"
        f"  3. Make trouble at {running.portal}/switches/ and see what Sendline says about it.\n\n"
        f"Ctrl-C stops everything. Logs: {_short(running.supervisor.log('web').parent)}",
        flush=True,
    )


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _say(words: str) -> None:
    print(f"… {words}", flush=True)
