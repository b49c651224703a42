"""/metrics, /healthz and /readyz on a port of their own, of every kind of process; off unless METRICS_ADDRESS is set.

Several processes of one machine share the setting: it may name a range of ports, and each takes the first free one.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from django.conf import settings
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from b24app.operations.monitoring import health
from b24app.operations.monitoring.readiness import Readiness

log = structlog.get_logger(__name__)

CLIENT_TIMEOUT = 10.0  # seconds


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
        """Write nothing: a scrape is no event."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name, as the library would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Serving:
    """The server of this process."""

    server: _Server | None = None


def is_serving() -> bool:
    """Return whether this process shows its metrics."""
    return _Serving.server is not None


def read_address(address: str) -> tuple[str, range]:
    """Return host and ports of `127.0.0.1:9400` or `127.0.0.1:9400-9419`. Raise ValueError."""
    host, _, ports = address.rpartition(":")
    first, _, last = ports.partition("-")
    found = range(int(first), int(last or first) + 1)
    if not host or not found or not 0 < found[0] <= found[-1] < 65_536:
        raise ValueError(address)
    return host.strip("[]"), found


def serve_metrics(readiness: Callable[[], Readiness], role: str) -> None:
    """Serve in a thread at the first free port of METRICS_ADDRESS; log where that is, or that there is none."""
    if not settings.METRICS_ADDRESS:
        return
    try:
        host, ports = read_address(settings.METRICS_ADDRESS)
    except ValueError:
        host, ports = "", range(0)
    server = next(filter(None, (_bind_server(host, port) for port in ports)), None)
    if server is None:
        log.error("metrics_not_served", address=settings.METRICS_ADDRESS)
        return

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in health.PATHS:
            return health.answer_health(path, start_response, readiness, role)
        if path != "/metrics":
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        body = generate_latest(REGISTRY)
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))])
        return [body]

    server.set_app(application)
    _Serving.server = server
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    log.info("metrics_served", port=server.server_port, role=role)


def _bind_server(host: str, port: int) -> _Server | None:
    try:
        return _Server((host, port), _Handler)
    except OSError:
        return None
