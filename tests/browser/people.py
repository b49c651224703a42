"""People in front of a sandbox portal, in a Chromium that blocks third-party cookies and is listened to."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from playwright.sync_api import (
    BrowserContext,
    Frame,
    Locator,
    Page,
    Playwright,
    expect,
)
from playwright.sync_api import (
    TimeoutError as TooLate,
)

from b24app.operations.local import visitor
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Stack
from tests.faults.house import wait

SCREENSHOTS = ROOT / ".local" / "screenshots"
SECONDS = 30_000  # of patience, in milliseconds
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium's own switch for third-party cookies, as a person sets it.
REFUSES: dict[str, object] = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}
LETS_IN: dict[str, object] = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`));
"""


def say_nothing(_words: str) -> None:
    """Print nothing: the tests say enough."""


def forget_nothing() -> None:
    """Forget nothing: each portal is opened by somebody new."""


def forget_places(app: Stack) -> None:
    """Forget which section anybody looked at last."""
    with redis.Redis.from_url(app.redis) as store:
        for key in store.scan_iter("section:*"):
            store.delete(key)


SETTLED = """() => ({
    busy: document.readyState !== "complete"
        || document.querySelectorAll(".htmx-request, .htmx-swapping, .htmx-settling").length > 0,
    inner: innerHeight, outer: document.documentElement.scrollHeight,
})"""
# The switch at the foot decides, where there is one; unlike a click this tells the server nothing. Colours that are
# on their way to others would be measured half-way. Tells which look has come.
PUT_ON = """async (theme) => {
    document.documentElement.dataset.theme = theme;
    const choice = document.getElementById(`theme-${theme}`);
    if (choice) choice.checked = true;
    const passing = document.getAnimations().filter(one => one instanceof CSSTransition);
    await Promise.allSettled(passing.map(one => one.finished));
    return getComputedStyle(document.documentElement).colorScheme;
}"""


@dataclass
class Portal:
    """A person in front of the sandbox portal; `troubles` is all the browser complained about."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    forget: Callable[[], None] = forget_nothing

    def open(self, path: str = "/app/", *, user: int = 1) -> None:
        """Open a page of the portal as one of its employees, who was not here lately and so begins at Home."""
        self.forget()
        self.page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}user={user}")

    @property
    def frame(self) -> Frame:
        """The application inside the portal's page."""
        return next(frame for frame in self.page.frames if frame.parent_frame is not None)

    def see(self, heading: str) -> Locator:
        """Wait until the application shows a screen with this heading."""
        shown = self.page.frame_locator("iframe").get_by_role("heading", level=1, name=heading)
        try:
            expect(shown).to_be_visible(timeout=SECONDS)
        except AssertionError:
            words = self.frame.locator("body").inner_text()
            raise AssertionError(f"“{heading}” did not come; the frame says:\n{words[:2000]}") from None
        self.settle()
        return shown

    def settle(self, *, answered: bool = True) -> None:
        """Wait until htmx has swapped everything in and the frame has its height: a click then hits its target.

        Unless `answered`, requests may stay under way.
        """
        before, calm = None, 0
        for _ in range(100):
            now = self.frame.evaluate(SETTLED)
            calm = calm + 1 if now == before and not (answered and now["busy"]) else 0
            if calm == 2:
                return
            before = now
            self.page.wait_for_timeout(100)

    def press(self, name: str) -> None:
        """Press the link or button that has this name, else the first whose name contains it."""
        self.settle()
        inside = self.page.frame_locator("iframe")
        named = inside.get_by_role("link", name=name, exact=True)
        named = named.or_(inside.get_by_role("button", name=name, exact=True))
        similar = inside.get_by_role("link", name=name).or_(inside.get_by_role("button", name=name))
        (named if named.count() else similar).first.click()

    def has_scroll_bars(self) -> bool:
        """Return whether the application's frame scrolls, either way."""
        return bool(
            self.frame.evaluate(
                "(root => root.scrollWidth > innerWidth || root.scrollHeight > innerHeight)(document.documentElement)"
            )
        )

    def choose_theme(self, theme: str) -> None:
        """Use the switch at the foot."""
        for _ in range(3):  # what moved under the mouse is tried again, as a person would
            self.settle()
            try:
                with self.page.expect_response("**/theme/", timeout=SECONDS / 3):
                    self.frame.locator(f"label:has(#theme-{theme})").click()
            except TooLate:
                continue
            return

    def shoot(self, name: str) -> None:
        """Keep one picture as it is; a caret hidden by Playwright would leave a style attribute behind."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", caret="initial")

    def picture(self, name: str) -> None:
        """Keep pictures at both widths in both looks; at 1280 the frame must not scroll."""
        height = self.page.viewport_size["height"] if self.page.viewport_size else 800
        for width in (1280, 360):
            for theme in ("light", "dark"):
                self.page.set_viewport_size({"width": width, "height": 1600})
                self.frame.evaluate(PUT_ON, theme)
                self.page.wait_for_timeout(200)
                self.shoot(f"{name}-{width}-{theme}")
                assert not (width == 1280 and self.has_scroll_bars()), name
        self.page.set_viewport_size({"width": 1280, "height": height})


@contextmanager
def chromium(playwright: Playwright, profile: Path, preferences: dict[str, object]) -> Iterator[BrowserContext]:
    """Chromium from the system with a new profile that has these preferences."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    (profile / "Default").mkdir()
    (profile / "Default" / "Preferences").write_text(json.dumps(preferences))
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=["--no-sandbox"], viewport={"width": 1280, "height": 800}
    )
    yield context
    context.close()


def control(app: Stack, name: str, **body: object) -> object:
    """Call a control address of the sandbox portal."""
    return visitor.call_control(f"{app.portal}/_/{name}", **body)


def begin_anew(app: Stack) -> None:
    """Leave the portal as if the application had never been there.

    The portal tells only an application that is installed that its data are to be deleted.
    """
    state: Any = control(app, "state")
    if not state["app"]["installed"]:
        Journey(app, lambda *_: None).install_app()
    control(app, "uninstall", clean=True)
    with psycopg.connect(app.database, autocommit=True) as database:
        query = "SELECT FROM portals_portal WHERE member_id = %s"
        wait(lambda: not database.execute(query, [state["member_id"]]).rowcount, SECONDS / 1000)
