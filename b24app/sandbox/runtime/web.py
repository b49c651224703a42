"""The sandbox's web servers: werkzeug's threaded one, local only, with TLS handshakes in the request's thread."""

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
    """Raised by an application to close the connection without a response."""


class Server:
    """One listening port; `port` is known from construction, requests are served after `start`."""

    def __init__(self, port: int, app: App, tls: ssl.SSLContext | None = None) -> None:
        self._server = _LoopbackServer(port, app, tls)
        self.port: int = self._server.server_address[1]
        self._thread = self._new_thread()
        self._state_lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Serve requests from a thread of its own."""
        self._thread.start()

    def refuse_connections(self, seconds: float) -> None:
        """Refuse new connections for `seconds`, like a service that restarts; return at once."""
        threading.Thread(target=self._pause_listening, args=(seconds,), name="sandbox-refuses", daemon=True).start()

    def _pause_listening(self, seconds: float) -> None:
        with self._state_lock:
            self._stop_serving()
            # Shut down, not closed: the port stays ours while callers are refused.
            self._server.socket.shutdown(socket.SHUT_RDWR)
            self._stopped.wait(seconds)
            if self._stopped.is_set():
                return
            self._server.socket.listen(self._server.request_queue_size)
            self._thread = self._new_thread()
            self._thread.start()

    def stop(self) -> None:
        """Stop listening and free the port."""
        self._stopped.set()
        with self._state_lock:
            self._stop_serving()
            self._server.server_close()

    def _stop_serving(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()

    def _new_thread(self) -> threading.Thread:
        # Not werkzeug's own loop, which closes the socket when it ends.
        return threading.Thread(target=BaseServer.serve_forever, args=(self._server, 0.05), daemon=True)


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        if type == "error":
            _log.error(message, *args)

    def connection_dropped(self, _error: BaseException, _environ: Any = None) -> None:
        """Close the connection, which keep-alive would hold open after `ConnectionDropped`."""
        self.close_connection = True


class _LoopbackServer(ThreadedWSGIServer):
    def __init__(self, port: int, app: App, tls: ssl.SSLContext | None) -> None:
        # Portals live on several addresses of 127.0.0.0/8 at once, hence all interfaces, narrowed in verify_request.
        super().__init__("0.0.0.0", port, Request.application(app), _QuietHandler)  # noqa: S104
        self.ssl_context = tls

    def verify_request(self, _request: Any, client_address: Any) -> bool:
        """Accept only this machine."""
        return str(client_address[0]).startswith("127.")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake here, not in the accepting thread, where one silent client would block everybody."""
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
    """Return a JSON response; text outside ASCII stays readable, lone surrogates become escapes."""
    try:
        body = json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        body = json.dumps(data).encode()
    return Response(body, status, headers, content_type="application/json; charset=utf-8")


def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body, or {} where there is none."""
    data = request.get_json(silent=True, force=True) if request.content_length else None
    return data if isinstance(data, dict) else {}
