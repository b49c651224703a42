"""The shelf is the folder."""

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

    working, broken = registry.walk(shelf, "paper_shelf")

    assert list(working) == ["good"]
    assert broken == {
        "misnamed": "Its code must be the name of its file.",
        "syntax": "Its file does not load: SyntaxError.",
        "extra": "The Python package no_such_package_anywhere is not installed.",
        "exploding": "Its file does not load: ZeroDivisionError.",
        "empty": "Its file must hold exactly one service.",
        "nameless": "It does not declare title.",
    }


def test_the_real_shelf_is_whole() -> None:
    assert registry.unavailable() == {}
    assert {"demo", "http", "twilio"} <= set(registry.services())


def test_an_unknown_service_is_unavailable_and_says_why() -> None:
    with pytest.raises(registry.Unavailable) as missing:
        registry.get("pigeon")

    assert (missing.value.code, missing.value.why) == ("pigeon", "There is no such service.")
