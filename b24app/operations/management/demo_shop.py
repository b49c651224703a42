"""The invented shop with accounts at three services, for screenshots: nothing can be sent through two of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from itertools import count

from django.db import transaction
from django.utils import timezone

from b24app.console.senders import registration
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, Sender
from b24app.operations.management import demo_past
from b24app.operations.management.demo_plan import DAYS
from b24app.portals.models import Portal
from providers.kit.contract import Account

EMPLOYEES = (1, 2, 7)  # of the sandbox portal
AFTERNOON = 14  # o'clock; there is a time zone for every offset to it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopAccount:
    """One account and its senders; `modules` weighs where their messages come from, `times` how many there are."""

    service: str
    title: str
    credentials: Mapping[str, str]
    found: Account
    senders: Sequence[tuple[str, str, Mapping[str, int], int]]  # name, signature, modules, times


def list_accounts(sms: str) -> tuple[ShopAccount, ...]:
    """Return the accounts of the shop; `sms` is the sandbox's SMS service."""
    return (
        ShopAccount(
            service="twilio",
            title="Marlow & Finch",
            credentials={"account_sid": "AC" + "0" * 32, "auth_token": "token-of-the-sandbox", "base_url": sms},
            found=Account(label="Marlow & Finch Ltd", balance=Decimal("41.27"), currency="USD"),
            senders=(
                ("Front desk", "+12025550142", {"crm": 5, "bizproc": 1}, 3),
                ("Orders and delivery", "MARLOW", {"bizproc": 1}, 5),
            ),
        ),
        ShopAccount(
            service="whatsapp",
            title="Marlow & Finch on WhatsApp",
            credentials={"access_token": "invented", "phone_number_id": "100000000000001", "app_secret": "invented"},
            found=Account(label="Marlow & Finch"),
            senders=(("WhatsApp", "", {"crm": 1}, 2),),
        ),
        ShopAccount(
            service="vonage",
            title="Newsletters",
            credentials={"api_key": "invented", "api_secret": "invented"},
            found=Account(label="Marlow & Finch", balance=Decimal("0.38"), currency="EUR"),
            senders=(("Newsletter", "MARLOW", {"sender": 1}, 3),),
        ),
    )


def seed_shop(portal: Portal, sms: str) -> int:
    """Connect the accounts, register the senders and seed their messages; return how many messages.

    `sms` is the address of the sandbox's SMS service.
    """
    portal.time_zone = _afternoon_time_zone()
    portal.save(update_fields=["time_zone"])
    seeds = count(demo_past.SEED)  # every sender has its own messages
    return sum(_seed_account(portal, account, seeds) for account in list_accounts(sms))


def _afternoon_time_zone() -> str:
    """Return a time zone where it is afternoon, so that the shop has been open for a while in the screenshots."""
    ahead = AFTERNOON - timezone.now().astimezone(UTC).hour
    return f"Etc/GMT{-ahead:+}"  # signs are the other way round there


def _seed_account(portal: Portal, account: ShopAccount, seeds: Iterator[int]) -> int:
    connection, count = _connect_account(portal, account), 0
    for name, signature, modules, times in account.senders:
        sender = Sender(portal=portal, connection=connection, names={"en": name}, signature=signature)
        sender.created_at = sender.tested_at = connection.created_at
        registration.save_and_register(sender)
        with transaction.atomic():
            count += demo_past.seed_messages(sender, seed=next(seeds), modules=modules, times=times, authors=EMPLOYEES)
    _set_current_health(connection)
    return count


def _connect_account(portal: Portal, account: ShopAccount) -> Connection:
    connection = lifecycle.connect_account(portal, account.service, account.title, account.credentials, account.found)
    connection.created_at = timezone.now() - timedelta(days=DAYS)
    connection.balance_asked_at = timezone.now()
    connection.save(update_fields=["created_at", "balance_asked_at"])
    return connection


def _set_current_health(connection: Connection) -> None:
    """Block the newsletter account for its balance; mark the others as healthy a moment ago."""
    if connection.service == "vonage":
        lifecycle.block_connection(connection, "balance", "9", "Partner quota violation: not enough credit")
    else:
        last_accepted = timezone.now() - timedelta(minutes=4)
        Connection.objects.filter(pk=connection.pk).update(
            last_accepted_at=last_accepted, error_code="", error_words="", error_at=None
        )
