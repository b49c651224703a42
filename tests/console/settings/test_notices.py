"""Notifications in the settings: who is notified, of what, and below which balance."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.models.notices import NoticeRules
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

DANA = 2
LIMITS = {"failure_percent": "50", "failure_messages": "20"}
KINDS = {"broken": "on", "undecided": "on", "senders": "on", "balance": "on", "failures": "on"}
ALL_ON = {**KINDS, **LIMITS}
GENERAL = {"time_zone": "UTC", "keep_texts": "90", "keep_messages": "365", "keep_exchanges": "30", **LIMITS}


@pytest.fixture
def portal() -> Portal:
    found = factories.portal("alice")
    factories.token(found)
    factories.token(found, DANA)
    factories.token(found, BOB, is_admin=False)
    factories.token(found, 900, is_system=True)
    return found


def at(portal: Portal) -> str:
    return f"/p/{portal.uuid.hex}/settings/"


def page(client: Client, portal: Portal) -> str:
    return client.get(f"/p/{portal.uuid.hex}/settings/").content.decode()


def low(account: Connection) -> str:
    return f"low-{account.uuid.hex}"


def test_whoever_installed_us_is_told_of_everything_until_somebody_chooses(alice: Client, portal: Portal) -> None:
    shown = page(alice, portal)
    assert f'value="{ALICE}" id="id_people_0" checked' in shown.replace('aria-describedby="id_people_helptext" ', "")
    assert f"Employee {ALICE} (you)" in shown
    assert f"Employee {DANA}" in shown
    assert f"employee {BOB}" not in shown
    assert "Employee 900" not in shown
    for kind in KINDS:
        box = shown.split(f'name="{kind}"')[1].split(">")[0]
        assert "checked" in box, kind
    assert not NoticeRules.objects.exists()


def test_what_is_chosen_is_kept_and_shows(alice: Client, portal: Portal) -> None:
    account = factories.connection(portal, balance=Decimal(20), currency="EUR", title="Main")
    factories.connection(portal, title="Tells no balance")
    factories.connection(portal, balance=1, state=ConnectionState.REMOVED, title="Gone")
    answer = alice.post(at(portal), GENERAL | {"people": [DANA], "broken": "on", low(account): "100.50"})
    assert "Settings saved" in answer["HX-Trigger"]
    rules = NoticeRules.objects.get()
    assert (rules.portal, rules.user_ids) == (portal, [DANA])
    assert (rules.broken, rules.undecided, rules.senders, rules.balance) == (True, False, False, False)
    account.refresh_from_db()
    assert account.low_balance == Decimal("100.5")
    shown = page(alice, portal)
    assert 'value="100.5"' in shown
    assert "Alert when “Main” falls below" in shown
    assert "Tells no balance" not in shown
    assert "Gone" not in shown
    alice.post(at(portal), GENERAL | {"people": [DANA], low(account): ""})
    account.refresh_from_db()
    assert account.low_balance is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"people": []}, "people"),
        ({"people": [BOB]}, "people"),
        ({"people": ["x"]}, "people"),
        ({"low": "much"}, "low"),
        ({"low": "-1"}, "low"),
        ({"failure_percent": "0"}, "failure_percent"),
        ({"failure_percent": "101"}, "failure_percent"),
        ({"failure_percent": ""}, "failure_percent"),
        ({"failure_messages": "many"}, "failure_messages"),
        ({"failure_messages": "100001"}, "failure_messages"),
    ],
)
def test_a_wrong_value_is_said_and_nothing_is_kept(
    alice: Client, portal: Portal, wrong: dict[str, Any], field: str
) -> None:
    account = factories.connection(portal, balance=Decimal(20))
    data = {"people": [ALICE], **GENERAL, **ALL_ON, **wrong}
    data[low(account)] = data.pop("low", "")
    answer = alice.post(at(portal), data)
    name = low(account) if field == "low" else field
    assert answer.status_code == 200
    assert f'id="id_{name}_error"' in answer.content.decode()
    assert "HX-Location" not in answer
    assert not NoticeRules.objects.exists()
    account.refresh_from_db()
    assert account.low_balance is None


def test_the_limits_of_the_failure_rate_are_kept_and_show(alice: Client, portal: Portal) -> None:
    shown = page(alice, portal)
    assert ('name="failure_percent" value="50"' in shown, 'name="failure_messages" value="20"' in shown) == (True, True)
    alice.post(at(portal), {"people": [ALICE], **GENERAL, **ALL_ON, "failure_percent": "15", "failure_messages": "200"})
    rules = NoticeRules.objects.get()
    assert (rules.failures, rules.failure_percent, rules.failure_messages) == (True, 15, 200)
    shown = page(alice, portal)
    assert ('name="failure_percent" value="15"' in shown, 'name="failure_messages" value="200"' in shown) == (
        True,
        True,
    )
    alice.post(at(portal), {"people": [ALICE], **GENERAL})
    assert not NoticeRules.objects.get().failures


def test_nobody_else_changes_it_and_another_portals_accounts_cannot_be_named(alice: Client, portal: Portal) -> None:
    account = factories.connection(portal, balance=Decimal(20))
    charlies = factories.portal("charlie")
    factories.token(charlies, CHARLIE)
    bob = factories.visitor(portal, BOB, is_admin=False)
    assert bob.post(at(portal), GENERAL | {"people": [ALICE]}).status_code == 403
    charlie = factories.visitor(charlies, CHARLIE)
    assert charlie.post(at(portal), GENERAL | {"people": [ALICE]}).status_code == 401
    charlie.post(at(charlies), GENERAL | {"people": [CHARLIE], low(account): "5"})
    account.refresh_from_db()
    assert account.low_balance is None
    assert [one.portal for one in NoticeRules.objects.all()] == [charlies]
    assert account.uuid.hex not in page(charlie, charlies)
