"""The REST log in a browser: an entry opens in place, and the filters find without a page in between."""

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.looks import LOOKS, NARROWEST, look
from tests.browser.people import SECONDS, Portal
from tests.browser.test_parts import go

pytestmark = pytest.mark.browser


# A number that no service takes: the call is accepted all the same, and its message has failed.
CALL = """
from django.utils import timezone
from b24app.messaging.intake import acceptance
from b24app.messaging.models import Sender
sender = Sender.objects.filter(portal__uninstalled_at=None, portal__domain__contains="localhost").latest("pk")
call = {"message_id": f"call-{timezone.now().timestamp()}", "message_to": "12", "message_body": "Hello"}
acceptance.accept_call(sender.uuid.hex, call, timezone.now())
"""


def test_the_rest_log_opens_in_place_and_is_narrowed(app: Stack, furnished: Portal) -> None:
    portal = furnished
    app.supervisor.run("call", ["manage.py", "shell", "-c", CALL])
    portal.open()
    portal.see("Home")
    go(portal, "Settings")
    portal.press("View REST log")
    portal.see("REST log")
    portal.settle()
    frame = portal.frame
    entries = frame.locator("details.fold--log")
    expect(entries.first).to_be_visible(timeout=SECONDS)
    assert look(portal, "REST log", [*LOOKS, NARROWEST]) == []
    portal.picture("rest-log")

    entries.first.locator("summary").focus()
    portal.page.keyboard.press("Enter")
    expect(entries.first.locator("pre")).to_be_visible()
    assert look(portal, "REST log, an entry", LOOKS, within="details[open]") == []
    portal.picture("rest-log-open")

    frame.locator("#rest-log-direction").select_option("in")
    expect(frame.locator("summary", has_text="To Bitrix24")).to_have_count(0, timeout=SECONDS)
    expect(entries.first).to_contain_text("From Bitrix24")
    frame.locator("#rest-log-name").select_option("handler")
    expect(frame.locator("summary", has_text="/app/")).to_have_count(0, timeout=SECONDS)
    accepted = entries.filter(has=frame.locator("a[href*='/journal/']")).first
    accepted.locator("summary").click()
    accepted.get_by_role("link", name="View message").click()
    expect(frame.locator("#message")).to_be_visible(timeout=SECONDS)
    portal.press("View REST log")
    portal.see("REST log")
    expect(frame.locator("#rest-log-message")).not_to_have_value("")
    expect(entries.filter(has_text="handler").first).to_be_visible(timeout=SECONDS)
