"""The address of a file serves what was sealed into it, for a minute and one portal."""

import time
import uuid
from typing import Any

import pytest
from django.http import Http404
from django.test import RequestFactory
from django.utils import timezone

from b24app.console.frame.download_tokens import LIFETIME, read_download_token, redirect_to_download
from b24app.core import tokens
from b24app.portals.models import Portal
from b24app.portals.page_tickets import mint_ticket, read_ticket
from tests import factories

pytestmark = pytest.mark.django_db

NAME, NUMBER = "personal-file", "+12025550147"


@pytest.fixture
def portal() -> Portal:
    return factories.portal("alice")


def issued(portal: Portal, *, is_admin: bool = True) -> str:
    request: Any = RequestFactory().get("/")
    request.portal, request.visitor = portal, read_ticket(mint_ticket(portal, factories.ALICE, is_admin, "en"))
    address = redirect_to_download(request, NAME, {"number": NUMBER})["HX-Redirect"]
    assert NUMBER.removeprefix("+") not in address
    return address.split("/")[-2]


def refused(token: str, name: str = NAME) -> bool:
    try:
        read_download_token(name, token)
    except Http404:
        return True
    return False


def test_a_token_names_its_portal_and_brings_its_payload_back(portal: Portal) -> None:
    factories.portal("charlie")
    assert read_download_token(NAME, issued(portal)) == (portal, {"number": NUMBER})


def test_a_token_opens_one_address_alone(portal: Portal) -> None:
    assert refused(issued(portal), "reports-file")


def test_a_token_is_good_for_a_minute(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    token, now = issued(portal), time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME - 1)
    assert not refused(token)
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME + 2)
    assert refused(token)


def test_a_token_that_was_changed_is_refused(portal: Portal) -> None:
    token = issued(portal)
    assert refused(token[:20] + ("A" if token[20] != "A" else "B") + token[21:])
    assert refused(token[:-4])


def test_only_an_administrator_s_token_is_good(portal: Portal) -> None:
    assert refused(issued(portal, is_admin=False))
    claims = {"portal": portal.uuid.hex, "user": factories.ALICE, "is_admin": 1, "payload": {}}
    assert refused(tokens.seal_token(NAME, claims))


def test_a_portal_that_has_gone_or_never_was_gives_nothing(portal: Portal) -> None:
    claims = {"portal": uuid.uuid4().hex, "user": factories.ALICE, "is_admin": True, "payload": {}}
    assert refused(tokens.seal_token(NAME, claims))
    token = issued(portal)
    Portal.objects.filter(pk=portal.pk).update(uninstalled_at=timezone.now())
    assert refused(token)
