"""A sender's address is renewed in a browser, and the portal calls the new one."""

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal, control

pytestmark = pytest.mark.browser


def handlers(app: Stack) -> list[str]:
    """Where the portal calls its senders."""
    return sorted(sender["handler"] for sender in control(app, "state")["senders"])  # type: ignore[index]


def test_an_administrator_gives_senders_new_addresses(app: Stack, furnished: Portal) -> None:
    before = handlers(app)
    furnished.press("Senders")
    furnished.see("Senders")
    furnished.frame.get_by_role("button", name="Replace address of").first.click()
    question = furnished.frame.get_by_role("alertdialog")
    expect(question).to_contain_text("a new address?", timeout=SECONDS)
    furnished.picture("addresses-1-one")
    question.get_by_role("button", name="Replace address").click()
    expect(
        furnished.page.frame_locator("iframe").get_by_text("has a new address. The old one no longer works.")
    ).to_be_visible(timeout=SECONDS)
    assert len(set(handlers(app)) - set(before)) == 1

    furnished.press("Replace addresses")
    question = furnished.frame.get_by_role("alertdialog")
    expect(question).to_contain_text("Give all senders new addresses?", timeout=SECONDS)
    furnished.picture("addresses-2-all")
    question.get_by_role("button", name="Replace addresses").click()
    expect(furnished.page.frame_locator("iframe").get_by_text("All senders have new addresses.")).to_be_visible(
        timeout=SECONDS
    )
    assert not set(handlers(app)) & set(before)
