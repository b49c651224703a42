"""Each way to configure an installation unsafely is named, in the same words, by the doctor and by each process."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from b24app.operations.doctor import local_checks
from b24app.operations.doctor.findings import Level
from b24app.operations.doctor.outgoing import check_private_networks
from b24app.operations.doctor.spool_disk import FORGETFUL, find_filesystem
from b24app.operations.starting import check_can_start
from tests.operations.doctor.misconfigurations import IN_A_FILE, IN_CODE, IN_MEMORY, REFUSED
from tests.operations.doctor.production import configure


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk that does not forget, as an installation has one."""
    places = [place for place in (tmp_path, Path.home()) if find_filesystem(place) not in FORGETFUL]
    if not places:
        pytest.skip("every disk here forgets")
    with TemporaryDirectory(dir=places[0]) as made:
        yield Path(made)


@pytest.fixture(autouse=True)
def no_traces() -> Iterator[None]:
    """Remove the folders that a writable spool creates."""
    yield
    for folder in (IN_MEMORY, IN_CODE):
        (folder / ".lock").unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()


def doctor_errors() -> list[str]:
    """Return what the doctor says of the settings alone."""
    return [
        str(finding)
        for check in local_checks.LOCAL
        if not (check.is_for_production and configured.DEVELOPMENT)
        for finding in check.find()
        if finding.level is Level.ERROR
    ]


def test_a_good_configuration_starts(settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings, folder)
    check_can_start()
    assert doctor_errors() == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_named_by_the_doctor_and_by_the_process(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    changed, sentence = REFUSED[name]
    for key, value in changed.get("DATABASE", {}).items():
        monkeypatch.setitem(configured.DATABASES["default"], key, value)
    configure(settings, folder, **changed)
    assert doctor_errors() == [sentence]
    with pytest.raises(SystemExit) as ended:
        check_can_start()
    assert ended.value.code == 78
    assert capsys.readouterr().err == f"Sendline does not start: {sentence}\n"


def test_all_that_is_wrong_is_said_at_once(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(settings, folder, DEBUG=True, ALLOWED_HOSTS=[], SECRET_KEY="x")
    with pytest.raises(SystemExit):
        check_can_start()
    assert capsys.readouterr().err.count("Sendline does not start: ") == 3


def test_the_demonstration_is_allowed_but_said(
    settings: Settings, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(settings, folder, DEMO=True)
    check_can_start()
    assert "DEMO is on: administrators can connect a service that only pretends to send." in caplog.text


def test_development_starts_as_no_installation_should(settings: Settings, folder: Path) -> None:
    configure(settings, folder, DEVELOPMENT=True, PUBLIC_URL="http://127.0.0.1:8000", DEBUG=True, SECRET_KEY="x")
    check_can_start()


def test_beat_needs_neither_a_spool_nor_static_files(settings: Settings, folder: Path) -> None:
    configure(settings, folder, SPOOL_DIR=IN_A_FILE, STATIC_ROOT="/nonexistent")
    check_can_start(needs_disk=False)


def test_private_networks_of_a_test_stand_are_a_warning(settings: Settings, folder: Path) -> None:
    configure(settings, folder, ALLOWED_PRIVATE_NETWORKS=["10.1.2.0/24"])
    assert [finding.level for finding in check_private_networks()] == [Level.WARNING]
