"""The steps of the first days, told from what is stored; what has become of each is never stored itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from b24app.console.frame.screen import address
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Status
from b24app.messaging.statistics.authors import authors_of
from b24app.messaging.statistics.demo_accounts import is_demo
from b24app.portals.models import Portal, PortalToken
from providers.kit import registry
from providers.kit.contract import Reports

MAX_AUTHORS = 20  # employees whose messages are looked at for one that is not the installer's


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with the address of the screen where it is done."""

    title: str | Promise
    hint: str | Promise
    href: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    """All steps in their order. `is_rehearsing`: so far there are accounts of the demo service only."""

    steps: Sequence[Step]
    is_rehearsing: bool

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_complete(self) -> bool:
        return self.done == len(self.steps)

    @property
    def next_step(self) -> Step | None:
        return next((step for step in self.steps if not step.is_done), None)


def build_checklist(portal: Portal) -> Checklist:
    """Return the steps of a portal. The demo service only rehearses: none of its rows completes a step."""
    accounts = list(Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk"))
    real = [one for one in accounts if not is_demo(one.service)]
    senders = list(_senders_of(real))
    has_messages, has_reports = _outcomes_of(portal, real)
    steps = [
        Step(
            _("Set country and time zone"),
            _("For phone numbers without a country code and for the days in reports."),
            address(portal, "settings") if portal.has_region else f"{address(portal, 'home')}#region",
            portal.has_region,
        ),
        Step(
            _("Connect an account"),
            _("At the SMS service that sends your messages."),
            address(portal, "connect"),
            bool(real),
        ),
        Step(_("Add a sender"), _("Employees choose it in Bitrix24."), _sender_address(portal, real), bool(senders)),
        Step(
            _("Send a test message"),
            _("To your own phone."),
            _test_address(portal, senders),
            has_messages or any(one.tested_at for one in senders),
        ),
    ]
    if not real or any(_reports(one.service) for one in real):
        hint = _("The service reports whether a message was delivered.")
        steps.append(Step(_("Receive a delivery report"), hint, address(portal, "help"), has_reports))
    hint = _("Another employee sends from a CRM item or by an automation rule.")
    steps.append(
        Step(_("First message by a colleague"), hint, address(portal, "journal"), _has_colleague(portal, real))
    )
    return Checklist(steps, is_rehearsing=bool(accounts) and not real)


def _senders_of(accounts: Sequence[Connection]) -> Sequence[Sender]:
    found = Sender.objects.filter(connection__in=accounts).order_by("pk") if accounts else Sender.objects.none()
    return list(found.exclude(state__in=[SenderState.DRAFT, SenderState.REMOVED, SenderState.REMOVING]))


def _sender_address(portal: Portal, accounts: Sequence[Connection]) -> str:
    return address(portal, "sender-new", connection=accounts[0].uuid) if accounts else address(portal, "connect")


def _test_address(portal: Portal, senders: Sequence[Sender]) -> str:
    return address(portal, "test", sender=senders[0].uuid) if senders else address(portal, "senders")


def _outcomes_of(portal: Portal, accounts: Sequence[Connection]) -> tuple[bool, bool]:
    """Return whether messages were sent over these accounts, and whether a service reported what became of one."""
    if not accounts:
        return False, False
    tallies = DayTally.objects.filter(portal=portal, connection__in=accounts, messages__gt=0)
    statuses = set(tallies.exclude(status=Status.FAILED).values_list("status", flat=True).distinct())
    return bool(statuses), bool(statuses & {Status.DELIVERED, Status.UNDELIVERED})


def _reports(service: str) -> bool:
    found = registry.find(service)
    return found is not None and found.reports != Reports.NONE


def _has_colleague(portal: Portal, accounts: Sequence[Connection]) -> bool:
    """Return whether somebody other than the installer has sent a message that was no test."""
    installer = portal.installed_by or _oldest_administrator(portal)
    colleagues = [one for one in authors_of(portal, MAX_AUTHORS) if one != installer]
    if not accounts or not colleagues:
        return False
    theirs = Message.objects.filter(portal=portal, author_id__in=colleagues, connection__in=accounts)
    return bool(theirs.exclude(origin=Origin.TEST).exists())


def _oldest_administrator(portal: Portal) -> int | None:
    """Return who probably installed: portals of older versions do not say."""
    tokens = PortalToken.objects.filter(portal=portal, is_system=False).order_by("pk")
    return tokens.values_list("user_id", flat=True).first()
