"""Every phone number of demo data, sandbox, pictures and card is one that a regulator has given to nobody."""

import re
from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWN = (
    "b24app/operations",
    "b24app/sandbox",
    "docs/market",
    "providers/demo.py",
    "static/sandbox",
    "tests/pictures",
)
NUMBER = re.compile(r"\+\d[\d ()-]{4,18}\d")
# By NANPA, Ofcom (mobile and London) and the Bundesnetzagentur; of some the code writes only the beginning.
RESERVED = re.compile(r"\+(1\d{3}55501|447700900|442079460|49176040690)")


def numbers() -> Iterator[tuple[str, str]]:
    for place in SHOWN:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in {".py", ".js", ".html", ".md", ".json"}:
                for found in NUMBER.finditer(file.read_text(encoding="utf-8")):
                    yield str(file.relative_to(ROOT)), re.sub(r"[^+0-9]", "", found[0])


def test_numbers_are_found() -> None:
    assert {"b24app/operations/management/demo_plan.py", "providers/demo.py"} <= {file for file, _ in numbers()}


def test_each_number_is_reserved_for_fiction() -> None:
    assert [(file, number) for file, number in numbers() if not RESERVED.match(number)] == []


@pytest.mark.parametrize("number", ["+12025550142", "+447700900123", "+4917604069042"])
def test_reserved_numbers_have_the_length_of_real_ones(number: str) -> None:
    """So that they are read, counted by country and shown like any other."""
    assert phonenumbers.is_possible_number(phonenumbers.parse(number))
