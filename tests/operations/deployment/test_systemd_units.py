"""The systemd units run what the Procfile says, and no more than that needs."""

import re

import pytest

from tests.system.checkout import ROOT
from tests.system.procfile import LINES

UNITS = ROOT / "docs" / "systemd"
COMMON = (UNITS / "sendline-.service.d" / "common.conf").read_text()
WANTED = re.findall(r"sendline-(\w+)@\d\.service", (UNITS / "sendline.target").read_text())


def test_each_process_has_a_unit_of_its_own() -> None:
    units = {path.name.removeprefix("sendline-").removesuffix("@.service"): path for path in UNITS.glob("*@.service")}
    assert units.keys() == LINES.keys() - {"build", "release"}
    for name, unit in units.items():
        assert f"\nExecStart=/opt/sendline/current/b24app/operations/bin/process {name}\n" in unit.read_text()
    assert set(WANTED) == units.keys()


@pytest.mark.parametrize("name", ["web", "webhooks", "worker", "beat"])
def test_a_process_that_is_restarted_leaves_another_one(name: str) -> None:
    assert WANTED.count(name) == 2


def test_each_process_has_longer_to_end_than_it_needs() -> None:
    assert "\nTimeoutStopSec=30\n" in COMMON


def test_processes_neither_change_the_code_nor_gain_rights() -> None:
    for line in ("User=sendline", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="):
        assert f"\n{line}\n" in COMMON


def test_whatever_is_set_is_read_by_a_process() -> None:
    units = "".join(path.read_text() for path in UNITS.rglob("*") if path.is_file())
    names = {one.partition("=")[0] for line in re.findall(r"^Environment=(.*)$", units, re.M) for one in line.split()}
    read_by_the_procfile = set(re.findall(r"\$\{([A-Z_]+)", " ".join(LINES.values())))
    assert names - {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} == read_by_the_procfile
