"""Home of an employee: their last messages, what was not delivered, and what they cost this month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from b24app.console.journal.links import messages_url
from b24app.console.journal.message_history import missing_text_label
from b24app.console.wording import explanations
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statistics import DayBreakdown, Dimension
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal

LAST = 10  # messages
LOST_DAYS = 7  # days, today among them
MAX_COUNTED = 1000
LOST = (Status.FAILED, Status.UNDELIVERED)


@dataclass(frozen=True, slots=True)
class Line:
    """A message, with why it was not delivered and what stands where its text was erased."""

    message: Message
    why: str
    no_text: str


@dataclass(frozen=True, slots=True)
class EmployeeHome:
    """What an employee sees of their own; of nobody else's messages is anything read."""

    lines: Sequence[Line]
    lost: int  # of the last seven days
    lost_href: str
    spent: Sequence[tuple[str, Decimal]]


def build_employee_home(portal: Portal, user_id: int) -> EmployeeHome:
    """Read an employee's own messages by the index of authors, and their spending by the day's sums."""
    mine = Message.objects.filter(portal=portal, author_id=user_id)
    last = mine.select_related("sender").order_by(*NEWEST_FIRST)[:LAST]
    today = timezone.localdate(timezone=portal.zone)
    since = today - timedelta(days=LOST_DAYS - 1)
    recent = mine.filter(received_at__gte=datetime.combine(since, time.min, portal.zone))
    return EmployeeHome(
        lines=[Line(one, _explain_loss(one), missing_text_label(one, portal)) for one in last],
        lost=recent.filter(status__in=LOST)[:MAX_COUNTED].count(),
        lost_href=messages_url(portal, status="not-arrived", since=since),
        spent=_spent_this_month(portal, user_id),
    )


def _explain_loss(message: Message) -> str:
    is_lost = message.status in LOST or message.phase == Phase.UNKNOWN
    return explanations.short_reason(message.reason) if is_lost else ""


def _spent_this_month(portal: Portal, user_id: int) -> list[tuple[str, Decimal]]:
    """Return the sums of each currency; they are never added up."""
    first = timezone.localdate(timezone=portal.zone).replace(day=1)
    month = DayBreakdown.objects.filter(
        portal=portal, dimension=Dimension.EMPLOYEE, day__gte=first, value=str(user_id), money__gt=0
    )
    sums = month.order_by().values_list("currency").annotate(Sum("money"))
    return sorted(sums)
