"""What a text will cost before it is sent: its segments as it will be written, and about what they have cost lately."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Self

from django.db.models import Sum
from django.utils import timezone

from b24app.messaging.models import DayTally, Sender
from providers.kit.segments import Measure, measure

LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`measure` counts the text as it is sent, `saved` the segments that rewriting spares, `written` is the text if
    rewriting changes it. `price` is an estimate, None where the service does not tell what it takes.
    """

    measure: Measure
    saved: int = 0
    written: str = ""
    price: Decimal | None = None
    currency: str = ""

    @classmethod
    def of(cls, text: str, sender: Sender) -> Self:
        """The cost of a text through a sender, which need not be saved."""
        written = sender.written(text)
        now = measure(written)
        price, currency = _price_of_a_segment(sender)
        return cls(
            measure=now,
            saved=measure(text).parts - now.parts,
            written=written if written != text else "",
            price=None if price is None else round(price * now.parts, 4),
            currency=currency,
        )


def _price_of_a_segment(sender: Sender) -> tuple[Decimal | None, str]:
    """What a segment of this sender cost on average in the currency that was last told."""
    if sender._state.adding:
        return None, ""
    first_day = timezone.localdate() - LATELY
    told = DayTally.objects.filter(portal=sender.portal_id, day__gte=first_day, sender=sender, money__gt=0)
    row = told.values("currency").annotate(money=Sum("money"), parts=Sum("parts")).order_by("-parts").first()
    if row is None or not row["currency"] or not row["parts"]:
        return None, ""
    return row["money"] / row["parts"], row["currency"]
