"""A request while it arrives: how long it may be is decided by its address, before its body is read."""

import time
from copy import copy
from typing import Any
from weakref import WeakSet

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.utilities import Error

from b24app.server.policy import LONGEST_BODY, Policy

LARGE_AT_ONCE = 32  # bodies beyond LONGEST_BODY that may arrive at the same time; they lie on the disk meanwhile


class Settings(Adjustments):  # type: ignore[misc]  # waitress has no types
    """What waitress is told, with the policy of the application it serves."""

    def __init__(self, policy: Policy, **named: Any) -> None:
        super().__init__(**named)
        self.policy = policy
        self.large: WeakSet[Request] = WeakSet()
        self._by_length: dict[int, Settings] = {}

    def limited_to(self, length: int) -> "Settings":
        """Return the same settings for bodies of at most so many bytes."""
        if length not in self._by_length:
            limited = copy(self)
            limited.max_request_body_size = length + 1  # what waitress refuses begins here
            self._by_length[length] = limited
        return self._by_length[length]


class TooBusy(Error):  # type: ignore[misc]
    """The answer when too many large bodies arrive at once."""

    code = 503
    reason = "Service Unavailable"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """Refuse what is longer than its address may be: by Content-Length, else while its chunks arrive."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.began = time.time()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head. Raises waitress's own errors, which it answers itself."""
        super().parse_header(header_plus)
        longest = self.settings.policy.longest_body(as_routed(self.path))
        self.adj = self.settings.limited_to(longest)
        if longest > LONGEST_BODY and (self.chunked or LONGEST_BODY < self.content_length <= longest):
            self._take_place(self.settings.large)

    def _take_place(self, large: "WeakSet[Request]") -> None:
        if len(large) < LARGE_AT_ONCE:
            large.add(self)
        else:
            self.error, self.completed = TooBusy("too many large requests at once"), True


def as_routed(path: str) -> str:
    """Return the path as the application will see it."""
    return "/" + path.lstrip("/")
