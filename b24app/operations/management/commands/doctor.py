"""`manage.py doctor`: what is wrong with this installation, and what to do about it."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app.operations.doctor import live_checks, local_checks, pools
from b24app.operations.doctor.findings import Check, Finding, Level
from b24app.operations.doctor.runner import exit_code, run_checks

MARKS = {Level.OK: "ok      ", Level.WARNING: "warning ", Level.ERROR: "error   "}


class Command(BaseCommand):
    """Reads settings, disk, stores and the network; changes nothing. Ends within half a minute, whatever is away.

    Exits with 0 where all is well, 1 with warnings, 2 with errors.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a list of findings for machines")
        parser.add_argument("--quiet", action="store_true", help="leave out what is well")
        parser.add_argument("--only", nargs="+", default=[], metavar="CHECK", help="these checks alone")
        parser.add_argument("--processes", default="", help="how many run, as web=2,worker=3; one of each unless given")

    def handle(self, *_args: Any, **options: Any) -> None:
        checks = _choose_checks(options["only"], options["processes"])
        found = list(run_checks(checks))
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(check, one) for check, findings in found for one in findings]))
        else:
            for check, findings in found:
                self._print_findings(check, findings, quiet=options["quiet"])
        if code := exit_code([one for _, findings in found for one in findings]):
            self.stdout.flush()
            raise SystemExit(code)

    def _print_findings(self, check: Check, findings: Any, *, quiet: bool) -> None:
        for finding in findings:
            if not (quiet and finding.level is Level.OK):
                self.stdout.write(f"{MARKS[finding.level]}{check.name}: {finding}")


def _choose_checks(only: list[str], processes: str) -> list[Check]:
    try:
        counts = pools.parse_processes(processes)
    except ValueError as wrong:
        raise CommandError(f"--processes: {wrong}") from None
    known = [
        check
        for check in (*local_checks.LOCAL, *live_checks.list_live(pools.count_connections(counts)))
        if not (check.is_for_production and settings.DEVELOPMENT)
    ]
    if unknown := set(only) - {check.name for check in known}:
        raise CommandError(f"{min(unknown)} is none of {', '.join(check.name for check in known)}")
    return [check for check in known if not only or check.name in only]


def _as_dict(check: Check, finding: Finding) -> dict[str, str]:
    return {"check": check.name, "level": finding.level.value, "says": finding.says, "mend": finding.mend}
