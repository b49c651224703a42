"""`manage.py portal_truth`: portals that may show statuses wrongly, those with most first."""

import re
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from b24app.messaging.push import portal_truth


class Command(BaseCommand):
    """Counts the statuses of the last fourteen days that portals have not acknowledged although there was time for it.

    Exits with 1 while there is any, so that a monitor can ask.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=50, help="show so many portals at most (50)")
        parser.add_argument("--after", type=_parse_place, help="go on after this place, like 17:3")

    def handle(self, *_args: Any, **options: Any) -> None:
        limit = max(options["limit"], 1)
        found = portal_truth.list_portals(limit + 1, options["after"])
        for count, portal in found[:limit]:
            why = portal.suspension or ("no token" if portal.no_token_since else "")
            self.stdout.write(f"{count} in portal {portal.pk}, {portal.domain}{f': {why}' if why else ''}")
        if len(found) > limit:
            count, portal = found[limit - 1]
            self.stdout.write(f"more: --after {count}:{portal.pk}")
        if found:
            raise SystemExit(1)
        self.stdout.write("every status is acknowledged")


def _parse_place(value: str) -> tuple[int, int]:
    if place := re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", value):
        return int(place[1]), int(place[2])
    raise ArgumentTypeError(f"{value} is not like 17:3")
