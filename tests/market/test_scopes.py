"""The page of permissions, the list in the code, the README and the methods that are called say the same."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from b24app.portals import scopes
from b24app.portals.crm.owner_types import WITH_METHODS
from b24app.sandbox.state import SCOPES as OFFERED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/market/scopes.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(?P<scope>[a-z_]+)` \|(?P<cells>.+)\|$", re.MULTILINE)
METHOD = re.compile(r"[a-z]+(?:\.[a-z]+)+")
VERBS = frozenset({"add", "bind", "current", "delete", "get", "info", "list", "unbind", "update"})
PERMISSION_OF = {"user": "user_brief"}  # where the first word of a method is not the permission
NEED_NONE = frozenset({"app", "event", "events", "feature", "method", "methods", "profile", "scope", "server"})
ONLY_WITH_MORE = {"user.current"}  # called where a version has a permission that is not asked for


def rows() -> Mapping[str, str]:
    return {row["scope"]: row["cells"] for row in ROW.finditer(PAGE)}


def methods_in(text: str) -> set[str]:
    return {name for name in re.findall(r"`([a-z.]+)`", text) if METHOD.fullmatch(name)}


@cache
def called_methods() -> set[str]:
    """Return the names of REST methods that stand in the application's code."""
    found = {text for text in _strings() if METHOD.fullmatch(text) and text.rpartition(".")[2] in VERBS}
    found -= {"oauth.bitrix.info"}  # a host
    # Made from the names of types, in portals/crm/cards.py and portals/crm_names/crm_lists.py.
    made = {f"crm.{one.name.lower()}.{verb}" for one in WITH_METHODS for verb in ("get", "list")}
    return found | made


def _strings() -> Iterator[str]:
    for path in (ROOT / "b24app").rglob("*.py"):
        if "sandbox" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def permission_of(method: str) -> str:
    first = method.partition(".")[0]
    return "" if first in NEED_NONE else PERMISSION_OF.get(first, first)


def test_the_page_has_every_permission_of_the_code_with_its_reason() -> None:
    assert tuple(rows()) == scopes.REQUIRED + scopes.OPTIONAL
    for scope, cells in rows().items():
        does, methods, without = (cell.strip() for cell in cells.split("|"))
        assert len(does) > 30, scope
        assert methods_in(methods), scope
        assert without, scope


def test_the_readme_asks_for_the_same() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = next(one for one in readme.splitlines() if one.startswith("3. Scopes: "))
    assert tuple(re.findall(r"`(\w+)`", line)) == scopes.REQUIRED + scopes.OPTIONAL


def test_what_the_code_calls_is_found() -> None:
    assert {"messageservice.sender.add", "crm.lead.get", "im.notify.system.add", "app.info"} <= called_methods()


def test_each_method_that_is_called_has_its_permission_on_the_page() -> None:
    asked = {permission_of(method) for method in called_methods() - ONLY_WITH_MORE} - {""}
    assert asked == set(rows()), "a permission that nothing needs, or a method without one"


def test_the_page_names_methods_that_are_called_in_the_row_of_their_permission() -> None:
    for scope, cells in rows().items():
        for method in methods_in(cells):
            assert method in called_methods(), method
            assert permission_of(method) == scope, method


def test_the_page_names_the_methods_that_need_no_permission_too() -> None:
    line = next(one for one in PAGE.splitlines() if one.startswith("Methods that need no permission: "))
    assert methods_in(line) == {method for method in called_methods() if not permission_of(method)}


def test_the_sandbox_portal_can_grant_all_of_them() -> None:
    assert set(scopes.REQUIRED + scopes.OPTIONAL) <= set(OFFERED)
