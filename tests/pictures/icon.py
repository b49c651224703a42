"""`python -m tests.pictures.icon`: the market's icons, drawn in Chromium from docs/market/icon.svg."""

import sys

from playwright.sync_api import sync_playwright

from b24app.operations.local.stack import ROOT
from tests.browser.people import CHROMIUM

FOLDER = ROOT / "docs" / "market"
SIZES = (250, 650)  # pixels: the smallest and the largest that the market takes


def draw_icons() -> None:
    """Write a square PNG without transparency of each size."""
    drawing = (FOLDER / "icon.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for size in SIZES:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{drawing}")
            page.screenshot(path=FOLDER / f"icon-{size}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit("No Chromium on this machine (Debian: apt-get install chromium)")
    draw_icons()
