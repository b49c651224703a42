"""The official b24jssdk, unmodified, inside the sandbox portal's frame: the emulator speaks the real protocol.

A development job (`make interop`), for it takes the SDK from npm into a temporary folder.
"""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, Playwright, expect
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.wrappers import Request, Response

from b24app.sandbox import Sandbox
from tests.sandbox.clients import SilentHandler
from tests.sandbox.test_pages import ARGUMENTS

pytestmark = pytest.mark.interop

PACKAGE = "@bitrix24/b24jssdk@2.2.0"
BUILD = "node_modules/@bitrix24/b24jssdk/dist/umd/index.min.js"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>App</title>
<script src="/sdk.js"></script><script>
window.ready = B24Js.initializeB24Frame().then((frame) => { window.b24 = frame; return true; });
</script>"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("npm")
    quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    subprocess.run(["npm", "install", *quiet, "--prefix", folder, PACKAGE], check=True, timeout=120)
    return (folder / Path(BUILD)).read_text()


@pytest.fixture
def app(sdk: str) -> Iterator[str]:
    """Yield the address of an application that is nothing but the SDK."""

    @Request.application
    def serve(request: Request) -> Response:
        script = request.path == "/sdk.js"
        return Response(sdk if script else PAGE, content_type="text/javascript" if script else "text/html")

    server = ThreadedWSGIServer("127.0.0.1", 0, serve, handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def box(app: str) -> Iterator[Sandbox]:
    sandbox = Sandbox(app_url=app)
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def page(playwright: Playwright) -> Iterator[Page]:
    said: list[str] = []
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    browser.close()
    assert said == []


def application(page: Page) -> Frame:
    handle = page.wait_for_selector(".frame iframe")
    frame = handle.content_frame() if handle else None
    assert frame is not None
    frame.wait_for_function("window.ready")
    assert frame.evaluate("window.ready")
    return frame


def test_the_official_sdk_initialises_refreshes_and_finishes_the_installation(page: Page, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    page.goto(f"{box.http_url}/market/")
    page.click("#install")
    frame = application(page)
    assert frame.evaluate("[b24.isInit, b24.isInstallMode, b24.getLang()]") == [True, True, "en"]

    before: Any = frame.evaluate("b24.auth.getAuthData()")
    after: Any = frame.evaluate("b24.auth.refreshAuth()")
    assert before["access_token"] in alpha.tokens
    assert after["access_token"] in alpha.tokens
    assert after["access_token"] != before["access_token"]
    frame.evaluate("b24.parent.setTitle('Told by the SDK')")
    expect(page.locator("h1")).to_have_text("Told by the SDK")
    frame.evaluate("b24.parent.resizeWindow(700, 1234)")
    expect(page.locator(".frame iframe")).to_have_css("height", "1234px")
    expect(page.locator(".frame iframe")).to_have_css("width", "700px")

    frame.evaluate("b24.installFinish(); 0")
    page.wait_for_url("**/app/?install_finished=Y")
    assert alpha.state.app.installed
    assert application(page).evaluate("b24.isInstallMode") is False
