"""A custom gateway in a browser: its form from a curl command, and a request that the sandbox answers."""

from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.looks import look
from tests.browser.people import SECONDS, Portal
from tests.browser.test_journey import fill

pytestmark = pytest.mark.browser

KEY = "k3y-0f-the-shop"


def test_a_curl_command_fills_the_form_and_a_test_request_is_answered(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    portal.press("Senders")
    portal.see("Senders")
    portal.press("Connect a service")
    portal.see("Connect a service")
    portal.frame.locator("a[href$='/senders/connect/http/']").first.click()
    portal.see("Connect a custom HTTP gateway")
    portal.frame.get_by_text("Paste a cURL command").click()
    fill(portal, command="curl -F file=@x https://gateway.example")
    portal.press("Fill in form")
    expect(portal.frame.get_by_text("This command sends a file")).to_be_visible(timeout=SECONDS)

    url = urljoin(app.sms, "/gateway/send")
    fill(portal, command=f"curl {url} -H 'X-Api-Key: {KEY}' -d to=447700900123 -d text=Hello -d from=Shop")
    portal.press("Fill in form")
    expect(portal.frame.get_by_text("Form filled from your command.")).to_be_visible(timeout=SECONDS)
    expect(portal.frame.locator("[name=account-password]")).to_have_value("")
    expect(portal.frame.get_by_text("From your command, ends in shop")).to_be_visible()
    expect(portal.frame.locator("[name=account-headers]")).to_have_value("X-Api-Key: {password}")
    expect(portal.frame.locator("[name=account-body]")).to_have_value("to={to_digits}\ntext={text}\nfrom={sender}")
    expect(portal.frame.locator("#preview pre")).to_contain_text("X-Api-Key: ••••••", timeout=SECONDS)

    fill(portal, **{"request-number": "+12025550147"})
    portal.press("Send test request")
    expect(portal.frame.locator("#try-request .alert")).to_be_visible(timeout=SECONDS)
    expect(portal.frame.locator("#try-request pre").first).to_contain_text("to=12025550147")
    assert KEY not in portal.frame.locator("#try-request").inner_text()
    assert look(portal, "gateway, tried") == []
