"""The load: people in the portals write, and the portals call our handlers at the signed addresses they were given."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.schedule import Wish
from tests.chaos.town import Line, Town


@dataclass(frozen=True, slots=True)
class Posted:
    """A wish that was written in its portal, under the portal's own id."""

    wish: Wish
    line: Line
    message_id: str


class Load(threading.Thread):
    """Writes the wishes in time; `posted` is complete once the thread has ended."""

    def __init__(self, town: Town, wishes: Sequence[Wish]) -> None:
        super().__init__(name="chaos-load")
        self._town = town
        self._wishes = wishes
        self.posted: list[Posted] = []
        self.trouble: BaseException | None = None
        self.halt = threading.Event()

    def run(self) -> None:
        """Write until all is written; a sandbox that does not answer is our own trouble, kept for `check`."""
        start = time.monotonic()
        try:
            for wish in self._wishes:
                if self.halt.wait(max(0.0, start + wish.at - time.monotonic())):
                    return
                self._write(wish)
        except Exception as error:  # noqa: BLE001 - raised again by `check`, in the main thread
            self.trouble = error

    def check(self) -> None:
        """Raise what ended the load early."""
        if self.trouble is not None:
            raise self.trouble

    def _write(self, wish: Wish) -> None:
        line = self._town.lines[wish.line]
        house = self._town.houses[line.portal]
        sent = house.ask("send", to=wish.to, text=wish.text, code=line.code, author=wish.author, module=wish.module)
        self.posted.append(Posted(wish, line, str(sent["message_id"])))
        if wish.repeated:
            house.ask("repeat", message_id=sent["message_id"])
