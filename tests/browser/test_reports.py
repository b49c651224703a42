"""Reports in a browser, on the demonstration's past: another breakdown in place, other days, and a file."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal
from tests.browser.test_safeguards import forgive

pytestmark = pytest.mark.browser


def test_an_administrator_reads_the_reports(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.settle()
    app.supervisor.run("seed", ["manage.py", "seed_demo"])  # leaves a portal that has an account as it is

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
    assert saved.startswith("Country,Messages,Delivered,")
    expect(portal.frame.locator(".htmx-request")).to_have_count(0)  # a file that came is asked for no longer
    portal.frame.locator("#period-7").click()
    expect(portal.frame.locator("#period-7[aria-current]")).to_be_focused(timeout=SECONDS)
    expect(portal.frame.locator("#by-country[aria-current]")).to_be_visible(timeout=SECONDS)
    portal.frame.get_by_text("Show data table").first.click()
    expect(portal.frame.locator(".twin[open] tbody tr").first).to_be_visible(timeout=SECONDS)
    portal.settle()
    forgive(portal)
