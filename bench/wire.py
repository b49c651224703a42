"""HTTP/1.1 as cheap as Python allows: what the stub answers with and what the load is made with."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
ANSWER_SECONDS = 60


class Answering(asyncio.Protocol):
    """The server's side of one connection; subclasses write `handle`, which may answer later."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while END in self._buffer:
            head, _, rest = self._buffer.partition(END)
            length = LENGTH.search(head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self.handle(head, rest[:size])

    def handle(self, head: bytes, body: bytes) -> None:
        """Take one request."""
        raise NotImplementedError

    def answer(self, body: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> None:
        """Answer the request that waits, if its asker still does."""
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, kind, len(body), body)
            )


class Asking(asyncio.Protocol):
    """The client's side of one kept connection: one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future brings the status, or ConnectionError."""
        self._buffer = b""
        self._waiting = asyncio.get_running_loop().create_future()
        if self.transport.is_closing():
            self._waiting.set_exception(ConnectionResetError())
        else:
            self.transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(END)
        if not end:
            return
        length = LENGTH.search(head)
        whole = len(rest) >= int(length[1]) if length else rest.endswith(LAST_CHUNK)
        if whole and self._waiting and not self._waiting.done():
            self._waiting.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError())


async def ask_kept(kept: Asking | None, address: tuple[str, int], request: bytes) -> tuple[Asking, int]:
    """Ask on a kept connection, on a new one where that was closed meanwhile; answers the connection and the status."""
    loop = asyncio.get_running_loop()
    if kept is not None:
        try:
            return kept, await asyncio.wait_for(kept.ask(request), ANSWER_SECONDS)
        except ConnectionError:
            pass
    _, fresh = await loop.create_connection(Asking, *address)
    return fresh, await asyncio.wait_for(fresh.ask(request), ANSWER_SECONDS)


async def ask_all(port: int, requests: Iterable[bytes], lanes: int) -> Counter[int]:
    """Send every request over so many kept connections; counts the statuses, 0 for no answer."""
    statuses: Counter[int] = Counter()
    shared = iter(requests)
    await asyncio.gather(*(_lane(("127.0.0.1", port), shared, statuses) for _ in range(lanes)))
    return statuses


async def _lane(address: tuple[str, int], requests: Iterator[bytes], statuses: Counter[int]) -> None:
    kept: Asking | None = None
    for request in requests:
        try:
            kept, status = await ask_kept(kept, address, request)
        except (OSError, TimeoutError):
            kept, status = None, 0
        statuses[status] += 1
    if kept is not None:
        kept.transport.close()
