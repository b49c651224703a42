"""`manage.py reregister`: moves what portals call to the first of ADDRESS_KEYS, and counts what needs another."""

from argparse import ArgumentTypeError
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from b24app.messaging.maintenance import address_moves
from b24app.messaging.maintenance.address_moves import MAX_PER_MINUTE, Registered
from b24app.messaging.models import Connection
from b24app.operations import address_calls

PER_MINUTE = 60
MAX_NAMED = 200  # accounts


def read_pace(value: str) -> float:
    """Return the portals a minute."""
    pace = float(value)
    if not 0.1 <= pace <= MAX_PER_MINUTE:
        raise ArgumentTypeError(f"between 0.1 and {MAX_PER_MINUTE}")
    return pace


class Command(BaseCommand):
    """Run once all processes have the new key in front: workers then move what is due, so many portals a minute.

    Run it again to see how far they are. Old addresses work until their key is taken out. A report URL that a person
    pasted at a service can be moved by a person only: those accounts are listed. Exits with 0 once only the first key
    is needed.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only count, and bring no portal's checks forward")
        parser.add_argument(
            "--portals-per-minute", type=read_pace, default=PER_MINUTE, help="pace of the workers (%(default)s)"
        )

    def handle(self, *_args: Any, check: bool, portals_per_minute: float, **_options: Any) -> None:
        found = address_moves.count_registered()
        accounts: Counter[int | None] = Counter()
        for account, key in address_moves.accounts_by_key():
            accounts[key] += 1
            if key != 0 and accounts.total() - accounts[0] <= MAX_NAMED:
                self.stdout.write(_describe_account(account, key))
        for key in [*range(len(settings.ADDRESS_KEYS)), None]:
            self._tell_key(key, found, accounts)
        for reason, count in sorted(address_moves.count_unreachable(found).items()):
            self.stdout.write(f"cannot be called now, and move when they can: {count} portals ({reason})")
        if not check and found.to_move:
            schedule = address_moves.bring_forward(found, portals_per_minute)
            left = max(0.0, (schedule.until - timezone.now()).total_seconds() / 60)
            self.stdout.write(f"brought forward: {schedule.portals} portals, the last one in {left:.0f} min")
        if not self._tell_result(found, accounts):
            raise SystemExit(1)

    def _tell_key(self, key: int | None, found: Registered, accounts: Counter[int | None]) -> None:
        counts = (found.senders[key], found.events[key], accounts[key])
        if key is None and not any(counts):
            return
        name = "not known" if key is None else f"key {key + 1}"
        senders, events, pasted = counts
        self.stdout.write(f"{name}: {senders} senders, events of {events} portals, report URLs of {pasted} accounts")
        for line in address_calls.describe_calls(key) if key is not None else ():
            self.stdout.write(f"  {line}")

    def _tell_result(self, found: Registered, accounts: Counter[int | None]) -> bool:
        """Say of each key but the first whether it can be taken out; return whether only the first is needed."""
        unclear = found.senders[None] + found.events[None]
        if unclear:
            self.stdout.write("What is not known is registered with the first key by the next check of its portal.")
        is_done = not unclear
        for key in range(1, len(settings.ADDRESS_KEYS)):
            why = "portals or services still have its addresses"
            if not (unclear or found.senders[key] or found.events[key] or accounts[key]):
                why = address_calls.why_not_yet(key)
            is_done = is_done and not why
            self.stdout.write(f"Key {key + 1} is still needed: {why}." if why else f"Key {key + 1} can be taken out.")
        return is_done


def _describe_account(account: Connection, key: int | None) -> str:
    name = f"“{account.title}” ({account.service}), {account.portal.domain}"
    if key is None:
        return f"no report since keys are counted, so its report URL may be an old one: {name}"
    return f"the report URL of key {key + 1} has to be replaced at the service: {name}"
