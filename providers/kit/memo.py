"""The memory that all processes share: what a service must remember from one message to the next."""

from contextlib import AbstractContextManager
from typing import Protocol


class Memo(Protocol):
    """A small memory shared by all processes and encrypted at rest, for login tokens. `seconds` is the time to live."""

    def get(self, key: str) -> str | None:
        """Return the value of a key, None where there is none or its time is over."""
        ...

    def put(self, key: str, value: str, seconds: float) -> None:
        """Store a value for so many seconds."""
        ...

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold a lock over all processes, so that only one logs in."""
        ...
