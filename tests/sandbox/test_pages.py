"""The portal's pages in a browser: the frame protocol, the card and its menu, the Market; and no console errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, Playwright, expect

from b24app.sandbox import Portal, Sandbox
from tests.sandbox.clients import Listener, Rest

pytestmark = pytest.mark.browser

# The application's side of the protocol in both spellings: BX24.js leaves empty fields, b24jssdk drops them.
APPLICATION = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>App</title><script>
const [host, secure, sid] = window.name.split("|");
const origin = `${secure === "1" ? "https" : "http"}://${host}`;
const waiting = {};
let last = 0;
window.addEventListener("message", (event) => {
  if (event.origin !== origin) return;
  const cut = event.data.indexOf(":");
  const json = event.data.slice(cut + 1);
  waiting[event.data.slice(0, cut)]?.(json ? JSON.parse(json) : null);
});
window.ask = (name, params, {drop = false, wrong = ""} = {}) => Promise.race([
  new Promise((done) => {
    const id = `cb${last += 1}`;
    waiting[id] = done;
    const json = params === undefined ? "" : JSON.stringify(params);
    parent.postMessage((drop && !json ? [name, id, sid + wrong] : [name, json, id, sid + wrong]).join(":"), origin);
  }),
  new Promise((done) => setTimeout(done, 700, "silence")),
]);
window.tell = (method, params) => new Promise((done) => {
  waiting.object = done;
  parent.postMessage({method, params, callback: "object", appSid: sid}, origin);
});
</script>"""

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, app: Listener, box: Sandbox) -> Iterator[Page]:
    """Yield a page of its own session; an error or warning in its console fails the test.

    It is closed before the sandbox is: its polls would be.
    """
    app.body = APPLICATION
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


def application(page: Page, app: Listener) -> Frame:
    """Return the frame with the application in it, loaded."""
    handle = page.wait_for_selector(".frame iframe")
    page.wait_for_selector(".loader", state="detached")
    frame = handle.content_frame() if handle else None
    assert frame is not None
    frame.wait_for_function("window.ask")
    assert frame.url.startswith(app.url)
    return frame


def ask(frame: Frame, *arguments: Any) -> Any:
    return frame.evaluate("(given) => window.ask(...given)", list(arguments))


def test_the_installation_runs_through_the_frame(page: Page, box: Sandbox, app: Listener) -> None:
    alpha = box.portal("alpha")
    page.goto(f"{box.http_url}/market/")
    page.click("#install")
    frame = application(page, app)
    data = ask(frame, "getInitData")

    assert "/install/" in frame.url
    assert (data["INSTALL"], data["IS_ADMIN"], data["LANG"], data["MEMBER_ID"]) == (True, True, "en", alpha.member_id)
    frame.evaluate("window.ask('setInstallFinish', {}); 0")
    page.wait_for_url("**/app/?install_finished=Y")
    assert "/app/" in application(page, app).url
    assert alpha.state.app.installed
    page.goto(f"{box.http_url}/market/")
    expect(page.locator("#app-state")).to_have_text("Installed")


def test_the_frame_answers_both_spellings_and_objects(page: Page, box: Sandbox, alpha: Portal, app: Listener) -> None:
    page.goto(f"{box.http_url}/app/?tab=log")
    frame = application(page, app)
    first, second = ask(frame, "getInitData"), ask(frame, "getInitData", None, {"drop": True})

    assert first["PLACEMENT_OPTIONS"] == second["PLACEMENT_OPTIONS"] == {"tab": "log"}
    assert frame.evaluate("window.tell('getInitData', {})")["AUTH_ID"] == first["AUTH_ID"]
    fresh = ask(frame, "refreshAuth", {})
    assert fresh["AUTH_ID"] in alpha.tokens
    assert fresh["AUTH_ID"] != first["AUTH_ID"]
    assert ask(frame, "resizeWindow", {"width": "100%", "height": 1234})["height"] == 1234
    assert ask(frame, "setTitle", {"title": "a:b"}) == {"title": "a:b"}
    expect(page.locator("h1")).to_have_text("a:b")
    assert ask(frame, "setUserOption", {"name": "theme", "value": "dark"}) == {"theme": "dark"}
    assert ask(frame, "openPath", {"path": "/evil/"})["errorCode"] == "PATH_NOT_AVAILABLE"


def test_unknown_commands_and_foreign_sids_get_silence(page: Page, box: Sandbox, alpha: Portal, app: Listener) -> None:
    page.goto(f"{box.http_url}/app/")
    frame = application(page, app)

    assert ask(frame, "nothing", {}) == "silence"
    assert ask(frame, "toString", {}) == "silence"
    assert ask(frame, "getInitData", None, {"wrong": "x"}) == "silence"


def test_a_slider_denies_resizing_and_closes(page: Page, box: Sandbox, alpha: Portal, app: Listener) -> None:
    page.goto(f"{box.http_url}/app/?slider=1")
    frame = application(page, app)

    assert ask(frame, "resizeWindow", {"width": "100%", "height": 50}) == "silence"
    assert ask(frame, "getInitData")["PLACEMENT_OPTIONS"]["IFRAME"] == "Y"
    frame.evaluate("window.ask('closeApplication', {}); 0")
    page.wait_for_url(f"{box.http_url}/")


def test_the_application_opens_itself_in_a_slider(page: Page, box: Sandbox, alpha: Portal, app: Listener) -> None:
    page.goto(f"{box.http_url}/app/")
    frame = application(page, app)
    frame.evaluate("window.ask('openApplication', {screen: 'senders', bx24_title: 'Senders'}); 0")
    slider = page.wait_for_selector(".slider iframe")
    inner = slider.content_frame() if slider else None
    assert inner is not None
    inner.wait_for_function("window.ask")

    assert ask(inner, "getInitData")["PLACEMENT_OPTIONS"]["screen"] == "senders"
    expect(page.locator(".slider header span")).to_have_text("Senders")


def test_a_text_is_sent_from_the_card_in_the_users_language(
    page: Page, box: Sandbox, alpha: Portal, app: Listener, rest: Rest
) -> None:
    names = {"en": "Acme line", "de": "Acme Leitung"}
    rest("messageservice.sender.add", CODE="acme", TYPE="SMS", HANDLER=f"{app.url}/handler/", NAME=names)
    alpha.set_user(7, language="de")
    page.goto(f"{box.http_url}/crm/contact/details/1/?user=7")
    expect(page.locator("#sender option")).to_have_text("[Sendline] Acme Leitung")
    page.fill("#text", "Hello Emma")
    page.click("#send-button")
    tag = page.locator(".message .tag")
    expect(tag).to_have_text("Sent")
    message = alpha.messages[0]
    rest("messageservice.message.status.update", CODE="acme", MESSAGE_ID=message.message_id, STATUS="delivered")

    expect(tag).to_have_text("Delivered")
    assert (message.author, message.module, message.to) == (7, "crm", "+12025550142")
    page.fill("#text", "From a robot")
    page.click("#robot")
    expect(page.locator(".message")).to_have_count(2)
    assert (alpha.messages[1].author, alpha.messages[1].module) == (0, "bizproc")


def test_a_bound_tab_frames_the_application(page: Page, box: Sandbox, alpha: Portal, app: Listener, rest: Rest) -> None:
    rest("placement.bind", PLACEMENT="CRM_CONTACT_DETAIL_TAB", HANDLER=f"{app.url}/card/", TITLE="SMS history")
    page.goto(f"{box.http_url}/crm/contact/details/5/")
    page.get_by_role("tab", name="SMS history").click()
    frame = application(page, app)
    data = ask(frame, "getInitData")

    assert (data["PLACEMENT"], data["PLACEMENT_OPTIONS"]["ID"]) == ("CRM_CONTACT_DETAIL_TAB", "5")
    assert ask(frame, "setTitle", {"title": "x"}) == "silence"


def test_a_card_that_is_not_open_is_for_administrators(page: Page, box: Sandbox, alpha: Portal) -> None:
    page.goto(f"{box.http_url}/crm/contact/details/2/?user=1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Felix Ford")
    page.goto(f"{box.http_url}/crm/contact/details/2/?user=7")
    expect(page.locator("#denied")).to_have_text("You may not see this card.")


def test_an_employee_is_told_to_ask_an_administrator(page: Page, box: Sandbox) -> None:
    page.goto(f"{box.http_url}/app/?user=7")

    expect(page.locator(".problem")).to_have_text("The application is not installed.")


def test_the_other_pages_draw_and_do_not_scroll_sideways(page: Page, box: Sandbox, alpha: Portal, rest: Rest) -> None:
    rest("im.notify.system.add", USER_ID=1, MESSAGE="[b]Balance[/b] is low", TAG="balance")
    for path, title in (("/", "Welcome"), ("/switches/", "Switches"), ("/notifications/", "Notifications")):
        page.goto(f"{box.http_url}{path}")
        expect(page.locator("h1")).to_have_text(title)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    expect(page.locator("#notifications p")).to_have_text("Balance is low")
    page.goto(f"{box.http_url}/switches/")
    page.check("input[name=no_author]")
    assert box.wait_until(lambda: alpha.switches.no_author)


def test_what_arrived_is_shown(page: Page, box: Sandbox) -> None:
    box.sms.switches.delay = 0.1
    page.goto(box.sms_url)
    page.request.post(f"{box.sms_url}/gateway/send", data={"to": "+12025550100", "text": "Your table is ready"})

    expect(page.locator(".bubble")).to_contain_text("Your table is ready")
