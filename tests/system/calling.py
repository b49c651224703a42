"""Handler calls at an even pace, each with a number, made again where a restarting server closed the connection."""

import asyncio
import threading
import time
from collections.abc import Sequence

from bench.load import Caller
from bench.wire import Asking, ask_kept

LANES = 35
TRIES = 3  # of a call that no server answered: what a proxy does with `non_idempotent`


class Calling(threading.Thread):
    """Makes `rate` calls a second until `halt`; `answers` then has the status of each call by its number."""

    def __init__(self, port: int, callers: Sequence[Caller], rate: float) -> None:
        super().__init__(name="calling")
        self._address, self._callers, self._pause = ("127.0.0.1", port), callers, LANES / rate
        self.halt = threading.Event()
        self.answers: dict[int, int] = {}

    def run(self) -> None:
        """Call until told to halt."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._lane(lane) for lane in range(LANES)))

    async def _lane(self, lane: int) -> None:
        kept: Asking | None = None
        due = time.monotonic() + self._pause * lane / LANES
        number = lane
        while not self.halt.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            request = self._callers[number % len(self._callers)].request(number)
            for _ in range(TRIES):
                try:
                    kept, self.answers[number] = await ask_kept(kept, self._address, request)
                    break
                except (OSError, TimeoutError):
                    kept, self.answers[number] = None, 0
            number, due = number + LANES, due + self._pause
        if kept is not None:
            kept.transport.close()
