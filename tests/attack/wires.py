"""The attacker's own servers and sockets: services that hang, dawdle or lie, clients that neither speak nor listen."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, bytes], tuple[int, object]]


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen and never answer: the kernel takes the connections; the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2000)
        yield listener.getsockname()[1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1000
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever hung up meanwhile is no trouble here."""


@contextmanager
def own_service(answer: Answer, seconds: float = 0.0, heard: list[str] | None = None) -> Iterator[str]:
    """Serve a service of the attacker's: `answer` gets path and body, its JSON goes out after so many seconds.

    What it is asked is appended to `heard`, headers and all.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if heard is not None:
                heard.append(f"{self.path}\n{self.headers}\n{body.decode(errors='replace')}")
            status, said = answer(self.path, body)
            if seconds:
                time.sleep(seconds)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815 - so http.server finds it

        def log_message(self, *_args: Any) -> None:
            """Keep the log of the attack empty."""

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def hold(hosts: Sequence[tuple[str, int]], lanes: int, said: bytes, left: Callable[[], float]) -> dict[str, int]:
    """Open so many connections to each host, say that much and neither speak nor read; a closed one is opened anew."""
    opened = refused = 0
    held: dict[socket.socket, tuple[str, int]] = {}
    wanted = [host for host in hosts for _ in range(lanes)]
    try:
        while left():
            missing = list(wanted)
            for host in held.values():
                missing.remove(host)
            for host in missing:
                try:
                    held[_said_to(host, said)] = host
                    opened += 1
                except OSError:
                    refused += 1
            time.sleep(min(0.2, left()))
            for wire in [one for one in held if _is_over(one)]:
                held.pop(wire)
                wire.close()
    finally:
        for wire in held:
            wire.close()
    return {"opened": opened, "refused": refused, "closed by us": opened - len(held)}


def _said_to(host: tuple[str, int], said: bytes) -> socket.socket:
    wire = socket.socket()
    try:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(1.0)
        wire.connect(host)
        with suppress(TimeoutError):
            wire.sendall(said)
        wire.setblocking(False)
    except OSError:
        wire.close()
        raise
    return wire


def _is_over(wire: socket.socket) -> bool:
    """Tell whether the other side has closed, without reading what it wrote."""
    try:
        return wire.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
