"""Group commit: items that arrive during a write are written together by the next one.

There is no writer thread: the first caller writes in its own thread and at once, so that a single caller never waits
and there is nothing to start, fork or stop. After the write, the first waiting caller writes for all that wait.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import connection

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Outcome]):
    """Collects items for `write`, which returns an outcome for each, in the same order."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Outcome]]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._pending: list[_PendingItem[Item, Outcome]] = []
        self._writing = False

    def put(self, item: Item) -> tuple[Outcome, Sequence[Outcome]]:
        """Return the item's outcome once it is written, and to the caller that wrote, the outcomes of the whole group.

        Other callers get an empty sequence. Raise what `write` raised, in every caller of the group.
        """
        if connection.in_atomic_block:  # it must be written in that transaction alone
            outcomes = self._write([item])
            return outcomes[0], outcomes
        mine = _PendingItem[Item, Outcome](item)
        with self._lock:
            self._pending.append(mine)
            is_writer, self._writing = not self._writing, True
        if not is_writer:
            mine.ready.acquire()  # released once written, or when this thread is the next writer
        written = [] if mine.is_done else self._write_pending()
        if mine.error is not None:
            raise mine.error
        return mine.outcome, written

    def _write_pending(self) -> Sequence[Outcome]:
        with self._lock:
            group, self._pending = self._pending, []
        outcomes: Sequence[Outcome] = []
        error: Exception | None = RuntimeError("not written")
        try:
            outcomes = self._write([one.item for one in group])
            error = None
        except Exception as failed:  # noqa: BLE001 - raised in every caller of the group
            error = failed
        finally:  # even a thread that is being killed must leave no caller waiting
            self._wake_next_writer()
            for number, one in enumerate(group):
                one.finish(error, outcomes[number : number + 1])
        return outcomes

    def _wake_next_writer(self) -> None:
        with self._lock:
            self._writing = bool(self._pending)
            if self._pending:
                self._pending[0].ready.release()


class _PendingItem(Generic[Item, Outcome]):
    """An item and its waiting caller; `ready` stays locked until the caller has something to do."""

    __slots__ = ("error", "is_done", "item", "outcome", "ready")
    outcome: Outcome

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_done = False
        self.error: Exception | None = None
        self.ready = threading.Lock()
        self.ready.acquire()

    def finish(self, error: Exception | None, outcome: Sequence[Outcome]) -> None:
        """Store the outcome, then wake the caller: after that only the caller may read it."""
        self.error, self.is_done = error, True
        if error is None:
            self.outcome = outcome[0]
        self.ready.release()
