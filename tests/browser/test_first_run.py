"""The first run: from a portal that has nothing to a test message that has arrived, by mouse and by keyboard."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import ROOT, Stack
from tests.browser.people import SECONDS, Portal, begin_anew

pytestmark = pytest.mark.browser

AT_MOST = 8  # clicks and fields
MOST_SECONDS = 60  # by machine, on a busy one
MOST_TABS = 40  # from the heading to what is next
MEASURED = ROOT / ".local" / "first-run.json"  # for people; how long it took depends on the machine
FOCUSED = """() => {
    const one = document.activeElement;
    return one === document.body ? "" : (one.getAttribute("aria-label") ?? one.innerText ?? "").trim();
}"""


@dataclass
class Newcomer:
    """A person whose clicks and filled fields are counted, and who has a way of doing each."""

    portal: Portal
    act: Callable[[Portal, str], int]
    deeds: list[str] = field(default_factory=list)
    tabs: int = 0

    def press(self, name: str) -> None:
        self.deeds.append(f"press {name}")
        self.tabs += self.act(self.portal, name)


def click(portal: Portal, name: str) -> int:
    """Press what has this name, by mouse."""
    portal.press(name)
    return 0


def tab_to(portal: Portal, name: str) -> int:
    """Press what has this name, by keyboard alone; return how many times Tab was needed."""
    portal.settle()
    for tabs in range(MOST_TABS):
        if str(portal.frame.evaluate(FOCUSED)).startswith(name):
            portal.page.keyboard.press("Enter")
            return tabs
        portal.page.keyboard.press("Tab")
    raise AssertionError(f"“{name}” was not reached")


@pytest.fixture
def fresh(app: Stack, portal: Portal) -> Portal:
    """Open the portal just after the application was installed."""
    begin_anew(app)
    portal.open()
    portal.page.wait_for_url("**install_finished=Y*", timeout=SECONDS)  # the portal reloads its page then
    portal.see("Home")
    return portal


@pytest.mark.parametrize("act", [click, tab_to])
def test_a_test_message_arrives_a_few_clicks_after_the_first_opening(fresh: Portal, act: Callable[..., int]) -> None:
    person = Newcomer(fresh, act)
    began = time.monotonic()
    person.press("Connect a service")
    fresh.see("Connect a service")
    person.press("Try the demo service")
    fresh.see("Connect the demo service")
    person.press("Continue")
    expect(fresh.frame.locator("[name='sender-name_en']")).to_be_visible(timeout=SECONDS)
    person.press("Save and activate")
    expect(fresh.frame.get_by_role("heading", level=1, name="is ready")).to_be_visible(timeout=SECONDS)
    person.press("Delivered")
    expect(fresh.frame.locator("#id_to")).to_have_value("+447700900100")
    person.press("Send")
    expect(fresh.frame.locator("#progress-title")).to_be_focused(timeout=SECONDS)
    expect(fresh.frame.locator("#progress .life b", has_text="Delivered")).to_be_visible(timeout=4 * SECONDS)
    seconds = time.monotonic() - began
    note(act.__name__, {"seconds": round(seconds, 1), "deeds": person.deeds, "tabs": person.tabs})
    assert len(person.deeds) <= AT_MOST, person.deeds
    assert seconds < MOST_SECONDS
    expect(fresh.frame.locator("#progress")).to_contain_text("Connect an SMS service to send real messages.")
    assert fresh.frame.get_by_role("button", name="Send", exact=True).is_enabled()


def note(way: str, measured: dict[str, object]) -> None:
    """Write down how it went."""
    MEASURED.parent.mkdir(exist_ok=True)
    found = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    MEASURED.write_text(json.dumps({**found, way: measured}, indent=1))


def test_the_checklist_is_hidden_and_shown_again_from_help(fresh: Portal) -> None:
    fresh.settle()
    checklist = fresh.frame.locator(".first__steps, #checklist")
    expect(checklist).to_contain_text("of 6")
    checklist.get_by_role("button", name="Hide checklist").click()
    expect(fresh.frame.locator(".toast")).to_contain_text("Show it again from Help.")
    expect(checklist).to_have_count(0)
    fresh.press("Help")
    fresh.see("Help")
    fresh.press("Show the setup checklist")
    fresh.see("Home")
    expect(checklist).to_be_visible()
