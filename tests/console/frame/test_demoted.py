"""Somebody who is no longer an administrator keeps no rights by an older ticket."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Sender
from b24app.messaging.push import sender_registration
from b24app.portals import identity, page_tickets, tokens
from b24app.portals.errors import NoToken
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as There
from tests import factories

pytestmark = pytest.mark.django_db
ALICE, DANA = 1, 2
AHEAD = timedelta(minutes=2)


@pytest.fixture
def portal(alpha: Portal) -> Portal:
    return alpha


@pytest.fixture
def sender(portal: Portal) -> Sender:
    return factories.sender(factories.connection(portal))


def opened(there: There, user: int) -> identity.Launch:
    """Open the application as the user, or renew the ticket of their page."""
    frame = there.frame(user)
    return identity.verify_launch(dict(parse_qsl(urlsplit(frame["action"]).query)), dict(frame["fields"]))


def act(client: Client, portal: Portal, sender: Sender) -> Any:
    """Something that only an administrator may do."""
    return client.post(f"/p/{portal.uuid.hex}/senders/{sender.uuid}/pause/")


def test_a_page_renewed_as_an_employees_ends_the_older_tickets(
    portal: Portal, there: There, sender: Sender, alice: Client
) -> None:
    dana = factories.visitor(portal, DANA)
    there.install_finish()
    there.set_user(ALICE, admin=False)
    assert not opened(there, ALICE).is_admin
    assert act(alice, portal, sender).status_code == 403
    assert Sender.objects.get().paused_at is None
    assert not PortalToken.objects.get(user_id=ALICE).is_admin
    assert act(dana, portal, sender).status_code == 200


def test_a_call_refused_for_lack_of_rights_ends_the_tickets_of_its_token_s_owner(
    portal: Portal, there: There, sender: Sender, alice: Client
) -> None:
    there.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        sender_registration.reconcile_senders(portal)
    assert act(alice, portal, sender).status_code == 403


@pytest.mark.parametrize("code", ["authorization_error", "user_access_error"])
def test_who_has_left_or_may_not_use_us_any_more_is_no_administrator(
    portal: Portal, there: There, sender: Sender, alice: Client, code: str
) -> None:
    there.switches.method_errors = [MethodError("*", code, status=403)]
    with pytest.raises(NoToken):
        sender_registration.reconcile_senders(portal)
    assert act(alice, portal, sender).status_code == 403


def test_an_administrator_again_has_a_good_ticket_again(
    portal: Portal, there: There, sender: Sender, alice: Client
) -> None:
    tokens.demote_user(portal, ALICE)
    PortalToken.objects.update(demoted_at=timezone.now() - timedelta(seconds=5))
    assert opened(there, ALICE).is_admin
    assert act(alice, portal, sender).status_code == 200


def test_a_ticket_dated_in_the_future_is_refused(portal: Portal, sender: Sender) -> None:
    good, later = (int((timezone.now() + page_tickets.LIFETIME + ahead).timestamp()) for ahead in (timedelta(0), AHEAD))
    for expires, status in ((good, 200), (later, 401)):
        said = [portal.uuid.hex, ALICE, True, "en", expires]
        ticket = signing.dumps(said, salt=page_tickets.SALT, compress=True)
        client = Client(headers={"Authorization": f"Bearer {ticket}", "HX-Request": "true", "HX-Target": "content"})
        assert act(client, portal, sender).status_code == status
