"""The Procfile's commands, run as production runs them: started together, watched, and stopped together."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

from b24app.operations.local import processes

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 60.0, 25.0


def read_procfile() -> dict[str, str]:
    """Return the application's own commands by name, on the loopback address."""
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines() if ": " in line)
    return {name: command.replace("0.0.0.0", "127.0.0.1") for name, _, command in lines}


def production_settings(port: int, webhooks_port: int) -> dict[str, str]:
    """Return what differs from a development installation: production's settings, but on these ports."""
    # Without a proxy in front, what machines call is given out at the port of the process that serves them.
    machines = webhooks_port if "webhooks" in read_procfile() else port
    return {
        "PUBLIC_URL": f"http://127.0.0.1:{machines}",
        "PORT": str(port),
        "WEBHOOKS_PORT": str(webhooks_port),
        "DEBUG": "false",
        "DEMO": "false",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


@dataclass(kw_only=True)
class ProcessGroup:
    """Processes by name, each with a log file in `logs`."""

    logs: Path
    children: dict[str, Popen[bytes]] = field(default_factory=dict)

    def log_file(self, name: str) -> Path:
        """Return the log file of a process; every process of that name appends to it."""
        return self.logs / f"{name}.log"

    def start(self, commands: Mapping[str, str], env: Mapping[str, str]) -> None:
        """Start shell commands, and wait until those that listen for HTTP answer; raise processes.NotReady."""
        for name, command in commands.items():
            log = self.log_file(name)
            self.children[name] = processes.spawn_process(["sh", "-c", command], log=log, env=env, cwd=ROOT)
        for name, variable in {"web": "PORT", "webhooks": "WEBHOOKS_PORT"}.items():
            if name in commands:
                ready = partial(is_answering, int(env[variable]))
                log = self.log_file(name)
                processes.wait_until(ready, self.children[name], name=name, log=log, seconds=START_SECONDS)

    def stop(self) -> None:
        """Ask all at once, wait up to STOP_SECONDS in total, then kill the rest."""
        children = list(self.children.values())
        self.children.clear()
        for child in children:
            processes.send_signal(child)
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            processes.wait_or_kill(child, seconds=deadline - time.monotonic())

    def find_ended(self) -> list[str]:
        """Return the processes that ended without having been asked to."""
        return [name for name, child in self.children.items() if child.poll() is not None]


def is_answering(port: int) -> bool:
    """Return whether anything answers HTTP on this port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
