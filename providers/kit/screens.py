"""Schematic pictures of the pages at a service where something is copied or pasted, declared as data.

A picture is drawn by us from what is declared here; it shows where to look, not what the page looks like. Its words are
the service's own, exactly as they stand there, so they are not translated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

REPORT_URL = "report_url"
"""In place of the name of a field: the delivery report URL of the account."""


class Deed(StrEnum):
    """What the reader does with a box of the picture."""

    COPY = "copy"
    PASTE = "paste"
    PRESS = "press"
    CHOOSE = "choose"


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box, button or switch; `field` names the field of ours that it belongs to."""

    label: str
    deed: Deed = Deed.COPY
    field: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """A page of a service: the menu that leads there, outermost first, and what matters on it."""

    menu: Sequence[str]
    boxes: Sequence[Box]


def copy_value(label: str, field: str, sample: str = "") -> Box:
    """Return a box whose value is copied into a field of ours."""
    return Box(label, Deed.COPY, field, sample)


def paste_address(label: str) -> Box:
    """Return a box that takes the delivery report URL."""
    return Box(label, Deed.PASTE, REPORT_URL)


def press_button(label: str) -> Box:
    """Return a button."""
    return Box(label, Deed.PRESS)


def turn_on(label: str) -> Box:
    """Return something to switch on or to choose."""
    return Box(label, Deed.CHOOSE)
