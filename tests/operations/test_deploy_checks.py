"""What `manage.py check --deploy` says to whoever publishes an installation."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from tests.operations.doctor.production import configure

OPERATOR = ("OPERATOR_NAME", "OPERATOR_ADDRESS", "OPERATOR_EMAIL")
NO_OPERATOR: dict[str, Any] = dict.fromkeys(OPERATOR, "")


def check(settings: Settings, folder: Path, *, deploy: bool = True, **changed: Any) -> str:
    """Return the warnings; raise SystemCheckError where there are errors."""
    configure(settings, folder, **changed)
    said = StringIO()
    call_command("check", deploy=deploy, stdout=said, stderr=said)
    return said.getvalue()


def test_a_good_installation_is_not_warned_of_anything(settings: Settings, tmp_path: Path) -> None:
    assert check(settings, tmp_path) == "System check identified no issues (4 silenced).\n"


@pytest.mark.parametrize("name", OPERATOR)
def test_each_setting_that_is_missing_is_named(settings: Settings, tmp_path: Path, name: str) -> None:
    changed: dict[str, Any] = {name: ""}
    said = check(settings, tmp_path, **changed)
    assert "(sendline.operator)" in said
    assert f"do not name the operator: {name} not set." in said


def test_all_that_are_missing_are_one_warning(settings: Settings, tmp_path: Path) -> None:
    said = check(settings, tmp_path, **NO_OPERATOR)
    assert said.count("sendline.operator") == 1
    assert "OPERATOR_NAME, OPERATOR_ADDRESS, OPERATOR_EMAIL not set." in said


def test_what_no_process_would_start_with_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SystemCheckError, match=r"\(sendline.trusted-proxies\) TRUSTED_PROXIES believes anybody \(\*\)"):
        check(settings, tmp_path, TRUSTED_PROXIES=["*"])


def test_development_is_not_warned(settings: Settings, tmp_path: Path) -> None:
    assert "sendline." not in check(settings, tmp_path, deploy=False, **NO_OPERATOR)
