"""Every screen, empty and full: axe-core, scroll bars, both looks, both widths, and once from right to left."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, URLPattern, resolve
from playwright.sync_api import expect

from b24app.console.urls import SCREENS
from b24app.operations.local.stack import Stack
from tests.browser.looks import LOOKS, NARROWEST, look
from tests.browser.people import SECONDS, Portal, begin_anew, control

pytestmark = pytest.mark.browser

# Parts of a screen that come on a click, files, what only takes a POST, the installer, and the card with its own test.
PARTS = {
    "card", "card-cancel", "card-composer", "card-count", "card-fill", "card-resend", "card-straighten", "change-undo",
    "changes-take", "checklist", "connect-curl", "connect-preview", "connect-request", "connection-pause",
    "connection-remove", "connection-resume", "copies", "copy-decide", "install", "install-run", "journal-chosen",
    "journal-export", "journal-many", "journal-progress", "journal-take", "message-cancel", "message-mark-sent",
    "message-resend", "message-retry", "own-numbers", "pause", "personal", "personal-erase", "personal-erasure",
    "personal-take", "portal-card", "reconnect", "region", "reports-take", "resume", "rights", "segments",
    "sender-address", "sender-entry", "sender-language", "sender-pause", "sender-ready", "sender-register",
    "sender-remove", "sender-resume", "senders-addresses", "senders-compare", "signature", "stoplist-remove",
    "stoplist-remove-many", "stoplist-restore", "stoplist-take", "support", "test-progress", "text-template",
    "text-template-delete", "text-template-length", "theme", "try-rewriting", "view-delete", "view-edit", "view-save",
}  # fmt: skip


def _screens() -> set[str]:
    return {str(route.name) for route in SCREENS if isinstance(route, URLPattern)}


def _name(path: str) -> str:
    try:
        return str(resolve(urlsplit(path).path).url_name)
    except Resolver404:
        return ""


def _links(portal: Portal) -> list[str]:
    found = portal.frame.eval_on_selector_all("a[href*='/p/']", "(all) => all.map(one => one.getAttribute('href'))")
    return [one for one in found if one]


def _walk(portal: Portal) -> Iterator[tuple[str, str]]:
    """Follow every link of the application to one screen of each name."""
    ahead, seen = _links(portal), set[str]()
    while ahead:
        path = ahead.pop(0)
        name = _name(path)
        if not name or name in seen:
            continue
        seen.add(name)
        portal.frame.evaluate("(path) => htmx.ajax('GET', path, {target: '#content', push: path})", path)
        portal.settle()
        yield name, path
        ahead += _links(portal)


def test_screens_without_anything_are_in_order(app: Stack, portal: Portal) -> None:
    begin_anew(app)
    portal.open()
    portal.see("Home")
    portal.settle()
    wrong, seen = [], set()
    for name, _path in _walk(portal):
        seen.add(name)
        wrong += look(portal, f"empty {name}", LOOKS[::2])
    assert wrong == []
    assert {"home", "journal", "reports", "senders", "connect", "stoplist", "settings", "help"} <= seen


def test_every_screen_is_in_order_in_both_looks_and_widths(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    app.supervisor.run("seed", ["manage.py", "seed_demo"])
    portal.open()
    portal.see("Home")
    portal.settle()
    wrong: list[Any] = []
    seen: set[str] = set()
    for name, _path in _walk(portal):
        both = LOOKS[::2] if len(seen) % 2 else LOOKS[1::2]  # what screens share is seen in all four looks
        seen.add(name)
        wrong += look(portal, name, [*both, NARROWEST])
    assert wrong == []
    assert sorted(_screens() - PARTS - seen) == [], "a screen that no link leads to, or a part that is not among PARTS"


def test_a_form_with_errors_is_in_order_and_leads_to_them(app: Stack, portal: Portal) -> None:
    portal.open()
    portal.see("Home")
    path = next(one for one in _links(portal) if _name(one) == "connect")
    portal.frame.evaluate("(path) => htmx.ajax('GET', path, '#content')", f"{path}twilio/")
    portal.see("Connect Twilio")
    portal.press("Test connection")
    expect(portal.frame.get_by_text("Check the highlighted fields. Nothing was saved.")).to_be_visible(timeout=SECONDS)
    portal.settle()
    assert look(portal, "errors") == []


def test_screens_read_from_right_to_left(app: Stack, portal: Portal) -> None:
    control(app, "switches", language={"user": 1, "language": "ar"})
    try:
        portal.open()
        expect(portal.page.frame_locator("iframe").locator(".frame[dir=rtl] h1").first).to_be_visible(timeout=SECONDS)
        portal.settle()
        wrong = []
        for name, _path in _walk(portal):
            wrong += look(portal, f"ar {name}", [(1280, "light"), (320, "light")])
            if name in {"home", "journal", "reports"}:
                portal.shoot(f"ar-{name}")
        assert wrong == []
    finally:
        control(app, "switches", language={"user": 1, "language": "en"})
