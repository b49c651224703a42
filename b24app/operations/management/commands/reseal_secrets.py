"""`manage.py reseal_secrets`: re-encrypts with the first of SECRETS_KEYS what is sealed with another."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from b24app.core import resealing


class Command(BaseCommand):
    """Run beside live processes, once all of them have the new key in front; safe to stop and to run again.

    Exits with 0 only when nothing needs another key any more: then the others can be removed. What waits on another
    node's disk is counted there.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only count what needs another key than the first")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        left = 0
        for column in resealing.find_sealed_columns():
            sealed = 0 if check else resealing.reseal_column(column)
            stale = resealing.count_stale(column)
            left += stale
            self.stdout.write(f"{column.name}: {sealed} sealed again, {stale} left")
        records = resealing.count_stale_records()
        self.stdout.write(f"on this node's disk: {records} left")
        if left or records:
            self.stdout.write("Another key than the first is still needed.")
            raise SystemExit(1)
        self.stdout.write("Only the first key is needed.")
