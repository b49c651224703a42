"""`python -m tests.life.years`: portals live for years in minutes; exit code 1 where the books do not balance."""

import argparse
import os
import secrets
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("DATABASE_CONN_MAX_AGE", "1000000000")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from tests import django_stores  # noqa: F401 - sets Django up, on stores of its own where none are given

# isort: split
from django.conf import settings
from django.core.management import call_command

import b24app.urls  # noqa: F401 - all modules are to be there before the clock is replaced
from tests.life.years.run import run


def main() -> int:
    """Run once and print the books."""
    parser = argparse.ArgumentParser(prog="python -m tests.life.years", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="the same makes the same history"
    )
    parser.add_argument("--portals", type=int, default=200)
    parser.add_argument("--days", type=int, default=1095)
    parser.add_argument("--pace", type=float, default=1.0, help="how much faster than usual everything happens")
    asked = parser.parse_args()
    settings.DEBUG = False
    call_command("migrate", verbosity=0)
    _say(f"seed {asked.seed}: {asked.portals} portals, {asked.days} days")
    with tempfile.TemporaryDirectory(prefix="years-") as folder:
        findings = run(asked.seed, asked.portals, asked.days, asked.pace, Path(folder), _say)
    _say("the books balance" if not findings else f"THE BOOKS DO NOT BALANCE: {len(findings)} findings")
    return 1 if findings else 0


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
