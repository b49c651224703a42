"""`manage.py books`: whether each message accepted on a day has ended, waits or is unknown, and is counted once."""

from argparse import ArgumentTypeError
from collections import Counter
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Max
from django.utils import timezone

from b24app.operations.books import COUNTED, OPEN, Account, read_books
from b24app.operations.models import Heartbeat
from b24app.portals.models import Portal

NAMES = {"on_wire": "on the wire", "sent": "sent, without a report"}
ALIVE = timedelta(minutes=1)


class Command(BaseCommand):
    """Exits with 1 and a red line for each account whose books do not balance, so that a timer can run it daily."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=_parse_day, help="in the portals' time zones, 2026-11-30 (yesterday)")
        parser.add_argument("--portal", type=int, help="only this portal, by its number, with each account")

    def handle(self, *_args: Any, day: date | None, portal: int | None, **_options: Any) -> None:
        day = day or timezone.now().date() - timedelta(days=1)
        only = None if portal is None else Portal.objects.filter(pk=portal).first()
        if portal is not None and only is None:
            raise CommandError("there is no such portal")
        totals, wrong, accounts = Counter[str](), 0, 0
        for account in read_books(day, only):
            accounts += 1
            totals.update(account.stored)
            if only is not None:
                self.stdout.write(f"account {account.connection_id}: {_equation(Counter(account.stored))}")
            if account.errors:
                wrong += 1
                self.stdout.write(self.style.ERROR(_describe_errors(account)))
        self.stdout.write(f"{day}, {accounts} accounts: {_equation(totals)}")
        self.stdout.write(f"on the disks of nodes, not booked yet: {_records_on_disks()}")
        if wrong:
            self.stdout.write(self.style.ERROR(f"the books of {wrong} accounts do not balance"))
            raise SystemExit(1)
        self.stdout.write(self.style.SUCCESS("the books balance"))


def _parse_day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ArgumentTypeError(f"{value} is no day, as in 2026-11-30") from None


def _equation(states: Counter[str]) -> str:
    """Return `accepted 12 = 10 delivered + 2 waiting`."""
    parts = [f"{states[state]} {NAMES.get(state, state)}" for state in (*reversed(COUNTED), *OPEN) if states[state]]
    return f"accepted {states.total()} = {' + '.join(parts) or '0'}"


def _describe_errors(account: Account) -> str:
    """Return `portal 3, account 7: delivered: 12 rows, 11 counted`."""
    errors = [f"{state}: {stored} rows, {counted} counted" for state, (stored, counted) in account.errors.items()]
    return f"portal {account.portal_id}, account {account.connection_id}: {'; '.join(errors)}"


def _records_on_disks() -> int:
    """Return how many records the nodes that live told last."""
    living = Heartbeat.objects.filter(beat_at__gt=timezone.now() - ALIVE, stopped_at=None)
    return sum(living.values("spool").annotate(records=Max("spool_records")).values_list("records", flat=True))
