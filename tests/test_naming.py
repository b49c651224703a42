"""Names and sizes in b24app/ and providers/ do not get worse; `python -m tests.naming` shows the details.

A ceiling below may only go down: lower it with every improvement.
"""

from functools import cache
from pathlib import Path

import pytest

from tests import naming

ONE_WORD_SHARE = 0.15  # of the function names; 0.75 before they were renamed
SHARED_NAMES = 0  # public function names in four files or more
LONG_MODULES = 0  # modules above 300 lines, services excepted


@cache
def modules() -> list[naming.Module]:
    return naming.read_modules()


def test_the_share_of_one_word_function_names_does_not_grow() -> None:
    assert naming.one_word_share(modules()) <= ONE_WORD_SHARE


def test_no_further_public_function_name_stands_in_four_files() -> None:
    names = naming.shared_names(modules())
    assert len(names) <= SHARED_NAMES, names


def test_no_module_is_longer_than_its_limit() -> None:
    lengths = naming.long_modules(modules())
    assert len(lengths) <= LONG_MODULES, lengths


def test_no_folder_grows_beyond_its_limit() -> None:
    assert naming.full_folders(modules()) == {}


CONTRACT = """
class Provider:
    def send(self): ...
    def look_up(self): ...
"""
SERVICE = """
class Acme:
    def send(self): ...
    def look(self):
        def inner(): ...
    def __init__(self): ...
def send(): ...
def read_row(): ...
"""
COMMAND = """
class Command:
    def handle(self): ...
    def _read(self): ...
    async def read_all(self): ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small repository: a contract, a service and a command, beside migrations that are not counted."""
    for path, text in {
        "providers/kit/contract.py": CONTRACT,
        "providers/acme.py": SERVICE + "\n" * naming.LINES_PER_MODULE,
        "b24app/operations/command.py": COMMAND,
        "b24app/messaging/migrations/0001_initial.py": "def one(): ...\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_methods_that_others_name_are_not_counted(root: Path) -> None:
    """Counted are look, inner, send and read_row of the service, and _read and read_all of the command."""
    assert naming.one_word_share(naming.read_modules(root)) == 4 / 6


def test_a_service_may_be_long_and_other_modules_may_not(root: Path) -> None:
    (root / "b24app" / "long.py").write_text("\n" * 301)
    (root / "b24app" / "short.py").write_text("\n" * 300)
    assert naming.long_modules(naming.read_modules(root)) == {"b24app/long.py": 301}


def test_a_public_name_in_four_files_is_shared_and_a_private_or_prescribed_one_is_not(root: Path) -> None:
    for place in "abcd":
        text = "def take(): ...\ndef _take(): ...\ndef main(): ...\ndef send(): ...\n"
        (root / "b24app" / f"{place}.py").write_text(text)
    (root / "b24app" / "three.py").write_text("def rare(): ...\n")
    assert list(naming.shared_names(naming.read_modules(root))) == ["take"]


@pytest.mark.parametrize(
    ("folder", "limit"), [("b24app/core", 20), ("b24app/messaging", 20), ("b24app/messaging/guards", 15)]
)
def test_a_folder_has_a_limit_and_a_room_a_smaller_one(root: Path, folder: str, limit: int) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("__init__", *(f"m{number}" for number in range(limit))):
        (root / folder / f"{name}.py").touch()
    assert naming.full_folders(naming.read_modules(root)) == {}
    (root / folder / "more.py").touch()
    assert naming.full_folders(naming.read_modules(root)) == {folder: limit + 1}
