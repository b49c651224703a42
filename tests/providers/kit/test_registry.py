"""The shelf is the folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from providers.kit import registry

GOOD = """
from providers.kit.contract import Provider, Reports

class Service(Provider):
    code = "{code}"
    title = "A service"
    reports = Reports.NONE
    tested = "unverified"
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "paper_shelf"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_broken_file_takes_nobody_with_it(shelf: Path) -> None:
    (shelf / "good.py").write_text(GOOD.format(code="good"))
    (shelf / "misnamed.py").write_text(GOOD.format(code="other"))
    (shelf / "syntax.py").write_text("def")
    (shelf / "extra.py").write_text("import no_such_package_anywhere")
    (shelf / "exploding.py").write_text("1 / 0")
    (shelf / "empty.py").touch()
    (shelf / "nameless.py").write_text(GOOD.format(code="nameless").replace('title = "A service"', ""))

    working, broken = registry.load_folder(shelf, "paper_shelf")

    assert list(working) == ["good"]
    assert broken == {
        "misnamed": "Its code must be the name of its file.",
        "syntax": "Its file does not load: SyntaxError.",
        "extra": "The Python package no_such_package_anywhere is not installed.",
        "exploding": "Its file does not load: ZeroDivisionError.",
        "empty": "Its file must hold exactly one service.",
        "nameless": "It does not declare title.",
    }


@pytest.mark.usefixtures("_extras")
def test_the_real_shelf_is_whole() -> None:
    assert registry.unavailable() == {}
    assert {"demo", "http", "twilio"} <= set(registry.services())


def test_to_look_for_one_service_loads_its_file_alone() -> None:
    code = "from providers.kit import registry; import sys; registry.get('twilio'); registry.find('pigeon')"
    told = "print(sorted(name for name in sys.modules if name.startswith('providers.') and name.count('.') == 1))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {told}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['providers.kit', 'providers.twilio']"


def test_what_is_found_is_what_the_shelf_has() -> None:
    assert all(registry.find(code) is service for code, service in registry.services().items())
    assert registry.find("pigeon") is None
    assert registry.find("kit/http") is None


def test_an_unknown_service_is_unavailable_and_says_why() -> None:
    with pytest.raises(registry.Unavailable) as missing:
        registry.get("pigeon")

    assert (missing.value.code, missing.value.why) == ("pigeon", "There is no such service.")
