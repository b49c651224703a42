"""Whether this process was asked to stop: long loops look here and wait here."""

import threading

_asked = threading.Event()


def ask() -> None:
    """Called once, by the server's or the worker's shutdown hook."""
    _asked.set()


def asked() -> bool:
    return _asked.is_set()


def wait(seconds: float) -> bool:
    """Wait, but not longer than until the process is asked to stop; answers whether it was."""
    return _asked.wait(seconds)
