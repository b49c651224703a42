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

    def run(self) -> None:
        """Serve until `stop`."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._forward, "127.0.0.1", self._port, backlog=1000):
            self._listening.set()
            await self._ended.wait()

    def begin(self) -> None:
        """Start, and return when connections are taken."""
        self.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        """Take no more connections."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._backends:
            with suppress(OSError):
                theirs, ours = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pass_on(reader, ours), _pass_on(theirs, writer))
                break
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side closes; then the other is closed too, so that a kept connection is not used again."""
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
