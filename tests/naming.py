"""`python -m tests.naming`: how b24app/ and providers/ keep to the rules on names and sizes.

The rules:

* One-word names: a function or method whose name has no underscore inside (`_read`, `read`) counts as one word, nested
  functions included. Left out are dunder methods, methods that a library calls by that name (LIBRARY_METHODS), and, in
  classes of providers/, the methods of the Provider contract.
* Shared names: a public module-level function name stands in fewer than four files, so that it says which one is meant.
  Names that Django or the interpreter looks up (ENTRY_POINTS) and the contract's are left out.
* A module has at most 300 lines; services (providers/*.py) are left out, for each is one file by design.
* A folder has at most 20 Python modules, a room of messaging or console 15; `__init__.py` is not counted, and
  providers/ and everything below is left out.

Migrations are never counted. What is generated or not Python is not looked at.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("b24app", "providers")
CONTRACT = "providers/kit/contract.py"
SPACIOUS = ("b24app/messaging", "b24app/console")  # packages that are divided into rooms

ENTRY_POINTS = frozenset({"handle", "main"})
LIBRARY_METHODS = frozenset({
    "clean",  # Django's forms
    "handle",  # Django's management commands
    "filter",  # logging
    "execute", "received", "readable", "maintenance",  # waitress
    "terminate",  # Celery's bootsteps
})  # fmt: skip

FILES_PER_NAME = 4
LINES_PER_MODULE = 300
MODULES_PER_FOLDER = 20
MODULES_PER_ROOM = 15

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file: its path below the repository's root, the number of its lines and its syntax tree."""

    path: str
    lines: int
    tree: ast.Module

    @property
    def folder(self) -> str:
        """Return the path of the folder."""
        return self.path.rpartition("/")[0]

    @property
    def is_service(self) -> bool:
        """Return whether the module is one SMS service."""
        return self.folder == "providers"


def read_modules(root: Path = ROOT) -> list[Module]:
    """Return all modules of PACKAGES below `root` except migrations, by path."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            relative = path.relative_to(root)
            if "migrations" not in relative.parts:
                text = path.read_text()
                found.append(Module(relative.as_posix(), len(text.splitlines()), ast.parse(text)))
    return found


def contract_methods(modules: list[Module]) -> frozenset[str]:
    """Return the names of the methods of the class Provider."""
    contract = next(module for module in modules if module.path == CONTRACT)
    provider = next(node for node in contract.tree.body if isinstance(node, ast.ClassDef) and node.name == "Provider")
    return frozenset(node.name for node in provider.body if isinstance(node, Function))


def is_one_word(name: str) -> bool:
    """Return whether a name has no underscore inside; leading and trailing ones are no separators."""
    return "_" not in name.strip("_")


def one_word_share(modules: list[Module]) -> float:
    """Return the share of functions and methods with a one-word name, 0 to 1."""
    contract = contract_methods(modules)
    names = [name for module in modules for name in counted_functions(module, contract)]
    return sum(map(is_one_word, names)) / len(names)


def counted_functions(module: Module, contract: frozenset[str]) -> Iterator[str]:
    """Yield the names of a module's functions and methods, without those that others prescribe."""
    prescribed = LIBRARY_METHODS | (contract if module.path.startswith("providers/") else frozenset())
    methods = {
        node
        for parent in ast.walk(module.tree)
        if isinstance(parent, ast.ClassDef)
        for node in parent.body
        if isinstance(node, Function)
    }
    for node in ast.walk(module.tree):
        if not isinstance(node, Function) or (node.name.startswith("__") and node.name.endswith("__")):
            continue
        if node not in methods or node.name not in prescribed:
            yield node.name


def shared_names(modules: list[Module]) -> dict[str, list[str]]:
    """Return the public module-level function names that stand in too many files, with the files."""
    exempt = ENTRY_POINTS | contract_methods(modules)
    files: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        names = {node.name for node in module.tree.body if isinstance(node, Function)}
        for name in names - exempt:
            if not name.startswith("_"):
                files[name].append(module.path)
    return {name: paths for name, paths in sorted(files.items()) if len(paths) >= FILES_PER_NAME}


def long_modules(modules: list[Module]) -> dict[str, int]:
    """Return the modules above the limit with the number of their lines, without services."""
    return {one.path: one.lines for one in modules if one.lines > LINES_PER_MODULE and not one.is_service}


def full_folders(modules: list[Module]) -> dict[str, int]:
    """Return the folders above their limit with the number of their modules, without providers/."""
    counts: dict[str, int] = defaultdict(int)
    for module in modules:
        if not module.path.startswith("providers/") and not module.path.endswith("/__init__.py"):
            counts[module.folder] += 1
    return {folder: count for folder, count in sorted(counts.items()) if count > limit_of(folder)}


def limit_of(folder: str) -> int:
    """Return how many modules a folder may have."""
    return MODULES_PER_ROOM if folder.startswith(tuple(f"{one}/" for one in SPACIOUS)) else MODULES_PER_FOLDER


def print_report(modules: list[Module]) -> None:
    """Print every figure with its details."""
    names = shared_names(modules)
    print(f"one-word function names: {one_word_share(modules):.1%}")
    print(f"public function names in {FILES_PER_NAME} files or more: {len(names)}")
    for name, paths in names.items():
        print(f"  {name}: {', '.join(paths)}")
    for title, found in (
        (f"modules above {LINES_PER_MODULE} lines", long_modules(modules)),
        ("folders above their limit", full_folders(modules)),
    ):
        print(f"{title}: {len(found)}")
        for path, count in found.items():
            print(f"  {count} {path}")


if __name__ == "__main__":
    print_report(read_modules())
