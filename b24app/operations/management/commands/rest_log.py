"""`manage.py rest_log`: a portal's exchanges with Bitrix24 in both directions, newest first."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from b24app.console.journal.search import find_by_id
from b24app.console.rest_log.entries import Conditions, iterate_entries
from b24app.console.rest_log.rows import LogRow
from b24app.portals.models import Portal

PAGE_SIZE = 500
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    """Shows what administrators see in Settings, *REST log*; with `-v 2` also what was kept of each entry."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--portal", required=True, help="its domain, member_id or number")
        parser.add_argument("--method", default="", help="a REST method, an event or `handler`")
        parser.add_argument("--errors", action="store_true", help="only what failed")
        parser.add_argument("--since", type=_parse_since, help="30m, 12h, 3d or a time in UTC, 2026-11-30T19:00")
        parser.add_argument("--message", default="", help="an id of a message: ours, Bitrix24's or the service's")
        parser.add_argument("--limit", type=int, default=100, help="show so many at most (100)")

    def handle(self, *_args: Any, **options: Any) -> None:
        portal = _find_portal(options["portal"])
        conditions = Conditions(
            name=options["method"],
            errors=options["errors"],
            since=options["since"],
            messages=find_by_id(portal, options["message"]) if options["message"] else None,
        )
        entries = islice(iterate_entries(portal.pk, conditions, PAGE_SIZE), options["limit"])
        rows = LogRow.load_all(portal, list(entries), conditions.messages)
        for row in rows:
            self.stdout.write(_describe_row(row))
            if options["verbosity"] > 1:
                self.stdout.write("".join(f"    {line}\n" for line in row.details.splitlines()))
        if not rows:
            self.stdout.write("nothing is recorded")


def _find_portal(named: str) -> Portal:
    condition = Q(domain=named.lower()) | Q(member_id=named)
    if named.isascii() and named.isdecimal() and len(named) < 18:
        condition |= Q(pk=int(named))
    found = list(Portal.objects.filter(condition)[:2])
    if len(found) != 1:
        raise CommandError("several portals have this name" if found else "there is no such portal")
    return found[0]


def _parse_since(value: str) -> datetime:
    if span := re.fullmatch(r"(\d{1,4})([mhd])", value):
        return timezone.now() - timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ArgumentTypeError(f"{value} is neither like 3d nor a time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _describe_row(row: LogRow) -> str:
    """Return `2026-11-30 19:52:44.123 to   200  85 ms messageservice.sender.list`, with an error at the end."""
    at = f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{row.at.microsecond // 1000:03}"
    took = "" if row.ms is None else f"{row.ms} ms"
    direction = "from" if row.is_incoming else "to"
    return f"{at} {direction:4} {row.status or '-':>3} {took:>8} {row.name} {row.error}".rstrip()
