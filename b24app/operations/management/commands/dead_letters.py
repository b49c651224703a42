"""`manage.py dead_letters`: list work that raised and was set aside so that it blocks nothing else, and retry it."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count

from b24app.messaging.actions import retry_dead_letters
from b24app.messaging.models.dead_letters import DeadLetter, Kind

SHOWN = 100


class Command(BaseCommand):
    """Shows ids of rows and classes of exceptions, never their content.

    Exits with 1 while something is set aside, so that a monitor can ask.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kinds", nargs="*", type=_parse_kind, help=f"only these, of {', '.join(Kind.values)}")
        parser.add_argument("--again", action="store_true", help="give them another chance")

    def handle(self, *_args: Any, kinds: Sequence[Kind], again: bool, **_options: Any) -> None:
        if again:
            count = sum(retry_dead_letters.retry_kind(kind) for kind in kinds or list(Kind))
            self.stdout.write(f"{count} are tried again; the workers take them within seconds.")
        letters = DeadLetter.objects.filter(kind__in=list(kinds or Kind))
        for row in letters.values("kind").annotate(count=Count("pk")).order_by("kind"):
            self.stdout.write(f"{row['count']} {row['kind']}: {Kind(row['kind']).label}")
        for letter in letters.order_by("-last_at")[:SHOWN]:
            self.stdout.write(_describe_letter(letter))
        if letters.exists():
            raise SystemExit(1)
        self.stdout.write("nothing is set aside")


def _parse_kind(name: str) -> Kind:
    if name not in Kind.values:
        raise ArgumentTypeError(f"{name} is none of {', '.join(Kind.values)}")
    return Kind(name)


def _describe_letter(letter: DeadLetter) -> str:
    """Return `report 17 of portal 3: StopIteration at messaging/reports/applier.py:180, 2 times, last …`."""
    of = "" if letter.portal_id is None else f" of portal {letter.portal_id}"
    last = f"{letter.last_at:%Y-%m-%d %H:%M}"
    times = "once" if letter.tries == 1 else f"{letter.tries} times"
    again = f", again at {letter.retry_at:%H:%M}" if letter.retry_at else ""
    return f"{letter.kind} {letter.key}{of}: {letter.error} at {letter.place}, {times}, last {last}{again}"
