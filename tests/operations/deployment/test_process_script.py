"""`b24app/operations/bin/process` runs a line of the Procfile as platforms do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.checkout import ROOT

PROCESS = "b24app/operations/bin/process"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / PROCESS).parent.mkdir(parents=True)
    shutil.copy(ROOT / PROCESS, tmp_path / PROCESS)
    (tmp_path / "Procfile").write_text('web: exec echo "web ${PORT:-8000} $PWD" at %h\nweb2: echo no\n')
    return tmp_path


def test_a_process_is_started_by_its_name_where_the_code_is(folder: Path) -> None:
    ended = subprocess.run([folder / PROCESS, "web"], capture_output=True, text=True, check=True, cwd="/")
    assert ended.stdout == f"web 8000 {folder} at %h\n"


@pytest.mark.parametrize(("names", "code"), [((), 2), (("worker",), 64)])
def test_no_other_process_is_started(folder: Path, names: tuple[str, ...], code: int) -> None:
    ended = subprocess.run([folder / PROCESS, *names], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "process" in ended.stderr
