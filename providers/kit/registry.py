"""The shelf: which services there are, found by walking the folder `providers/`."""

import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

import providers
from providers.kit.contract import Provider

_NEEDED = ("title", "reports", "tested")


class Unavailable(LookupError):
    """There is no such service now; `why` says so to an administrator."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


def services() -> Mapping[str, type[Provider]]:
    """Return the services that work, by code, in the order of their titles. Cached."""
    return _shelf()[0]


def get(code: str) -> type[Provider]:
    """Return a service by code; raise `Unavailable`."""
    working, broken = _shelf()
    if code in working:
        return working[code]
    raise Unavailable(code, broken.get(code, "There is no such service."))


def unavailable() -> Mapping[str, str]:
    """Return why the files that do not work do not work, by code. Cached."""
    return _shelf()[1]


@cache
def _shelf() -> tuple[Mapping[str, type[Provider]], Mapping[str, str]]:
    return walk(Path(next(iter(providers.__path__))), providers.__name__)


def walk(folder: Path, package: str) -> tuple[Mapping[str, type[Provider]], Mapping[str, str]]:
    """Return the working services of an importable folder, and the reasons of the others."""
    working: dict[str, type[Provider]] = {}
    broken: dict[str, str] = {}
    for path in sorted(folder.glob("[!_]*.py")):
        code = path.stem
        try:
            working[code] = _find(importlib.import_module(f"{package}.{code}"), code)
        except ModuleNotFoundError as error:
            broken[code] = f"The Python package {error.name} is not installed."
        except Unavailable as error:
            broken[code] = error.why
        except Exception as error:  # noqa: BLE001 (whatever a guest's file does at import must not take the shelf down)
            broken[code] = f"Its file does not load: {type(error).__name__}."
    ordered = dict(sorted(working.items(), key=lambda item: item[1].title.casefold()))
    return MappingProxyType(ordered), MappingProxyType(broken)


def _find(module: ModuleType, code: str) -> type[Provider]:
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Provider) and kind.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise Unavailable(code, "Its file must hold exactly one service.")
    service = found[0]
    if getattr(service, "code", "") != code or not re.fullmatch(r"[a-z][a-z0-9_]*", code):
        raise Unavailable(code, "Its code must be the name of its file.")
    missing = [name for name in _NEEDED if not getattr(service, name, "")]
    if missing:
        raise Unavailable(code, f"It does not declare {', '.join(missing)}.")
    names = [field.name for field in (*service.fields, *service.sender_fields)]
    if len(names) != len(set(names)):
        raise Unavailable(code, "It declares a field twice.")
    return service
