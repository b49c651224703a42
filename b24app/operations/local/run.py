"""`make run`: everything a newcomer needs on one machine, with its data kept in `.local`."""

import sys
from pathlib import Path

from b24app.operations.local import processes, stack
from b24app.operations.local.embedded import Busy
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Ports, Stack
from b24app.operations.local.visitor import UnexpectedPage

LOCAL = ROOT / ".local"


def run_local() -> int:
    """Start, print the addresses, and stay until Ctrl-C (0) or until a process ends by itself (1)."""
    try:
        with stack.run_stack(LOCAL, Ports(), durable=True, say=_print_step) as running:
            _seed_once(running)
            _print_welcome(running)
            ended = running.supervisor.wait_for_end()
    except KeyboardInterrupt:
        print("\nStopped; the data is kept in .local.")
        return 0
    except (processes.NotReady, Busy, UnexpectedPage) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{ended} ended by itself:\n{processes.read_tail(running.supervisor.log_file(ended))}", file=sys.stderr)
    return 1


def _seed_once(running: Stack) -> None:
    """Install the application in the sandbox portal and seed demonstration data, the first time only."""
    marker = LOCAL / "furnished"
    if marker.exists():
        return
    _print_step("installing the application in the sandbox portal")
    Journey(running, lambda _text, _at: None).install_app()
    _print_step("seeding demonstration data: accounts at three services and two weeks of messages")
    running.supervisor.run("seed", ["manage.py", "seed_demo", "--shop", running.sms])
    marker.touch()


def _print_welcome(running: Stack) -> None:
    print(
        f"\nOpen {running.portal}/\n\n"
        f"  1. Open Sendline in the portal, connect Twilio (address {running.sms}, any AC… account), save a sender.\n"
        f"  2. Open a contact, write an SMS through it, watch it become delivered; it arrives at {running.sms}/.\n"
        f"  3. Make trouble at {running.portal}/switches/ and see what Sendline says about it.\n\n"
        f"Ctrl-C stops everything. Logs: {_shorten_path(running.supervisor.log_file('web').parent)}",
        flush=True,
    )


def _shorten_path(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _print_step(text: str) -> None:
    print(f"… {text}", flush=True)
