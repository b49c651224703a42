"""`manage.py rotate_keys`: re-encrypts with the first of SECRETS_KEYS what is sealed with another."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from b24app.core import resealing
from b24app.core.resealing import SealedColumn
from b24app.operations import sealed_rows

ROWS_PER_SECOND = 500
PROGRESS_EVERY = 5.0  # seconds
MAX_NAMED = 20  # rows of a column that no key opens


class Command(BaseCommand):
    """Run beside live processes, once all of them have the new key in front; safe to stop and to run again.

    Exits with 0 only when nothing needs another key any more: then the others can be removed. What waits on another
    node's disk is counted there. What no key opens is named: with its key back it is sealed again, else somebody has to
    enter it again.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only count what needs another key than the first")
        parser.add_argument(
            "--rows-per-second", type=float, default=ROWS_PER_SECOND, help="pace beside the traffic (%(default)s)"
        )

    def handle(self, *_args: Any, check: bool, rows_per_second: float, **_options: Any) -> None:
        needed: Counter[int | None] = Counter()
        for column in resealing.find_sealed_columns():
            changed = 0 if check else self._reseal(column, max(1.0, rows_per_second))
            left = resealing.count_by_key(column)
            needed += left
            self.stdout.write(f"{column.name}: {changed} sealed again, {_by_key(left)}")
            if left[None]:
                self._name_unopened(column)
        changed = 0 if check else resealing.reseal_records()
        records = resealing.count_records_by_key()
        needed += records
        self.stdout.write(f"on this node's disk: {changed} sealed again, {_by_key(records)}")
        if needed:
            self.stdout.write("Another key than the first is still needed.")
            raise SystemExit(1)
        self.stdout.write("Only the first key is needed, except on the disks of other nodes.")

    def _reseal(self, column: SealedColumn, rows_per_second: float) -> int:
        total, tell_at = 0, time.monotonic() + PROGRESS_EVERY
        for changed in resealing.reseal_column(column):
            total += changed
            if time.monotonic() >= tell_at:
                tell_at = time.monotonic() + PROGRESS_EVERY
                self.stdout.write(f"{column.name}: {total} sealed again so far")
            time.sleep(changed / rows_per_second)
        return total

    def _name_unopened(self, column: SealedColumn) -> None:
        rows = resealing.unopened_rows(column, MAX_NAMED + 1)
        for pk in rows[:MAX_NAMED]:
            self.stdout.write(f"  no key opens {sealed_rows.describe_row(column, pk)}")
        if len(rows) > MAX_NAMED:
            self.stdout.write("  and more")


def _by_key(left: Mapping[int | None, int]) -> str:
    """Return `3 left (2 of key 2, 1 of no key)`; keys are counted from 1."""
    places = sorted(left, key=lambda place: (place is None, place or 0))
    parts = [f"{left[one]} of {'no key' if one is None else f'key {one + 1}'}" for one in places if left[one]]
    return f"{sum(left.values())} left" + (f" ({', '.join(parts)})" if parts else "")
