"""An installation by the README's words: requirements.txt alone, a clean folder, and the Procfile's lines."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from b24app.operations.local import processes
from b24app.operations.local.stack import is_answering
from tests.system import checkout
from tests.system.procfile import LINES

START_SECONDS, END_SECONDS = 60, 20


def install(folder: Path) -> Path:
    """Make a virtual environment with requirements.txt and nothing else in it; return the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip: list[str | Path] = [folder / "bin" / "pip", "install", "--quiet", "--no-warn-conflicts", "--require-hashes"]
    subprocess.run([*pip, "-r", checkout.ROOT / "requirements.txt"], check=True, env=_outside(), stderr=subprocess.PIPE)
    return folder / "bin"


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}


@dataclass
class Installation:
    """The code in `code`, started from its Procfile with `env`; a process is one line under a name of its own."""

    code: Path
    logs: Path
    env: Mapping[str, str]
    running: dict[str, "Process"] = field(default_factory=dict)

    def run(self, line: str) -> None:
        """Run a line to its end; raises processes.NotReady where it is not a good one."""
        child = self._spawn(line, line, {})
        try:
            processes.wait_until(
                lambda: child.poll() == 0, child, name=line, log=self._log(line), seconds=START_SECONDS * 2
            )
        finally:
            processes.stop_process(child, seconds=0)

    def start(self, name: str, line: str, **env: str) -> None:
        """Start a line under this name and wait until it is ready for work."""
        child = self._spawn(name, line, env)
        self.running[name] = Process(line, env, child)
        processes.wait_until(lambda: self._is_ready(name), child, name=name, log=self._log(name), seconds=START_SECONDS)

    def restart(self, name: str) -> float:
        """SIGTERM, and start it again once it has ended; return how many seconds the end took.

        Raises AssertionError where it ends badly or too late.
        """
        before = self.running[name]
        asked = time.monotonic()
        processes.send_signal(before.child)
        code = before.child.wait(END_SECONDS)
        took = time.monotonic() - asked
        assert code == 0, f"{name} ended with {code}:\n{processes.read_tail(self._log(name))}"
        self.start(name, before.line, **before.env)
        return took

    def stop(self) -> None:
        """End everything."""
        for one in self.running.values():
            processes.send_signal(one.child)
        for one in self.running.values():
            processes.wait_or_kill(one.child, seconds=END_SECONDS)

    def ports(self, line: str) -> list[int]:
        """Where the processes of a line listen."""
        return [int(one.env["PORT"]) for one in self.running.values() if one.line == line]

    def said(self) -> str:
        """All that the processes have printed."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.logs.glob("*.log")))

    def _spawn(self, name: str, line: str, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        return processes.spawn_process(
            ["sh", "-c", LINES[line]], log=self._log(name), env={**self.env, **env}, cwd=self.code
        )

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _is_ready(self, name: str) -> bool:
        process = self.running[name]
        if "PORT" in process.env:
            return is_answering(int(process.env["PORT"]))
        if process.line in {"worker", "pusher"}:
            return self._hears(f"{process.line}-{process.child.pid}@{socket.gethostname()}")
        if process.line == "smpp":
            return _is_ready_event(self._log(name), "smpp_ready", process.child.pid)
        return "beat" in self._log(name).read_text(errors="replace")

    def _hears(self, node: str) -> bool:
        with Redis.from_url(self.env["REDIS_URL"]) as asking:  # where Celery says whom its control messages reach
            return any(node.encode() in one for one in asking.smembers("_kombu.binding.celery.pidbox"))


@dataclass
class Process:
    """A line of the Procfile while it runs."""

    line: str
    env: Mapping[str, str]
    child: "subprocess.Popen[bytes]"


def _is_ready_event(log: Path, event: str, pid: int) -> bool:
    lines = log.read_text(errors="replace").splitlines()
    return any(f'"{event}"' in line and json.loads(line)["pid"] == pid for line in lines)
