"""Every trap of docs/bitrix24.md, section J, names what shows that it is avoided: tests, or code that rules it out."""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "bitrix24.md"
LAST = 40

UNTESTED: Mapping[int, str] = {}  # traps that say "not tested", each with the reason why no test can show it

SECTION = re.compile(r"^## J\. .*?(?=^---$|^## |\Z)", re.MULTILINE | re.DOTALL)
TRAP = re.compile(r"^- \*\*J(?P<number>\d+)\*\*(?P<text>.*?)(?=^- \*\*J|\Z)", re.MULTILINE | re.DOTALL)
EVIDENCE = re.compile(r"^  - (?P<words>.+)$", re.MULTILINE)
CITED = re.compile(r"`(?P<file>(?:tests|b24app)/[\w/]+\.py)::(?P<name>\w+)`")
NOT_TESTED = "Not tested."


def find_traps(page: str) -> Sequence[tuple[int, Sequence[str]]]:
    """Return each trap's number and what it names as evidence, in the order of the page."""
    section = SECTION.search(page)
    if section is None:
        return []
    return [(int(trap["number"]), EVIDENCE.findall(trap["text"])) for trap in TRAP.finditer(section[0])]


def find_faults(page: str, *, last: int = LAST, untested: Mapping[int, str] = UNTESTED) -> list[str]:
    """Return what is wrong with the traps of a page, one sentence each."""
    traps = find_traps(page)
    numbers = [number for number, _ in traps]
    faults = [f"J{number} is missing" for number in range(1, last + 1) if number not in numbers]
    faults += [f"J{number} is there twice" for number in sorted(set(numbers)) if numbers.count(number) > 1]
    for number, evidence in traps:
        says_untested = NOT_TESTED in evidence
        if says_untested != (number in untested):
            faults.append(f"J{number} is {'not ' if says_untested else ''}among those that may be untested")
        if not evidence:
            faults.append(f"J{number} names no evidence")
        faults += [f"J{number}: {fault}" for words in evidence if (fault := find_fault(words))]
    return faults


def find_fault(words: str) -> str:
    """Return what is wrong with one piece of evidence, "" if nothing is."""
    if words == NOT_TESTED:
        return ""
    cited = CITED.fullmatch(words)
    if cited is None:
        return f"{words} is neither a test nor a function"
    file, name = cited["file"], cited["name"]
    if not (ROOT / file).is_file():
        return f"{file} does not exist"
    if name not in names_in(file):
        return f"{file} has no {name}"
    if file.startswith("tests/") and not name.startswith("test_"):
        return f"{name} is no test"
    return ""


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the functions and classes that a module defines at its top."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))


def test_every_trap_names_evidence_that_exists() -> None:
    faults = find_faults(PAGE.read_text(encoding="utf-8"))

    assert not faults, "\n".join(["", *faults])


def test_every_trap_names_a_test_unless_it_says_that_there_is_none() -> None:
    tested = {
        number
        for number, evidence in find_traps(PAGE.read_text(encoding="utf-8"))
        if any(words.startswith("`tests/") for words in evidence)
    }

    assert tested == set(range(1, LAST + 1)) - set(UNTESTED)


HERE = "`tests/test_traps.py::test_every_trap_names_evidence_that_exists`"
GOOD = f"""\
## J. Traps

- **J1** A trap that
  is long.
  - {HERE}
- **J2** Another.
  - {HERE}

---

- **J3** Elsewhere.
"""


def test_a_good_page_has_no_faults() -> None:
    assert find_traps(GOOD) == [(1, [HERE]), (2, [HERE])]
    assert find_faults(GOOD, last=2) == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("no section", "J1 is missing"),
        (GOOD.replace("**J1**", "**J9**"), "J1 is missing"),
        (GOOD.replace("**J2**", "**J1**"), "J1 is there twice"),
        (GOOD.replace(f"  - {HERE}\n", "", 1), "J1 names no evidence"),
        (
            GOOD.replace("exists`", "is_gone`"),
            "J1: tests/test_traps.py has no test_every_trap_names_evidence_that_is_gone",
        ),
        (GOOD.replace("test_traps.py", "test_absent.py"), "J1: tests/test_absent.py does not exist"),
        (GOOD.replace(HERE, "`tests/test_traps.py::find_traps`"), "J1: find_traps is no test"),
        (GOOD.replace(HERE, "See elsewhere."), "J1: See elsewhere. is neither a test nor a function"),
        (GOOD.replace(HERE, NOT_TESTED), "J1 is not among those that may be untested"),
    ],
)
def test_what_is_wrong_with_a_trap_is_named(page: str, fault: str) -> None:
    assert fault in find_faults(page, last=2)


def test_what_may_be_untested_has_to_say_so() -> None:
    assert find_faults(GOOD, last=2, untested={1: "A person."}) == ["J1 is among those that may be untested"]
    assert find_faults(GOOD.replace(HERE, NOT_TESTED, 1), last=2, untested={1: "A person."}) == []


def test_code_that_rules_a_trap_out_is_evidence() -> None:
    assert find_fault("`b24app/console/frame/screen.py::redirect`") == ""
    assert find_fault("`b24app/console/frame/screen.py::absent`") == "b24app/console/frame/screen.py has no absent"
