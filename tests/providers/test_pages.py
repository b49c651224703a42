"""Every service has a page of facts, docs/services/<code>.md, and all pages have one structure."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "services"
CODES = sorted(path.stem for path in (ROOT / "providers").glob("[!_]*.py"))
HEADINGS = [
    "Endpoints and authentication",
    "Sending",
    "Errors",
    "Delivery reports",
    "Account",
    "Limits and traps",
    "Uncertain",
    "Sources",
]
_CITED = re.compile(r"docs/services/([\w-]+)\.md")


def test_every_service_has_a_page_and_every_page_a_service() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.name != "README.md") == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_common_headings_in_order(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")

    assert re.findall("^# (.+)", page, re.MULTILINE)
    assert re.findall("^## (.+)", page, re.MULTILINE) == HEADINGS
    assert f"(../../providers/{code}.py)" in page


@pytest.mark.parametrize("code", CODES)
def test_a_file_cites_its_own_page(code: str) -> None:
    source = (ROOT / "providers" / f"{code}.py").read_text(encoding="utf-8")

    assert set(_CITED.findall(source)) == {code}


def test_the_structure_is_told_to_who_writes_a_page() -> None:
    guide = (PAGES / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| ([A-Z][^|]+?) \| ", guide, re.MULTILINE)[1:] == HEADINGS
