"""A real server in a process of its own, on a real socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection as database

from b24app.operations.local.supervisor import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds for what takes a tenth of one


@dataclass
class Served:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, head: bytes, body: bytes = b"") -> bytes:
        """Send a request as it is and read all of the answer."""
        with self.connect() as wire:
            wire.sendall(head + body)
            return read_all(wire)

    def get(self, path: str, timeout: float = PATIENCE) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def read_all(wire: socket.socket) -> bytes:
    """Everything until the other side closes, also where it resets."""
    said = b""
    try:
        while piece := wire.recv(65536):
            said += piece
    except ConnectionError:
        pass
    return said


@contextmanager
def serving(
    folder: Path, *options: str, module: str = "tests.server.application", port: int = 0, **env: str
) -> Iterator[Served]:
    port = port or free_port(0)
    log = folder / f"{module}.{port}.log"
    command = [sys.executable, "-m", "b24app.server", module, "--port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **env})
    served = Served(port, process, log)
    try:
        _wait(served)
        yield served
    finally:
        process.kill()
        process.wait()


def _wait(served: Served) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            served.connect().close()
        except OSError:
            assert time.monotonic() < end, served.log.read_text()
            time.sleep(0.05)
        else:
            return


def here() -> str:
    """Return the address of this test's database."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database.settings_dict['NAME']}"))


@contextmanager
def served(folder: Path, module: str, *options: str, port: int = 0, **env: str) -> Iterator[Served]:
    """Run a server on this test's database."""
    ours = {"DATABASE_URL": here(), "SPOOL_DIR": str(folder / "spool")}
    ours |= {"DJANGO_SETTINGS_MODULE": "b24app.settings"}  # pytest-django takes it out of our own environment
    with serving(folder, *options, module=module, port=port, **ours, **env) as running:
        yield running
