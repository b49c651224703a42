"""Child processes with their own group, which die with their launcher and can be waited for."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from pwd import struct_passwd

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


class NotReady(Exception):
    """A child process ended or timed out before it was ready; the message ends with its last log lines."""


def spawn_process(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: struct_passwd | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, its output appended to `log`.

    `account` is the user to become (root only); `death_signal` is the signal the kernel sends the child when this
    process dies (Linux only).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            process_group=0,
            preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - one C call between fork and exec, no locks taken
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    launcher = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != launcher:
            os._exit(1)

    return set_death_signal


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, name: str, log: Path, seconds: float
) -> None:
    """Return as soon as `ready` is true; raise NotReady when the process ends or `seconds` pass first."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise NotReady(f"{name} ended with code {process.returncode}:\n{read_tail(log)}")
        if time.monotonic() > deadline:
            raise NotReady(f"{name} was not ready after {seconds:.0f} s:\n{read_tail(log)}")
        time.sleep(0.05)


def stop_process(
    process: subprocess.Popen[bytes], *, first: signal.Signals = signal.SIGTERM, seconds: float = 10
) -> None:
    """Send `first`, wait up to `seconds`, then kill whatever is left of the child's process group."""
    send_signal(process, first)
    wait_or_kill(process, seconds=seconds)


def send_signal(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """Signal the child itself, not its group: a server stops its own workers gracefully."""
    if process.poll() is None:
        process.send_signal(number)


def wait_or_kill(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Wait at most `seconds` for the child's end, then kill what is left of its group."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0, seconds))
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_leftover(pid_file: Path, *, marker: str, seconds: float = 15) -> None:
    """End the process of a crashed run: the pid in the first line of `pid_file`, if its command contains `marker`.

    A pid that was reused is left alone. Without /proc nothing is ended.
    """
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        deadline = time.monotonic() + seconds
        with suppress(ProcessLookupError):
            if marker in _command_line(pid):
                os.kill(pid, signal.SIGINT)
            while marker in _command_line(pid):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
        pid_file.unlink()


def wait_until_unused(folder: Path, *, seconds: float) -> None:
    """Wait until no process has `folder` as working directory; kill those left after `seconds`. Needs /proc."""
    deadline = time.monotonic() + seconds
    while left := _processes_in(folder):
        if time.monotonic() > deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _processes_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and (entry / "cwd").resolve() == folder.resolve():
                found.append(int(entry.name))
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def read_tail(log: Path, lines: int = 15) -> str:
    """Return the last `lines` lines of a log file; "" when there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
