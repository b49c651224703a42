"""A process that could not do its work does not start; one that loses a thread it needs does not live on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from b24app.operations.local.supervisor import free_port
from tests.operations import small_application
from tests.system import checkout
from tests.system.procfile import LINES

SERVING = {name: line for name, line in LINES.items() if name not in {"build", "release"}}
SECONDS = 60  # that a start may take on a busy machine


def run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself, with the settings of the tests, in the code's folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "DJANGO_SETTINGS_MODULE": "b24app.settings"}
    return subprocess.run(
        command,
        cwd=checkout.ROOT,
        env=known | env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("name", SERVING)
def test_a_process_that_would_fail_or_leak_ends_with_a_sentence_for_each_reason(name: str, tmp_path: Path) -> None:
    """It would hear the queue and send nothing, take a call that it can keep nowhere, or show its code to strangers."""
    (tmp_path / "file").touch()
    spool = str(tmp_path / "file" / "spool")
    ended = run(["sh", "-c", SERVING[name]], SPOOL_DIR=spool, PORT=str(free_port(0)), DEVELOPMENT="false")
    assert ended.returncode == 78
    said = [line for line in ended.stderr.splitlines() if line.startswith("Sendline does not start: ")]
    assert (
        "Sendline does not start: DEBUG is on, so an error page shows code and data to anybody. Set DEBUG=False."
        in (said)
    )
    no_spool = (
        f"Sendline does not start: SPOOL_DIR, {spool}, cannot be written (Not a directory). "
        "It has to be a folder on a disk that this process may write to."
    )
    assert (no_spool in said) is (name != "beat")  # which keeps nothing
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["webhooks", "worker", "smpp"])  # which check it in places of their own
def test_a_process_whose_database_was_not_migrated_ends_with_a_sentence(name: str, tmp_path: Path) -> None:
    """It would take calls, set all of them aside, and have nobody notice."""
    never = {"DATABASE_URL": os.environ["DATABASE_URL"], "WAIT_FOR_MIGRATIONS_SECONDS": "0"}  # not the tests' own
    ended = run(["sh", "-c", SERVING[name]], SPOOL_DIR=str(tmp_path), PORT=str(free_port(0)), **never)
    assert ended.returncode == 1
    assert " migrations that this version needs, the first being audit.0001_initial. " in ended.stderr
    assert "Run the Procfile's `release` first." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (ended.stdout + ended.stderr).count("waiting_for_migrations") == 1


WAITING = "import django; django.setup(); from b24app.operations import schema; schema.wait_for_migrations()"


def test_a_process_waits_for_the_release_that_is_still_running(tmp_path: Path) -> None:
    with small_application.running_in(tmp_path) as application:
        process = application.start("-c", WAITING)
        assert process.stdout is not None
        assert "waiting_for_migrations" in process.stdout.readline()
        application.sql(small_application.FIRST_RELEASE)
        # Whoever goes back to the version before goes on with what there is.
        application.sql("INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0002_later', now())")
        said, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (0, "")


def test_a_process_starts_while_its_database_is_away() -> None:
    """What arrives is kept on the disk."""
    ended = run([sys.executable, "-c", WAITING], DATABASE_URL="postgresql:///none?host=/nonexistent")
    assert ended.returncode == 0
    assert "migrations_not_checked" in ended.stdout + ended.stderr


CODE = """
import os, signal, time
{before}
from b24app.core import shutdown
shutdown.start_essential(lambda: {ends}, name="needed")
signal.sigtimedwait({{signal.SIGTERM}}, 30)
print(shutdown.exit_code())
"""


@pytest.mark.parametrize("ends", ["None", "1 / 0", "exit(3)"])
def test_a_process_is_asked_to_end_when_a_thread_that_it_needs_has_ended(ends: str) -> None:
    block = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})"
    ended = run([sys.executable, "-c", CODE.format(before=block, ends=ends)])
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "1")
    assert "essential_thread_ended" in ended.stdout + ended.stderr


def test_a_process_that_does_nothing_about_it_is_ended() -> None:
    assert run([sys.executable, "-c", CODE.format(before="", ends="None")]).returncode == -signal.SIGTERM


WORKER = """
from celery.signals import worker_ready
from b24app.celery import app
from b24app.core import shutdown

@worker_ready.connect(weak=False)
def begin(**_):
    shutdown.start_essential(lambda: None, name="needed")
"""


def test_a_worker_that_loses_a_thread_it_needs_ends_in_good_order_as_a_failure(tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(WORKER)
    command = ["celery", "-A", "ending", "worker", "-P", "threads", "-c", "2", "-Q", "nothing", "-n", "ending@%h"]
    # Without a database, for that of the environment has no tables.
    away = {"DATABASE_URL": "postgresql:///none?host=/nonexistent"}
    ended = run(command, PYTHONPATH=f"{tmp_path}:{checkout.ROOT}", SPOOL_DIR=str(tmp_path / "spool"), **away)
    assert ended.returncode == 1
    assert "worker: Warm shutdown" in ended.stdout
    assert "essential_thread_ended" in ended.stdout + ended.stderr
