"""The delivery rate, defined once: delivered out of those with a final status, without what was canceled."""

from dataclasses import dataclass
from typing import Self

from b24app.messaging.models.dimensions import NO_FAILURE
from b24app.messaging.models.statuses import FINAL, Status

MIN_MESSAGES = 20  # a rate of fewer messages means nothing


@dataclass(frozen=True, slots=True)
class Rate:
    """Delivered out of `ended`, those with a final status.

    What a person or a limit stopped is no failure: it stands apart, in `canceled`.
    """

    delivered: int = 0
    ended: int = 0
    canceled: int = 0

    @classmethod
    def of(cls, status: str, reason: str, messages: int) -> Self:
        """Return what messages of a status and reason add to a rate."""
        if reason in NO_FAILURE:
            return cls(canceled=messages)
        if status not in FINAL:
            return cls()
        return cls(messages if status == Status.DELIVERED else 0, messages)

    @property
    def failed(self) -> int:
        """Return how many were not delivered or failed."""
        return self.ended - self.delivered

    @property
    def is_telling(self) -> bool:
        return self.ended >= MIN_MESSAGES

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.delivered + other.delivered, self.ended + other.ended, self.canceled + other.canceled)
