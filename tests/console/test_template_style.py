"""The layout of templates: what a formatter would hold, if one left the blanks alone that a browser shows."""

from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2] / "templates"
MAX_COLUMNS = 120


def find_lines(breaks_rule: Callable[[str], bool]) -> list[str]:
    """Return `file:line` of each line of a template for which `breaks_rule` is true."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted(ROOT.rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if breaks_rule(line)
    ]


def test_no_line_is_longer_than_one_of_python() -> None:
    assert find_lines(lambda line: len(line) > MAX_COLUMNS) == []


def test_no_line_ends_with_blanks() -> None:
    assert find_lines(lambda line: line != line.rstrip()) == []


def test_lines_are_indented_by_spaces_in_steps_of_two() -> None:
    assert find_lines(lambda line: "\t" in line or (len(line) - len(line.lstrip(" "))) % 2 == 1) == []


def test_each_template_ends_with_one_line_break() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in ROOT.rglob("*.html")}
    assert [path for path, text in texts.items() if not text.endswith("\n") or text.endswith("\n\n")] == []
