"""Where words stand: measured, not looked at, so that every screen is seen in several languages and widths."""

from collections.abc import Sequence
from pathlib import Path

from tests.browser.people import PUT_ON, Portal

MEASURE = (Path(__file__).parent / "geometry.js").read_text(encoding="utf-8")
# What is folded away is looked at too; a menu that opens over the page would only cover it.
UNFOLD = """() => {
    for (const fold of document.querySelectorAll("#content details:not([open])")) {
        fold.open = true;
        const covers = [...fold.children].some((one) => getComputedStyle(one).position === "absolute");
        if (covers) fold.open = false;
    }
}"""
# WCAG 2.2, 1.4.12. A sheet made by script is what the page's policy lets pass.
WIDE = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
p { margin-block-end: 2em !important; }"""
SPACE = """(rules) => {
    window.spacing ??= new CSSStyleSheet();
    window.spacing.replaceSync(rules);
    document.adoptedStyleSheets = [window.spacing];
}"""
# The portal gives the frame its width and, as a page, its height; two frames later everything has its place.
CALM = """() => new Promise((go) => { requestAnimationFrame(() => requestAnimationFrame(go)); })"""

WIDTHS = (1280, 360)
MOST = 4  # complaints told of one look


def measure(portal: Portal, name: str, *, themes: Sequence[str] = ("light", "dark"), within: str = "#app") -> list[str]:
    """Return what is wrong with the places of words on the open screen at both widths, plain and with wide spacing."""
    portal.frame.evaluate(UNFOLD)
    wrong: list[str] = []
    for width in WIDTHS:
        portal.page.set_viewport_size({"width": width, "height": 900})
        portal.frame.evaluate(CALM)
        for theme in themes:
            portal.frame.evaluate(PUT_ON, theme)
            wrong += [f"{name} {width} {theme}: {one}" for one in _measure(portal, within)]
        portal.frame.evaluate(SPACE, WIDE)
        portal.frame.evaluate(CALM)
        wrong += [f"{name} {width} spaced: {one}" for one in _measure(portal, within)]
        portal.frame.evaluate(SPACE, "")
    return wrong


def _measure(portal: Portal, within: str) -> list[str]:
    """Return the first of what is wrong: the rest has the same cause, as a rule."""
    found: list[str] = portal.frame.evaluate(MEASURE, within)
    return found[:MOST]
