"""How well things go, from the day tallies and the states of connections and senders; reads no single message."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext

from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.explanations import explain_reason
from b24app.messaging.guards import limits
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.dimensions import NO_FAILURE
from b24app.messaging.models.statuses import FINAL, Phase, Status
from b24app.messaging.smpp import bind_limit
from b24app.portals.models import Portal

ENOUGH = 20  # from so many messages on a rate means something
LATELY = timedelta(days=31)  # how far the last success and the last error are looked for
MOST_COUNTED = 10_000  # what waits is counted live, and a flood must not slow the screen


@dataclass(frozen=True, slots=True)
class Rate:
    """Delivered out of those with a final word; what a person or a limit stopped is no failure and does not count."""

    delivered: int = 0
    ended: int = 0

    @property
    def is_telling(self) -> bool:
        return self.ended >= ENOUGH

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.delivered + other.delivered, self.ended + other.ended)


@dataclass(frozen=True, slots=True)
class LastError:
    """Why a message of a sender last did not arrive."""

    reason: str
    day: date
    at: datetime
    why: Explained


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderHealth:
    """One row of the table; `state` is a key of the badges, `trouble` the other side's own words.

    `success_at` is when a message last arrived, or was last taken where the service does not tell more.
    """

    sender: Sender
    service: str
    state: str
    recent: Rate  # today and yesterday: a day tally knows no hours
    week: Rate
    trouble: str = ""
    success_at: datetime | None = None
    error: LastError | None = None

    @property
    def is_the_account(self) -> bool:
        """Is what has to be mended the account's, and not the sender's own?"""
        return self.sender.state != SenderState.REFUSED and self.state == "attention"

    @property
    def is_old(self) -> bool:
        """May it have had successes before those that are looked for?"""
        return self.sender.created_at < timezone.now() - LATELY


@dataclass(slots=True)
class Figures:
    """The four figures of a portal's day."""

    today: int = 0
    yesterday: int = 0
    recent: Rate = field(default_factory=Rate)
    waiting: int = 0
    has_more_waiting: bool = False
    repeated: int = 0  # with a warning, in the last day
    spent: list[tuple[str, Decimal]] = field(default_factory=list)  # currencies are never added up


def figures(portal: Portal) -> Figures:
    """Count the portal's day, in its own time zone."""
    today = timezone.localdate(timezone=portal.zone)
    yesterday = today - timedelta(days=1)
    found = Figures()
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    for tally in DayTally.objects.filter(portal=portal, day__gte=yesterday):
        if tally.day == today:
            found.today += tally.messages
            money[tally.currency] += tally.money
        else:
            found.yesterday += tally.messages
        found.recent += _rate(tally.status, tally.reason, tally.messages)
    found.spent = sorted((currency, rounded(sum_)) for currency, sum_ in money.items() if currency and sum_)
    accounts = list(Connection.objects.filter(portal=portal).values_list("pk", flat=True))
    waiting = Message.objects.filter(connection__in=accounts, phase=Phase.WAITING)
    found.waiting = waiting[: MOST_COUNTED + 1].count()
    found.repeated = limits.total_used(portal.pk, limits.LimitKind.DUPLICATES, timezone.now() - timedelta(days=1))
    found.has_more_waiting = found.waiting > MOST_COUNTED
    return found


def of_senders(portal: Portal) -> list[SenderHealth]:
    """The health of every sender the portal has or should have, those in trouble first."""
    senders = (
        Sender.objects.filter(portal=portal)
        .exclude(state__in=[SenderState.DRAFT, SenderState.REMOVED])
        .select_related("connection")
        .order_by("pk")
    )
    today = timezone.localdate(timezone=portal.zone)
    rates, latest = _rates(portal, today), _latest(portal, today)
    rows = [_row(sender, rates[sender.pk], latest[sender.pk], today) for sender in senders]
    return sorted(rows, key=lambda row: row.state != "attention")


def _rates(portal: Portal, today: date) -> defaultdict[int, list[tuple[date, Rate]]]:
    week = DayTally.objects.filter(portal=portal, day__gt=today - timedelta(days=7), status__in=FINAL)
    sums = week.values_list("sender_id", "day", "status", "reason").annotate(Sum("messages"))
    rates: defaultdict[int, list[tuple[date, Rate]]] = defaultdict(list)
    for sender_id, day, status, reason, messages in sums:
        rates[sender_id].append((day, _rate(status, reason, messages)))
    return rates


def _latest(portal: Portal, today: date) -> defaultdict[int, dict[tuple[str, str], tuple[datetime, date]]]:
    """For each sender when a message last came to each status and reason, and the day on which that one counts."""
    lately = DayTally.objects.filter(portal=portal, day__gt=today - LATELY, messages__gt=0)
    found: defaultdict[int, dict[tuple[str, str], tuple[datetime, date]]] = defaultdict(dict)
    for sender_id, status, reason, at, day in lately.values_list("sender_id", "status", "reason").annotate(
        Max("last_at"), Max("day")
    ):
        # What was counted before moments were kept is known by its day.
        moment = at or datetime.combine(day, time.min, portal.zone)
        found[sender_id][status, reason] = (moment, day)
    return found


def rounded(amount: Decimal) -> Decimal:
    """A sum to be read; what is less than one keeps its figures."""
    return round(amount, 2) if abs(amount) >= 1 else amount


def _rate(status: str, reason: str, messages: int) -> Rate:
    if status not in FINAL or reason in NO_FAILURE:
        return Rate()
    return Rate(messages if status == Status.DELIVERED else 0, messages)


def _row(
    sender: Sender,
    days: Sequence[tuple[date, Rate]],
    latest: Mapping[tuple[str, str], tuple[datetime, date]],
    today: date,
) -> SenderHealth:
    week = _sum(rate for _day, rate in days)
    connection = sender.connection
    return SenderHealth(
        sender=sender,
        service=service_title(connection.service),
        state=_state(sender, week, timezone.now()),
        recent=_sum(rate for day, rate in days if day >= today - timedelta(days=1)),
        week=week,
        trouble=_trouble(sender),
        success_at=_success(latest),
        error=_error(latest, connection.service),
    )


def _success(latest: Mapping[tuple[str, str], tuple[datetime, date]]) -> datetime | None:
    for wanted in (Status.DELIVERED, Status.SENT):
        moments = [at for (status, _reason), (at, _day) in latest.items() if status == wanted]
        if moments:
            return max(moments)
    return None


def _error(latest: Mapping[tuple[str, str], tuple[datetime, date]], service: str) -> LastError | None:
    errors = [
        (at, day, reason)
        for (status, reason), (at, day) in latest.items()
        if status in (Status.FAILED, Status.UNDELIVERED) and reason and reason not in NO_FAILURE
    ]
    if not errors:
        return None
    at, day, reason = max(errors)
    return LastError(reason, day, at, explain_reason(reason, [service]))


def _trouble(sender: Sender) -> str:
    connection = sender.connection
    if sender.state == SenderState.REFUSED:
        return sender.error_words
    if connection.sends and connection.error_code == bind_limit.NO_ROOM:  # our own words, and not a service's
        return gettext(connection.error_words)
    return connection.error_words if connection.state == ConnectionState.BLOCKED or _is_latest(connection) else ""


def _state(sender: Sender, week: Rate, now: datetime) -> str:
    connection = sender.connection
    is_broken = connection.breaker_until is not None and connection.breaker_until > now
    if sender.state == SenderState.REFUSED or connection.state == ConnectionState.BLOCKED or is_broken:
        return "attention"
    if sender.paused_at or connection.state in {ConnectionState.PAUSED, ConnectionState.REMOVED}:
        return "off"
    if sender.state != SenderState.REGISTERED:
        return str(sender.state)
    return "working" if sender.tested_at or week.delivered else "untested"


def _is_latest(connection: Connection) -> bool:
    """Has nothing gone well since the error?"""
    if connection.error_at is None:
        return False
    return connection.last_accepted_at is None or connection.last_accepted_at < connection.error_at


def _sum(rates: Iterable[Rate]) -> Rate:
    return sum(rates, start=Rate())
