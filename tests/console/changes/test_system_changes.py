"""What Sendline does by itself, and what an administrator does outside the frame."""

import re

import pytest
from django.test import Client

from b24app.audit.models import Change
from b24app.messaging.connections import lifecycle
from b24app.messaging.push import sender_registration
from b24app.portals.models import Portal, Suspension
from b24app.portals.reconnect import authorize_url
from b24app.sandbox import Portal as There
from tests import factories
from tests.console.frame.test_launch import launch

pytestmark = pytest.mark.django_db

DANA = 2  # another administrator of the sandbox's portal


def test_a_reconnection_is_recorded_in_the_name_of_who_granted_it(client: Client, alpha: Portal, there: There) -> None:
    state = re.findall(r"state=([^&]+)", authorize_url(alpha))[0]
    answer = client.get("/oauth/", {"code": there.issue_code(DANA), "state": state.replace("%3A", ":")})
    assert answer.status_code == 200
    assert list(Change.objects.values_list("action", "kind", "user_id")) == [("reconnected", "portal", DANA)]


def test_a_refused_reconnection_is_not_recorded(client: Client, alpha: Portal) -> None:
    assert client.get("/oauth/", {"code": "guessed", "state": "guessed"}).status_code == 200
    assert not Change.objects.exists()


def test_a_portal_that_is_back_is_recorded_as_sendlines_own_finding(
    client: Client, alpha: Portal, there: There
) -> None:
    launch(client, there.frame(1))
    Portal.objects.update(suspension=Suspension.PAYMENT)
    launch(client, there.frame(1))
    assert list(Change.objects.values_list("action", "kind", "user_id")) == [("reconnected", "portal", None)]


def test_an_account_is_stopped_by_sendline_once(alpha: Portal) -> None:
    account = factories.connection(alpha)
    for _ in range(2):
        lifecycle.block_connection(account, "balance", "402", "Your balance of 0.00 is too low")
    change = Change.objects.get()
    assert (change.action, change.user_id, change.after) == ("blocked", None, {"reason": "balance", "code": "402"})


def test_senders_that_bitrix24_lost_are_recorded_as_restored(alpha: Portal, there: There) -> None:
    for code in ("one", "two"):
        factories.sender(factories.connection(alpha), code=f"sendline-{code}")
    assert sender_registration.reconcile_senders(alpha) == 2
    change = Change.objects.get()
    assert (change.action, change.kind, change.count, change.user_id) == ("restored", "sender", 2, None)
    assert sender_registration.reconcile_senders(alpha) == 0
    assert Change.objects.count() == 1
