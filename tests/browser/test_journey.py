"""The whole road in a browser: connect an account, save a sender, send from a CRM card, watch it become delivered."""

import pytest
from playwright.sync_api import Locator, expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal

pytestmark = pytest.mark.browser

ACCOUNT = {"account-account_sid": "AC" + "0" * 32, "account-auth_token": "token-of-the-sandbox"}


def fill(portal: Portal, **values: str) -> None:
    """Type into fields of the application's form by their names; folded ones are unfolded first."""
    for name, value in values.items():
        box = portal.frame.locator(f"[name='{name}']")
        box.wait_for(state="attached")
        other = portal.frame.locator("#sender input[name=sender-offer][value='']")
        if name == "sender-signature" and other.count():
            portal.settle()  # hints arrive after the form and move what is below them
            other.check()
        if not box.is_visible():
            unfold(portal, box)
        box.fill(value)


def unfold(portal: Portal, box: Locator) -> None:
    """Open the fold that hides a field; what moves under the mouse is tried again, as a person would."""
    fold = portal.frame.locator("details", has=box)
    for _ in range(10):
        portal.settle()
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
        portal.page.wait_for_timeout(300)
        if box.is_visible():
            return


def test_a_message_from_a_card_becomes_delivered(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.press("Connect a service")
    portal.see("Connect a service")
    portal.picture("connect-1-catalogue")

    portal.press("Twilio")
    portal.see("Connect Twilio")
    fill(portal, **ACCOUNT, **{"account-base_url": app.sms})
    portal.picture("connect-2-credentials")
    portal.press("Test connection")

    expect(portal.frame.get_by_role("button", name="Save and activate")).to_be_visible(timeout=SECONDS)
    fill(portal, **{"sender-signature": "Sendline", "sender-name_en": "Front desk"})
    portal.picture("connect-3-sender")
    portal.press("Save and activate")
    portal.see("“Front desk” is ready")
    portal.picture("connect-4-ready")

    portal.open("/crm/contact/details/1/")
    portal.page.locator("#text").fill("Your table is booked for tonight at seven.")
    portal.page.locator("#send-button").click()
    expect(portal.page.locator("[data-status=delivered]").first).to_be_visible(timeout=4 * SECONDS)
    portal.shoot("card")

    portal.open()
    portal.see("Home")
    portal.picture("home")
    portal.press("Messages")
    portal.see("Messages")
    expect(portal.frame.locator("tbody .status--delivered").first).to_be_visible()
    portal.picture("journal")
    portal.frame.locator("tbody .rowlink, tbody a").first.click()
    expect(portal.frame.locator(".life")).to_be_visible(timeout=SECONDS)
    portal.picture("message")
    portal.press("Senders")
    portal.see("Senders")
    portal.picture("senders")


def test_a_test_message_is_watched_until_it_arrives(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.press("Senders")
    portal.see("Senders")
    portal.press("Send test")
    expect(portal.frame.locator("[name='to']")).to_be_visible(timeout=SECONDS)
    fill(portal, to="+12025550143")
    portal.picture("test-1-form")
    portal.press("Send")
    expect(portal.frame.locator("#progress .life b", has_text="Delivered")).to_be_visible(timeout=4 * SECONDS)
    portal.picture("test-2-delivered")
