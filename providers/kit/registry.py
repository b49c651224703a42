"""Which services there are, found by walking the folder `providers/`."""

import importlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

import providers
from providers.kit.contract import Provider

_REQUIRED = ("title", "reports", "tested")


class Unavailable(LookupError):
    """There is no such service now; `why` says so to an administrator."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


def services() -> Mapping[str, type[Provider]]:
    """Return the services that work, by code, in the order of their titles. Cached."""
    return _load_services()[0]


def get(code: str) -> type[Provider]:
    """Return a service by code, of which alone the file is loaded; raise `Unavailable`."""
    found = _load_service(providers.__name__, code) if code in _service_codes() else "There is no such service."
    if isinstance(found, str):
        raise Unavailable(code, found)
    return found


def find(code: str) -> type[Provider] | None:
    """Return a service by code, of which alone the file is loaded; None where there is none."""
    try:
        return get(code)
    except Unavailable:
        return None


def unavailable() -> Mapping[str, str]:
    """Return why the files that do not work do not work, by code. Cached."""
    return _load_services()[1]


@cache
def _load_services() -> tuple[Mapping[str, type[Provider]], Mapping[str, str]]:
    return load_folder(_services_folder(), providers.__name__)


@cache
def _service_codes() -> frozenset[str]:
    return frozenset(_list_codes(_services_folder()))


def _services_folder() -> Path:
    return Path(next(iter(providers.__path__)))


def _list_codes(folder: Path) -> Sequence[str]:
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


def load_folder(folder: Path, package: str) -> tuple[Mapping[str, type[Provider]], Mapping[str, str]]:
    """Return the working services of an importable folder, and the reasons of the others."""
    loaded = {code: _load_service(package, code) for code in _list_codes(folder)}
    working = {code: found for code, found in loaded.items() if not isinstance(found, str)}
    broken = {code: why for code, why in loaded.items() if isinstance(why, str)}
    ordered = dict(sorted(working.items(), key=lambda item: item[1].title.casefold()))
    return MappingProxyType(ordered), MappingProxyType(broken)


@cache
def _load_service(package: str, code: str) -> type[Provider] | str:
    """Return the service in a file, or why there is none."""
    try:
        return _find_class(importlib.import_module(f"{package}.{code}"), code)
    except ModuleNotFoundError as error:
        return f"The Python package {error.name} is not installed."
    except Unavailable as error:
        return error.why
    except Exception as error:  # noqa: BLE001 (a broken file must not take the other services down)
        return f"Its file does not load: {type(error).__name__}."


def _find_class(module: ModuleType, code: str) -> type[Provider]:
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
    missing = [name for name in _REQUIRED if not getattr(service, name, "")]
    if missing:
        raise Unavailable(code, f"It does not declare {', '.join(missing)}.")
    names = [field.name for field in (*service.fields, *service.sender_fields)]
    if len(names) != len(set(names)):
        raise Unavailable(code, "It declares a field twice.")
    return service
