"""The bar where it is narrow: the open place is always in it, the rest is in a menu that a keyboard reaches."""

import pytest
from playwright.sync_api import expect

from tests.browser.looks import look
from tests.browser.people import Portal

pytestmark = pytest.mark.browser

TABS = """() => [...document.querySelectorAll("#nav > a, #nav summary")].filter((one) => one.checkVisibility())
    .map((one) => one.innerText.trim())"""
MARKED = """() => [...document.querySelectorAll("#nav [aria-current=page]")].filter((one) => one.checkVisibility())
    .map((one) => one.innerText.trim())"""


def test_a_narrow_bar_has_the_open_place_and_a_menu_of_the_rest(furnished: Portal) -> None:
    portal = furnished
    portal.page.set_viewport_size({"width": 360, "height": 800})
    portal.open()
    portal.see("Home")
    frame = portal.frame
    assert frame.evaluate(TABS) == ["Home", "Messages", "Reports", "Senders", "More"]
    frame.locator("#nav summary").press("Enter")
    wrong = look(portal, "the menu", [(360, "light"), (360, "dark")], within="#nav")
    portal.page.set_viewport_size({"width": 360, "height": 800})
    menu = frame.locator("#nav .menu")
    expect(menu.get_by_role("link")).to_have_text(["Opt-outs", "Settings", "Help"])
    portal.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(frame.locator("#nav summary")).to_be_focused()
    frame.locator("#nav summary").press("Enter")
    menu.get_by_role("link", name="Settings").press("Enter")
    portal.see("Settings")
    assert frame.evaluate(TABS) == ["Home", "Messages", "Reports", "Settings", "More"]
    assert frame.evaluate(MARKED) == ["Settings"]
    expect(menu).to_be_hidden()
    assert wrong == []


def test_a_wider_bar_has_room_for_one_more(furnished: Portal) -> None:
    portal = furnished
    portal.page.set_viewport_size({"width": 520, "height": 800})
    portal.open()
    portal.see("Home")
    assert portal.frame.evaluate(TABS) == ["Home", "Messages", "Reports", "Senders", "Opt-outs", "More"]
    portal.page.set_viewport_size({"width": 1280, "height": 800})
    portal.settle()
    assert portal.frame.evaluate(TABS) == [
        "Home", "Messages", "Reports", "Senders", "Opt-outs", "Settings", "Help",
    ]  # fmt: skip


def test_an_employee_has_too_few_places_for_a_menu(furnished: Portal) -> None:
    portal = furnished
    portal.page.set_viewport_size({"width": 360, "height": 800})
    portal.open(user=7)
    expect(portal.page.frame_locator("iframe").locator("#nav a").first).to_be_visible()
    portal.settle()
    assert portal.frame.evaluate(TABS) == ["Home", "Messages", "Help"]
