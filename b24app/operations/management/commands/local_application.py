"""`manage.py local_application`: applications that administrators have added in their own Bitrix24, for Sendline."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core.signed_urls import public_url
from b24app.portals import installation, scopes
from b24app.portals.applications import registry
from b24app.portals.applications.models import LocalApplication
from b24app.portals.applications.registry import RegistryError
from b24app.portals.models import Portal

FORM = """\
In Bitrix24, as an administrator: Applications > Developer resources > Other > Local application.
  Type                       Server
  Your handler path          {handler}
  Initial installation path  {installer}
  Uses API only              no (Sendline has pages of its own)
  Menu item text             Sendline
  Assign permissions         {required} (required)
                             {optional} (optional)
Save the form. Bitrix24 then shows client_id (Application ID) and client_secret (Application key).
"""
NEXT = """\
Now an administrator opens Sendline in the left menu of {host}, and the installation begins.
"""
DEEDS = "add | list | disable | enable | rotate_secret"
TOO_MANY = "there is one too many. A secret is no argument: it is asked for, piped in, or read from --secret-file."


class _DeedParser(CommandParser):
    """Refuses further arguments without repeating them: one of them may be a secret."""

    def __init__(self, **options: Any) -> None:
        # Abbreviated, --secret would be --secret-file, and what follows it quoted as a file's name.
        super().__init__(**options, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what there is to parse; there may be nothing else."""
        parsed, others = super().parse_known_args(args, namespace)
        if others:
            self.error(TOO_MANY)
        return parsed, []


class Command(BaseCommand):
    """Without a subcommand it says what to enter in Bitrix24. docs/local-applications.md tells it step by step."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", parser_class=_DeedParser, metavar=DEEDS)
        add = deeds.add_parser("add", help="let the application of one portal use this installation")
        _expect_client_id(add)
        add.add_argument("--portal", required=True, help="its address, like company.bitrix24.com")
        _expect_secret(add)
        deeds.add_parser("list", help="show all of them, without secrets")
        _expect_client_id(deeds.add_parser("disable", help="end its use: tokens are deleted at once, data in 30 days"))
        _expect_client_id(deeds.add_parser("enable", help="take that back; an administrator then opens Sendline again"))
        rotate = deeds.add_parser("rotate_secret", help="renew tokens with another secret from now on")
        _expect_client_id(rotate)
        _expect_secret(rotate)

    def handle(self, *_args: Any, deed: str | None, **options: Any) -> None:
        try:
            if deed == "add":
                self._add_application(options)
            elif deed == "list":
                self._list_applications()
            elif deed == "disable":
                self._disable_application(registry.find_application(options["client_id"]))
            elif deed == "enable":
                self._enable_application(registry.find_application(options["client_id"]))
            elif deed == "rotate_secret":
                self._rotate_secret(options)
            else:
                self.stdout.write(_describe_form(), ending="")
        except RegistryError as error:
            raise CommandError(str(error)) from None

    def _add_application(self, options: dict[str, Any]) -> None:
        registry.read_host(options["portal"])  # before anybody types a secret
        secret = _read_secret(options["secret_file"])
        application = registry.add_application(options["client_id"], secret, options["portal"])
        self.stdout.write(f"{application.client_id} may be used by {application.host}.")
        if not application.client_id.startswith("local."):
            self.stdout.write("Client ids of local applications begin with “local.”: check that this is one.")
        self.stdout.write(f"\nWhat the form in Bitrix24 must say:\n\n{_describe_form()}")
        self.stdout.write(NEXT.format(host=application.host), ending="")

    def _list_applications(self) -> None:
        applications = LocalApplication.objects.order_by("host", "pk").prefetch_related("portals")
        for application in applications:
            self.stdout.write(_describe_application(application))
        if not applications:
            self.stdout.write("There is no local application.")

    def _disable_application(self, application: LocalApplication) -> None:
        if application.disabled_at is None:
            registry.set_disabled(application, timezone.now())
        self.stdout.write(f"{application.client_id} is disabled: nobody can open Sendline with it.")
        for portal in Portal.objects.installed().filter(application=application):
            with transaction.atomic():
                installation.uninstall_portal(portal, clean=False)
                record_change(Action.UNINSTALLED, Subject(portal.pk, Kind.PORTAL, portal.pk))
            self.stdout.write(f"{portal.domain}: tokens deleted, nothing is sent; {_describe_erasure(portal)}.")

    def _enable_application(self, application: LocalApplication) -> None:
        registry.set_disabled(application, None)
        self.stdout.write(f"{application.client_id} may be used again.")
        self.stdout.write(NEXT.format(host=application.host), ending="")

    def _rotate_secret(self, options: dict[str, Any]) -> None:
        registry.find_application(options["client_id"])
        application = registry.rotate_secret(options["client_id"], _read_secret(options["secret_file"]))
        self.stdout.write(f"{application.client_id} has another secret, which is used from now on.")


def _expect_client_id(parser: ArgumentParser) -> None:
    parser.add_argument("client_id", help="as Bitrix24 shows it, like local.5f0d2a.81")


def _expect_secret(parser: ArgumentParser) -> None:
    parser.add_argument("--secret-file", type=Path, help="a file with the secret alone; without it you are asked")


def _read_secret(file: Path | None) -> str:
    """Return the secret from a file, from a prompt that shows nothing, or from what is piped in."""
    if file is not None:
        try:
            return file.read_text()
        except (OSError, UnicodeDecodeError):
            raise CommandError(f"The file {file} cannot be read.") from None
    return getpass.getpass("Client secret: ") if sys.stdin.isatty() else sys.stdin.read()


def _describe_form() -> str:
    return FORM.format(
        handler=public_url("/app/"),
        installer=public_url("/install/"),
        required=", ".join(scopes.REQUIRED),
        optional=", ".join(scopes.OPTIONAL),
    )


def _describe_application(application: LocalApplication) -> str:
    """Return `local.5f0d2a.81 for company.bitrix24.com, added 2026-11-30: installed`."""
    states = [_describe_portal(portal, application) for portal in application.portals.all()]
    state = "; ".join(states) or "not opened yet"
    if application.disabled_at is not None:
        state = f"disabled since {application.disabled_at:%Y-%m-%d}; {state}"
    return f"{application.client_id} for {application.host}, added {application.created_at:%Y-%m-%d}: {state}"


def _describe_portal(portal: Portal, application: LocalApplication) -> str:
    where = "" if portal.domain == application.host else f" at {portal.domain}"
    if portal.uninstalled_at is not None:
        return f"uninstalled{where}, {_describe_erasure(portal)}"
    if portal.may_be_our_fault:
        return f"installed{where}, but Bitrix24 refuses the client secret"
    return f"installed{where}" if portal.installed_at else f"being installed{where}"


def _describe_erasure(portal: Portal) -> str:
    return f"its data are erased on {portal.erase_at:%Y-%m-%d}" if portal.erase_at else "its data are kept"
