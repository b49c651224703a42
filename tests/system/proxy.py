"""What a proxy does while the web processes behind it are restarted in turn: it asks the one that is there."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

CHUNK = 64 * 1024


class Proxy(threading.Thread):
    """Forwards connections from `port` to the first of `backends` (ports) that takes them, all on 127.0.0.1."""

    def __init__(self, port: int, backends: Sequence[int]) -> None:
        super().__init__(name="proxy", daemon=True)
        self._port, self._backends = port, backends
        self._listening = threading.Event()
        self._forwarding: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()

    def run(self) -> None:
        """Serve until `stop`."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._accept, "127.0.0.1", self._port, backlog=1000):
            self._listening.set()
            await self._ended.wait()
        while self._forwarding:
            for writer in self._open:
                writer.transport.abort()
            await asyncio.wait(self._forwarding)

    def begin(self) -> None:
        """Start, and return when connections are taken."""
        self.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        """Take no more connections, and drop those that are kept open."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarding = self._loop.create_task(self._forward(reader, writer))
        self._forwarding.add(forwarding)
        forwarding.add_done_callback(self._forwarding.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        for port in self._backends:
            with suppress(OSError):
                theirs, ours = await asyncio.open_connection("127.0.0.1", port)
                self._open.add(ours)
                await asyncio.gather(_pass_on(reader, ours), _pass_on(theirs, writer))
                await _close(ours)
                self._open.discard(ours)
                break
        await _close(writer)
        self._open.discard(writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side closes; then the other is closed too, so that a kept connection is not used again."""
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close, and wait until the socket is closed: one left to the garbage collector is a warning in a later test."""
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()
