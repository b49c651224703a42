"""Every screen in four languages at both widths: no word leaves its place, covers another or loses its start."""

from collections.abc import Iterator

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import expect

from b24app.operations.local.stack import Stack
from tests.browser.geometry import measure
from tests.browser.people import SECONDS, Portal, begin_anew, control
from tests.browser.test_card import CURLY, open_tab

pytestmark = pytest.mark.browser

LANGUAGES = ("en", "de", "ru", "ar")
THEMES = ("light", "dark")  # which move nothing, so other languages are measured in one
# Names that somebody gave, as long as somebody may give them; run by `manage.py shell`.
RENAME = """
from b24app.messaging.models import Connection, Sender
for account in Connection.objects.all():
    account.title = f"{account.title}, Sonderangebote und Benachrichtigungen der Niederlassung"[:60]
    account.save(update_fields=["title"])
for sender in Sender.objects.all():
    sender.names = {"en": f"{sender.names['en']} Kundenbenachrichtigungsdienst Zweigstelle Nord"[:60]}
    sender.save(update_fields=["names"])
"""
# Of an account, a sender and a service there are several screens, and they differ by what the service does.
SEVERAL = {"connection", "sender", "sender-new"}
NOT_LINKED = ("senders/connect/vonage/", "senders/connect/http/")


@pytest.fixture(scope="module")
def shop(app: Stack) -> Iterator[Stack]:
    """Furnish the portal with the shop: accounts at three services, two of which report to one address per account."""
    begin_anew(app)
    yield app
    begin_anew(app)


@pytest.fixture
def open_shop(shop: Stack, portal: Portal) -> Portal:
    """Seed the shop unless that was done, and open it."""
    portal.open()
    portal.see("Home")
    shop.supervisor.run("seed", ["manage.py", "seed_demo", "--shop", shop.sms])
    shop.supervisor.run("rename", ["manage.py", "shell", "-c", RENAME])
    return portal


def _paths(portal: Portal) -> dict[str, str]:
    """Follow every link of the application to one screen of each name; of those that differ, to every one."""
    ahead, found = _links(portal), dict[str, str]()
    while ahead:
        path = ahead.pop(0)
        name = _name(path)
        key = path if name in SEVERAL else name
        if not name or key in found:
            continue
        found[key] = path
        _show(portal, path)
        ahead += _links(portal)
    home = found["home"]
    return found | {path: home + path for path in NOT_LINKED}


def _name(path: str) -> str:
    try:
        return str(resolve(path.partition("?")[0]).url_name)
    except Resolver404:
        return ""


def _links(portal: Portal) -> list[str]:
    found = portal.frame.eval_on_selector_all("a[href*='/p/']", "(all) => all.map(one => one.getAttribute('href'))")
    return [one for one in found if one]


SHOW = """async (path) => {
    await htmx.ajax("GET", path, {target: "#content", swap: "innerHTML"});
    const under = () => document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling");
    for (let tries = 0; tries < 200 && under(); tries += 1) await new Promise((go) => { setTimeout(go, 20); });
}"""


def _show(portal: Portal, path: str) -> None:
    portal.frame.evaluate(SHOW, path)


def _speak(app: Stack, language: str) -> None:
    control(app, "switches", language={"user": 1, "language": language})


def _open(portal: Portal, language: str) -> None:
    portal.open()
    shown = portal.page.frame_locator("iframe").locator(f".frame[lang={language}] h1").first
    expect(shown).to_be_visible(timeout=SECONDS)
    portal.settle()


def test_words_keep_their_places_on_every_screen_in_four_languages(shop: Stack, open_shop: Portal) -> None:
    portal = open_shop
    _open(portal, "en")
    paths = _paths(portal)
    assert {"home", "journal", "message", "reports", "senders", "connect", "settings", "limits", "help"} <= set(paths)
    wrong = []
    try:
        for language in LANGUAGES:
            _speak(shop, language)
            _open(portal, language)
            for name, path in paths.items():
                _show(portal, path)
                wrong += measure(portal, f"{language} {name}", themes=THEMES[: 2 if language == "en" else 1])
    finally:
        _speak(shop, "en")
    assert wrong == [], "\n".join(wrong)


def test_words_keep_their_places_on_the_card_in_four_languages(shop: Stack, open_shop: Portal) -> None:
    portal = open_shop
    wrong = []
    try:
        for language in LANGUAGES:
            _speak(shop, language)
            portal.page.set_viewport_size({"width": 1280, "height": 900})
            open_tab(portal)
            expect(portal.page.frame_locator("iframe").locator("#id_text")).to_be_visible(timeout=SECONDS)
            portal.frame.locator("#id_text").fill(CURLY)
            expect(portal.frame.locator(".compose__count")).to_be_visible(timeout=SECONDS)
            portal.settle()
            wrong += measure(portal, f"{language} card")
    finally:
        _speak(shop, "en")
    assert wrong == [], "\n".join(wrong)
