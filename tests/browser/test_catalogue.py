"""The catalogue of services and a form of credentials, as a person uses them with mouse and keyboard."""

import pytest
from playwright.sync_api import expect

from tests.browser.looks import look
from tests.browser.people import SECONDS, Portal

pytestmark = pytest.mark.browser


@pytest.fixture
def catalogue(portal: Portal) -> Portal:
    portal.open()
    portal.see("Home")
    portal.press("Senders")
    portal.see("Senders")
    portal.press("Connect a service")
    portal.see("Connect a service")
    return portal


def test_a_search_is_told_to_a_screen_reader_and_keeps_the_focus(catalogue: Portal) -> None:
    frame = catalogue.frame
    box = frame.get_by_role("searchbox")
    box.focus()
    catalogue.page.keyboard.type("nexmo")
    expect(frame.locator("#found")).to_have_text("1 service found", timeout=SECONDS)
    assert frame.locator(".service h3").all_inner_texts() == ["Vonage"]
    assert frame.evaluate("document.activeElement.name") == "q"
    catalogue.page.keyboard.press("Tab")
    assert frame.evaluate("document.activeElement.name") == "country"


def test_another_country_brings_its_services_to_the_front(catalogue: Portal) -> None:
    frame = catalogue.frame
    frame.locator("[name=country]").select_option("UA")
    expect(frame.locator(".shelf__title").first).to_contain_text("Suggested for Ukraine", timeout=SECONDS)
    assert frame.locator(".service h3").first.inner_text() == "TurboSMS"
    assert look(catalogue, "catalogue", within="#content") == []


def test_a_mark_keeps_its_shape_in_forced_colours(catalogue: Portal) -> None:
    catalogue.page.emulate_media(forced_colors="active")
    mark = catalogue.frame.locator(".service .tile svg").first
    box = mark.bounding_box() or {"width": 0, "height": 0}
    assert box["width"] == box["height"] > 15
    inks = mark.evaluate("one => [getComputedStyle(one).fill, getComputedStyle(document.body).backgroundColor]")
    assert inks[0] != inks[1]
    catalogue.page.emulate_media(forced_colors="none")


def test_a_secret_is_shown_only_while_it_is_typed(catalogue: Portal) -> None:
    catalogue.press("Twilio")
    catalogue.see("Connect Twilio")
    frame = catalogue.frame
    secret = frame.locator("[name=account-auth_token]")
    eye = frame.get_by_role("button", name="Show Auth Token")
    secret.fill("token-of-the-sandbox")
    assert (secret.get_attribute("type"), eye.get_attribute("aria-pressed")) == ("password", "false")
    eye.focus()
    catalogue.page.keyboard.press("Enter")
    assert (secret.get_attribute("type"), eye.get_attribute("aria-pressed")) == ("text", "true")

    frame.locator("[name=account-account_sid]").fill("123")
    catalogue.press("Test connection")
    expect(frame.locator(".error").first).to_contain_text("Not a valid SID", timeout=SECONDS)
    assert secret.input_value() == "token-of-the-sandbox"
    assert (secret.get_attribute("type"), eye.get_attribute("aria-pressed")) == ("password", "false")
    assert look(catalogue, "credentials with pictures", within="#content") == []
