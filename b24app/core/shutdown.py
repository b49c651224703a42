"""Whether this process was asked to stop: long loops look here and wait here. And what it cannot live without."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
_asked = threading.Event()
_failed = threading.Event()


def request_shutdown() -> None:
    """Called once, by the server's or the worker's shutdown hook."""
    _asked.set()


def is_requested() -> bool:
    return _asked.is_set()


def wait_for_request(seconds: float) -> bool:
    """Wait, but not longer than until the process is asked to stop; answers whether it was."""
    return _asked.wait(seconds)


def in_time(items: Iterable[Item], seconds: float) -> Iterator[Item]:
    """The items, as long as no more than so many seconds have passed and the process was not asked to stop."""
    until = time.monotonic() + seconds
    for item in items:
        if time.monotonic() >= until or is_requested():
            return
        yield item


def exit_code() -> int:
    """Return what the process ends with: 1 where it ends because a thread that it needs did, else 0."""
    return int(_failed.is_set())


def exit_after(seconds: float) -> None:
    """End the process so many seconds from now, whatever it still waits for."""
    late = threading.Timer(seconds, lambda: os._exit(exit_code()))
    late.daemon = True
    late.start()


def start_essential(work: Callable[[], None], *, name: str, daemon: bool = False) -> threading.Thread:
    """Start `work` in a thread without which the process must not live on, and return the thread.

    Should `work` end, for whatever reason, before the process was asked to stop, the process sends itself SIGTERM: its
    supervisor starts another one, and what it had not finished is taken over.
    """
    thread = threading.Thread(target=_watched, args=(work, name), name=name, daemon=daemon)
    thread.start()
    return thread


def _watched(work: Callable[[], None], name: str) -> None:
    try:
        work()
    except BaseException:
        log.critical("essential_thread_broke", thread=name, exc_info=True)
    finally:
        if not _asked.is_set():
            _failed.set()
            log.critical("essential_thread_ended", thread=name)
            os.kill(os.getpid(), signal.SIGTERM)
