"""Reports in a browser, on the past of the shop: another breakdown in place, other days, a file, and the way in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.looks import look
from tests.browser.people import SECONDS, Portal, begin_anew
from tests.browser.test_safeguards import forgive

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(app: Stack) -> Iterator[Stack]:
    """Leave the portal without the accounts of other tests: the demo service's messages are in no figure."""
    begin_anew(app)
    yield app
    begin_anew(app)


@pytest.fixture
def seeded(shop: Stack, portal: Portal) -> Portal:
    """Open the application and seed the shop, unless that was done."""
    portal.open()
    portal.see("Home")
    portal.settle()
    shop.supervisor.run("seed", ["manage.py", "seed_demo", "--shop", shop.sms])
    return portal


def test_an_administrator_reads_the_reports(seeded: Portal) -> None:
    portal = seeded
    portal.open()
    portal.see("Home")
    expect(portal.frame.get_by_role("heading", name="Last 14 days")).to_be_visible(timeout=SECONDS)
    portal.picture("reports-1-home")
    portal.press("Reports")
    portal.see("Reports")
    expect(portal.frame.get_by_role("img", name="Messages per day")).to_be_visible(timeout=SECONDS)
    portal.picture("reports-2")

    portal.frame.locator("#by-country").click()
    expect(portal.frame.locator("#by-country[aria-current]")).to_be_focused(timeout=SECONDS)
    portal.settle()
    with portal.page.expect_download(timeout=SECONDS) as download:
        portal.frame.get_by_role("button", name="Export CSV").last.click()
    saved = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert saved.startswith("Country,Code,Messages,Delivered,")
    expect(portal.frame.locator(".htmx-request")).to_have_count(0)  # a file that came is asked for no longer
    portal.frame.locator("#period-7").click()
    expect(portal.frame.locator("#period-7[aria-current]")).to_be_focused(timeout=SECONDS)
    expect(portal.frame.locator("#by-country[aria-current]")).to_be_visible(timeout=SECONDS)
    portal.frame.get_by_text("Show data table").first.click()
    expect(portal.frame.locator(".twin[open] tbody tr").first).to_be_visible(timeout=SECONDS)
    portal.settle()
    assert look(portal, "reports, as a table", within=".twin") == []
    forgive(portal)


def test_a_bar_and_by_keyboard_a_figure_of_the_table_lead_to_the_messages(seeded: Portal) -> None:
    portal = seeded
    portal.open()
    portal.see("Home")
    portal.press("Reports")
    portal.see("Reports")
    bar = portal.frame.locator(".chart__hits a").first
    counted = bar.get_attribute("title") or ""
    bar.click()
    portal.see("Messages")
    portal.settle()
    assert portal.frame.locator("tbody .rowlink").count() == min(50, int(counted.split(": ")[1].split("\n")[0]))

    portal.press("Reports")
    portal.see("Reports")
    portal.frame.locator(".twin > summary").first.focus()
    portal.page.keyboard.press("Enter")
    portal.page.keyboard.press("Tab")
    expect(portal.frame.locator(".twin tbody th a").first).to_be_focused(timeout=SECONDS)
    portal.page.keyboard.press("Enter")
    portal.see("Messages")
