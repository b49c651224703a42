"""Every text is translated, and translations keep the places of what is filled in."""

import ast
import re
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import call_command

from b24app.console.management.commands.update_translations import KEYWORDS

PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")
CATALOGUES = sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po"))


def test_nothing_is_left_untranslated() -> None:
    out = StringIO()
    call_command("update_translations", "--check", stdout=out)
    assert len(CATALOGUES) == len(settings.LANGUAGES) - 1
    assert out.getvalue().count(", 0 not translated") == len(CATALOGUES)


def test_nothing_is_translated_inside_an_f_string() -> None:
    """There Babel does not look for it."""
    found = []
    for path in (path for room in ("b24app", "providers") for path in (settings.BASE_DIR / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = (part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node))
        calls = (node.func for node in inside if isinstance(node, ast.Call))
        found += [f"{path}:{one.lineno}" for one in calls if isinstance(one, ast.Name) and one.id in KEYWORDS]
    assert found == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_fills_in_the_same_things(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    for message in catalogue:
        if not message.id:
            continue
        given = [message.id] if isinstance(message.id, str) else list(message.id)
        told = [message.string] if isinstance(message.string, str) else list(message.string or ())
        known = {place for text in given for place in PLACE.findall(text)}
        for text in told:
            assert set(PLACE.findall(text)) <= known, message.id
        # One thing may be said in words; more than one needs its number.
        assert set(PLACE.findall(told[-1])) == set(PLACE.findall(given[-1])), message.id
