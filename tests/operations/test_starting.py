"""A process that could not do its work does not start; one that loses a thread it needs does not live on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import environ
import pytest
from cryptography.fernet import Fernet
from pytest_django.fixtures import Settings

from b24app.operations.local.supervisor import free_port
from b24app.operations.starting import check_can_start
from tests.system import checkout
from tests.system.procfile import LINES

SERVING = {name: line for name, line in LINES.items() if name not in {"build", "release", "beat"}}
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
def test_a_process_that_cannot_write_its_spool_ends_with_a_sentence(name: str, tmp_path: Path) -> None:
    """It would hear the queue and send nothing, or take a call that it can keep nowhere."""
    (tmp_path / "file").touch()
    ended = run(["sh", "-c", SERVING[name]], SPOOL_DIR=str(tmp_path / "file" / "spool"), PORT=str(free_port(0)))
    assert ended.returncode == 1
    assert f"nothing can be kept in SPOOL_DIR, {tmp_path}/file/spool (Not a directory)" in ended.stderr
    assert "Traceback" not in ended.stderr


FERNET = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("name", "keys", "fault"),
    [
        ("ADDRESS_KEYS", "a-good-key-of-many-characters, ", "Key 2 of ADDRESS_KEYS is blank, so anybody could sign"),
        ("ADDRESS_KEYS", "short", "Key 1 of ADDRESS_KEYS has fewer than 16 characters"),
        ("ADDRESS_KEYS", "", "ADDRESS_KEYS is empty"),
        ("SECRET_KEY_FALLBACKS", " ", "Key 1 of SECRET_KEY_FALLBACKS is blank, so anybody could sign"),
        ("SECRETS_KEYS", f"{FERNET},abc", "Key 2 of SECRETS_KEYS is no Fernet key"),
        ("SECRETS_KEYS", "", "SECRETS_KEYS is empty"),
    ],
)
def test_keys_that_let_a_stranger_in_or_open_nothing_are_refused(
    name: str, keys: str, fault: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, keys)
    setattr(settings, name, environ.Env().list(name))
    with pytest.raises(SystemExit, match=f"^Sendline does not start: {fault}"):
        check_can_start()


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
    ended = run(command, PYTHONPATH=f"{tmp_path}:{checkout.ROOT}", SPOOL_DIR=str(tmp_path / "spool"))
    assert ended.returncode == 1
    assert "worker: Warm shutdown" in ended.stdout
    assert "essential_thread_ended" in ended.stdout + ended.stderr
