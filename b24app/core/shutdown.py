"""Stopping the process: long loops check and wait here, and threads it cannot live without are watched."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
_requested = threading.Event()
_failed = threading.Event()


def request_shutdown() -> None:
    """Ask the process to stop; called once, by the server's or the worker's shutdown hook."""
    _requested.set()


def is_requested() -> bool:
    """Return whether the process was asked to stop."""
    return _requested.is_set()


def wait_for_request(seconds: float) -> bool:
    """Wait up to `seconds`, but no longer than until the process is asked to stop; return whether it was."""
    return _requested.wait(seconds)


def in_time(items: Iterable[Item], seconds: float) -> Iterator[Item]:
    """Yield the items until `seconds` have passed or the process is asked to stop."""
    until = time.monotonic() + seconds
    for item in items:
        if time.monotonic() >= until or is_requested():
            return
        yield item


def exit_code() -> int:
    """Return the process's exit code: 1 where it ends because an essential thread did, else 0."""
    return int(_failed.is_set())


def exit_after(seconds: float) -> None:
    """End the process after `seconds`, whatever it still waits for."""
    timer = threading.Timer(seconds, lambda: os._exit(exit_code()))
    timer.daemon = True
    timer.start()


def start_essential(work: Callable[[], None], *, name: str, daemon: bool = False) -> threading.Thread:
    """Start `work` in a thread the process cannot run without, and return the thread.

    If `work` ends for any reason before the process was asked to stop, the process sends itself SIGTERM: its supervisor
    starts another one, and unfinished work is taken over.
    """
    thread = threading.Thread(target=_run_essential, args=(work, name), name=name, daemon=daemon)
    thread.start()
    return thread


def _run_essential(work: Callable[[], None], name: str) -> None:
    try:
        work()
    except BaseException:
        log.critical("essential_thread_failed", thread=name, exc_info=True)
    finally:
        if not _requested.is_set():
            _failed.set()
            log.critical("essential_thread_ended", thread=name)
            os.kill(os.getpid(), signal.SIGTERM)
