"""How well things go, from day tallies and the states of connections and senders; no single message is read."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext

from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.explanations import explain_reason
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.dimensions import NO_FAILURE
from b24app.messaging.models.statuses import FINAL, Phase, Status
from b24app.messaging.smpp import bind_limit
from b24app.messaging.statistics.delivery_rate import Rate
from b24app.messaging.statistics.demo_accounts import is_demo
from b24app.portals.models import Portal

LOOKED_BACK = timedelta(days=31)  # how far back the last success and the last error are searched
LatestChanges = Mapping[tuple[str, str], tuple[datetime, date]]  # by status and reason
MAX_COUNTED = 10_000  # waiting messages are counted live, and a flood must not slow the screen


@dataclass(frozen=True, slots=True)
class LastError:
    """Why a message of a sender last did not arrive."""

    reason: str
    day: date
    at: datetime
    why: Explained


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderHealth:
    """One row of the table; `state` is a key of the badges, `trouble` the message of the service or the portal.

    `success_at` is when a message last arrived, or was last accepted where the service reports no more.
    """

    sender: Sender
    service: str
    state: str
    week: Rate
    trouble: str = ""
    success_at: datetime | None = None
    error: LastError | None = None

    @property
    def is_demo(self) -> bool:
        """Return whether its service only pretends, so that no figure counts its messages."""
        return is_demo(self.sender.connection.service)

    @property
    def is_old(self) -> bool:
        """Return whether it may have had successes before those that are looked for."""
        return self.sender.created_at < timezone.now() - LOOKED_BACK


@dataclass(slots=True)
class DayFigures:
    """The four figures of a portal's day, without its demo messages; `demo` is how many those were."""

    today: int = 0
    yesterday: int = 0
    recent: Rate = field(default_factory=Rate)
    waiting: int = 0
    has_more_waiting: bool = False
    spent: list[tuple[str, Decimal]] = field(default_factory=list)  # currencies are never added up
    demo: int = 0  # today and yesterday


def day_figures(portal: Portal) -> DayFigures:
    """Count the portal's day, in its own time zone."""
    today = timezone.localdate(timezone=portal.zone)
    yesterday = today - timedelta(days=1)
    figures = DayFigures()
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    accounts = dict(Connection.objects.filter(portal=portal).values_list("pk", "service"))
    for tally in DayTally.objects.filter(portal=portal, day__gte=yesterday):
        if is_demo(accounts[tally.connection_id]):
            figures.demo += tally.messages
            continue
        if tally.day == today:
            figures.today += tally.messages
            money[tally.currency] += tally.money
        else:
            figures.yesterday += tally.messages
        figures.recent += Rate.of(tally.status, tally.reason, tally.messages)
    figures.spent = sorted((currency, sum_) for currency, sum_ in money.items() if currency and sum_)
    counted = [pk for pk, service in accounts.items() if not is_demo(service)]
    waiting = Message.objects.filter(connection__in=counted, phase=Phase.WAITING)
    figures.waiting = waiting[: MAX_COUNTED + 1].count()
    figures.has_more_waiting = figures.waiting > MAX_COUNTED
    return figures


def list_sender_health(portal: Portal) -> list[SenderHealth]:
    """Return the health of every sender that the portal has or should have, those in trouble first."""
    senders = (
        Sender.objects.filter(portal=portal)
        .exclude(state__in=[SenderState.DRAFT, SenderState.REMOVED])
        .select_related("connection")
        .order_by("pk")
    )
    today = timezone.localdate(timezone=portal.zone)
    rates, latest = _week_rates(portal, today), _latest_changes(portal, today)
    rows = [_sender_row(sender, rates[sender.pk], latest[sender.pk]) for sender in senders]
    return sorted(rows, key=lambda row: row.state != "attention")


def _week_rates(portal: Portal, today: date) -> defaultdict[int, Rate]:
    week = DayTally.objects.filter(portal=portal, day__gt=today - timedelta(days=7), status__in=FINAL)
    rates: defaultdict[int, Rate] = defaultdict(Rate)
    for sender_id, status, reason, messages in week.values_list("sender_id", "status", "reason").annotate(
        Sum("messages")
    ):
        rates[sender_id] += Rate.of(status, reason, messages)
    return rates


def _latest_changes(portal: Portal, today: date) -> defaultdict[int, dict[tuple[str, str], tuple[datetime, date]]]:
    """Return for each sender when a message last reached each status and reason, and the day it counts for."""
    lately = DayTally.objects.filter(portal=portal, day__gt=today - LOOKED_BACK, messages__gt=0)
    found: defaultdict[int, dict[tuple[str, str], tuple[datetime, date]]] = defaultdict(dict)
    for sender_id, status, reason, at, day in lately.values_list("sender_id", "status", "reason").annotate(
        Max("last_at"), Max("day")
    ):
        # Tallies older than the column `last_at` have only their day.
        moment = at or datetime.combine(day, time.min, portal.zone)
        found[sender_id][status, reason] = (moment, day)
    return found


def _sender_row(sender: Sender, week: Rate, latest: LatestChanges) -> SenderHealth:
    connection = sender.connection
    return SenderHealth(
        sender=sender,
        service=service_title(connection.service),
        state=_sender_state(sender, latest, timezone.now()),
        week=Rate() if is_demo(connection.service) else week,
        trouble=_trouble_text(sender),
        success_at=_last_success(latest),
        error=_last_error(latest, connection.service),
    )


def _last_success(latest: LatestChanges) -> datetime | None:
    for wanted in (Status.DELIVERED, Status.SENT):
        moments = [at for (status, _reason), (at, _day) in latest.items() if status == wanted]
        if moments:
            return max(moments)
    return None


def _last_error(latest: LatestChanges, service: str) -> LastError | None:
    errors = [
        (at, day, reason)
        for (status, reason), (at, day) in latest.items()
        if status in (Status.FAILED, Status.UNDELIVERED) and reason and reason not in NO_FAILURE
    ]
    if not errors:
        return None
    at, day, reason = max(errors)
    return LastError(reason, day, at, explain_reason(reason, [service]))


def _trouble_text(sender: Sender) -> str:
    connection = sender.connection
    if sender.state == SenderState.REFUSED:
        return sender.error_words
    if connection.sends and connection.error_code == bind_limit.NO_ROOM:  # our own words, not a service's
        return gettext(connection.error_words)
    return connection.error_words if connection.state == ConnectionState.BLOCKED or _is_error_latest(connection) else ""


def _sender_state(sender: Sender, latest: LatestChanges, now: datetime) -> str:
    connection = sender.connection
    is_broken = connection.breaker_until is not None and connection.breaker_until > now
    if sender.state == SenderState.REFUSED or connection.state == ConnectionState.BLOCKED or is_broken:
        return "attention"
    if sender.paused_at or connection.state in {ConnectionState.PAUSED, ConnectionState.REMOVED}:
        return "off"
    if sender.state != SenderState.REGISTERED:
        return str(sender.state)
    return "working" if sender.tested_at or (Status.DELIVERED, "") in latest else "untested"


def _is_error_latest(connection: Connection) -> bool:
    """Return whether nothing has been accepted since the error."""
    if connection.error_at is None:
        return False
    return connection.last_accepted_at is None or connection.last_accepted_at < connection.error_at
