"""Real listeners on 127.0.0.1 that say exactly what a test tells them, byte by byte."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[[socket.socket], None]


class Listener:
    """Serves every connection by one script; counts connections and keeps the requests."""

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        self.connections = 0
        self.closed = threading.Semaphore(0)  # released once per connection that has ended
        self.requests: list[bytes] = []
        self._script = script
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                wire, _address = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(wire,), daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        with wire:
            wire.settimeout(30)
            try:
                while request := read_request(wire):
                    self.requests.append(request)
                    self._script(wire)
            except OSError:
                pass  # the other side went away
        self.closed.release()

    def close(self) -> None:
        # A bare close leaves the accepting thread asleep.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(2)


def read_request(wire: socket.socket) -> bytes:
    """Return one request with its body, b"" when the other side is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = wire.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _blank, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += wire.recv(65536)
    return head + b"\r\n\r\n" + body


def says(raw: bytes) -> Script:
    """Answer these bytes and go on listening."""
    return lambda wire: wire.sendall(raw)


def hangs_up(raw: bytes = b"") -> Script:
    """Answer these bytes and hang up."""

    def script(wire: socket.socket) -> None:
        wire.sendall(raw)
        wire.shutdown(socket.SHUT_RDWR)

    return script


def drips(raw: bytes, every: float = 0.02) -> Script:
    """Answer these bytes, one by one."""

    def script(wire: socket.socket) -> None:
        for byte in raw:
            wire.sendall(bytes([byte]))
            time.sleep(every)

    return script


def answer(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    """Return a whole HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@contextmanager
def listening(script: Script, host: str = "127.0.0.1") -> Iterator[Listener]:
    """Hold a listener open."""
    listener = Listener(script, host)
    try:
        yield listener
    finally:
        listener.close()
