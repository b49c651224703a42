"""`python -m tests.chaos` does one run; exit code 1 where a book does not balance. `--help` tells the rest."""

import argparse
import secrets
import sys

from b24app.operations.local.supervisor import stopped_by_signals
from tests.chaos import schedule
from tests.chaos.run import BRIEF, LOCAL, long, run


def main() -> int:
    """Run once and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the same makes the same day")
    parser.add_argument("--minutes", type=float, default=6.0, help="of load and faults; quiet comes on top")
    parser.add_argument("--rate", type=float, default=3.0, help="messages per second, all portals together")
    parser.add_argument("--only", default="", help='only faults whose name begins so, as in "worker"')
    parser.add_argument("--brief", action="store_true", help="the short form, as in the tests")
    parser.add_argument("--plan", action="store_true", help="only print what would be done")
    asked = parser.parse_args()
    form = BRIEF if asked.brief else long(asked.minutes, asked.rate, asked.only)
    if asked.plan:
        for fault in schedule.faults(asked.seed, form.seconds, brief=form.brief, only=form.only):
            _say(f"{fault.at:8.1f} s for {fault.seconds:5.1f} s  {fault.kind:28} {dict(fault.params)}")
        return 0
    with stopped_by_signals():
        result = run(asked.seed, form, _say)
    _say(result.text)
    _say(f"seed {asked.seed}: {'the books balance' if not result.findings else 'THE BOOKS DO NOT BALANCE'}; {LOCAL}")
    return 1 if result.findings else 0


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
