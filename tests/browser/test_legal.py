"""The privacy policy and the licence agreement in a window of their own, as a link of the market's card opens them."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from b24app.operations.local.stack import Stack
from tests.browser.looks import AXE, CHECK, RULES, WIDER
from tests.browser.people import SCREENSHOTS

pytestmark = pytest.mark.browser

LOOKS = ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark"), (320, "light"))


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("document", ["privacy", "licence"])
def test_a_page_of_law_is_in_order_in_both_looks_and_widths(
    app: Stack, browser: BrowserContext, document: str, language: str
) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{app.app}/legal/{document}/{language}/")
    wrong: list[Any] = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        wrong += _look(page, width, scheme)
        _shoot(page, f"legal-{document}-{language}-{width}-{scheme}")
    page.close()
    assert (wrong, complaints) == ([], [])


def _look(page: Page, width: int, scheme: str) -> list[Any]:
    wider = [(width, "scrolls sideways")] if page.evaluate(WIDER) else []
    page.evaluate(AXE)
    return wider + [(width, scheme, found) for found in page.evaluate(CHECK, ["html", {"runOnly": RULES}])]


def _shoot(page: Page, name: str) -> None:
    folder: Path = SCREENSHOTS
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
