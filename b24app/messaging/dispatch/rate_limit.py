"""Limit messages per second of one account by the generic cell rate algorithm; one second's worth may go at once."""

from datetime import datetime, timedelta

from django.utils import timezone


class RateLimit:
    """A rate limit. `used_until` is stored on the connection, so that it holds across drains and workers."""

    def __init__(self, rate: float, used_until: datetime | None) -> None:
        self._gap = timedelta(seconds=1 / rate)
        self._burst = max(timedelta(seconds=1), self._gap)
        self.used_until = used_until

    def allowed(self) -> int:
        """Return how many may go now."""
        now = timezone.now()
        start = max(self.used_until or now, now)
        return int((now + self._burst - start) / self._gap)

    def use(self, count: int) -> None:
        """Count `count` as sent now."""
        if count:
            now = timezone.now()
            self.used_until = max(self.used_until or now, now) + count * self._gap
