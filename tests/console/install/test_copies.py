"""Addresses with the portal's ID: noticed by a page or a message, shown to administrators, decided once."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from b24app.audit.models import Change
from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Wait
from b24app.portals.models import CopyState, Portal, PortalCopy
from tests import factories
from tests.factories import ALICE, CHARLIE

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
