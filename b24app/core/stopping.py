"""Whether this process was asked to stop: long loops look here and wait here."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_asked = threading.Event()


def ask() -> None:
    """Called once, by the server's or the worker's shutdown hook."""
    _asked.set()


def asked() -> bool:
    return _asked.is_set()


def wait(seconds: float) -> bool:
    """Wait, but not longer than until the process is asked to stop; answers whether it was."""
    return _asked.wait(seconds)


def in_time(items: Iterable[Item], seconds: float) -> Iterator[Item]:
    """The items, as long as no more than so many seconds have passed and the process was not asked to stop."""
    until = time.monotonic() + seconds
    for item in items:
        if time.monotonic() >= until or asked():
            return
        yield item
