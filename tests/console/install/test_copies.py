"""Addresses with the portal's ID: noticed by a page or a message, shown to administrators, decided once."""

import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.audit.models import Change
from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Wait
from b24app.portals.models import CopyState, Portal, PortalCopy, PortalToken
from b24app.sandbox import Portal as There
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db
HOST = "copy.example"


@pytest.fixture
def sender(db: None) -> Sender:
    return factories.sender(factories.connection(factories.portal()))


@pytest.fixture
def copy(portal: Portal) -> PortalCopy:
    return PortalCopy.objects.create(portal=portal, host=HOST, checked_at=timezone.now())


def page_of(portal: Portal, copy: PortalCopy | None = None) -> str:
    return f"/p/{portal.uuid.hex}/addresses/" + (f"{copy.uuid}/" if copy else "")


# -- the screen --------------------------------------------------------------------------------------------------------


def test_home_says_that_an_address_waits_for_a_decision(alice: Client, portal: Portal, copy: PortalCopy) -> None:
    page = alice.get(f"/p/{portal.uuid.hex}/").content.decode()
    assert f"{HOST} uses the ID of your Bitrix24" in page
    assert f'href="{page_of(portal)}"' in page
    for settled in ({"state": CopyState.ALLOWED}, {"state": CopyState.BLOCKED}, {"checked_at": None}):
        PortalCopy.objects.update(**{"state": CopyState.NOTICED, "checked_at": timezone.now(), **settled})
        assert HOST not in alice.get(f"/p/{portal.uuid.hex}/").content.decode()


def test_the_screen_shows_what_is_held_and_both_answers(
    alice: Client, portal: Portal, copy: PortalCopy, sender: Sender
) -> None:
    for _ in range(2):
        factories.message(sender, wait=Wait.COPY, detail=HOST)
    factories.message(sender, wait=Wait.COPY, detail="other.example")
    page = alice.get(page_of(portal)).content.decode()
    assert "2 messages on hold" in page
    assert ("Allow address" in page, "Block address" in page) == (True, True)
    PortalCopy.objects.update(state=CopyState.ALLOWED)
    page = alice.get(page_of(portal)).content.decode()
    assert ("Allow address" in page, "Block address" in page) == (False, True)
    PortalCopy.objects.update(state=CopyState.BLOCKED)
    page = alice.get(page_of(portal)).content.decode()
    assert ("Allow address" in page, "Block address" in page) == (True, False)


def test_without_another_address_the_screen_says_so(alice: Client, portal: Portal) -> None:
    assert "No other addresses" in alice.get(page_of(portal)).content.decode()


@pytest.mark.parametrize(("state", "action"), [("allowed", "added"), ("blocked", "blocked")])
def test_a_decision_is_recorded_once_and_can_be_changed(
    alice: Client, portal: Portal, copy: PortalCopy, state: str, action: str
) -> None:
    for _ in range(2):
        answer = alice.post(page_of(portal, copy), {"state": state})
        assert answer.status_code == 200
        assert f"Address {state}" in answer["HX-Trigger"]
    copy.refresh_from_db()
    assert (copy.state, copy.due_at is not None) == (state, True)
    assert list(Change.objects.values_list("action", "kind", "name", "user_id")) == [(action, "portal", HOST, ALICE)]
    assert f"Address {state}" in alice.get(f"/p/{portal.uuid.hex}/settings/changes/").content.decode()
    alice.post(page_of(portal, copy), {"state": "blocked" if state == "allowed" else "allowed"})
    assert Change.objects.count() == 2


@pytest.mark.parametrize("state", ["", "noticed", "anything"])
def test_what_is_no_decision_changes_nothing(alice: Client, portal: Portal, copy: PortalCopy, state: str) -> None:
    assert alice.post(page_of(portal, copy), {"state": state}).status_code == 404
    copy.refresh_from_db()
    assert (copy.state, copy.due_at) == (CopyState.NOTICED, None)


def test_bob_and_charlie_decide_nothing(bob: Client, portal: Portal, copy: PortalCopy) -> None:
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, CHARLIE)
    for state in ("allowed", "blocked"):
        assert bob.post(page_of(portal, copy), {"state": state}).status_code == 403
        assert charlie.post(page_of(portal, copy), {"state": state}).status_code == 401
        assert charlie.post(page_of(charlies, copy), {"state": state}).status_code == 404
    assert bob.get(page_of(portal)).status_code == 403
    assert HOST not in charlie.get(page_of(charlies)).content.decode()
    assert HOST not in charlie.get(f"/p/{charlies.uuid.hex}/").content.decode()
    copy.refresh_from_db()
    assert copy.state == CopyState.NOTICED
    assert not Change.objects.exists()


def test_an_address_that_is_none_is_not_there(alice: Client, portal: Portal) -> None:
    assert alice.post(f"{page_of(portal)}{uuid.uuid4()}/", {"state": "allowed"}).status_code == 404


# -- a page of a copy --------------------------------------------------------------------------------------------------


def open_from(there: There, user: int, domain: str, **said: str) -> Any:
    """Open the application from a page that is at this domain."""
    frame = there.frame(user, install=False)
    query = dict(parse_qsl(urlsplit(frame["action"]).query)) | {"DOMAIN": domain, **said}
    return Client().post(f"/app/?{urlencode(query)}", dict(frame["fields"]))


def test_an_administrators_page_from_elsewhere_is_refused_explained_and_noticed(alpha: Portal, there: There) -> None:
    page = open_from(there, ALICE, HOST)
    text = page.content.decode()
    assert page.status_code == 200
    assert f"Sendline is connected to {there.domain}, but this page was opened from {HOST}." in text
    assert "sendline-ticket" not in text
    copy = PortalCopy.objects.get()
    assert (copy.portal, copy.host, copy.state, copy.due_at is not None) == (alpha, HOST, CopyState.NOTICED, True)
    alpha.refresh_from_db()
    assert alpha.domain == there.domain
    assert alpha.senders.count() == 0


def test_an_employees_or_a_strangers_page_from_elsewhere_is_noticed_by_nobody(alpha: Portal, there: There) -> None:
    assert "OTHER" not in open_from(there, BOB, HOST).content.decode()
    frame = there.frame(ALICE, install=False)
    query = dict(parse_qsl(urlsplit(frame["action"]).query)) | {"DOMAIN": HOST}
    Client().post(f"/app/?{urlencode(query)}", {**frame["fields"], "AUTH_ID": "invented"})
    open_from(there, ALICE, "copy.example; script-src *")
    assert not PortalCopy.objects.exists()


def test_a_page_from_an_allowed_address_opens_and_may_frame_us(alpha: Portal, there: There) -> None:
    PortalCopy.objects.create(portal=alpha, host=HOST, state=CopyState.ALLOWED)
    page = open_from(there, ALICE, HOST)
    assert "sendline-ticket" in page.content.decode()
    ancestors = page["Content-Security-Policy"].partition("frame-ancestors ")[2]
    assert ancestors == f"http://{there.domain} http://{HOST}"
    assert f'<meta name="sendline-portal" content="http://{HOST}">' in page.content.decode()
    open_from(there, ALICE, HOST, PROTOCOL="1")  # of its own pages, not of the portal's
    alpha.refresh_from_db()
    assert (alpha.domain, alpha.secure) == (there.domain, False)
    PortalCopy.objects.update(state=CopyState.BLOCKED)
    assert "sendline-ticket" not in open_from(there, ALICE, HOST).content.decode()


def test_an_address_that_the_oauth_server_names_by_now_is_settled_by_an_opening(alpha: Portal, there: There) -> None:
    there.rename("127.0.0.9")
    PortalCopy.objects.create(portal=alpha, host=there.domain, checked_at=timezone.now())
    assert "sendline-ticket" in open_from(there, ALICE, there.domain).content.decode()
    assert PortalCopy.objects.get().due_at is not None
    assert PortalToken.objects.filter(portal=alpha).exists()
