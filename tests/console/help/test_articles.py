"""The articles of help, their search, what is new, and whom to ask."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import escape
from pytest_django.fixtures import Settings

from b24app.console.help import releases
from b24app.console.help.articles import ARTICLES
from b24app.console.help.service_articles import offered_articles
from b24app.messaging.models import Sender
from b24app.portals.models import Portal
from providers.kit import registry
from tests import factories
from tests.factories import CHARLIE

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[3]
FOR_ADMINISTRATORS = sorted(one.slug for one in ARTICLES.values() if not one.for_employees)


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio", title="Acme"))


def at(portal: Portal, rest: str = "") -> str:
    return f"/p/{portal.uuid.hex}/help/{rest}"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def find(client: Client, portal: Portal, query: str) -> list[str]:
    """Return the titles that a search finds."""
    response = client.get(at(portal), {"q": query}, headers={"HX-Target": "help-found"})
    return re.findall(r'<li><a href="[^"]*">([^<]*)</a>', response.content.decode())


# -- articles


@pytest.mark.parametrize("slug", ARTICLES)
def test_an_administrator_reads_each_article(alice: Client, portal: Portal, slug: str, settings: Settings) -> None:
    settings.DEMO = True
    shown = words(alice.get(at(portal, f"articles/{slug}/"))).replace("&#x27;", "'")
    article = ARTICLES[slug]
    assert str(article.title) in shown
    for paragraph in article.paragraphs:
        assert str(paragraph) in shown
    assert "Diagnostics file" in shown


def test_articles_are_short() -> None:
    sentences = {slug: len(re.findall(r"[.?](?: |$)", " ".join(map(str, one.paragraphs))))
                 for slug, one in ARTICLES.items()}  # fmt: skip
    assert {slug: count for slug, count in sentences.items() if not 2 <= count <= 12} == {}


def test_an_employee_reads_what_is_for_employees_alone(bob: Client, portal: Portal) -> None:
    assert FOR_ADMINISTRATORS == ["costs", "demo", "opt-outs", "quiet-hours", "sender-missing", "uninstall"]
    home = bob.get(at(portal)).content.decode()
    for slug, article in ARTICLES.items():
        assert (f"articles/{slug}/" in home) == article.for_employees, slug
        status = bob.get(at(portal, f"articles/{slug}/")).status_code
        assert status == (200 if article.for_employees else 404), slug
    shown = words(bob.get(at(portal, "articles/unknown/")))
    assert "Diagnostics" not in shown
    assert bob.get(at(portal, "services/twilio/")).status_code == 403


def test_the_article_of_the_demo_service_is_there_where_it_is_offered(
    alice: Client, portal: Portal, settings: Settings
) -> None:
    for offered, status in ((True, 200), (False, 404)):
        settings.DEMO = offered
        assert alice.get(at(portal, "articles/demo/")).status_code == status
        assert ("articles/demo/" in alice.get(at(portal)).content.decode()) == offered


def test_an_unknown_article_or_service_is_not_there(alice: Client, portal: Portal) -> None:
    for path in ("articles/nothing/", "services/nothing/", "services/http%20/"):
        assert alice.get(at(portal, path)).status_code == 404, path


# -- services


@pytest.mark.parametrize("code", sorted(registry.services()))
def test_each_service_has_an_article_with_its_codes(
    alice: Client, portal: Portal, code: str, settings: Settings
) -> None:
    settings.DEMO = True
    service = registry.get(code)
    page = alice.get(at(portal, f"services/{code}/")).content.decode()
    assert escape(service.title) in page
    anchors = re.findall(r'id="(code-[^"]*)"', page)
    assert len(anchors) == len(set(anchors)) == len(service.hints)
    assert [one for one in anchors if not re.fullmatch(r"[A-Za-z0-9_-]+", one)] == []
    for one in service.hints:
        assert escape(one) in page, one


def test_a_services_article_says_what_it_needs_and_how_fast_it_is(alice: Client, portal: Portal) -> None:
    shown = words(alice.get(at(portal, "services/twilio/")))
    assert "Service URL" not in shown  # it has a default
    assert "What you need Account SID On the Twilio Console home page. Starts with AC." in shown
    assert "A text can have up to 1,600 characters." in shown
    assert "20005 10001 30002 Your Twilio account is not active." in shown
    assert "30003 The phone is turned off or out of coverage." in shown
    assert "{report_url}" not in shown


def test_a_services_article_leads_to_ones_own_accounts_alone(alice: Client, portal: Portal) -> None:
    other = factories.portal("charlie")
    charlie = factories.visitor(other, CHARLIE)
    assert "Acme" in words(alice.get(at(portal, "services/twilio/")))
    his = words(charlie.get(at(other, "services/twilio/")))
    assert "Acme" not in his
    assert "Connect Twilio" in his


def test_services_with_an_account_come_first(alice: Client, portal: Portal) -> None:
    listed = re.findall(r"/help/services/([a-z0-9]+)/", alice.get(at(portal)).content.decode())
    assert listed[0] == "twilio"
    assert sorted(listed) == sorted(one.service.code for one in offered_articles())


# -- search


def test_the_search_finds_titles_before_texts(alice: Client, portal: Portal) -> None:
    found = find(alice, portal, "segment")
    assert found[0] == "Costs and segments"
    assert "Segment" in found


def test_the_search_finds_all_words_in_any_order_and_case(alice: Client, portal: Portal) -> None:
    assert find(alice, portal, "STATUS unknown") == find(alice, portal, "unknown status")
    assert "The status of a message is unknown" in find(alice, portal, "STATUS unknown")
    assert find(alice, portal, "status zebra") == []


def test_the_search_finds_a_services_code(alice: Client, portal: Portal) -> None:
    assert find(alice, portal, "30003") == ["Twilio"]


def test_an_employees_search_finds_nothing_for_administrators(alice: Client, bob: Client, portal: Portal) -> None:
    assert "Twilio" in find(alice, portal, "Twilio")
    assert "Twilio" not in find(bob, portal, "Twilio")
    assert find(bob, portal, "30003") == []
    assert "Uninstall Sendline" not in find(bob, portal, "uninstall")


def test_the_search_reads_the_readers_language(portal: Portal) -> None:
    with translation.override("de"):
        word = translation.gettext("Delivered")
    german = factories.visitor(portal, language="de")
    assert word != "Delivered"
    assert word in find(german, portal, word)


def test_the_search_works_as_a_page_of_its_own(alice: Client, portal: Portal) -> None:
    page = alice.get(at(portal), {"q": "<b>delay"}).content.decode()
    assert 'value="&lt;b&gt;delay"' in page
    assert "0 results" in words(alice.get(at(portal), {"q": "zebra"}))
    assert "results" not in words(alice.get(at(portal), {"q": "   "}))


# -- what is new, and whom to ask


def test_each_version_of_the_changelog_has_its_news() -> None:
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = [(version, date.fromisoformat(day)) for version, day in re.findall(r"^## ([0-9.]+) - (\S+)$", log, re.M)]
    assert [(one.version, one.day) for one in releases.RELEASES if one.version] == versions
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == releases.VERSION
    unreleased = re.search(r"^## Unreleased\n(.*?)^## ", log, re.M | re.S)
    assert unreleased is not None
    if not unreleased[1].strip():
        assert all(one.version for one in releases.RELEASES), "news of a version without a line in the changelog"


def test_everyone_reads_what_is_new(alice: Client, bob: Client, portal: Portal) -> None:
    for client in (alice, bob):
        assert "Version 1.0.0 Nov 30, 2026" in words(client.get(at(portal, "news/")))


def test_help_says_where_to_send_diagnostics(alice: Client, portal: Portal, settings: Settings) -> None:
    settings.SUPPORT_EMAIL, settings.SUPPORT_URL = "", ""
    assert "the company that provides Sendline to you" in words(alice.get(at(portal)))
    settings.SUPPORT_EMAIL, settings.SUPPORT_URL = "help@host.example", "https://host.example/help"
    page = alice.get(at(portal)).content.decode()
    assert 'href="mailto:help@host.example"' in page
    assert 'href="https://host.example/help"' in page
    assert "the company that provides" not in page
