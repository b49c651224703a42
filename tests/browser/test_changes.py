"""Who changed what in a browser: Undo in a toast and in the list, and help that is searched as one types."""

import pytest
from playwright.sync_api import expect

from tests.browser.looks import LOOKS, look
from tests.browser.people import SECONDS, Portal
from tests.browser.test_parts import go
from tests.browser.test_safeguards import forgive

pytestmark = pytest.mark.browser


def test_a_pause_is_undone_from_its_toast_and_again_from_the_list(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Senders")
    frame = portal.frame
    frame.locator("table.senders").first.get_by_role("button", name="Pause").first.click()
    frame.locator("[role=alertdialog]").get_by_role("button", name="Pause").click()
    frame.locator(".toast").get_by_role("button", name="Undo").click()
    expect(frame.get_by_text("Undone: Sender paused")).to_be_visible(timeout=SECONDS)
    expect(frame.get_by_text("Paused by")).to_have_count(0)

    frame.locator(".toast").get_by_role("button", name="Close").click()  # it stays while it is pointed at
    go(portal, "Settings")
    portal.press("View changes")
    portal.see("Changes")
    rows = frame.locator("table.changes tbody tr")
    expect(rows.nth(0)).to_contain_text("Sender resumed")
    expect(rows.nth(1)).to_contain_text("Undone")
    assert look(portal, "changes") == []
    portal.picture("changes")
    rows.nth(0).get_by_role("button", name="Undo").click()
    expect(rows.nth(0)).to_contain_text("Sender paused", timeout=SECONDS)
    rows.nth(0).get_by_role("button", name="Undo").click()
    expect(rows.nth(0)).to_contain_text("Sender resumed", timeout=SECONDS)

    frame.locator("#change-kind").select_option("account")
    expect(frame.get_by_text("Sender resumed")).to_have_count(0, timeout=SECONDS)
    forgive(portal)


def test_help_is_searched_as_one_types(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    go(portal, "Help")
    portal.picture("help")
    portal.frame.locator("#help-query").fill("segment")
    found = portal.frame.locator("#help-found")
    expect(found.get_by_role("link", name="Costs and segments")).to_be_visible(timeout=SECONDS)
    assert look(portal, "help, with a search", LOOKS[:2]) == []
    portal.picture("help-found")
    found.get_by_role("link", name="Costs and segments").click()
    portal.see("Costs and segments")
    assert look(portal, "an article", LOOKS) == []
    portal.picture("help-article")
    go(portal, "Help")
    portal.frame.locator("#services-title").locator("xpath=../..").get_by_role("link", name="Twilio").click()
    portal.see("Twilio")
    assert look(portal, "a service's article", LOOKS) == []
    portal.picture("help-service")
