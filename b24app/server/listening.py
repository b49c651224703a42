"""The listening socket and its threads: who comes in, who is asked to leave, and how it all ends."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from waitress import wasyncore
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from b24app.server.channels import Channel
from b24app.server.requests import Settings, as_routed

log = structlog.get_logger(__name__)

LOOK_EVERY = 1  # seconds between looks for the overdue
WAITING_PER_THREAD = 4  # requests in line beyond which the next are told so
LINGER_SECONDS = 2  # for a request that a proxy may be sending while the server stops
GRACE_SECONDS = 15  # for what is being answered when the server stops


class Threads(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """So many threads, and the requests that wait for one."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.most_waiting = count * WAITING_PER_THREAD
        self.set_thread_count(count)

    @property
    def is_overloaded(self) -> bool:
        """Whether as many wait as ever may."""
        return len(self.queue) >= self.most_waiting


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Requests at reserved addresses, and refusals, have threads that nothing else may take.

    To take a large body apart costs so much that several at once would leave the others no processor: where the policy
    says so, one thread takes them in turn.
    """

    channel_class = Channel

    def __init__(self, application: Callable[..., Any], settings: Settings, reserved: int) -> None:
        self.threads, self.reserved, self.in_turn = Threads(settings.threads), Threads(reserved), Threads(1)
        self.stopping = False
        self._made_room = 0
        super().__init__(application, adj=settings, dispatcher=self.threads)

    def add_task(self, channel: Channel) -> None:
        """Give the first request of a channel to the threads it belongs to."""
        request = channel.requests[0]
        if self.stopping:
            request.headers["CONNECTION"] = "close"
        path, policy = as_routed(request.path), self.adj.policy
        if request in self.adj.large and path.startswith(policy.in_turn):
            self.in_turn.add_task(channel)
        elif request.error or path.startswith(policy.reserved):
            self.reserved.add_task(channel)
        elif self.threads.is_overloaded:
            request.overloaded = True
            self.reserved.add_task(channel)
        else:
            self.threads.add_task(channel)

    def readable(self) -> bool:
        """Whether to accept: always, for where no connection is left the one waited for longest makes room."""
        if len(self._map) >= self.adj.connection_limit:
            self._make_room()
        return bool(super().readable())

    def maintenance(self, now: float) -> None:
        """End what is overdue; called every LOOK_EVERY seconds."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.handle_close()
        if self._made_room:
            log.warning("connections_closed_to_make_room", count=self._made_room)
            self._made_room = 0

    def _make_room(self) -> None:
        waited_for = [one for one in self.active_channels.values() if not one.requests]
        leaving = sorted(waited_for, key=Channel.waits_since)[: len(waited_for) // 20 + 1]
        for channel in leaving:
            channel.handle_close()
        self._made_room += len(leaving)

    def run(self, until: Callable[[], bool]) -> None:
        """Serve until it is time to stop, then answer what has come in, for at most GRACE_SECONDS."""
        while not until():
            self._turn()
        self._stop_listening()
        began = time.time()
        while self.active_channels and time.time() - began < GRACE_SECONDS:
            if time.time() - began > LINGER_SECONDS:
                self._close_idle()
            self._turn(0.2)

    def _turn(self, seconds: float = LOOK_EVERY) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def _stop_listening(self) -> None:
        self.stopping = True
        known = -1
        while known != len(self.active_channels):  # whoever the kernel has let in already would be cut off unheard
            known = len(self.active_channels)
            self.handle_accept()
        self.accepting = False
        self.del_channel()
        self.socket.close()

    def _close_idle(self) -> None:
        for channel in list(self.active_channels.values()):
            if channel.is_idle:
                channel.handle_close()
