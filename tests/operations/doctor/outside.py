"""What stands outside: a proxy with a certificate of its own before the application, and authorisation servers."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import trustme

from b24app.webhooks import page_forms
from b24app.webhooks import wsgi as webhooks

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def behind_proxy(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer as the application does behind a proxy that it trusts."""
    environ["HTTP_X_FORWARDED_PROTO"] = "https"
    return webhooks.route_webhooks(page_forms.PagesHandler())(environ, start_response)


def something_else(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer everything with a page, as a proxy does that leads elsewhere."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"Welcome to nginx!"]


@contextmanager
def proxying(
    authority: trustme.CA, application: Application = behind_proxy, *, host: str = "127.0.0.1", days: int = 90
) -> Iterator[int]:
    """Serve over TLS with a certificate for `host` that is valid for so many days; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    authority.issue_cert(host, not_before=ends - timedelta(days=100), not_after=ends).configure_cert(context)
    server = make_server("127.0.0.1", 0, application, handler_class=_Silent)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused certificate is no event
    # The handshake is done while a request is read, so that one that fails does not end the server.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def write_authority(authority: trustme.CA, folder: Path) -> str:
    """Write an authority's certificate into a file, and return its path."""
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)
