"""Eight pictures of 1280 x 720 in docs/screenshots, of an invented shop in the sandbox portal; and the icons."""

import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from playwright.sync_api import FloatRect, expect, sync_playwright

from b24app.operations.local import stack
from b24app.operations.local.embedded import temporary_folder
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Ports, Stack
from b24app.operations.management.demo_plan import DAYS
from tests.browser.people import CHROMIUM, SECONDS, Portal, control, forget_places
from tests.pictures.icon import draw_icons

FOLDER = ROOT / "docs" / "screenshots"
WIDTH, HEIGHT = 1280, 720
EMMA = "+12025550142"  # on her card in the sandbox
SENT = (
    "Hello Emma, your armchair is ready to be collected at 12 Lantern Lane, daily until 19:00. Marlow & Finch",
    "Emma, thank you for your visit! The offer for the oak table is in your mailbox; it holds until Friday. Clara",
)
WRITTEN = "Hello Emma, your oak top “Bergen” arrived today. Shall Joe bring it on Thursday between 10 and 12?"
AROUND = 248  # pixels of the portal's page beside the application


def main() -> int:
    """Start everything, furnish the portal, walk and take the pictures; 1 without a Chromium."""
    if CHROMIUM is None:
        sys.stderr.write("No Chromium on this machine (Debian: apt-get install chromium)\n")
        return 1
    draw_icons()
    with temporary_folder() as folder, stack.run_stack(folder, Ports(0, 0, 0, 0), durable=False, say=_say) as app:
        Journey(app, lambda _words, _at: None).install_app()
        app.supervisor.run("seed", ["manage.py", "seed_demo", "--shop", app.sms])
        _take_all(app)
    return 0


def _take_all(app: Stack) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=["--no-sandbox"],
            viewport={"width": WIDTH + AROUND, "height": 2 * HEIGHT},
        )
        for place, (name, arrange) in enumerate(PICTURES.items(), 1):
            page = context.new_page()
            arrange(app, Portal(page, app.portal, forget=partial(forget_places, app)))
            page.mouse.move(0, 0)
            page.wait_for_timeout(500)  # pictures draw themselves
            corner = page.locator("iframe").bounding_box() or {"x": 0, "y": 0}
            frame: FloatRect = {"x": corner["x"], "y": corner["y"], "width": WIDTH, "height": HEIGHT}
            page.screenshot(path=FOLDER / f"{place}-{name}.png", caret="initial", clip=frame)
            page.close()
            _say(f"{place}-{name}")
        context.close()


def _home(_app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")


def _go(portal: Portal, place: str) -> None:
    portal.open()
    portal.see("Home")
    portal.press(place)
    portal.see(place)


def _journal(_app: Stack, portal: Portal) -> None:
    _go(portal, "Messages")


def _message(_app: Stack, portal: Portal) -> None:
    _go(portal, "Messages")
    portal.frame.locator("#journal-filters summary").click()
    portal.frame.locator("[name=status]").select_option("undelivered")
    portal.settle()
    portal.frame.locator("tbody .rowlink", has_text="Marlow").first.click()
    expect(portal.frame.locator(".life")).to_be_visible(timeout=SECONDS)
    portal.settle()


def _senders(_app: Stack, portal: Portal) -> None:
    _go(portal, "Senders")


def _reports(_app: Stack, portal: Portal) -> None:
    """Of the two weeks that were told."""
    _go(portal, "Reports")
    last = date.fromisoformat(portal.frame.locator("[name=until]").input_value())
    portal.frame.locator("[name=since]").fill(f"{last - timedelta(days=DAYS - 1)}")
    portal.settle()
    portal.frame.evaluate("document.activeElement.blur()")


def _connect(_app: Stack, portal: Portal) -> None:
    _go(portal, "Senders")
    portal.press("Connect a service")
    portal.see("Connect a service")


def _card(app: Stack, portal: Portal) -> None:
    """Something was sent from the card already, and the next text is being written."""
    state: Any = control(app, "state")
    code = state["senders"][0]["code"]
    for text in SENT:
        control(app, "send", to=EMMA, text=text, code=code, author=1)
    portal.open("/crm/contact/details/1/")
    portal.page.get_by_role("tab", name="Sendline").click()
    portal.see("SMS with Emma Evans")
    for text in SENT:
        row = portal.frame.locator("li", has_text=text[:30])
        expect(row.locator(".status--delivered")).to_be_visible(timeout=4 * SECONDS)
    portal.frame.locator("#id_text").fill(WRITTEN)
    expect(portal.frame.locator(".compose__count")).to_contain_text("segment", timeout=SECONDS)
    portal.settle()


def _help(_app: Stack, portal: Portal) -> None:
    _go(portal, "Help")


PICTURES: Mapping[str, Callable[[Stack, Portal], None]] = {
    "home": _home,
    "journal": _journal,
    "message": _message,
    "senders": _senders,
    "connect": _connect,
    "reports": _reports,
    "card": _card,
    "help": _help,
}


def _say(words: str) -> None:
    sys.stdout.write(f"… {words}\n")


if __name__ == "__main__":
    sys.exit(main())
