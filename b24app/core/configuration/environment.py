"""Reading the declared settings from the environment, `.env` and the files of secrets.

A value that cannot be read is noted and read as its default, so that all of them are named at once. One that is blank
can be read: only processes that serve refuse it, for commands that need no key should run without one.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ

from b24app.core.configuration.declarations import SETTINGS
from b24app.core.configuration.refusal import refuse_to_start
from b24app.core.configuration.setting import Kind, Setting

REFERENCE = re.compile(r"\$(\w+)")  # a value `$NAME` is that of another variable
POSTGRESQL = ("postgresql://", "postgres://", "pgsql://", "psql://")
TRUE, FALSE = {"true", "on", "yes", "y", "ok", "1"}, {"false", "off", "no", "n", "0"}


def load_environment(dotenv: Path) -> "Environment":
    """Return the settings of this process: `dotenv` fills in what the environment does not say."""
    environ.Env.read_env(dotenv)
    return Environment(os.environ)


class Environment:
    """The values of all settings by their names; `problems` says what is wrong with them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._variables = variables
        self._values = {name: self._read(setting) for name, setting in SETTINGS.items()}

    def __call__(self, name: str) -> Any:
        """Return the value of a declared setting, of the type that was declared."""
        return self._values[name]

    def database(self) -> dict[str, Any]:
        """Return Django's description of the database at DATABASE_URL."""
        url = str(self("DATABASE_URL"))
        if url.startswith(POSTGRESQL):  # of others environ would quote the password
            with suppress(ValueError, KeyError):
                return dict(environ.Env.db_url_config(url))
        if not self._is_noted("DATABASE_URL"):
            self.problems.append("DATABASE_URL is not an address of PostgreSQL. Write postgresql://user@host/database.")
        return {}

    def refuse_if_unusable(self) -> None:
        """Say what is wrong and raise SystemExit, if anything is."""
        if self.problems:
            refuse_to_start(self.problems)

    def _read(self, setting: Setting) -> Any:
        text = self._find(setting)
        if text is None and setting.default is None:
            self.problems.append(f"{setting.name} is not set. It has no default; .env.example describes it.")
        # A list that is set and empty is an empty one: so defaults can be taken away.
        is_empty_list = text is not None and setting.kind in {Kind.LIST, Kind.PAIRS}
        default = setting.default or ""
        if not (text or "").strip() and not is_empty_list:
            text = default
        try:
            return _parse(setting, text or "")
        except ValueError:
            shown = "" if setting.is_secret else f" ({text})"
            self.problems.append(f"{setting.name} cannot be read{shown}. It has to be {_describe(setting)}.")
            return _parse(setting, default)

    def _find(self, setting: Setting) -> str | None:
        """Return what the variable, or the file that another one names, holds."""
        text = self._variables.get(setting.name)
        file = self._variables.get(f"{setting.name}_FILE") if setting.is_secret else None
        if file and text:
            self.problems.append(f"{setting.name} and {setting.name}_FILE are both set. Keep one of them.")
        if file:
            return self._read_file(setting.name, file)
        reference = REFERENCE.fullmatch(text or "")
        return self._variables.get(reference[1], text) if reference else text

    def _read_file(self, name: str, file: str) -> str:
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or "it is not text"
            self.problems.append(
                f"{name}_FILE, {file}, cannot be read ({why}). It has to be a file that this process may read."
            )
            return ""

    def _is_noted(self, name: str) -> bool:
        return any(problem.startswith((f"{name} ", f"{name}_FILE")) for problem in self.problems)


def _parse(setting: Setting, text: str) -> Any:
    if setting.choices and text not in setting.choices:
        raise ValueError
    return PARSERS[setting.kind](text)


def _describe(setting: Setting) -> str:
    return f"one of {', '.join(setting.choices)}" if setting.choices else f"a {setting.kind}"


def _parse_list(text: str) -> list[str]:
    """Return the entries; one that is blank is none, for a key of spaces could be guessed by anybody."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _parse_pairs(text: str) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in _parse_list(text)]
    if any(not sign for _name, sign, _value in pairs):
        raise ValueError
    return {name.strip(): value.strip() for name, _sign, value in pairs}


def _parse_flag(text: str) -> bool:
    if (word := text.strip().lower()) not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


PARSERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.LIST: _parse_list,
    Kind.PAIRS: _parse_pairs,
    Kind.NUMBER: int,
    Kind.FLAG: _parse_flag,
}
