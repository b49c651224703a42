"""Saved views: filters under a name, one's own or shared with administrators."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client

from b24app.console.journal import saved_views
from b24app.console.models import SavedView
from b24app.messaging.models import Sender
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def at(portal: Portal, rest: str = "") -> str:
    return f"/p/{portal.uuid.hex}/journal/{rest}"


def save(client: Client, portal: Portal, name: str, query: str = "status=failed", **fields: str) -> Any:
    return client.post(at(portal, "views/"), {"view-name": name, "query": query, **fields})


def offered(client: Client, portal: Portal, query: str = "") -> list[str]:
    """Return the names of the views, the open one with a star."""
    page = client.get(f"{at(portal)}?{query}").content.decode()
    found = re.findall(r'<a class="chip( chip--on)?" href="[^"]*\?[^"]*"[^>]*><span dir="auto">([^<]*)</span>', page)
    return [f"*{name}" if current else name for current, name in found]


def test_filters_are_saved_under_a_name_and_opened_by_it(alice: Client, sender: Sender) -> None:
    response = save(alice, sender.portal, " Lost  ones", "status=failed&sender=nonsense&q=oak")
    assert "View saved" in response["HX-Trigger"]
    assert f"{at(sender.portal)}?status=failed&q=oak" in response["HX-Location"]
    view = SavedView.objects.get()
    assert (view.query, view.user_id, view.is_shared) == ("status=failed&q=oak", factories.ALICE, False)
    assert offered(alice, sender.portal, view.query) == [f"*{view.name}"]
    assert offered(alice, sender.portal) == [view.name]


def test_without_views_there_is_no_empty_list_of_them(alice: Client, sender: Sender) -> None:
    page = alice.get(at(sender.portal), {"status": "failed"}).content.decode()
    assert ("Save view" in page, 'aria-label="Saved views"' in page) == (True, False)
    save(alice, sender.portal, "Lost")
    assert alice.get(at(sender.portal)).content.decode().count('aria-label="Saved views"') == 1


def test_a_view_is_one_s_own_unless_an_administrator_shares_it(alice: Client, bob: Client, sender: Sender) -> None:
    dana = factories.visitor(sender.portal, 2)
    save(alice, sender.portal, "Mine")
    save(alice, sender.portal, "Ours", "status=sent", **{"view-is_shared": "on"})
    save(bob, sender.portal, "Bob's", "status=sent", **{"view-is_shared": "on"})
    assert offered(alice, sender.portal) == ["Mine", "Ours"]
    assert offered(dana, sender.portal) == ["Ours"]
    assert offered(bob, sender.portal) == ["Bob&#x27;s"]
    assert offered(factories.visitor(factories.portal("charlie")), factories.portal("other")) == []


def test_only_its_owner_changes_or_deletes_a_view(alice: Client, sender: Sender) -> None:
    save(alice, sender.portal, "Ours", **{"view-is_shared": "on"})
    view = SavedView.objects.get()
    dana = factories.visitor(sender.portal, 2)
    there = factories.portal("charlie")
    charlie = factories.visitor(there)
    for client, portal in ((dana, sender.portal), (charlie, there)):
        assert client.post(at(portal, f"views/{view.uuid}/"), {"view-name": "Stolen"}).status_code == 404
        assert client.post(at(portal, f"views/{view.uuid}/delete/")).status_code == 404
    alice.post(at(sender.portal, f"views/{view.uuid}/"), {"view-name": "Only mine"})
    view.refresh_from_db()
    assert (view.name, view.is_shared, view.query) == ("Only mine", False, "status=failed")
    assert "View deleted" in alice.post(at(sender.portal, f"views/{view.uuid}/delete/"))["HX-Trigger"]
    assert not SavedView.objects.exists()


def test_a_view_needs_a_name_of_its_own_and_filters(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Enter a name." in save(alice, sender.portal, "").content.decode()
    save(alice, sender.portal, "Lost")
    assert "You already have a view with this name." in save(alice, sender.portal, "Lost").content.decode()
    save(alice, sender.portal, "All", "")
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 1)
    assert "You have reached the limit" in save(alice, sender.portal, "More").content.decode()
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Lost"]


def test_a_view_of_a_long_search_is_saved(alice: Client, sender: Sender) -> None:
    query = urlencode({"q": "ж" * 100, "status": "failed"})
    assert "View saved" in save(alice, sender.portal, "Long", query)["HX-Trigger"]
    view = SavedView.objects.get()
    assert dict(parse_qsl(view.query)) == {"q": "ж" * 100, "status": "failed"}


def test_a_name_is_escaped_and_the_views_cost_one_query(
    alice: Client, sender: Sender, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        save(alice, sender.portal, f"<b>{number}</b>", f"q={number}")
    assert offered(alice, sender.portal)[0] == "&lt;b&gt;0&lt;/b&gt;"
    with django_assert_max_num_queries(9):
        alice.get(at(sender.portal))
