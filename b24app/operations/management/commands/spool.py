"""`manage.py spool`: what waits on this node's disk, what was set aside, and how much room is used."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app.core import spool
from b24app.operations import spool_adoption

MB = 1024 * 1024
WAITS_TOO_LONG = 60.0  # seconds: records are replayed within seconds once the database is there


class Command(BaseCommand):
    """Counts records by kind, never shows their content.

    Exits with 1 while something is set aside or has waited for a minute, for a monitor; with --adopt, while something
    is left in the other folder.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--again", action="store_true", help="give what was set aside another chance")
        parser.add_argument(
            "--adopt", metavar="DIR", type=Path, help="move the spool of a node that never returns into this node's"
        )

    def handle(self, *_args: Any, again: bool, adopt: Path | None, **_options: Any) -> None:
        left = self._adopt(adopt) if adopt else 0
        if again:
            self.stdout.write(f"{spool.retry_poisoned()} records wait again.")
        waiting, aside = spool.waiting_records(), spool.poisoned_records()
        self.stdout.write(f"waiting: {_summarize_records(waiting)}")
        self.stdout.write(f"set aside: {_summarize_records(aside)}")
        self.stdout.write(f"room: {spool.size_in_bytes() / MB:.1f} of {spool.capacity_in_bytes() / MB:.0f} MB used")
        if waiting and not spool_adoption.is_spool_used():
            self.stdout.write("No process of this node runs that would take up what waits.")
        if left or (not adopt and (aside or (waiting and _age(waiting[0]) > WAITS_TOO_LONG))):
            raise SystemExit(1)

    def _adopt(self, folder: Path) -> int:
        """Adopt a folder, and return how many records had no room."""
        try:
            adoption = spool_adoption.adopt_folder(folder)
        except spool_adoption.CannotAdopt as why:
            raise CommandError(str(why)) from None
        self.stdout.write(f"{adoption.moved} records moved from {folder}, {adoption.left} left there.")
        if adoption.left:
            self.stdout.write("There is no room for more: run this again once those that wait here have been taken up.")
        return adoption.left


def _summarize_records(paths: list[Path]) -> str:
    """Return `3 (2 wish, 1 report), the oldest for 75 s`."""
    if not paths:
        return "nothing"
    kinds = Counter(path.suffix[1:] for path in paths).most_common()
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return f"{len(paths)} ({counts}), the oldest for {_age(paths[0]):.0f} s"


def _age(record: Path) -> float:
    """Return since how many seconds a record waits: its name begins with its time in nanoseconds."""
    return time.time() - int(record.name.partition("-")[0]) / 1e9
