"""The Dockerfile makes an image of the Procfile's processes, and of nothing else."""

import re

from tests.system.checkout import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_it_runs_any_process_of_the_procfile_by_its_name() -> None:
    assert 'ENTRYPOINT ["/opt/sendline/b24app/operations/bin/process"]' in DOCKERFILE
    assert "RUN .venv/bin/python -m b24app.operations.build " in DOCKERFILE
    assert "\nSTOPSIGNAL SIGTERM\n" in DOCKERFILE


def test_it_is_made_of_a_version() -> None:
    [python] = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.M)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", python)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"python:${PYTHON}"}


def test_it_takes_only_what_git_keeps_and_processes_need() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    taken = {line.removeprefix("!/") for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    assert all((ROOT / name).exists() for name in taken)
    assert taken.isdisjoint({"tests", "bench", "docs", ".env", ".git", ".local", ".venv"})


def test_the_image_ends_as_nobody_in_particular_and_without_tools() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", last, re.M) == ["10001:10001"]
    assert not re.search(r"\bpip\b|apt-get|\bCOPY \. ", last)
    assert last.index("\nUSER ") > last.rindex("\nRUN ")
