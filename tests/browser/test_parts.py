"""What comes on a click or while something is waited for: axe-core at both widths and in both looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from re import Pattern
from re import compile as pattern

import pytest
from playwright.sync_api import Route, expect

from b24app.operations.local.stack import Stack
from tests.browser.looks import LOOKS, look
from tests.browser.people import SECONDS, Portal, control
from tests.browser.test_card import CURLY
from tests.browser.test_journey import fill
from tests.browser.test_safeguards import forgive

pytestmark = pytest.mark.browser

QUESTION = "[role=alertdialog]"
ONCE = LOOKS[:1]


def shown(portal: Portal, selector: str, words: str = "") -> None:
    """Wait for a part of the screen that holds these words."""
    expect(portal.frame.locator(selector, has_text=words).first).to_be_visible(timeout=SECONDS)


def go(portal: Portal, place: str) -> None:
    """Use the bar."""
    portal.settle()
    portal.frame.locator("nav").get_by_role("link", name=place, exact=True).click()
    portal.see(place)


@contextmanager
def held(portal: Portal, address: Pattern[str]) -> Iterator[None]:
    """Keep requests to these addresses under way for as long as this lasts."""
    waiting: list[Route] = []
    holding = True

    def take(route: Route) -> None:
        if holding:
            waiting.append(route)
        else:
            route.continue_()

    portal.page.route(address, take)
    try:
        yield
    finally:
        holding = False
        for route in waiting:
            route.continue_()
        portal.page.unroute(address)


@contextmanager
def switched(app: Stack, name: str) -> Iterator[None]:
    """Give the portal this trouble."""
    control(app, "switches", **{name: True})
    try:
        yield
    finally:
        control(app, "switches", **{name: False})


def test_questions_asked_in_place_are_in_order(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Senders")
    ask(portal, ".account", "Disconnect", "Disconnect “")
    ask(portal, "table.senders", "Remove", "from Bitrix24?")
    wrong = look(portal, "senders, removing", within=".card")
    ask(portal, ".account", "Pause account", "Pause account “")
    ask(portal, "table.senders", "Pause sender", "It stays visible in Bitrix24")
    wrong += look(portal, "senders, pausing", within=".card")
    ask(portal, "table.senders", "Replace address", "a new address?")
    ask(portal, ".head", "Replace addresses", "Give all senders new addresses?")
    wrong += look(portal, "senders, renewing addresses", within=".confirm")

    go(portal, "Messages")
    number = portal.frame.locator("#list .to bdi").first.inner_text()
    go(portal, "Settings")
    ask(portal, "#content", "Pause all sending", "Pause all sending?")
    fill(portal, number=number)
    portal.press("Find data")
    shown(portal, ".kept")
    ask(portal, ".kept", "Erase", "this cannot be undone")
    wrong += look(portal, "settings, with questions", within=".confirm")
    assert wrong == []


def ask(portal: Portal, where: str, button: str, words: str) -> None:
    """Press a button that asks in place; the way out of the question has the focus."""
    portal.settle()
    portal.frame.locator(where).first.get_by_role("button", name=button).first.click()
    question = portal.frame.locator(QUESTION, has_text=words)
    expect(question.locator("[data-first]")).to_be_focused(timeout=SECONDS)


def test_the_journal_with_ticks_a_question_and_a_file_is_in_order(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Messages")
    portal.frame.locator("#journal-filters summary").click()
    portal.frame.locator("#filter-status").select_option("failed")
    portal.settle()
    portal.frame.locator("#m-all").check()
    shown(portal, "#bulk b", "selected")
    with held(portal, pattern(r"/journal/export/[\w-]+/(file/.*)?$")):
        portal.press("Export CSV")
        shown(portal, "#export .live")
        wrong = look(portal, "journal, with ticks and a file", within="#bulk, .head", answered=False)
    with held(portal, pattern("/journal/many/$")):
        portal.frame.locator("#bulk button", has_text="Resend").click()
        shown(portal, "#bulk .htmx-request")
        wrong += look(portal, "journal, asked for a question", ONCE, within="#bulk", answered=False)
    shown(portal, f"#bulk {QUESTION}", "Resend")
    wrong += look(portal, "journal, with a question", within="#bulk")
    shown(portal, "#export", "Export ready")
    forgive(portal)
    assert wrong == []


def test_what_is_counted_and_shown_while_one_types_is_in_order(furnished: Portal, tmp_path: Path) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Senders")
    path = str(portal.frame.locator(".tools a[href$='/test/']").first.get_attribute("href"))
    portal.press("Send test")
    portal.see("Test message")
    fill(portal, to="+12025550100", text=CURLY)
    shown(portal, "#segments", "2 segments")
    wrong = look(portal, "test, counted", within=".form")
    with held(portal, pattern("/senders/tests/")):
        portal.press("Send")
        shown(portal, "#progress .life")
        wrong += look(portal, "test, on its way", within=".card", answered=False)
    shown(portal, "#progress .life b", "Delivered")

    portal.frame.evaluate("(path) => htmx.ajax('GET', path, '#content')", path.replace("/test/", "/ready/"))
    expect(portal.frame.get_by_role("heading", level=1, name="is ready")).to_be_visible(timeout=SECONDS)
    wrong += look(portal, "ready", within="#content")
    portal.frame.evaluate("(path) => htmx.ajax('GET', path, '#content')", path.replace("/test/", "/"))
    expect(portal.frame.locator("#rewriting")).to_be_visible(timeout=SECONDS)
    portal.settle()
    portal.frame.locator("#rewriting summary").click()
    portal.frame.locator("#rewriting input[type=checkbox]").first.check()
    portal.frame.locator("#example").fill(CURLY)
    shown(portal, "#rewriting p", "segment")
    wrong += look(portal, "sender, with a text tried", within="#rewriting")

    portal.press("Opt-outs")
    portal.press("Discard changes")
    portal.see("Opt-outs")
    portal.press("Import file")
    portal.see("Import numbers")
    file = tmp_path / "numbers.csv"
    file.write_text("number,note\n+12025550161,from the shop\n+12025550161,twice\nnobody,wrong\n+1202,too short\n")
    portal.frame.locator("#file").set_input_files(file)
    shown(portal, "#understood table")
    wrong += look(portal, "stop list, a file understood", within="#content")

    assert wrong == []


def test_a_portal_that_is_away_is_told_of_in_order(app: Stack, furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Senders")
    with switched(app, "unavailable"):
        portal.press("Sync with Bitrix24")
        shown(portal, ".toast")
        wrong = look(portal, "senders, not compared", ONCE, within="#toasts")
        portal.press("Edit")
        expect(portal.frame.locator("#rewriting")).to_be_visible(timeout=SECONDS)
        portal.press("Save")
        shown(portal, "#content .alert--bad[role=alert]")
        wrong += look(portal, "sender, the portal away")
    portal.press("Save")
    portal.see("Senders")
    assert wrong == []


BAR = """() => {
    const box = document.querySelector(".bar .brand").getBoundingClientRect();
    return [box.left, box.top, box.width, box.height].map(Math.round);
}"""


def test_a_skeleton_stands_where_the_screen_will(furnished: Portal) -> None:
    portal = furnished
    wrong, bars = [], []
    with held(portal, pattern(r"/p/\w+/$")):
        portal.open()
        expect(portal.page.frame_locator("iframe").locator(".skel").first).to_be_visible(timeout=SECONDS)
        expect(portal.frame.locator("#app")).to_have_attribute("aria-busy", "true")
        bars.append(portal.frame.evaluate(BAR))
        wrong += look(portal, "loading", answered=False)
    portal.see("Home")
    expect(portal.frame.locator("#app")).not_to_have_attribute("aria-busy", "true")
    bars.append(portal.frame.evaluate(BAR))
    assert bars[0] == bars[1]
    assert wrong == []
