"""A connection: it costs no thread while its client is slow, and ends when it is slow for too long.

Times are of the wall clock, for waitress notes the last activity by it.
"""

import structlog
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

from b24app.server.policy import OVERLOADED, Deadlines
from b24app.server.requests import Request, as_routed

log = structlog.get_logger(__name__)

PIECE = 4096  # bytes of what has arrived that are taken apart before anybody asks whether that was enough
MOST_PIPELINED = 4  # requests sent ahead of their answers; neither browsers nor proxies do that


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """One request answered by the application, in a thread."""

    def get_environment(self) -> dict[str, object]:
        """Return what the application is asked, marked if it is only to say that there is too much to do."""
        environ: dict[str, object] = super().get_environment()
        environ[OVERLOADED] = getattr(self.request, "overloaded", False)
        return environ

    def execute(self) -> None:
        """Answer; what breaks is logged here, for waitress's own line quotes the address."""
        try:
            super().execute()
        except (ClientDisconnected, OSError):
            raise
        except Exception:
            log.exception("answer_broke")
            raise


class Refusal(ErrorTask):  # type: ignore[misc]
    """One request answered by the server itself, in a thread."""

    def execute(self) -> None:
        """Answer; the application is only told of what was too long."""
        super().execute()
        if isinstance(self.request.error, RequestEntityTooLarge):
            self.channel.adj.policy.on_too_long(as_routed(self.request.path))


class Channel(HTTPChannel):  # type: ignore[misc]
    """A client's connection."""

    parser_class = Request
    task_class = Answer
    error_task_class = Refusal
    unread_since = 0.0

    def received(self, data: bytes) -> bool:
        """Take what has arrived, also part of a request; called by the server's only reading thread."""
        taken = False
        for first in range(0, len(data), PIECE):
            if not super().received(data[first : first + PIECE]):
                break
            taken = True
            if len(self.requests) > MOST_PIPELINED:
                self.will_close = True
                break
        return taken

    def is_overdue(self, now: float) -> bool:
        """Return whether the client has had its time; never while the application works for it and all is read."""
        deadlines: Deadlines = self.adj.policy.deadlines
        if self.total_outbufs_len:
            self.unread_since = self.unread_since or now
            stalled_for = now - max(self.last_activity, self.unread_since)
            return stalled_for > deadlines.stalled or now - self.unread_since > deadlines.answer
        self.unread_since = 0.0
        if self.requests:
            return False
        if self.request is None:
            return bool(now - self.last_activity > deadlines.idle)
        return bool(now - self.request.began > (deadlines.request if self.request.headers_finished else deadlines.head))

    def waits_since(self) -> float:
        """Return since when the client has been waited for: the earlier, the sooner it makes room for others."""
        return float(self.request.began if self.request is not None else self.last_activity)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked, arriving or left to be read."""
        return not (self.requests or self.request is not None or self.total_outbufs_len)
