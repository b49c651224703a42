"""What is declared of a setting."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a value is written."""

    TEXT = "text"
    LIST = "list with commas"
    PAIRS = "list of name=value with commas"
    NUMBER = "whole number"
    FLAG = "word, True or False"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting; `default` is None where one has to be given, and `example` is what .env.example shows then.

    A secret one may be read from the file that `<name>_FILE` names.
    """

    name: str
    meaning: str
    default: str | None = ""
    kind: Kind = Kind.TEXT
    is_secret: bool = False
    choices: tuple[str, ...] = ()
    example: str | None = None
