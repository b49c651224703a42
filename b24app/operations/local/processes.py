"""Child processes that have their own group, die with their launcher and can be waited for."""

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
    """A child process ended, or its time was up, before it could be used; the text ends with its last log lines."""


def spawn_process(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: struct_passwd | None = None,
    last_wish: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, its output appended to `log`.

    `account` is the user to become (root only); `last_wish` is the signal the kernel sends the child should this
    process vanish (Linux only, elsewhere nothing is sent).
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
            preexec_fn=_die_with_parent(last_wish),  # noqa: PLW1509 - one C call between fork and exec, no locks taken
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )


def _die_with_parent(last_wish: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    launcher = os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, int(last_wish), 0, 0, 0)
        if os.getppid() != launcher:
            os._exit(1)

    return bind


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, name: str, log: Path, seconds: float
) -> None:
    """Return as soon as `ready` says yes; raise NotReady when the process ends or `seconds` pass first."""
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
    """Ask with `first`, then, `seconds` later, kill; afterwards nothing of the child's process group is left."""
    send_signal(process, first)
    wait_or_kill(process, seconds=seconds)


def send_signal(process: subprocess.Popen[bytes], wish: signal.Signals = signal.SIGTERM) -> None:
    """Signal the child itself, not its group: a server stops its own workers in good order."""
    if process.poll() is None:
        process.send_signal(wish)


def wait_or_kill(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Wait for the child's end, at most `seconds`, then kill what is left of its group."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0, seconds))
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_leftover(pid_file: Path, *, marker: str, seconds: float = 15) -> None:
    """End what a crashed run left behind: the process `pid_file` names in its first line, if its command has `marker`.

    A number that meanwhile belongs to somebody else is left alone. Without /proc nothing is ended.
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
    """Wait until no process works in `folder` any more; what still does after `seconds` is killed. Needs /proc."""
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
    """The last `lines` lines of a log file; empty when there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
