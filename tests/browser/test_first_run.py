"""The first run: from a portal that has nothing to a test message that has arrived, counted as a person would."""

import json
import time
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import ROOT, Stack
from tests.browser.people import SECONDS, Portal, control
from tests.browser.test_journey import fill

pytestmark = pytest.mark.browser

AT_MOST = 12  # clicks and fields
MEASURED = ROOT / ".local" / "first-run.json"  # for people; how long it took depends on the machine


@dataclass
class Counted:
    """A person whose clicks and filled fields are counted."""

    portal: Portal
    deeds: list[str] = field(default_factory=list)

    def press(self, name: str) -> None:
        self.deeds.append(f"press {name}")
        self.portal.press(name)

    def fill(self, name: str, value: str) -> None:
        self.deeds.append(f"fill {name}")
        fill(self.portal, **{name: value})


def test_a_test_message_arrives_a_few_clicks_after_the_first_opening(app: Stack, portal: Portal) -> None:
    control(app, "uninstall")
    began = time.monotonic()
    portal.open()
    portal.see("Home")
    person = Counted(portal)
    person.press("Connect a service")
    portal.see("Connect a service")
    person.press("Try the demo service")
    portal.see("Connect the demo service")
    person.press("Continue")
    expect(portal.frame.get_by_text("Choose how the messages are signed")).to_be_visible(timeout=SECONDS)
    person.press("Save and activate")
    expect(portal.frame.get_by_role("heading", level=1, name="is ready")).to_be_visible(timeout=SECONDS)
    person.press("Send a test message")
    portal.see("Test message")
    person.fill("to", "+12025550100")  # the practice service delivers to numbers that end so
    person.press("Send")
    expect(portal.frame.locator("#progress .life b", has_text="Delivered")).to_be_visible(timeout=4 * SECONDS)
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps({"seconds": round(time.monotonic() - began, 1), "deeds": person.deeds}, indent=1))
    assert len(person.deeds) <= AT_MOST, person.deeds
