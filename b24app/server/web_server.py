"""The listening socket and its threads: dispatching requests, closing slow clients, shutting down."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from waitress import wasyncore
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from b24app.server.channel import ClientChannel
from b24app.server.parser import ServerAdjustments, routed_path

log = structlog.get_logger(__name__)

MAINTENANCE_INTERVAL = 1  # seconds between checks for overdue clients
QUEUE_PER_THREAD = 4  # queued requests; beyond it requests are answered as overloaded
LINGER_SECONDS = 2  # for a request that a proxy may be sending while the server stops
GRACE_SECONDS = 15  # for requests in progress when the server stops


class BoundedDispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """A fixed number of threads and a queue that knows when it is too long."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.max_queued = count * QUEUE_PER_THREAD
        self.set_thread_count(count)

    @property
    def is_overloaded(self) -> bool:
        """Whether the queue has reached its limit."""
        return len(self.queue) >= self.max_queued


class WebServer(TcpWSGIServer):  # type: ignore[misc]
    """A server with threads reserved for some paths and for refusals.

    Parsing a large body costs so much that several at once would leave no CPU for the others: at the policy's
    `serialized_paths` one thread handles them one after the other.
    """

    channel_class = ClientChannel

    def __init__(self, application: Callable[..., Any], adjustments: ServerAdjustments, reserved: int) -> None:
        self.threads = BoundedDispatcher(adjustments.threads)
        self.reserved = BoundedDispatcher(reserved)
        self.serialized = BoundedDispatcher(1)
        self.stopping = False
        self._evicted = 0
        super().__init__(application, adj=adjustments, dispatcher=self.threads)

    def add_task(self, channel: ClientChannel) -> None:
        """Queue a channel's first request for the threads it belongs to."""
        request = channel.requests[0]
        if self.stopping:
            request.headers["CONNECTION"] = "close"
        path, policy = routed_path(request.path), self.adj.policy
        if request in self.adj.large_bodies and path.startswith(policy.serialized_paths):
            self.serialized.add_task(channel)
        elif request.error or path.startswith(policy.reserved_paths):
            self.reserved.add_task(channel)
        elif self.threads.is_overloaded:
            request.overloaded = True
            self.reserved.add_task(channel)
        else:
            self.threads.add_task(channel)

    def readable(self) -> bool:
        """Return whether to accept: at the connection limit the clients waited for longest are closed first."""
        if len(self._map) >= self.adj.connection_limit:
            self._evict_slowest()
        return bool(super().readable())

    def maintenance(self, now: float) -> None:
        """Close overdue clients; called every MAINTENANCE_INTERVAL seconds."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.handle_close()
        if self._evicted:
            log.warning("connections_evicted", count=self._evicted)
            self._evicted = 0

    def _evict_slowest(self) -> None:
        waiting = [one for one in self.active_channels.values() if not one.requests]
        evicted = sorted(waiting, key=ClientChannel.waiting_since)[: len(waiting) // 20 + 1]
        for channel in evicted:
            channel.handle_close()
        self._evicted += len(evicted)

    def run(self, until: Callable[[], bool]) -> None:
        """Serve until `until` returns True, then answer accepted requests for at most GRACE_SECONDS."""
        while not until():
            self._poll_once()
        self._stop_listening()
        stopped_at = time.time()
        while self.active_channels and time.time() - stopped_at < GRACE_SECONDS:
            if time.time() - stopped_at > LINGER_SECONDS:
                self._close_idle()
            self._poll_once(0.2)

    def _poll_once(self, seconds: float = MAINTENANCE_INTERVAL) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def _stop_listening(self) -> None:
        self.stopping = True
        accepted = -1
        while accepted != len(self.active_channels):  # clients the kernel has accepted already would be cut off
            accepted = len(self.active_channels)
            self.handle_accept()
        self.accepting = False
        self.del_channel()
        self.socket.close()

    def _close_idle(self) -> None:
        for channel in list(self.active_channels.values()):
            if channel.is_idle:
                channel.handle_close()
