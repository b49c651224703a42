"""What a text will cost: its segments after rewriting, and an estimate from what segments cost lately."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Self

from django.db.models import Sum
from django.utils import timezone

from b24app.messaging.models import DayTally, Sender
from providers.kit.segments import Measure, measure

PRICED_OVER = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one text through one sender.

    `measure` counts the text as it is sent, `saved` the segments that rewriting saves, `written` is the rewritten text,
    "" if rewriting changes nothing. `price` is an estimate, None where the service does not report prices.
    """

    measure: Measure
    saved: int = 0
    written: str = ""
    price: Decimal | None = None
    currency: str = ""

    @classmethod
    def estimate(cls, text: str, sender: Sender) -> Self:
        """Estimate what a text costs through a sender, which need not be saved."""
        written = sender.written(text)
        now = measure(written)
        price, currency = average_segment_price(sender)
        return cls(
            measure=now,
            saved=measure(text).parts - now.parts,
            written=written if written != text else "",
            price=None if price is None else round(price * now.parts, 4),
            currency=currency,
        )


def average_segment_price(sender: Sender) -> tuple[Decimal | None, str]:
    """Return the average price of this sender's segments over 30 days, in the currency most of them cost."""
    if sender._state.adding:
        return None, ""
    first_day = timezone.localdate() - PRICED_OVER
    priced = DayTally.objects.filter(portal=sender.portal_id, day__gte=first_day, sender=sender, money__gt=0)
    row = priced.values("currency").annotate(money=Sum("money"), parts=Sum("parts")).order_by("-parts").first()
    if row is None or not row["currency"] or not row["parts"]:
        return None, ""
    return row["money"] / row["parts"], row["currency"]
