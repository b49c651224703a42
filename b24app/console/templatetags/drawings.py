"""Schematic pictures of the pages at a service, drawn as SVG from what the service declares."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils.translation import gettext as _

from providers.kit.fields import Step
from providers.kit.screens import REPORT_URL, Box, Deed, Screen

register = template.Library()

WIDTH = 360
TOP, PITCH = 42, 22  # of the menu: its first line, and from one line to the next
BOX_TOP, BOX_PITCH = 58, 46
INDENT = 9
SECRET, ADDRESS = "•" * 12, "https://…"  # what stands in a box that shows nothing of its own


@dataclass(frozen=True, slots=True)
class MenuLine:
    """A line of the menu at the start of the page; the last one is where the reader is."""

    label: str
    x: int
    y: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box with its label above, a button, or a switch with its label beside."""

    label: str
    deed: str
    sample: str
    y: int


@register.inclusion_tag("console/connect/screen.html")
def draw_screen(step: Step) -> dict[str, Any]:
    """Draw the page of a step that declares one."""
    screen = step.screen
    if screen is None or not screen.boxes:
        return {}
    menu = [
        MenuLine(label, 12 + place * INDENT, TOP + place * PITCH, place == len(screen.menu) - 1)
        for place, label in enumerate(screen.menu)
    ]
    boxes = [
        DrawnBox(box.label, box.deed.value, _fill_box(box), BOX_TOP + place * BOX_PITCH)
        for place, box in enumerate(screen.boxes)
    ]
    height = max(menu[-1].y + 40, boxes[-1].y + 38)
    return {
        "menu": menu,
        "boxes": boxes,
        "width": WIDTH,
        "height": height,
        "host": urlsplit(step.url).hostname or "",
        "words": describe_screen(screen),
    }


def _fill_box(box: Box) -> str:
    return box.sample or (ADDRESS if box.field == REPORT_URL else SECRET)


def describe_screen(screen: Screen) -> str:
    """Return what the picture shows, in sentences for those who do not see it."""
    path = _("Open “{path}”.").format(path=" > ".join(screen.menu))
    return " ".join([path, *map(_describe_box, screen.boxes)])


def _describe_box(box: Box) -> str:
    match box.deed:
        case Deed.COPY:
            return _("Copy “{label}”.").format(label=box.label)
        case Deed.PRESS:
            return _("Select “{label}”.").format(label=box.label)
        case Deed.CHOOSE:
            return _("Turn on “{label}”.").format(label=box.label)
        case Deed.PASTE if box.field == REPORT_URL:
            return _("Paste the delivery report URL into “{label}”.").format(label=box.label)
        case _:
            return _("Enter the same value as in the form into “{label}”.").format(label=box.label)
