"""How a screen is looked at: axe-core and scroll bars, at several widths, in both looks."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from tests.browser.people import PUT_ON, Portal

Look = tuple[int, str]  # the width of the window in pixels; the theme, or nothing to see only whether it scrolls

# A theme changes nothing of the layout, so one look after another at the same width waits for little.
LOOKS: tuple[Look, ...] = ((1280, "light"), (1280, "dark"), (360, "dark"), (360, "light"))
NARROWEST: Look = (320, "")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The page around belongs to the portal: inside a frame there is no page with landmarks of its own.
NOT_OURS = {"region", "page-has-heading-one", "landmark-one-main"}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
CHECK = """async ([within, options]) => (await axe.run(within, options)).violations.map(found => ({
    id: found.id, help: found.help, nodes: found.nodes.slice(0, 3).map(node => node.html.slice(0, 200)),
}))"""
OPTIONS = {"runOnly": RULES, "rules": {rule: {"enabled": False} for rule in NOT_OURS}}
WIDER = "(root => root.scrollWidth > innerWidth)(document.documentElement)"


def look(
    portal: Portal, name: str, looks: Sequence[Look] = LOOKS, *, within: str = "html", answered: bool = True
) -> list[Any]:
    """Return what is wrong with the open page, at each width and in each look.

    axe-core looks `within` the parts of this selector. Unless `answered`, what is open may be waiting for an answer.
    """
    wrong: list[Any] = []
    at = 0
    for width, theme in looks:
        if width != at:
            portal.page.set_viewport_size({"width": width, "height": 900})
            portal.settle(answered=answered)
            wrong += [(name, width, trouble) for trouble in _scrolling(portal, width)]
            at = width
        if theme:
            wrong += [(name, width, theme, found) for found in _axe(portal, theme, within)]
    portal.page.set_viewport_size({"width": 1280, "height": 800})
    return wrong


def _axe(portal: Portal, theme: str, within: str) -> Any:
    assert portal.frame.evaluate(PUT_ON, theme) == theme
    if not portal.frame.evaluate("'axe' in window"):
        portal.frame.evaluate(AXE)
    return portal.frame.evaluate(CHECK, [within, OPTIONS])


def _scrolling(portal: Portal, width: int) -> list[str]:
    if portal.frame.evaluate(WIDER):
        return ["scrolls sideways"]
    if width != 1280 or not portal.has_scroll_bars():
        return []
    portal.page.wait_for_timeout(1000)  # what came by a poll at this very moment makes the frame higher at once
    return ["has scroll bars"] if portal.has_scroll_bars() else []
