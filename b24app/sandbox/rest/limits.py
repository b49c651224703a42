"""The leaky bucket, the operating time and the longest request of a portal (docs/bitrix24.md C.1, C.4)."""

import time
from dataclasses import dataclass

from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.state import PortalState
from b24app.sandbox.world import PortalRuntime

_WINDOW_MINUTES = 10


@dataclass(frozen=True)
class Operating:
    """The operating time in a `time` block: seconds the method used in the window, and when the oldest leave it."""

    seconds: float
    reset_at: int


class RequestCutOff(Exception):
    """The request took longer than the portal allows; what was done by then is done."""


@dataclass(frozen=True)
class Deadline:
    """When a request is cut off, on the monotonic clock."""

    at: float

    def wait(self, seconds: float) -> None:
        """Sleep; raise RequestCutOff where the time is over before that."""
        left = self.at - time.monotonic()
        time.sleep(max(0.0, min(seconds, left)))
        if seconds > left:
            raise RequestCutOff


def count_request(portal: PortalState, running: PortalRuntime, now: float) -> None:
    """Add one HTTP request to the bucket; raise QUERY_LIMIT_EXCEEDED when it is full.

    Other applications of the same server add `other_load` requests a second.
    """
    if portal.switches.unavailable:
        raise _too_many()
    if not portal.switches.bucket:
        return
    size, leak = (250, 5) if portal.switches.enterprise else (50, 2)
    bucket = running.bucket
    flow = portal.switches.other_load - leak
    bucket.level = min(float(size), max(0.0, bucket.level + (now - bucket.at if bucket.at else 0.0) * flow))
    bucket.at = now
    if bucket.level + 1 > size:
        raise _too_many()
    bucket.level += 1


def check_operating(portal: PortalState, running: PortalRuntime, method: str, now: float) -> None:
    """Raise OPERATION_TIME_LIMIT when this method has used up its time; other methods still work."""
    used = measure_operating_time(running, method, now).seconds
    if portal.switches.operation_limit or used >= portal.switches.operating_limit:
        raise RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)


def add_operating_time(portal: PortalState, running: PortalRuntime, method: str, now: float, seconds: float) -> None:
    """Add the seconds a method took, and the portal's `operating_cost`."""
    minutes = running.operating.setdefault(method, {})
    minute = int(now // 60)
    minutes[minute] = minutes.get(minute, 0.0) + seconds + portal.switches.operating_cost


def measure_operating_time(running: PortalRuntime, method: str, now: float) -> Operating:
    """Return what a method has used in the last ten minutes."""
    oldest = int(now // 60) - _WINDOW_MINUTES
    minutes = {minute: used for minute, used in running.operating.get(method, {}).items() if minute > oldest}
    running.operating[method] = minutes
    first = min(minutes, default=int(now // 60))
    return Operating(sum(minutes.values()), (first + _WINDOW_MINUTES) * 60)


def _too_many() -> RestError:
    return RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
