"""Keys for whoever does not use a mouse: none of them works while something is typed, and all can be turned off."""

import pytest
from playwright.sync_api import expect

from tests.browser.looks import LOOKS, look
from tests.browser.people import Portal
from tests.browser.test_parts import go

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("new_portal")]

AT = "document.activeElement.id"


def _messages(portal: Portal) -> list[str]:
    """Open the list of messages; return the ids of its rows."""
    portal.open()
    portal.see("Home")
    go(portal, "Messages")
    ids: list[str] = portal.frame.eval_on_selector_all("#content .rowlink", "(all) => all.map((one) => one.id)")
    return ids


def test_keys_move_along_the_list_and_to_the_search(furnished: Portal) -> None:
    portal = furnished
    ids = _messages(portal)
    press = portal.page.keyboard.press
    seen = []
    for key in "jjk":
        press(key)
        seen.append(portal.frame.evaluate(AT))
    assert seen == [ids[0], ids[1], ids[0]]
    press("/")
    search = portal.frame.locator("#content input[type=search]").first
    expect(search).to_be_focused()
    portal.page.keyboard.type("j/k?")
    assert search.input_value() == "j/k?"
    expect(search).to_be_focused()
    expect(portal.frame.locator("#keys")).to_be_hidden()


def test_the_list_of_keys_opens_and_turns_them_off(furnished: Portal) -> None:
    portal = furnished
    _messages(portal)
    keys = portal.frame.locator("#keys")
    portal.page.keyboard.press("?")
    expect(keys.get_by_role("heading")).to_be_focused()
    wrong = look(portal, "the list of keys", LOOKS, within="#keys")
    keys.get_by_label("Use keyboard shortcuts").uncheck()
    portal.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    before = portal.frame.evaluate(AT)
    for key in "j?/":
        portal.page.keyboard.press(key)
    assert portal.frame.evaluate(AT) == before
    expect(keys).to_be_hidden()
    portal.frame.locator(".foot").get_by_role("button", name="Keyboard shortcuts").click()
    expect(keys).to_be_visible()
    assert wrong == []


def test_a_long_list_can_be_skipped(furnished: Portal) -> None:
    portal = furnished
    _messages(portal)
    way = portal.frame.get_by_role("link", name="Skip list")
    way.focus()
    portal.page.keyboard.press("Enter")
    portal.page.keyboard.press("Tab")
    assert portal.frame.evaluate("document.activeElement.closest('.table--rows')") is None
    assert portal.frame.evaluate("""document.querySelector('.table--rows').compareDocumentPosition(
        document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING""")
