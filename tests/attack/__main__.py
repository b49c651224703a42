"""`python -m tests.attack`: every attack while a victim is timed; exit code 1 where it suffered."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from b24app.operations.local.supervisor import stopped_by_signals
from tests.attack import healing
from tests.attack.deployment import run_deployment
from tests.attack.measures import Round, violations
from tests.attack.registry import ATTACKS
from tests.attack.run import BRIEF, LONG, Form, Runner, as_json, in_company
from tests.attack.table import line, table
from tests.attack.victim import Centre, Victim, settle

LOCAL = Path(__file__).resolve().parents[2] / ".local" / "attack"
WARM_SECONDS = 4.0


def main() -> int:
    """Attack, print the table, write the file."""
    asked = _arguments()
    names = [name for name in ATTACKS if not asked.only or name.startswith(tuple(asked.only))]
    form = BRIEF if asked.brief else LONG
    if asked.minutes:
        form = replace(form, attack=asked.minutes * 60 / len(names))
    form = replace(form, fuzz=asked.fuzz)
    if asked.list:
        for name in names:
            say(f"{name:20} {ATTACKS[name].finding:6} {ATTACKS[name].words}")
        return 0
    size = asked.together or (3 if asked.brief else 1)
    groups = in_company(names, size, asked.seed) if size > 1 else [(name,) for name in names]
    found: dict[str, list[str]] = {}
    rounds: list[Round] = []
    say(f"seed {asked.seed}, {len(groups)} rounds: starting everything")
    with stopped_by_signals():
        _attack(groups, form, asked, rounds, found)
    say(table(rounds, found))
    LOCAL.mkdir(parents=True, exist_ok=True)
    path = LOCAL / f"{asked.seed}.json"
    path.write_text(as_json(rounds, found, asked.seed))
    say(f"seed {asked.seed}; {path}")
    return int(any(found.values()))


def _attack(
    groups: Sequence[Sequence[str]],
    form: Form,
    asked: argparse.Namespace,
    rounds: list[Round],
    found: dict[str, list[str]],
) -> None:
    began = time.monotonic()
    with run_deployment() as deployment:
        centre = Centre()
        centre.start()
        victim = Victim(deployment, settle(deployment, centre))
        runner = Runner(deployment, victim, centre, form, asked.seed, say)
        victim.start()
        try:
            time.sleep(WARM_SECONDS)
            for names in groups:
                for _ in range(1 + asked.again):
                    one = runner.play(names)
                    rounds.append(one)
                    wrong = found["+".join(names)] = violations(one, asked.scale)
                    say(f"{time.monotonic() - began:5.0f} s {line(one)}{' !' if wrong else ''}")
                    for words in wrong:
                        say(f"          {words}")
                    healing.tidy(deployment)
                    if wrong:
                        deployment.processes.restart()
                        time.sleep(WARM_SECONDS)
                    victim.renew()
                    if not wrong:
                        break
        finally:
            victim.stop()
            centre.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="the same makes the same attacks"
    )
    parser.add_argument(
        "--only", action="append", default=[], help="only attacks whose name begins so; may be repeated"
    )
    parser.add_argument("--minutes", type=float, default=0.0, help="of attacks, all together")
    parser.add_argument("--together", type=int, default=0, help="so many at a time, in random groups")
    parser.add_argument(
        "--fuzz", type=int, default=0, help="requests at the machines' addresses; a tenth in the console"
    )
    parser.add_argument("--brief", action="store_true", help="the short form, as before anything lands")
    parser.add_argument(
        "--scale", type=float, default=float(os.environ.get("ATTACK_SCALE", "1")), help="of time limits"
    )
    parser.add_argument(
        "--again", type=int, default=0, help="play a round that hurt so often again; it counts where it hurts each time"
    )
    parser.add_argument("--list", action="store_true", help="only say which there are")
    return parser.parse_args()


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
