"""Starts, watches and stops the processes of the application; each has a log file."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from b24app.operations.local import processes

START_SECONDS = 45
STOP_SECONDS = 8


class Supervisor:
    """Children by name, all in `cwd` with `env`; `logs` is the folder of `<name>.log`."""

    def __init__(self, *, logs: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._logs = logs
        self._cwd = cwd
        self._env = env
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log_file(self, name: str) -> Path:
        """Return the log file of the child `name`."""
        return self._logs / f"{name}.log"

    def start(self, name: str, arguments: Sequence[str | Path], *, ready: Callable[[], bool] | None = None) -> None:
        """Start `python <arguments>` and wait until `ready`; raise processes.NotReady."""
        self.log_file(name).unlink(missing_ok=True)
        self._children[name] = self._spawn_python(name, arguments)
        if ready is not None:
            processes.wait_until(ready, self._children[name], name=name, log=self.log_file(name), seconds=START_SECONDS)

    def run(self, name: str, arguments: Sequence[str | Path], *, seconds: float = 120) -> None:
        """Run `python <arguments>` to its end; raise processes.NotReady unless it exits with 0."""
        self.log_file(name).unlink(missing_ok=True)
        child = self._children[name] = self._spawn_python(name, arguments)
        processes.wait_until(lambda: child.poll() == 0, child, name=name, log=self.log_file(name), seconds=seconds)
        del self._children[name]

    def crash(self, name: str) -> None:
        """Kill the child `name` and its whole group, as a power cut would; `start` restarts it."""
        child = self._children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def request_stop(self, name: str) -> None:
        """Ask the child `name` to stop gracefully; `has_ended` is true once it has."""
        processes.send_signal(self._children[name])

    def has_ended(self, name: str) -> bool:
        """Return whether the child `name` has ended; if so, drop it and kill what is left of its group."""
        if self._children[name].poll() is None:
            return False
        processes.wait_or_kill(self._children.pop(name), seconds=0)
        return True

    def wait_for_end(self) -> str:
        """Wait until a child ends by itself and return its name."""
        while True:
            for name, child in self._children.items():
                if child.poll() is not None:
                    return name
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask all children at once, wait up to STOP_SECONDS in total, then kill the rest."""
        for child in self._children.values():
            processes.send_signal(child)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            processes.wait_or_kill(child, seconds=deadline - time.monotonic())
        self._children.clear()

    def _spawn_python(self, name: str, arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        return processes.spawn_process(
            [sys.executable, *arguments], log=self.log_file(name), env=self._env, cwd=self._cwd
        )


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt in the block, like Ctrl-C; ignore later ones."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def free_port(wanted: int) -> int:
    """Return `wanted` if it is free on 127.0.0.1, otherwise a free port; 0 asks for any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    if wanted not in {0, port}:
        print(f"Port {wanted} is taken; using {port} instead.", flush=True)
    return port
