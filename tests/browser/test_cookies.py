"""That the profile of these tests refuses third-party cookies: without this, no other test would notice one."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright

from tests.browser.people import LETS_IN, chromium

pytestmark = pytest.mark.browser

# What a cookie needs to be let into a frame of another site, where the person lets any in.
ANYWHERE = "Path=/; SameSite=None; Secure"
INNER = f"""<!doctype html><title>inner</title><script>
document.cookie = "written=1; {ANYWHERE}";
</script>"""


class Site(BaseHTTPRequestHandler):
    """`/inner` sets a cookie by its header and another by script; `/outer` has it in a frame, on another site."""

    def do_GET(self) -> None:
        is_inner = self.path == "/inner"
        inner = self.headers["Host"].replace("localhost", "127.0.0.1")
        page = INNER if is_inner else f'<!doctype html><iframe src="http://{inner}/inner"></iframe>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if is_inner:
            self.send_header("Set-Cookie", f"sent=1; {ANYWHERE}")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_args: object) -> None:
        """Log nothing: the tests say enough."""


@contextmanager
def site() -> Iterator[int]:
    """Yield the port of a web server that is the site `localhost` by one name and `127.0.0.1` by another."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """Yield a tab; the profile forgets its cookies."""
    tab = browser.new_page()
    yield tab
    tab.close()
    browser.clear_cookies()


def _kept(page: Page) -> tuple[set[str], set[str]]:
    """Return what the innermost page reads back, and what the profile holds."""
    read = str(page.frames[-1].evaluate("document.cookie"))
    return set(read.split("; ")) - {""}, {f"{one['name']}={one['value']}" for one in page.context.cookies()}


def test_a_frame_of_another_site_keeps_no_cookie(page: Page) -> None:
    with site() as port:
        page.goto(f"http://localhost:{port}/outer")
        assert page.frames[-1].url == f"http://127.0.0.1:{port}/inner"
        assert _kept(page) == (set(), set())


def test_the_same_page_by_itself_keeps_its_cookies(page: Page) -> None:
    with site() as port:
        page.goto(f"http://127.0.0.1:{port}/inner")
        assert _kept(page) == ({"sent=1", "written=1"}, {"sent=1", "written=1"})


def test_a_frame_does_not_get_the_cookies_its_site_was_given_by_itself(page: Page) -> None:
    with site() as port:
        page.goto(f"http://127.0.0.1:{port}/inner")
        page.goto(f"http://localhost:{port}/outer")
        assert _kept(page)[0] == set()


def test_where_a_person_lets_them_in_the_frame_keeps_them(playwright: Playwright, tmp_path: Path) -> None:
    with chromium(playwright, tmp_path, LETS_IN) as browser, site() as port:
        page = browser.new_page()
        page.goto(f"http://localhost:{port}/outer")
        assert _kept(page) == ({"sent=1", "written=1"}, {"sent=1", "written=1"})
