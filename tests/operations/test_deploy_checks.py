"""What `manage.py check --deploy` says to whoever publishes an installation."""

from collections.abc import Sequence
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

SET = {
    "OPERATOR_NAME": "Example Hosting Ltd",
    "OPERATOR_ADDRESS": "1 Example Street",
    "OPERATOR_EMAIL": "privacy@hosting.example",
}


def check(settings: Settings, *, unset: Sequence[str] = (), deploy: bool = True) -> str:
    for name, value in SET.items():
        setattr(settings, name, "" if name in unset else value)
    said = StringIO()
    call_command("check", deploy=deploy, stdout=said, stderr=said)
    return said.getvalue()


def test_an_installation_that_names_its_operator_is_not_warned(settings: Settings) -> None:
    assert "sendline." not in check(settings)


@pytest.mark.parametrize("name", SET)
def test_each_setting_that_is_missing_is_named(settings: Settings, name: str) -> None:
    said = check(settings, unset=[name])
    assert "(sendline.W001)" in said
    assert f"do not name the operator: {name} not set." in said


def test_all_that_are_missing_are_one_warning(settings: Settings) -> None:
    said = check(settings, unset=list(SET))
    assert said.count("sendline.W001") == 1
    assert "OPERATOR_NAME, OPERATOR_ADDRESS, OPERATOR_EMAIL not set." in said


def test_development_is_not_warned(settings: Settings) -> None:
    assert "sendline." not in check(settings, unset=list(SET), deploy=False)
