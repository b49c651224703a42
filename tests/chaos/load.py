"""The load: people in the portals write, and the portals call our handlers at the signed addresses they were given."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.schedule import PlannedSms
from tests.chaos.tenants import Line, Tenants


@dataclass(frozen=True, slots=True)
class Posted:
    """A planned message that was written in its portal, under the portal's own id."""

    planned: PlannedSms
    line: Line
    message_id: str


class Load(threading.Thread):
    """Writes the planned messages in time; `posted` is complete once the thread has ended."""

    def __init__(self, tenants: Tenants, planned: Sequence[PlannedSms]) -> None:
        super().__init__(name="chaos-load")
        self._tenants = tenants
        self._planned = planned
        self.posted: list[Posted] = []
        self.trouble: BaseException | None = None
        self.halt = threading.Event()

    def run(self) -> None:
        """Write until all is written; a sandbox that does not answer is our own trouble, kept for `check`."""
        start = time.monotonic()
        try:
            for one in self._planned:
                if self.halt.wait(max(0.0, start + one.at - time.monotonic())):
                    return
                self._write(one)
        except Exception as error:  # noqa: BLE001 - raised again by `check`, in the main thread
            self.trouble = error

    def check(self) -> None:
        """Raise what ended the load early."""
        if self.trouble is not None:
            raise self.trouble

    def _write(self, one: PlannedSms) -> None:
        line = self._tenants.lines[one.line]
        house = self._tenants.houses[line.portal]
        sent = house.ask("send", to=one.to, text=one.text, code=line.code, author=one.author, module=one.module)
        self.posted.append(Posted(one, line, str(sent["message_id"])))
        if one.repeated:
            house.ask("repeat", message_id=sent["message_id"])
