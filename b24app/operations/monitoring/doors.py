"""Around the whole WSGI application: health, an id for each request, and a count of every answer by door and code."""

import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from structlog.contextvars import bind_contextvars, clear_contextvars

from b24app.core.monitoring import metrics
from b24app.operations.monitoring import health, monitor

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_DOORS = {
    "h": "handler",
    "r": "report",
    "e": "event",
    "install": "install",
    "app": "launch",
    "card": "launch",
    "session": "launch",
    "oauth": "launch",
    "p": "page",
    "d": "download",
    "static": "static",
    "legal": "legal",
}
_REQUEST_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def door_of(path: str) -> str:
    """Return the door that a path belongs to; never a part of the path, which may be a secret."""
    return _DOORS.get(path.lstrip("/").partition("/")[0], metrics.OTHER)


def count_unread_call(path: str) -> None:
    """Count a request that the server refused for its length."""
    metrics.ANSWERS.labels(door_of(path), "413").inc()


def watch_doors(application: Application, role: str) -> Application:
    """Return an application that answers health, names each request in the log, and counts its answer."""

    def watched(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in health.PATHS:
            return health.answer_health(path, start_response, monitor.current_readiness, role)
        door, started, code = door_of(path), time.monotonic(), "500"

        def count_start(status: str, *rest: Any, **more: Any) -> Any:
            nonlocal code
            code = status[:3]
            return start_response(status, *rest, **more)

        try:
            bind_contextvars(request=_request_id(environ))
            return application(environ, count_start)
        finally:
            clear_contextvars()  # threads answer one request after the other
            metrics.ANSWERS.labels(door, code).inc()
            metrics.ANSWER_SECONDS.labels(door).observe(time.monotonic() - started)

    return watched


def _request_id(environ: dict[str, Any]) -> str:
    """Return the id that the proxy gave a request, or a new one: it stands in each of its lines."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
