"""What stands over a page: toasts in sight, the sign that a screen is under way, the question of unsaved changes."""

from re import compile as pattern
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.people import SECONDS, Portal
from tests.browser.test_parts import go, held

pytestmark = pytest.mark.browser

TOAST = "(detail) => document.dispatchEvent(new CustomEvent('toast', {detail}))"
OPT_IN = "document.querySelector('#content form[method=post]:has(select)').setAttribute('data-unsaved', '')"


def _say(portal: Portal, **detail: Any) -> Locator:
    portal.frame.evaluate(TOAST, detail)
    toast = portal.frame.locator(".toast")
    expect(toast).to_have_text(f"{detail['words']}{detail.get('label', '')}", timeout=SECONDS)
    return toast


def _distance(portal: Portal, toast: Locator) -> float:
    """Return how far below the top of the visible part of the frame it stands, in the portal's page."""
    frame, box = portal.page.locator("iframe").bounding_box(), toast.bounding_box()
    assert frame
    assert box
    return box["y"] - max(frame["y"], 0)


def _home(portal: Portal) -> str:
    portal.open()
    portal.see("Home")
    return str(portal.frame.locator(".brand").get_attribute("href"))


def test_a_toast_stands_at_the_top_of_what_is_seen(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    go(portal, "Messages")
    toast = _say(portal, words="Sender paused")
    portal.page.wait_for_timeout(500)
    assert 0 < _distance(portal, toast) < 100
    portal.page.mouse.move(600, 500)
    portal.page.mouse.wheel(0, 1500)
    portal.page.wait_for_timeout(800)
    frame = portal.page.locator("iframe").bounding_box()
    assert frame
    assert frame["y"] < -500, "the page did not scroll"
    assert 0 < _distance(portal, toast) < 100


def test_a_toast_goes_with_its_screen_or_when_it_is_closed(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    toast = _say(portal, words="Sender paused")
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)
    _say(portal, words="Sender paused")
    go(portal, "Senders")
    expect(toast).to_have_count(0)


def test_a_toast_stays_while_it_is_pointed_at(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    toast = _say(portal, words="Sender paused")
    toast.hover()
    portal.page.wait_for_timeout(7000)
    expect(toast).to_be_visible()
    portal.page.mouse.move(600, 700)
    expect(toast).to_have_count(0, timeout=8000)


def test_the_button_of_a_toast_posts_its_fields_once(furnished: Portal) -> None:
    portal = furnished
    home = _home(portal)
    toast = _say(portal, words="Theme changed", label="Undo", path=f"{home}theme/", fields={"theme": "light"})
    with portal.page.expect_request("**/theme/") as sent:
        toast.get_by_role("button", name="Undo").click()
    assert sent.value.method == "POST"
    assert sent.value.post_data == "theme=light"
    expect(toast).to_be_hidden()


def test_the_link_of_a_toast_opens_its_screen(furnished: Portal) -> None:
    portal = furnished
    home = _home(portal)
    toast = _say(portal, words="Sender added", label="View", path=f"{home}senders/")
    toast.get_by_role("link", name="View").click()
    portal.see("Senders")


def test_a_click_on_a_tab_is_answered_at_once(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    frame = portal.frame
    with held(portal, pattern(r"/reports/$")):
        frame.locator("nav").get_by_role("link", name="Reports", exact=True).click()
        expect(frame.locator("nav [aria-current=page]")).to_have_text("Reports")
        expect(frame.locator("#content")).to_have_attribute("aria-busy", "true")
        expect(frame.locator("#loading")).to_be_visible(timeout=1000)
        expect(frame.locator(".standin .skel").first).to_be_visible(timeout=2000)
    portal.see("Reports")
    expect(frame.locator("#loading")).to_be_hidden()
    expect(frame.locator(".standin")).to_have_count(0)
    assert frame.locator("#content").get_attribute("aria-busy") is None


def test_a_tab_that_did_not_come_is_not_marked(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    portal.page.route(pattern(r"/reports/$"), lambda route: route.fulfill(status=502, body=""))
    portal.frame.locator("nav").get_by_role("link", name="Reports", exact=True).click()
    expect(portal.frame.locator(".toast")).to_contain_text("not responding", timeout=SECONDS)
    expect(portal.frame.locator("nav [aria-current=page]")).to_have_text("Home")
    expect(portal.frame.get_by_role("heading", level=1, name="Home")).to_be_visible()
    portal.troubles = [one for one in portal.troubles if "502" not in one and "/reports/" not in one]


def _change(portal: Portal) -> Locator:
    """Change something in Settings; return the select that was changed."""
    go(portal, "Settings")
    portal.frame.evaluate(OPT_IN)
    dock = portal.frame.locator("#dock")
    expect(dock).to_be_hidden()
    choice = portal.frame.locator("form[data-unsaved] select").first
    choice.select_option(index=3)
    expect(dock).to_be_visible()
    return choice


def test_unsaved_changes_are_asked_about_before_they_are_left(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    choice = _change(portal)
    chosen = choice.input_value()
    reports = portal.frame.locator("nav").get_by_role("link", name="Reports", exact=True)
    reports.click()
    keep = portal.frame.get_by_role("button", name="Keep editing")
    expect(keep).to_be_focused()
    keep.click()
    assert choice.input_value() == chosen
    expect(portal.frame.get_by_role("heading", level=1, name="Settings")).to_be_visible()

    portal.frame.evaluate("history.back()")
    expect(keep).to_be_focused()
    assert choice.input_value() == chosen
    portal.page.keyboard.press("Escape")
    expect(keep).to_be_hidden()

    reports.click()
    portal.frame.get_by_role("button", name="Discard changes").click()
    portal.see("Reports")
    expect(portal.frame.locator("#dock")).to_be_hidden()


def test_unsaved_changes_are_discarded_or_saved_from_the_dock(furnished: Portal) -> None:
    portal = furnished
    _home(portal)
    choice = _change(portal)
    chosen = choice.input_value()
    dock = portal.frame.locator("#dock")
    dock.get_by_role("button", name="Discard changes").click()
    expect(dock).to_be_hidden()
    assert choice.input_value() != chosen
    choice.select_option(chosen)
    dock.get_by_role("button", name="Save changes").click()
    expect(portal.frame.locator(".toast")).to_be_visible(timeout=SECONDS)
    portal.see("Settings")
    expect(dock).to_be_hidden()
    assert portal.frame.locator("#content form[method=post] select").first.input_value() == chosen
