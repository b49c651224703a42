"""`manage.py release`: apply the migrations of this version beside the processes that run."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from b24app.operations.migrating import migrate_patiently


class Command(BaseCommand):
    """Once for each new version, before its processes start; may be run again at any time."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait",
            type=float,
            default=600,
            metavar="SECONDS",
            help="how long to try again while a table is in use (600)",
        )

    def handle(self, *_args: Any, wait: float, **_options: Any) -> None:
        try:
            migrate_patiently(wait, self.stdout.write)
        except OperationalError as error:
            self.stdout.write("")  # migrate has left a line unfinished
            self.stdout.flush()  # before what is said on standard error
            raise CommandError(
                f"Not released: {type(error.__cause__ or error).__name__}. What was applied stays applied; "
                "run this again once the database answers and no long transaction, such as a backup, holds its tables."
            ) from None
