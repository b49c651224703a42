"""Parsing a request as it arrives: its path decides how large its body may be, before the body is read."""

import time
from copy import copy
from typing import Any
from weakref import WeakSet

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.utilities import Error

from b24app.server.policy import DEFAULT_BODY_SIZE, Policy

MAX_LARGE_BODIES = 32  # bodies that may arrive at the same time; they are on disk meanwhile


class ServerAdjustments(Adjustments):  # type: ignore[misc]  # waitress has no types
    """Waitress's settings, with the policy of the application it serves."""

    def __init__(self, policy: Policy, **settings: Any) -> None:
        super().__init__(**settings)
        self.policy = policy
        self.large_bodies: WeakSet[RequestParser] = WeakSet()
        self._by_body_size: dict[int, ServerAdjustments] = {}

    def with_body_limit(self, size: int) -> "ServerAdjustments":
        """Return the same settings for bodies of at most `size` bytes; cached."""
        if size not in self._by_body_size:
            limited = copy(self)
            limited.max_request_body_size = size + 1  # waitress refuses this size and above
            self._by_body_size[size] = limited
        return self._by_body_size[size]


class TooManyLargeBodies(Error):  # type: ignore[misc]
    """The error response when too many large bodies arrive at once."""

    code = 503
    reason = "Service Unavailable"


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a body larger than its path allows: by Content-Length, else while its chunks arrive."""

    def __init__(self, adjustments: ServerAdjustments) -> None:
        super().__init__(adjustments)
        self.adjustments = adjustments
        self.started_at = time.time()

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head. Raise waitress's own errors, to which it responds itself."""
        super().parse_header(header_plus)
        max_size = self.adjustments.policy.max_body_size(routed_path(self.path))
        self.adj = self.adjustments.with_body_limit(max_size)
        if max_size > DEFAULT_BODY_SIZE and (self.chunked or DEFAULT_BODY_SIZE < self.content_length <= max_size):
            self._reserve_large(self.adjustments.large_bodies)

    def _reserve_large(self, large_bodies: "WeakSet[RequestParser]") -> None:
        if len(large_bodies) < MAX_LARGE_BODIES:
            large_bodies.add(self)
        else:
            self.error, self.completed = TooManyLargeBodies("too many large requests at once"), True


def routed_path(path: str) -> str:
    """Return the path as the application will see it."""
    return "/" + path.lstrip("/")
