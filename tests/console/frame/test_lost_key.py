"""A key of SECRETS_KEYS was taken out too early: pages and webhooks go on, and nothing is lost until it is back."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.messaging.models import Connection, ConnectionState, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.dead_letters import Kind as DeadLetterKind
from b24app.messaging.models.statuses import Phase
from b24app.portals import tokens
from b24app.portals.errors import NotNow
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as There
from tests import factories, handler_calls
from tests.console.frame.test_launch import launch, start_of, visitor
from tests.console.test_strangers import DOORS, World
from tests.messaging import steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender(alpha: Portal, settings: Settings) -> Sender:
    """Return a sender of Alice's whose account, as all of her portal, is sealed with a key that is gone."""
    account = {"account_sid": "AC" + "1" * 32, "auth_token": "tokentokentoken"}
    sender = factories.sender(factories.connection(alpha, "twilio", account=account), code="s1")
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    return sender


SEALED = """
SELECT application_token, (SELECT array_agg(access || refresh) FROM portals_portaltoken),
    (SELECT array_agg(account) FROM messaging_connection) FROM portals_portal
"""


def stored() -> Any:
    """Return the sealed columns as they are in the database."""
    with database.cursor() as cursor:
        cursor.execute(SEALED)
        return cursor.fetchall()


def test_an_opening_stores_what_the_portal_says_anew(there: There, sender: Sender, client: Client) -> None:
    page = launch(client, there.frame(1))
    assert page.status_code == 200
    assert visitor(page).get(start_of(page)).status_code == 200
    token = PortalToken.objects.get(user_id=1)
    assert tokens.is_readable(token)
    assert PortalClient(sender.portal).call("app.info")


def test_an_employee_s_opening_is_answered_too(there: There, sender: Sender, client: Client) -> None:
    there.install_finish()
    page = launch(client, there.frame(7))
    assert (page.status_code, visitor(page).get(start_of(page)).status_code) == (200, 200)


def test_a_message_is_taken_and_waits(sender: Sender) -> None:
    assert handler_calls.post(sender, handler_calls.fields()) == 200
    steps.drain(sender.connection_id)
    assert DeadLetter.objects.get().kind == DeadLetterKind.ACCOUNT
    message = Message.objects.get()
    assert (message.phase, message.attempts, message.connection.state) == (Phase.WAITING, 0, ConnectionState.ACTIVE)


def test_the_portal_is_left_alone_until_a_key_opens_its_tokens(there: There, sender: Sender) -> None:
    there.world.running[there.state.key].rest_log.clear()
    for _ in range(2):
        with pytest.raises(NotNow) as raised:
            PortalClient(sender.portal).call("app.info")
    assert raised.value.code == "SEALED_TOKENS"
    assert there.rest_log == []
    assert PortalToken.objects.get().dead_reason == ""
    assert Portal.objects.get().no_token_since is None


def test_the_account_says_that_its_credentials_have_to_be_entered_again(sender: Sender) -> None:
    alice = factories.visitor(sender.portal)
    key = sender.portal.uuid.hex
    for page in ("senders/", f"senders/accounts/{sender.connection.uuid}/", ""):
        answer = alice.get(f"/p/{key}/{page}")
        assert answer.status_code == 200
        assert "Sendline can no longer read the credentials of “Main account”." in answer.content.decode()


def test_every_page_is_answered(settings: Settings) -> None:
    world = World()
    factories.token(world.alice)
    Portal.objects.update(application_token="application")
    Connection.objects.update(account={"token": "of the service"})
    alice = factories.visitor(world.alice)
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    answers = {
        name: world.ask(alice, "get", name, world.alice).status_code
        for name, door in DOORS.items()
        if "get" in door.methods
    }
    assert {name: status for name, status in answers.items() if status >= 500} == {}
    assert answers["home"] == answers["senders"] == answers["connection"] == answers["sender"] == 200


def test_what_is_saved_meanwhile_is_kept_for_the_key_s_return(sender: Sender) -> None:
    before = stored()
    for row in (Portal.objects.get(), PortalToken.objects.get(), Connection.objects.get()):
        row.save()
    assert stored() == before
