"""Ids that an account was given lately: a receipt may come before the message's row has its id."""

from collections import OrderedDict
from collections.abc import Iterable

MAX_RECENT_IDS = 5_000


class RecentIds:
    """The latest ids, each with its recipient's number. Written by the session's thread, read by the dispatcher's."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str, str] = OrderedDict()
        self.total = 0  # of all times: who waits for an id looks again when it has grown

    def add(self, ref: str, number: str) -> None:
        """Remember an id, and drop the oldest above `MAX_RECENT_IDS`."""
        self._numbers[ref] = number
        self.total += 1
        while len(self._numbers) > MAX_RECENT_IDS:
            self._numbers.popitem(last=False)

    def find_numbers(self, refs: Iterable[str]) -> dict[str, str]:
        """Return those of the ids that were given lately, each with its number."""
        return {ref: number for ref in refs if (number := self._numbers.get(ref))}
