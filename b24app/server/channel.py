"""A client's connection: it takes no thread while the client is slow, and is closed if that lasts too long.

Times are wall-clock times, because waitress records the last activity so.
"""

import structlog
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

from b24app.server.parser import RequestParser, routed_path
from b24app.server.policy import OVERLOADED, Deadlines

log = structlog.get_logger(__name__)

CHUNK_SIZE = 4096  # bytes parsed at once; then the pipelined requests are counted
FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP")  # what a proxy says of its client
MAX_PIPELINED = 4  # requests sent ahead of their responses; neither browsers nor proxies do that


class RequestTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Runs the application for one request, in a thread."""

    def get_environment(self) -> dict[str, object]:
        """Return the WSGI environment, with OVERLOADED set if the application should only say that it is busy.

        Headers of a proxy are in it only if they come from one.
        """
        environ: dict[str, object] = super().get_environment()
        if not self.channel.adj.policy.is_trusted_proxy(str(environ["REMOTE_ADDR"])):
            for name in [name for name in environ if name.startswith(FORWARDED)]:
                del environ[name]
        environ[OVERLOADED] = getattr(self.request, "overloaded", False)
        return environ

    def execute(self) -> None:
        """Run the application; its errors are logged here because waitress's own line quotes the URL."""
        try:
            super().execute()
        except (ClientDisconnected, OSError):
            raise
        except Exception:
            log.exception("request_failed")
            raise


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """Sends the server's own error response to one request, in a thread."""

    def execute(self) -> None:
        """Respond, and report a body that was too large to the policy."""
        super().execute()
        if isinstance(self.request.error, RequestEntityTooLarge):
            self.channel.adj.policy.on_body_too_large(routed_path(self.request.path))


class ClientChannel(HTTPChannel):  # type: ignore[misc]
    """A client's connection with deadlines and a limit on pipelining."""

    parser_class = RequestParser
    task_class = RequestTask
    error_task_class = RefusalTask
    unread_since = 0.0

    def received(self, data: bytes) -> bool:
        """Parse received data, also part of a request; called by the server's only reading thread."""
        is_accepted = False
        for first in range(0, len(data), CHUNK_SIZE):
            if not super().received(data[first : first + CHUNK_SIZE]):
                break
            is_accepted = True
            if len(self.requests) > MAX_PIPELINED:
                self.will_close = True
                break
        return is_accepted

    def is_overdue(self, now: float) -> bool:
        """Return whether the client has passed a deadline; never while the application works on its request."""
        deadlines: Deadlines = self.adj.policy.deadlines
        if self.total_outbufs_len:
            self.unread_since = self.unread_since or now
            stalled_for = now - max(self.last_activity, self.unread_since)
            return stalled_for > deadlines.stalled or now - self.unread_since > deadlines.response
        self.unread_since = 0.0
        if self.requests:
            return False
        if self.request is None:
            return bool(now - self.last_activity > deadlines.idle)
        return bool(
            now - self.request.started_at > (deadlines.request if self.request.headers_finished else deadlines.head)
        )

    def waiting_since(self) -> float:
        """Return since when the server has been waiting for the client; the longest waiting is closed first."""
        return float(self.request.started_at if self.request is not None else self.last_activity)

    @property
    def is_idle(self) -> bool:
        """Whether no request is pending or arriving and no response is left to be read."""
        return not (self.requests or self.request is not None or self.total_outbufs_len)
