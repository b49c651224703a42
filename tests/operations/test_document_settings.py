"""The documents of the settings say what the code reads."""

import re
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from b24app.core.configuration.declarations import SETTINGS

BASE = Path(settings.BASE_DIR)


def test_the_page_and_the_form_are_current() -> None:
    call_command("document_settings", check=True)


def test_every_declared_setting_is_read_and_no_other() -> None:
    code = (BASE / "b24app" / "settings.py").read_text()
    assert {*re.findall(r'env\("(\w+)"\)', code), "DATABASE_URL"} == SETTINGS.keys()


def test_the_form_asks_for_every_setting_once() -> None:
    asked = re.findall(r"^(\w+)=", (BASE / ".env.example").read_text(), re.MULTILINE)
    assert sorted(asked) == sorted(SETTINGS)


def test_every_secret_may_be_in_a_file() -> None:
    assert {name for name, setting in SETTINGS.items() if setting.is_secret} == {
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "SECRETS_KEYS",
        "ADDRESS_KEYS",
        "B24_CLIENT_SECRET",
        "DATABASE_URL",
        "REDIS_URL",
        "EGRESS_PROXY",
    }
