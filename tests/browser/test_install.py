"""The application inside the portal's frame: installed, moved about in, renewed, and refused where it must be."""

import pytest
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.people import SECONDS, Portal, begin_anew

pytestmark = pytest.mark.browser


@pytest.fixture
def installed(app: Stack, portal: Portal) -> Portal:
    """Alice has installed the application."""
    portal.open()
    portal.see("Home")
    return portal


def test_an_administrator_installs_and_is_taken_on_to_the_first_screen(app: Stack, portal: Portal) -> None:
    begin_anew(app)
    requests: list[str] = []
    portal.page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    portal.open()
    portal.page.wait_for_url("**install_finished=Y**", timeout=SECONDS)
    portal.see("Home")
    assert sum("/install/run/" in request for request in requests) == 1
    expect(portal.page.frame_locator("iframe").get_by_role("link", name="Connect a service")).to_be_visible()
    portal.picture("home-empty")


def test_no_cookie_and_no_storage_is_used(installed: Portal) -> None:
    assert installed.page.context.cookies() == []
    assert installed.frame.evaluate("document.cookie") == ""
    held = installed.frame.evaluate(
        "(() => { try { return localStorage.length + sessionStorage.length } catch { return 0 } })()"
    )
    assert held == 0
    assert "sendline-ticket" not in installed.frame.content()


def test_screens_follow_one_another_with_focus_title_and_back(installed: Portal) -> None:
    installed.press("Settings")
    heading = installed.see("Settings")
    expect(heading).to_be_focused()
    expect(installed.page.get_by_role("heading", name="Settings · Sendline")).to_be_visible()
    assert installed.frame.url.endswith("/settings/")
    installed.frame.evaluate("history.back()")
    installed.see("Home")
    installed.picture("home-empty")


def test_a_reload_of_the_frame_posts_nothing_again(installed: Portal) -> None:
    posts: list[str] = []
    installed.page.on("request", lambda request: posts.append(request.url) if "/app/" in request.url else None)
    installed.press("Settings")
    installed.see("Settings")
    installed.frame.evaluate("location.reload()")
    installed.page.wait_for_timeout(300)
    installed.see("Settings")
    assert posts == []


def test_settings_are_saved_and_the_look_stays(installed: Portal) -> None:
    installed.press("Settings")
    installed.see("Settings")
    installed.frame.get_by_label("Time zone").fill("Almaty")
    installed.press("Save changes")
    expect(installed.frame.locator(".toast")).to_contain_text("Settings saved")
    expect(installed.frame.locator(".foot")).to_contain_text("Times in Almaty, UTC+5")
    installed.choose_theme("dark")
    assert installed.frame.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    installed.picture("settings")
    installed.choose_theme("light")


def test_an_expired_ticket_is_renewed_without_a_word(app: Stack, installed: Portal) -> None:
    renewals: list[str] = []
    installed.page.on("request", lambda request: renewals.append(request.url) if "/session/" in request.url else None)
    installed.frame.evaluate("() => { const now = Date.now(); Date.now = () => now + 20 * 60 * 1000 }")
    installed.press("Settings")
    installed.see("Settings")
    assert len(renewals) == 1


def test_it_works_in_a_slider_where_the_height_is_denied(installed: Portal) -> None:
    installed.open("/app/?slider=1")
    installed.see("Home")
    installed.page.wait_for_timeout(2500)
    assert not installed.frame.evaluate("document.documentElement.classList.contains('is-page')")
    installed.press("Settings")
    installed.see("Settings")


def test_an_employee_reads_what_they_may_do(installed: Portal) -> None:
    installed.open(user=7)
    expect(installed.page.frame_locator("iframe").get_by_text("You’re ready to send")).to_be_visible()
    installed.picture("home-employee")


def test_a_russian_administrator_reads_russian(installed: Portal) -> None:
    installed.open(user=2)
    installed.see("Главная")
    assert installed.frame.locator(".frame").get_attribute("lang") == "ru"
    installed.press("Настройки")
    installed.see("Настройки")
    installed.picture("settings-ru")


def test_what_the_browser_complains_about_is_heard(installed: Portal) -> None:
    installed.frame.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')")
    installed.page.wait_for_timeout(200)
    assert any("CSP: style-src" in trouble for trouble in installed.troubles)
    installed.troubles.clear()
