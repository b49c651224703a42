"""The table of Home: is each sender well, with one cause where it is not and the one step that helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.console.frame.screen import address
from b24app.console.journal.links import messages_url
from b24app.console.reports.sender_health import LastError, SenderHealth, list_sender_health
from b24app.console.wording.account_explanations import explain_block
from b24app.console.wording.portal_errors import explain_refusal
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, SenderState
from b24app.messaging.models.statuses import Phase
from b24app.messaging.statistics.demo_accounts import demo_accounts
from b24app.portals.models import Portal
from providers.kit import registry

MAX_COUNTED = 1000  # messages to review
SPENT_IN = 7  # days from whose spending the rest of a balance is told
MIN_DAYS_SPENT = 3  # days with spending: fewer say nothing about the next ones
MAX_DAYS_LEFT = 30  # more is no news


@dataclass(frozen=True, slots=True)
class Action:
    """The one step of a row: a link, or a button that posts (`is_post`), or a page of the service (`is_outside`)."""

    label: str
    href: str
    is_urgent: bool = False
    is_post: bool = False
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class SenderRow:
    """One row; `error` only where nothing was sent since, `days_left` only where it can be told and matters."""

    health: SenderHealth
    href: str
    cause: str | Promise
    action: Action
    error: LastError | None
    error_href: str
    days_left: int | None


def list_sender_rows(portal: Portal) -> list[SenderRow]:
    """Return a row for every sender, those in trouble first."""
    rows = list_sender_health(portal)
    to_review = _messages_to_review(portal)
    days_left = _days_left(portal, {row.sender.connection_id: row.sender.connection for row in rows})
    return [_make_row(portal, row, to_review.get(row.sender.pk, 0), days_left) for row in rows]


def _make_row(portal: Portal, row: SenderHealth, to_review: int, days_left: Mapping[int, int]) -> SenderRow:
    sender, error = row.sender, row.error
    is_latest = error is not None and (row.success_at is None or error.at > row.success_at)
    shown = error if is_latest else None
    return SenderRow(
        health=row,
        href=address(portal, "sender", sender=sender.uuid),
        cause=_find_cause(row, to_review),
        action=_find_action(portal, row, to_review),
        error=shown,
        error_href=messages_url(portal, reason=shown.reason, sender=sender.uuid, since=shown.day) if shown else "",
        days_left=days_left.get(sender.connection_id),
    )


def _find_cause(row: SenderHealth, to_review: int) -> str | Promise:
    """Return the gravest reason alone why a sender is not well."""
    if cause := _find_fault(row):
        return cause
    if row.sender.connection.state == ConnectionState.PAUSED:
        return _("Account paused")
    if row.sender.paused_at:
        return _("Sender paused")
    if to_review:
        words = ngettext("{count} message to review", "{count} messages to review", to_review)
        return words.format(count=to_review)
    return ""


def _find_fault(row: SenderHealth) -> str | Promise:
    """Return what is wrong with a sender or its account, "" for nothing; our own sentence before a service's."""
    sender, account = row.sender, row.sender.connection
    if sender.state == SenderState.REFUSED:
        return explain_refusal(sender).what
    if account.state == ConnectionState.BLOCKED:
        return explain_block(account).what
    if account.breaker_until and account.breaker_until > timezone.now():
        return _("{service} is not responding").format(service=row.service)
    return row.trouble


def _find_action(portal: Portal, row: SenderHealth, to_review: int) -> Action:
    """Return the step that removes the cause; for a sender that is well, a test."""
    sender, account = row.sender, row.sender.connection
    if row.state == "attention":
        return _find_mend(portal, row)
    if account.state == ConnectionState.PAUSED:
        resume = address(portal, "connection-resume", connection=account.uuid)
        return Action(_("Resume"), f"{resume}?from=home", is_post=True)
    if sender.paused_at:
        resume = address(portal, "sender-resume", sender=sender.uuid)
        return Action(_("Resume"), f"{resume}?from=home", is_post=True)
    if to_review:
        return Action(_("Review"), messages_url(portal, status="unknown", sender=sender.uuid))
    return Action(_("Send test"), address(portal, "test", sender=sender.uuid))


def _find_mend(portal: Portal, row: SenderHealth) -> Action:
    sender, account = row.sender, row.sender.connection
    if sender.state == SenderState.REFUSED:
        return Action(_("Fix"), address(portal, "sender", sender=sender.uuid), is_urgent=True)
    there = address(portal, "connection", connection=account.uuid)
    if account.state == ConnectionState.BLOCKED and account.blocked_reason == "balance":
        service = registry.find(account.service)
        billing = service.billing if service else ""
        return Action(_("Top up"), billing or there, is_urgent=True, is_outside=bool(billing))
    return Action(_("Fix"), there, is_urgent=True)


def _messages_to_review(portal: Portal) -> dict[int, int]:
    unknown = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN).exclude(connection__in=demo_accounts(portal))
    newest = unknown.order_by("-received_at", "-id").values("pk")[:MAX_COUNTED]
    counted = Message.objects.filter(pk__in=newest).order_by().values_list("sender_id").annotate(Count("pk"))
    return dict(counted)


def _days_left(portal: Portal, accounts: Mapping[int, Connection]) -> dict[int, int]:
    """Return for how many days each account's balance lasts at the pace of the last week, where that can be told."""
    today = timezone.localdate(timezone=portal.zone)
    week = DayTally.objects.filter(portal=portal, day__gt=today - timedelta(days=SPENT_IN), money__gt=0)
    spent: dict[int, list[Decimal]] = {}
    by_day = week.values_list("connection_id", "currency", "day").annotate(Sum("money")).order_by()
    for account_id, currency, _day, money in by_day:
        if account_id in accounts and currency == accounts[account_id].currency:
            spent.setdefault(account_id, []).append(money)
    found = {key: _whole_days(accounts[key].balance, days) for key, days in spent.items()}
    return {key: days for key, days in found.items() if days is not None}


def _whole_days(balance: Decimal | None, spent: Sequence[Decimal]) -> int | None:
    if balance is None or balance <= 0 or len(spent) < MIN_DAYS_SPENT:
        return None
    days = int(balance / (sum(spent, Decimal()) / SPENT_IN))
    return days if days <= MAX_DAYS_LEFT else None
