"""The build makes all that processes need of the code, with no settings, and can be repeated."""

import gettext
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system import checkout


def build(code: Path, **env: str) -> None:
    """As the Procfile has it, with nothing in the environment."""
    command = [sys.executable, "-W", "error", "-m", "b24app.operations.build"]
    said = subprocess.run(
        command, cwd=code, env={"PATH": os.defpath, **env}, capture_output=True, text=True, timeout=120, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout.copy_to(tmp_path_factory.mktemp("code"))
    build(folder, SECRET_KEY_FILE="/run/secrets/of-those-who-serve", DATABASE_URL_FILE="/run/secrets/database")
    return folder


def russian(code: Path) -> gettext.GNUTranslations:
    with (code / "b24app/locale/ru/LC_MESSAGES/django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def test_every_catalogue_is_compiled(code: Path) -> None:
    sources = list(code.glob("b24app/locale/*/LC_MESSAGES/django.po"))
    assert len(sources) == 19
    assert all(source.with_suffix(".mo").exists() for source in sources)


def test_the_first_form_of_a_plural_may_name_its_number(code: Path) -> None:
    """In Russian it is said of 21 as well; `pybabel compile` takes it for a mistake, and so nothing ever started."""
    one, many = "%(before)s the day before", "%(before)s in the previous %(days)s days"
    assert russian(code).ngettext(one, many, 21) == "%(before)s за %(days)s день до этого"


def test_static_files_are_collected_under_the_names_of_their_content(code: Path) -> None:
    names = json.loads((code / "staticfiles/staticfiles.json").read_text())["paths"]
    assert (code / "staticfiles" / names["console/sendline.js"]).exists()


def test_only_what_has_changed_is_compiled_again_even_where_it_is_older(code: Path) -> None:
    source = code / "b24app/locale/ru/LC_MESSAGES/django.po"
    compiled, untouched = source.with_suffix(".mo"), code / "b24app/locale/de/LC_MESSAGES/django.mo"
    before = untouched.stat().st_ino
    # What comes out of an archive may be older than what was compiled of the release before.
    source.write_text(source.read_text(encoding="utf-8").replace("день до этого", "день раньше"), encoding="utf-8")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    build(code)
    assert russian(code).ngettext("%(before)s the day before", "%(before)s in the previous %(days)s days", 21) == (
        "%(before)s за %(days)s день раньше"
    )
    assert compiled.stat().st_mtime == 1_700_000_000
    assert untouched.stat().st_ino == before
