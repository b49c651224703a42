"""The delivery rate: what counts, what does not, and from how many messages on it means something."""

import pytest

from b24app.messaging.models.statuses import Reason, Status
from b24app.messaging.statistics.delivery_rate import Rate


@pytest.mark.parametrize(
    ("status", "reason", "rate"),
    [
        (Status.DELIVERED, "", Rate(delivered=5, ended=5)),
        (Status.UNDELIVERED, Reason.UNREACHED, Rate(ended=5)),
        (Status.FAILED, Reason.REJECTED, Rate(ended=5)),
        (Status.FAILED, Reason.CANCELLED, Rate(canceled=5)),
        (Status.FAILED, Reason.CAPPED, Rate(canceled=5)),
        (Status.SENT, "", Rate()),
        (Status.QUEUED, "", Rate()),
    ],
)
def test_a_rate_is_of_final_statuses_without_what_was_canceled(status: Status, reason: str, rate: Rate) -> None:
    assert Rate.of(status, reason, 5) == rate


def test_rates_add_up_and_mean_nothing_below_twenty() -> None:
    together = Rate(10, 12, 1) + Rate(5, 7) + Rate()
    assert (together, together.failed, together.is_telling) == (Rate(15, 19, 1), 4, False)
    assert (together + Rate(ended=1)).is_telling
