"""Our tab on a CRM card in a browser: write, count, straighten, send, and watch it arrive there and in the timeline."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.looks import LOOKS, look
from tests.browser.people import SECONDS, Portal, begin_anew, control
from tests.browser.test_journey import ACCOUNT, fill

pytestmark = pytest.mark.browser

CARD = "/crm/contact/details/1/"
CURLY = "Hello Emma, your oak top “Bergen” arrived today. You can collect it at Unit 4, Harbour Road, until 18:00."


def connect(app: Stack, portal: Portal) -> None:
    """See that there is a sender; the journey may have made one already."""
    portal.open()
    portal.see("Home")
    state: Any = control(app, "state")
    if state["senders"]:
        return
    portal.press("Connect a service")
    portal.press("Twilio")
    portal.see("Connect Twilio")
    fill(portal, **ACCOUNT, **{"account-base_url": app.sms})
    portal.press("Test connection")
    expect(portal.frame.get_by_role("button", name="Save and activate")).to_be_visible(timeout=SECONDS)
    fill(portal, **{"sender-signature": "Sendline", "sender-name_en": "Front desk"})
    portal.press("Save and activate")
    portal.see("“Front desk” is ready")


def open_tab(portal: Portal, path: str = CARD) -> None:
    portal.open(path)
    portal.page.get_by_role("tab", name="Sendline").click()


def test_the_tab_is_in_order_whatever_is_on_the_card(app: Stack, portal: Portal) -> None:
    begin_anew(app)
    connect(app, portal)
    open_tab(portal, "/crm/contact/details/3/")
    portal.see("SMS with Grace Green")
    expect(portal.frame.get_by_text("No phone number")).to_be_visible(timeout=SECONDS)
    wrong = look(portal, "tab without a number")
    open_tab(portal, "/crm/company/details/1/")
    portal.see("SMS with Harbour Joinery")
    expect(portal.frame.get_by_text("No messages yet")).to_be_visible(timeout=SECONDS)
    wrong += look(portal, "tab without messages")
    portal.frame.locator("#id_text").fill("Your order leaves today.")
    portal.press("Send")
    expect(portal.frame.locator(".talk .status--delivered")).to_be_visible(timeout=4 * SECONDS)
    portal.frame.locator("#id_text").fill(CURLY)
    expect(portal.frame.get_by_role("button", name="Use plain characters")).to_be_visible(timeout=SECONDS)
    wrong += look(portal, "tab with a message and advice")
    assert wrong == []


def test_a_message_is_written_on_a_card_and_arrives(app: Stack, portal: Portal) -> None:
    connect(app, portal)
    open_tab(portal)
    portal.see("SMS with Emma Evans")

    count = portal.frame.locator(".compose__count")
    text = portal.frame.locator("#id_text")
    text.press_sequentially("Hello")
    expect(count).to_contain_text("1 segment", timeout=SECONDS)
    text.fill(CURLY)
    expect(count).to_contain_text("2 segments", timeout=SECONDS)
    portal.picture("card-1-writing")
    assert portal.frame.locator("#id_text").input_value() == CURLY

    portal.press("Use plain characters")
    expect(count).to_contain_text("1 segment", timeout=SECONDS)
    expect(portal.frame.locator("#id_text")).to_have_value(CURLY.replace("“", '"').replace("”", '"'))
    expect(portal.frame.locator("#id_text")).to_be_focused()

    portal.press("Send")
    sent = portal.frame.locator(".talk > li:not(.day)").first
    expect(sent).to_contain_text('oak top "Bergen"', timeout=SECONDS)
    expect(portal.frame.locator("#id_text")).to_have_value("")
    expect(sent.locator(".status--delivered")).to_be_visible(timeout=4 * SECONDS)
    portal.picture("card-2-delivered")

    portal.page.get_by_role("tab", name="General").click()
    note = portal.page.locator(".message", has_text="Sendline: SMS")
    expect(note.first).to_contain_text('oak top "Bergen"', timeout=SECONDS)


def test_the_tab_serves_a_phone(app: Stack, portal: Portal) -> None:
    connect(app, portal)
    portal.page.set_viewport_size({"width": 360, "height": 800})
    open_tab(portal, "/crm/deal/details/1/")
    portal.see("SMS with Website order")
    portal.frame.locator("#id_text").fill("Your order leaves today.")
    portal.press("Send")
    sent = portal.frame.locator(".talk > li:not(.day)").first
    expect(sent).to_contain_text("Your order leaves today.", timeout=SECONDS)
    assert not portal.frame.evaluate("document.documentElement.scrollWidth > innerWidth")
    expect(sent.locator(".status--delivered")).to_be_visible(timeout=4 * SECONDS)
    portal.shoot("card-3-phone")


def add_template(portal: Portal, title: str, text: str) -> None:
    """Write a template in Settings, unless an earlier test has."""
    portal.open()
    portal.see("Home")
    portal.press("Settings")
    portal.see("Settings")
    portal.press("Manage templates")
    portal.see("Text templates")
    if portal.frame.get_by_role("link", name=title).count():
        return
    portal.press("Add template")
    portal.see("New template")
    fill(portal, title=title, text=text)
    portal.frame.get_by_role("button", name="Amount").click()
    expect(portal.frame.locator("#id_text")).to_have_value(f"{text}{{Amount}}")
    expect(portal.frame.locator("#length")).to_contain_text("The length varies", timeout=SECONDS)
    portal.press("Save template")
    portal.see("Text templates")


def test_a_template_is_sent_later_and_canceled(app: Stack, portal: Portal) -> None:
    connect(app, portal)
    add_template(portal, "Order ready", "Hello {Contact first name}, your order is ready: ")
    open_tab(portal, "/crm/deal/details/1/")
    portal.see("SMS with Website order")
    portal.settle()
    portal.frame.get_by_label("Template").select_option("Order ready")
    expect(portal.frame.locator("#id_text")).to_have_value("Hello Emma, your order is ready: 1250 USD", timeout=SECONDS)
    expect(portal.frame.locator(".compose__count")).to_contain_text("1 segment", timeout=SECONDS)
    portal.frame.get_by_label("To", exact=False).first.select_option(index=2)
    expect(portal.frame.locator("#id_text")).to_have_value(
        "Hello Felix, your order is ready: 1250 USD", timeout=SECONDS
    )
    portal.frame.get_by_label("Later").check()
    when = portal.frame.get_by_label("Date and time")
    expect(when).to_be_visible()
    when.fill(f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}")
    wrong = look(portal, "tab with a time")
    portal.picture("card-4-later")
    portal.press("Send")
    sent = portal.frame.locator(".talk > li:not(.day)").first
    expect(sent).to_contain_text("Scheduled for", timeout=SECONDS)
    wrong += look(portal, "tab with a scheduled message", LOOKS[2:])  # at 1280 the toast is below the shorter page
    portal.shoot("card-5-scheduled")
    portal.press("Cancel sending")
    expect(sent).to_contain_text("Canceled by you", timeout=SECONDS)
    assert wrong == []


def test_a_message_is_written_above_the_timeline(app: Stack, portal: Portal) -> None:
    connect(app, portal)
    add_template(portal, "Order ready", "Hello {Contact first name}, your order is ready: ")
    portal.open("/crm/deal/details/1/")
    portal.page.locator(".composer-row").get_by_role("button", name="Sendline").click()
    layout = portal.page.locator("form.layout")
    text = layout.locator("[data-block=text]")
    expect(text).to_be_visible(timeout=SECONDS)
    layout.locator("[data-block=to]").select_option(index=0)
    layout.locator("[data-block=template]").select_option("Order ready")
    expect(text).to_have_value("Hello Emma, your order is ready: 1250 USD", timeout=SECONDS)
    text.press("End")
    text.press_sequentially("!")
    expect(layout.locator("[data-block=count]")).to_contain_text("1 segment", timeout=SECONDS)
    expect(text).to_have_value("Hello Emma, your order is ready: 1250 USD!")
    portal.shoot("card-6-composer")
    layout.get_by_role("button", name="Send").dblclick()
    expect(layout).not_to_be_visible(timeout=SECONDS)
    open_tab(portal, "/crm/deal/details/1/")
    portal.see("SMS with Website order")
    written = portal.frame.locator(".talk > li", has_text="1250 USD!")
    expect(written.locator(".status--delivered")).to_be_visible(timeout=4 * SECONDS)
    assert written.count() == 1
