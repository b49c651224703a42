"""Limits, pauses and the stop list in a browser: files in and out, and a message that is stopped before it costs."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal
from tests.browser.test_journey import ACCOUNT, fill

pytestmark = pytest.mark.browser

STOPPED = "+12025550142"  # the contact of the sandbox's card


def connect(app: Stack, portal: Portal) -> None:
    """One more account with one sender."""
    portal.open()
    portal.see("Home")
    portal.press("Connect a service")
    portal.see("Connect a service")
    portal.press("Twilio")
    portal.see("Connect Twilio")
    mine = {"account-account_sid": "AC" + "1" * 32, "account-base_url": app.sms, "account-title": "Night shift"}
    fill(portal, **ACCOUNT | mine)
    portal.press("Test connection")
    expect(portal.frame.get_by_text("Choose a sender ID")).to_be_visible(timeout=SECONDS)
    fill(portal, **{"sender-signature": "Sendline", "sender-name_en": "Night desk", "sender-per_hour": "500"})
    portal.picture("safeguards-1-sender")
    portal.press("Save and activate")
    portal.see("“Night desk” is ready")


def forgive(portal: Portal) -> None:
    """Forget what a browser calls failed and is none: a page that became a download, the sandbox's poll left behind."""
    ended = ("failed: /d/", "failed: /_/state")
    portal.troubles[:] = [one for one in portal.troubles if not one.startswith(ended)]


def test_an_administrator_guards_the_money(app: Stack, portal: Portal, tmp_path: Path) -> None:
    connect(app, portal)

    portal.press("Opt-outs")
    portal.see("Opt-outs")
    portal.picture("safeguards-2-stoplist-empty")
    fill(portal, number=STOPPED, note="=asked on the phone")
    portal.press("Add")
    expect(portal.frame.locator("table.stoplist tbody")).not_to_have_count(0, timeout=SECONDS)

    portal.press("Import file")
    portal.see("Import numbers")
    file = tmp_path / "numbers.csv"
    lines = [f"+1202555{place:04},from the shop" for place in range(200, 262)]
    file.write_text("\n".join(["number,note", *lines, "nobody,wrong", "+1202,too short", STOPPED]))
    portal.frame.locator("#file").set_input_files(file)
    add = portal.frame.get_by_role("button", name="Add 62 numbers")
    expect(add).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-3-import")
    add.click()
    portal.see("Opt-outs")
    expect(portal.frame.get_by_text("from the shop").first).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-4-stoplist")

    with portal.page.expect_download(timeout=SECONDS) as download:
        portal.press("Export CSV")
    saved = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert f"{STOPPED},'=asked on the phone,hand," in saved
    assert saved.count(",from the shop,") == 62

    portal.press("Settings")
    portal.see("Settings")
    portal.frame.locator("a[href$='/settings/limits/']").click()
    portal.see("Sending limits and quiet hours")
    portal.picture("safeguards-5-limits")
    fill(portal, recipient_per_hour="5")
    portal.settle()
    portal.frame.locator("[name=quiet]").check()
    portal.press("Save changes")
    portal.see("Settings")
    expect(portal.frame.get_by_text("Quiet hours: 21:00 to 09:00.")).to_be_visible(timeout=SECONDS)

    portal.open("/crm/contact/details/1/")
    portal.page.locator("#text").fill("Your table is booked for tonight at seven.")
    portal.page.locator("#send-button").click()
    expect(portal.page.locator("[data-status=failed]").first).to_be_visible(timeout=4 * SECONDS)
    portal.open()
    portal.see("Home")
    portal.press("Messages")
    portal.see("Messages")
    expect(portal.frame.get_by_text("Opted out").last).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-6-journal")
    portal.frame.locator("tbody .rowlink").first.click()
    expect(portal.frame.get_by_text("this number is on your opt-out list").first).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-7-message")
    portal.press("View opt-out entry")
    portal.see("Opt-outs")
    portal.settle()
    portal.frame.locator("table.stoplist").get_by_role("button", name="Remove").first.click()
    expect(portal.frame.locator(".confirm").get_by_role("link", name="Cancel")).to_be_focused(timeout=SECONDS)
    portal.picture("safeguards-7-remove")
    portal.press("Remove from list")
    expect(portal.frame.get_by_role("button", name="Remove from list")).to_have_count(0, timeout=SECONDS)

    portal.press("Opt-outs")
    portal.see("Opt-outs")
    ticks = portal.frame.locator("table.stoplist [name=n]")
    expect(ticks).to_have_count(50, timeout=SECONDS)
    remove = portal.frame.get_by_role("button", name="Remove selected")
    expect(remove).to_be_hidden()
    portal.frame.locator("#n-all").check()
    ticks.first.uncheck()
    remove.click()
    portal.settle()
    portal.picture("safeguards-7-remove-several")
    portal.press("Remove 49 numbers")
    expect(portal.frame.get_by_text("49 numbers removed from the opt-out list.")).to_be_visible(timeout=SECONDS)
    expect(ticks).not_to_have_count(50, timeout=SECONDS)
    portal.press("Undo")
    expect(ticks).to_have_count(50, timeout=SECONDS)
    forgive(portal)


def test_a_pause_says_what_it_costs(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.press("Settings")
    portal.see("Settings")
    portal.press("Pause all sending")
    expect(portal.frame.get_by_text("Pause all sending?")).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-8-pause")
    portal.frame.locator(".confirm").get_by_role("button", name="Pause all sending").click()
    expect(portal.frame.get_by_role("button", name="Resume all sending")).to_be_visible(timeout=SECONDS)

    portal.open("/crm/contact/details/1/")
    portal.page.locator("#text").fill("The kitchen is closed tonight.")
    portal.page.locator("#send-button").click()
    expect(portal.page.get_by_text("The kitchen is closed tonight.").last).to_be_visible(timeout=SECONDS)
    portal.open()
    portal.see("Home")
    expect(portal.frame.get_by_text("All sending is paused")).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-9-home")
    portal.press("Senders")
    portal.see("Senders")
    portal.press("Pause account")
    expect(portal.frame.locator("[role=alertdialog]")).to_contain_text("Pause account “", timeout=SECONDS)
    portal.picture("safeguards-10-senders")
    portal.press("Messages")
    portal.see("Messages")
    portal.frame.locator("tbody .rowlink").first.click()
    expect(portal.frame.get_by_text("An administrator paused all sending.").first).to_be_visible(timeout=SECONDS)
    portal.picture("safeguards-11-held")
    portal.press("Settings")
    portal.see("Settings")
    portal.press("Resume all sending")
    expect(portal.frame.get_by_role("button", name="Pause all sending")).to_be_visible(timeout=SECONDS)
    forgive(portal)
