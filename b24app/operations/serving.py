"""What `web` and `webhooks` have in common: how they are served, and what they do beside answering."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from b24app.core import shutdown, trusted_proxies
from b24app.operations.monitoring import doors, health, monitor
from b24app.operations.monitoring.doors import Application
from b24app.operations.schema import wait_for_migrations
from b24app.server.policy import Policy
from b24app.webhooks import portal_messages, spool_replay
from b24app.webhooks import wsgi as webhooks


def start_threads(role: str) -> None:
    """Start replaying this node's spool and watching this process, unless that has begun."""
    spool_replay.keep_replaying()
    monitor.keep_monitoring(role)


def serve_watched(application: Application, role: str) -> Application:
    """Return an application that is watched, and sees to it that its process replays the spool and watches itself."""
    watched = doors.watch_doors(application, role)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
            start_threads(role)
        return watched(environ, start_response)

    return answer


def build_policy(role: str, max_body_size: Callable[[str], int]) -> Policy:
    """Return how the server treats the requests of such a process."""
    return Policy(
        max_body_size=max_body_size,
        reserved_paths=(*webhooks.NEVER_REPEATED, *health.PATHS),
        serialized_paths=webhooks.PATHS,
        is_trusted_proxy=trusted_proxies.is_trusted_proxy,
        on_body_too_large=_count_unread_call,
        prepare=wait_for_migrations,
        on_start=partial(start_threads, role),
        exit_code=shutdown.exit_code,
    )


def _count_unread_call(path: str) -> None:
    doors.count_unread_call(path)
    portal_messages.count_oversized_call(path)
