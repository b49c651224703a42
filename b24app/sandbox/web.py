"""The sandbox's web servers: werkzeug's threaded one, for this machine only, shaking TLS hands inside the thread."""

import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

_log = logging.getLogger(__name__)
_HANDSHAKE_SECONDS = 10

App = Callable[[Request], Response]


class ConnectionDropped(ConnectionAbortedError):
    """Raised by an application to close the connection without an answer."""


class Server:
    """One listening port; `port` is known as soon as the object exists, requests are answered after `start`."""

    def __init__(self, port: int, app: App, tls: ssl.SSLContext | None = None) -> None:
        self._server = _LoopbackServer(port, app, tls)
        self.port: int = self._server.server_address[1]
        self._thread = self._answering()
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Answer requests from a thread of its own."""
        self._thread.start()

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for so long, as a service does that is being restarted; returns at once."""
        threading.Thread(target=self._refuse, args=(seconds,), name="sandbox-refuses", daemon=True).start()

    def _refuse(self, seconds: float) -> None:
        with self._turn:
            self._halt()
            # Shut down, not closed: the port stays ours, and whoever calls is refused.
            self._server.socket.shutdown(socket.SHUT_RDWR)
            self._stopped.wait(seconds)
            if self._stopped.is_set():
                return
            self._server.socket.listen(self._server.request_queue_size)
            self._thread = self._answering()
            self._thread.start()

    def stop(self) -> None:
        """Stop listening and free the port."""
        self._stopped.set()
        with self._turn:
            self._halt()
            self._server.server_close()

    def _halt(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()

    def _answering(self) -> threading.Thread:
        # Not werkzeug's own loop, which closes the socket when it ends.
        return threading.Thread(target=BaseServer.serve_forever, args=(self._server, 0.05), daemon=True)


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        if type == "error":
            _log.error(message, *args)

    def connection_dropped(self, _error: BaseException, _environ: Any = None) -> None:
        """`Dropped` means the connection, which keep-alive would hold open."""
        self.close_connection = True


class _LoopbackServer(ThreadedWSGIServer):
    def __init__(self, port: int, app: App, tls: ssl.SSLContext | None) -> None:
        # Portals live on several addresses of 127.0.0.0/8 at once, hence all interfaces, narrowed in verify_request.
        super().__init__("0.0.0.0", port, Request.application(app), _QuietHandler)  # noqa: S104
        self.ssl_context = tls

    def verify_request(self, _request: Any, client_address: Any) -> bool:
        """Only this machine may ask."""
        return str(client_address[0]).startswith("127.")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands here rather than in the accepting thread, where one silent client would stop everybody."""
        if isinstance(self.ssl_context, ssl.SSLContext):
            try:
                request.settimeout(_HANDSHAKE_SECONDS)
                request = self.ssl_context.wrap_socket(request, server_side=True)
                request.settimeout(None)
            except OSError:
                request.close()
                return
        super().process_request_thread(request, client_address)


def json_response(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; text outside ASCII stays readable, half characters become escapes."""
    try:
        body = json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        body = json.dumps(data).encode()
    return Response(body, status, headers, content_type="application/json; charset=utf-8")


def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body, or {} where there is none."""
    data = request.get_json(silent=True, force=True) if request.content_length else None
    return data if isinstance(data, dict) else {}
