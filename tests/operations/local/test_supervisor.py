"""The supervisor: children start when ready, end together, and their ends are noticed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from b24app.operations.local import processes, supervisor
from b24app.operations.local.supervisor import Supervisor, free_port
from tests.operations.local.waiting import wait_for

SLEEPER = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(grandchild.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(logs=tmp_path / "logs", cwd=tmp_path, env={**os.environ, "GREETING": "hello"})
    yield made
    made.stop()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def said(family: Supervisor, name: str) -> str:
    return family.log_file(name).read_text() if family.log_file(name).exists() else ""


def test_a_child_is_started_once_ready_with_the_environment_and_its_own_log(family: Supervisor) -> None:
    script = "import os, time; print(os.environ['GREETING'], flush=True); time.sleep(60)"
    family.start("greeter", ["-c", script], ready=lambda: "hello" in said(family, "greeter"))
    assert said(family, "greeter") == "hello\n"


def test_a_child_that_ends_before_it_is_ready_is_reported_with_its_last_words(family: Supervisor) -> None:
    with pytest.raises(processes.NotReady, match=r"ended with code 3:\nno luck"):
        family.start("unlucky", ["-c", "print('no luck'); raise SystemExit(3)"], ready=lambda: False)


def test_a_command_run_to_its_end_that_fails_is_reported(family: Supervisor) -> None:
    family.run("fine", ["-c", "print('done')"])
    with pytest.raises(processes.NotReady, match="ended with code 2"):
        family.run("broken", ["-c", "raise SystemExit(2)"])
    assert said(family, "fine") == "done\n"


def test_a_child_that_ends_by_itself_is_noticed_by_name(family: Supervisor) -> None:
    family.start("steady", ["-c", SLEEPER])
    family.start("brief", ["-c", "pass"])
    assert family.wait_for_end() == "brief"


def test_stopping_kills_what_does_not_listen_and_its_own_children(
    family: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)
    family.start("stubborn", ["-c", STUBBORN], ready=lambda: said(family, "stubborn") != "")
    family.start("sleeper", ["-c", SLEEPER], ready=lambda: said(family, "sleeper") != "")
    grandchild = int(said(family, "stubborn"))
    started = time.monotonic()
    family.stop()
    assert time.monotonic() - started < 30  # both would sleep for a minute
    wait_for(lambda: not _running(grandchild), seconds=60)


def _running(pid: int) -> bool:
    """Alive and not merely waiting to be collected by init."""
    state = Path(f"/proc/{pid}/stat")
    return alive(pid) and not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_sigterm_stops_a_supervised_run_in_good_order(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from b24app.operations.local.supervisor import *\n"
        "family = Supervisor(logs=Path(sys.argv[1]), cwd=Path.cwd(), env={})\n"
        "with stopped_by_signals():\n"
        "    try:\n"
        f"        family.start('sleeper', ['-c', {SLEEPER!r}]); print('up', flush=True); family.wait_for_end()\n"
        "    except KeyboardInterrupt:\n"
        "        family.stop(); print('stopped', flush=True)\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        run.send_signal(signal.SIGTERM)
        assert run.stdout.readline() == "stopped\n"
        assert run.wait(10) == 0


def test_a_taken_port_is_said_and_another_one_used(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        other = free_port(taken)
    assert other != taken
    assert capsys.readouterr().out == f"Port {taken} is taken; using {other} instead.\n"


def test_a_free_port_is_used_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert free_port(port) == port
    assert capsys.readouterr().out == ""


def test_a_child_that_was_asked_to_stop_is_forgotten_when_it_has(family: Supervisor) -> None:
    script = "import time; print('here', flush=True); time.sleep(60)"
    family.start("polite", ["-c", script], ready=lambda: "here" in said(family, "polite"))
    assert family.has_ended("polite") is False
    family.request_stop("polite")
    wait_for(lambda: family.has_ended("polite"), seconds=30)
    with pytest.raises(KeyError):
        family.has_ended("polite")
