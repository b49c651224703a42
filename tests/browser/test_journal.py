"""The journal's ticks, its file and Help in a browser, on the demonstration's past."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import SECONDS, Portal

pytestmark = pytest.mark.browser


def forgive_downloads(portal: Portal) -> None:
    """Chromium calls a navigation that became a file a failed one."""
    portal.troubles[:] = [one for one in portal.troubles if not one.startswith("failed: /d/")]


def test_ticks_are_counted_asked_about_and_acted_on_and_the_file_comes(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.press("Messages")
    portal.see("Messages")
    portal.frame.locator("#journal-filters summary").click()
    portal.frame.locator("#filter-status").select_option("failed")
    portal.settle()
    expect(portal.frame.locator("#journal-filters details")).to_have_attribute("open", "")  # for the next filter
    expect(portal.frame.locator(".chip__x")).to_have_count(2, timeout=SECONDS)
    boxes = portal.frame.locator("input[name=m]")
    expect(boxes.first).to_be_visible(timeout=SECONDS)
    portal.picture("journal-bulk-0")
    portal.frame.locator("#m-all").check()
    count = boxes.count()
    expect(portal.frame.locator("#bulk")).to_contain_text(f"{count} selected", timeout=SECONDS)
    portal.page.wait_for_timeout(5000)  # a poll keeps what is ticked
    assert portal.frame.locator("input[name=m]:checked").count() == count
    portal.picture("journal-bulk-1")
    portal.frame.locator("#bulk button", has_text="Resend").click()
    expect(portal.frame.locator("#bulk [role=alertdialog]")).to_be_visible(timeout=SECONDS)
    portal.picture("journal-bulk-2")
    portal.frame.locator("#bulk .btn--danger").click()
    expect(portal.frame.locator("#toasts")).to_contain_text("Sending", timeout=SECONDS)
    with portal.page.expect_download(timeout=SECONDS) as download:
        portal.press("Export CSV")
    assert download.value.suggested_filename.startswith("messages-")
    expect(portal.frame.locator("#export")).to_contain_text("Export ready", timeout=SECONDS)
    portal.picture("journal-export")
    forgive_downloads(portal)


def test_the_first_message_is_on_the_first_screen_of_a_phone(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.press("Messages")
    portal.see("Messages")
    portal.page.set_viewport_size({"width": 360, "height": 640})
    portal.settle()
    row = portal.frame.locator("#rows .rowlink").first
    assert row.evaluate("row => row.getBoundingClientRect().bottom") < 640
    portal.page.set_viewport_size({"width": 1280, "height": 800})


def test_back_from_a_message_its_row_has_the_focus_in_the_same_list(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.press("Messages")
    portal.see("Messages")
    portal.frame.locator("#journal-filters summary").click()
    portal.frame.locator("#filter-status").select_option("delivered")
    expect(portal.frame.locator(".chip__x")).to_have_count(2, timeout=SECONDS)
    portal.settle()
    rows = portal.frame.locator("#rows .rowlink")
    row = rows.nth(min(7, rows.count() - 1))
    reference = row.get_attribute("id")
    row.click()
    expect(portal.frame.locator(".life")).to_be_visible(timeout=SECONDS)
    portal.settle()
    portal.frame.locator("a.back").click()
    portal.see("Messages")
    expect(portal.frame.locator(f"#{reference}")).to_be_focused(timeout=SECONDS)
    expect(portal.frame.locator(".chip__x")).to_have_count(2)


def test_help_shows_the_words_and_gives_a_file(furnished: Portal) -> None:
    portal = furnished
    portal.open()
    portal.see("Home")
    portal.press("Help")
    portal.see("Help")
    portal.frame.locator("details.fold summary").first.click()
    portal.picture("help")
    with portal.page.expect_download(timeout=SECONDS) as download:
        portal.press("Download file")
    assert download.value.suggested_filename.endswith(".json")
    forgive_downloads(portal)
