"""From a message back to the list as it was: filters, page and row, also after a deed."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.journal import pagination
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Status
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def link(response: Any, pattern: str) -> str:
    """Return the first address that a pattern finds in a page."""
    found = re.search(pattern, response.content.decode())
    assert found is not None
    return found[1].replace("&amp;", "&")


def open_first(client: Client, url: str) -> Any:
    return client.get(link(client.get(url), r'class="rowlink clip"[^>]*href="([^"]*)"'))


def back(response: Any) -> str:
    return link(response, r'class="back" href="([^"]*)"')


def test_the_way_back_keeps_filters_page_and_row(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
    now = timezone.now()
    for age in range(5):
        factories.message(sender, now=now - timedelta(minutes=age), status=Status.FAILED, text=f"text {age}")
    journal = f"/p/{sender.portal.uuid.hex}/journal/"
    first = alice.get(journal, {"status": "failed", "q": "text"})
    second = link(first, r'href="([^"]*before=[^"]*)"')
    message = open_first(alice, second)
    there = dict(parse_qsl(urlsplit(back(message)).query))
    wanted = Message.objects.get(text="text 2")
    assert {name: there[name] for name in ("status", "q", "at")} == {
        "status": "failed",
        "q": "text",
        "at": wanted.reference.hex,
    }
    page = alice.get(back(message)).content.decode()
    assert re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', page) == ["text 2", "text 3"]
    assert re.findall(r'id="m-([0-9a-f]+)"[^>]*data-return', page) == [wanted.reference.hex]


def test_without_a_list_the_way_back_is_the_list(alice: Client, sender: Sender) -> None:
    message = factories.message(sender)
    path = f"/p/{sender.portal.uuid.hex}/journal/"
    assert back(alice.get(f"{path}{message.reference}/")) == f"{path}?at={message.reference.hex}"


def test_after_a_deed_the_way_back_is_the_same(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, status=Status.FAILED, reason="rejected")
    shown = open_first(alice, f"/p/{sender.portal.uuid.hex}/journal/?status=failed")
    before = back(shown)
    path = f"/p/{sender.portal.uuid.hex}/journal/{message.reference}/"
    headers = {"HX-Current-URL": f"https://sendline.example{path}?list=status%3Dfailed"}
    question = alice.get(f"{path}resend/", headers=headers)
    assert link(question, r'href="([^"]*)" data-first') == f"{path}?list=status%3Dfailed"
    done = alice.post(f"{path}resend/", headers=headers)
    again = alice.get(json.loads(done["HX-Location"])["path"])
    assert back(again).split("&at=")[0] == before.split("&at=")[0]


@pytest.mark.parametrize(
    "given", ["https://evil.example/", "//evil.example", "status=nonsense&before=x", "%00", "a" * 9]
)
def test_only_a_list_of_ours_is_gone_back_to(alice: Client, sender: Sender, given: str) -> None:
    message = factories.message(sender)
    path = f"/p/{sender.portal.uuid.hex}/journal/"
    assert back(alice.get(f"{path}{message.reference}/", {"list": given})) == f"{path}?at={message.reference.hex}"
