"""The table of docs/architecture.md that names where each step is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STEP = re.compile(r"`(?P<module>[a-z_]+(?:/[a-z_]+)+)`: (?P<names>`\w+`(?:, `\w+`)*)")
STEPS = [(step["module"], name) for step in STEP.finditer(PAGE) for name in re.findall(r"\w+", step["names"])]


def test_the_table_is_found() -> None:
    assert len(STEPS) > 30


@pytest.mark.parametrize(("module", "name"), STEPS)
def test_every_step_is_where_the_page_says(module: str, name: str) -> None:
    folder = ROOT if module.startswith("providers/") else ROOT / "b24app"
    tree = ast.parse((folder / f"{module}.py").read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
