"""Group commit: whoever comes while another writes is written together with all who came meanwhile.

No thread of its own: the first to come writes, in its own thread and at once, so that somebody alone waits for nobody
and there is nothing to start, to fork or to stop. When it has written, the first of those who waited goes on.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import connection

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Outcome]):
    """Hands gathered items to `write`, which answers an outcome for each, in their order."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Outcome]]) -> None:
        self._write = write
        self._door = threading.Lock()
        self._waiting: list[_Turn[Item, Outcome]] = []
        self._writing = False

    def put(self, item: Item) -> tuple[Outcome, Sequence[Outcome]]:
        """The item's outcome, once it is written; and to the one who wrote also those of everybody, to others none.

        Raises what `write` raised, to all whom it concerns.
        """
        if connection.in_atomic_block:  # what is written there belongs to that transaction alone
            outcomes = self._write([item])
            return outcomes[0], outcomes
        mine = _Turn[Item, Outcome](item)
        with self._door:
            self._waiting.append(mine)
            first, self._writing = not self._writing, True
        if not first:
            mine.come.acquire()  # either written by now, or the next to write
        written = [] if mine.is_over else self._write_all()
        if mine.error is not None:
            raise mine.error
        return mine.outcome, written

    def _write_all(self) -> Sequence[Outcome]:
        with self._door:
            turns, self._waiting = self._waiting, []
        outcomes: Sequence[Outcome] = []
        error: Exception | None = RuntimeError("not written")
        try:
            outcomes = self._write([turn.item for turn in turns])
            error = None
        except Exception as failed:  # noqa: BLE001 - it is raised to everybody whose item it was
            error = failed
        finally:  # also a thread that is ended must leave nobody waiting
            self._pass_on()
            for number, turn in enumerate(turns):
                turn.end(error, outcomes[number : number + 1])
        return outcomes

    def _pass_on(self) -> None:
        with self._door:
            self._writing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].come.release()


class _Turn(Generic[Item, Outcome]):
    """One who waits; `come` is held until there is something to do."""

    __slots__ = ("come", "error", "is_over", "item", "outcome")
    outcome: Outcome

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_over = False
        self.error: Exception | None = None
        self.come = threading.Lock()
        self.come.acquire()

    def end(self, error: Exception | None, outcome: Sequence[Outcome]) -> None:
        """Nobody but its owner looks at it once `come` is released."""
        self.error, self.is_over = error, True
        if error is None:
            self.outcome = outcome[0]
        self.come.release()
