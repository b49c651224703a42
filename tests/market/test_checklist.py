"""Each point of the market's checklist has a state, and evidence that exists."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/market/checklist.md").read_text(encoding="utf-8")
STATES = {"met", "partly", "operator", "uncertain"}
CITED = re.compile(r"`(?P<path>[\w.]+(?:/[\w.-]+)+|[A-Z]+\.md)(?:::(?P<test>\w+))?`")


@dataclass(frozen=True, slots=True)
class Point:
    """A line of a table."""

    rule: str
    state: str
    evidence: str


def points() -> Iterator[Point]:
    for line in PAGE.splitlines():
        cells = [one.strip() for one in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3 and cells[0] not in {"rule", "reason"}:
            yield Point(*cells)


def evidence() -> list[tuple[str, str]]:
    return [(one["path"], one["test"] or "") for point in points() for one in CITED.finditer(point.evidence)]


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_the_checklist_is_read() -> None:
    assert len(list(points())) > 40
    assert len(evidence()) > 50


def test_each_point_has_a_state_and_says_why() -> None:
    assert [point.rule for point in points() if point.state not in STATES or not point.evidence] == []


def test_what_is_met_is_proved_by_a_file_or_by_what_is_not_there() -> None:
    nothing_to_show = {"Functions do not change over time or by payment"}
    unproved = [point.rule for point in points() if point.state == "met" and not CITED.search(point.evidence)]
    assert set(unproved) == nothing_to_show


@pytest.mark.parametrize(("path", "test"), sorted(set(evidence())))
def test_the_evidence_exists(path: str, test: str) -> None:
    assert (ROOT / path).exists(), path
    if test:
        assert test.startswith("test_")
        assert test in named_in(ROOT / path), f"{path} has no {test}"
