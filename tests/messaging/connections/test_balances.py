"""Balances are asked for once a day and after a refusal, within limits, and not stored for newer credentials."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from b24app.messaging.connections import balances
from b24app.messaging.models import Connection, ConnectionState
from b24app.portals.models import Portal
from b24app.sandbox import Sandbox

DAY = timedelta(days=1)


@pytest.fixture
def account(connection: Connection) -> Connection:
    """Return an account checked two days ago, when there was little left."""
    fields = {"checked_at": timezone.now() - 2 * DAY, "balance": Decimal(1), "currency": "USD"}
    Connection.objects.filter(pk=connection.pk).update(**fields)
    connection.refresh_from_db()
    return connection


def test_a_balance_is_asked_for_once_a_day(account: Connection, sms: Sandbox) -> None:
    checked_at = account.checked_at
    assert balances.refresh_balances() == 1
    account.refresh_from_db()
    assert account.balance is not None
    assert account.balance > 1
    assert account.checked_at == checked_at  # a check of credentials is another thing
    assert balances.refresh_balances() == 0
    Connection.objects.update(balance_asked_at=timezone.now() - DAY * 1.01)
    assert balances.refresh_balances() == 1


def test_a_refusal_for_lack_of_money_is_followed_by_one_check(account: Connection, sms: Sandbox) -> None:
    now = timezone.now()
    fields = {"state": ConnectionState.BLOCKED, "blocked_reason": "balance", "blocked_since": now}
    Connection.objects.update(checked_at=now, balance_asked_at=now - timedelta(hours=1), **fields)
    assert balances.refresh_balances() == 1
    assert balances.refresh_balances() == 0
    account.refresh_from_db()
    assert account.state == ConnectionState.BLOCKED  # a person decides when it goes on


@pytest.mark.parametrize(
    "fields",
    [
        {"balance": None},  # the service has never told one
        {"state": ConnectionState.PAUSED},
        {"state": ConnectionState.REMOVED},
        {"checked_at": None},
        {"service": "no-such-service"},
    ],
)
def test_accounts_without_a_balance_are_not_asked(account: Connection, sms: Sandbox, fields: dict[str, object]) -> None:
    Connection.objects.update(**fields)
    assert balances.refresh_balances() == 0


def test_a_portal_that_left_is_not_asked_about(account: Connection, sms: Sandbox) -> None:
    Portal.objects.update(uninstalled_at=timezone.now())
    assert balances.refresh_balances() == 0


def test_a_refusal_changes_nothing_and_is_not_repeated_the_same_day(account: Connection, sms: Sandbox) -> None:
    Connection.objects.filter(pk=account.pk).update(account={**account.account, "base_url": "https://127.0.0.1:1"})
    assert balances.refresh_balances() == 0
    account.refresh_from_db()
    assert account.balance == Decimal(1)
    assert account.state == ConnectionState.ACTIVE
    assert account.balance_asked_at is not None
    assert balances._due_connections() == []


def test_a_round_is_limited_in_time(account: Connection, sms: Sandbox) -> None:
    assert balances.refresh_balances(seconds=-1) == 0
    assert len(balances._due_connections()) == 1
