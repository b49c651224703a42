"""Settings in a browser: notifications that reach the portal's page, and a number that is saved and forgotten."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal
from tests.browser.test_journey import ACCOUNT, fill
from tests.browser.test_safeguards import forgive

pytestmark = pytest.mark.browser

NUMBER = "+12025550144"


def test_an_administrator_chooses_notices_and_forgets_a_number(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.press("Connect a service")
    portal.see("Connect a service")
    portal.press("Twilio")
    portal.see("Connect Twilio")
    mine = {"account-account_sid": "AC" + "2" * 32, "account-base_url": app.sms, "account-title": "Reception"}
    fill(portal, **ACCOUNT | mine)
    portal.press("Test connection")
    expect(portal.frame.get_by_text("Choose a sender ID")).to_be_visible(timeout=SECONDS)
    fill(portal, **{"sender-signature": "Sendline", "sender-name_en": "Reception"})
    portal.press("Save and activate")
    portal.see("“Reception” is ready")
    fill(portal, to=NUMBER)
    portal.frame.locator("#test-panel [type=submit]").click()
    expect(portal.frame.locator(".life")).to_contain_text("elivered", timeout=2 * SECONDS)

    portal.press("Opt-outs")
    portal.see("Opt-outs")
    fill(portal, number=NUMBER)
    portal.press("Add")
    expect(portal.frame.locator("table.stoplist tbody")).not_to_have_count(0, timeout=SECONDS)

    portal.press("Settings")
    portal.see("Settings")
    portal.picture("settings-1")
    low = portal.frame.locator("[name^=low-]").first
    low.fill("1000000")
    portal.press("Save changes")
    portal.see("Settings")
    expect(portal.frame.locator("[name^=low-]").first).to_have_value("1000000", timeout=SECONDS)

    fill(portal, number=NUMBER)
    portal.press("Find data")
    expect(portal.frame.get_by_text("Oldest:")).to_be_visible(timeout=SECONDS)
    with portal.page.expect_download(timeout=SECONDS) as download:
        portal.press("Export JSON")
    saved = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert saved["number"] == NUMBER
    assert saved["messages"]
    forgive(portal)
    portal.press("Erase")
    expect(portal.frame.get_by_text("this cannot be undone")).to_be_visible(timeout=SECONDS)
    portal.frame.locator("[name=keep]").check()
    portal.press("Erase permanently")
    expect(portal.frame.get_by_text("The number is stored for this purpose only.")).to_be_visible(timeout=SECONDS)
    portal.picture("settings-2-erase")
    fill(portal, why="They want no more messages.")
    portal.press("Erase permanently")
    expect(portal.frame.get_by_text("Only the opt-out entry remains.")).to_be_visible(timeout=SECONDS)
    portal.picture("settings-3-erased")

    portal.open("/notifications/")
    words = portal.page.locator("#notifications p").first
    expect(words).to_contain_text("Low balance at Twilio", timeout=6 * SECONDS)
    portal.shoot("settings-4-notification")
    words.get_by_role("link", name="Open Sendline").click()
    portal.see("Home")
