"""How the screens behave: by keyboard alone, for who wants no motion, and without jumping about."""

from typing import Literal

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal

pytestmark = pytest.mark.browser

# Elements and their ::before and ::after that move by themselves, or would pass slowly from one look to another.
MOVES = """() => {
    const slow = (list) => list.split(",").some((one) => parseFloat(one) > 0.01);
    const passing = [...document.querySelectorAll("*")].flatMap((one) => ["", "::before", "::after"]
        .filter((part) => slow(getComputedStyle(one, part || null).transitionDuration))
        .map((part) => `${one.tagName}.${one.className}${part} passes`));
    const running = document.getAnimations().filter((one) => one.playState === "running").map(({ effect }) => effect)
        .map(({ target, pseudoElement }) => `${target.tagName}.${target.className}${pseudoElement ?? ""} runs`);
    return [...passing, ...running];
}"""
# What has the focus: its words or name, whether it is shown that it has it, and whether it is in what was swapped in.
FOCUSED = """() => {
    const one = document.activeElement;
    const marked = (box) => {
        if (!box) return false;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(box);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    };
    return {
        tag: one.tagName, name: one.name ?? "", words: (one.innerText ?? "").trim(),
        seen: marked(one) || marked(one.closest("label, .service")),
        inside: one !== document.body && document.getElementById("content").contains(one),
    };
}"""
# Kept on the window of the frame: what moved without anybody having touched anything. The foot stands where a screen
# ends, so it moves whenever another screen is longer or shorter.
WATCH_SHIFTS = """() => {
    window.shifts = [];
    const isFoot = ({ node }) => Boolean((node?.closest ? node : node?.parentElement)?.closest(".foot"));
    const told = ({ node, previousRect: a, currentRect: b }) => `${node?.nodeName}.${node?.className} ${a.y} to ${b.y}`;
    new PerformanceObserver((list) => {
        const jumps = list.getEntries().filter((one) => !one.hadRecentInput && !one.sources.every(isFoot));
        window.shifts.push(...jumps.map((one) => ({ value: one.value, what: one.sources.map(told) })));
    }).observe({ type: "layout-shift", buffered: true });
}"""
PUSH = "document.getElementById('content').prepend(Object.assign(document.createElement('p'), {textContent: 'Late'}))"
MOST_STOPS = 80  # of Tab on the way to anything


def open_screen(portal: Portal, path: str) -> None:
    """Open another screen as a click would, without one."""
    portal.frame.evaluate("(path) => htmx.ajax('GET', path, {target: '#content', push: path})", path)
    portal.settle()


def address(portal: Portal, link: str) -> str:
    """Where the first link of the bar or of the screen with this selector leads."""
    return str(portal.frame.locator(link).first.get_attribute("href"))


def test_nothing_moves_for_whoever_wants_no_motion(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    journal = address(portal, "nav a[href$='/journal/']")
    moving: dict[str, list[str]] = {}
    open_screen(portal, journal)
    message = address(portal, ".rowlink")
    preferences: tuple[Literal["no-preference", "reduce"], ...] = ("no-preference", "reduce")
    for preference in preferences:
        portal.page.emulate_media(reduced_motion=preference)
        moving[preference] = []
        for path in (journal.replace("journal/", ""), journal, journal.replace("journal", "senders/connect"), message):
            open_screen(portal, path)
            moving[preference] += portal.frame.evaluate(MOVES)
    assert moving["reduce"] == []
    assert any(one.endswith("runs") for one in moving["no-preference"])
    assert any(one.endswith("passes") for one in moving["no-preference"])


def test_screens_do_not_jump_while_they_come(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.frame.evaluate(WATCH_SHIFTS)
    journal = address(portal, "nav a[href$='/journal/']")
    for path in (journal, journal.replace("journal", "reports")):
        open_screen(portal, path)
    assert shifts(portal) < 0.1, portal.frame.evaluate("window.shifts")
    before = shifts(portal)
    portal.frame.evaluate(PUSH)
    assert shifts(portal) > before, "what jumps would not be noticed"


def shifts(portal: Portal) -> float:
    """How far everything has jumped until now, as Chromium measures it."""
    portal.page.wait_for_timeout(500)
    return float(portal.frame.evaluate("window.shifts.reduce((sum, one) => sum + one.value, 0)"))


def tab_to(portal: Portal, *, words: str = "", name: str = "") -> None:
    """Press Tab until the link, button or field has the focus; on the way every stop must be seen to have it."""
    for _ in range(MOST_STOPS):
        portal.page.keyboard.press("Tab")
        at = portal.frame.evaluate(FOCUSED)
        if at["tag"] == "BODY":
            continue  # still in the portal's own page
        assert at["seen"], at
        if (name and at["name"] == name) or (words and at["words"] == words):
            return
    raise AssertionError(f"Tab does not lead to {words or name}")


def enter(portal: Portal, heading: str) -> None:
    """Press Enter; what comes has the focus."""
    portal.page.keyboard.press("Enter")
    portal.see(heading)
    at = portal.frame.evaluate(FOCUSED)
    assert at["inside"], at


def test_a_test_message_is_sent_by_keyboard_alone(app: Stack, furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    tab_to(portal, words="Senders")
    enter(portal, "Senders")
    tab_to(portal, words="Pause account")
    portal.page.keyboard.press("Enter")
    expect(portal.frame.locator("[role=alertdialog] [data-first]")).to_be_focused(timeout=SECONDS)
    enter(portal, "Senders")
    tab_to(portal, words="Send test")
    enter(portal, "Test message")
    tab_to(portal, name="to")
    portal.page.keyboard.press("ControlOrMeta+a")
    portal.page.keyboard.type("+12025550100")
    tab_to(portal, words="Send")
    enter(portal, "Test message")
    expect(portal.frame.locator("#progress .life b", has_text="Delivered")).to_be_visible(timeout=4 * SECONDS)
    assert portal.frame.evaluate(FOCUSED)["inside"]


def test_a_reload_of_the_portals_page_returns_to_the_section(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.press("Reports")
    portal.see("Reports")
    portal.page.reload()
    portal.see("Reports")
