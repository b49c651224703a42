"""`manage.py seed_demo`: demonstration data, so that the screens of a new portal have something to show."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from b24app.console.senders import registration
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, Sender
from b24app.operations.management import demo_past, demo_shop
from b24app.operations.management.demo_plan import DAYS
from b24app.portals.models import Portal

SERVICE = "demo"
NAMES = {"en": "Marlow & Finch", "ru": "Марлоу и Финч"}  # a shop for furniture that does not exist


class Command(BaseCommand):
    """Development only: gives every installed portal without an account a demo account, a sender and past messages."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer the richer shop of the screenshots."""
        parser.add_argument("--shop", metavar="URL", help="instead, accounts at three services; the sandbox's address")

    def handle(self, *_args: Any, shop: str | None = None, **_options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("Demonstration data is for development (DEBUG); nothing was done.")
        for portal in Portal.objects.installed().order_by("pk"):
            if portal.connections.exists():
                self.stdout.write(f"{portal} has an account already and stays as it is.")
            elif shop:
                self.stdout.write(f"{portal} has three accounts and {demo_shop.seed_shop(portal, shop)} messages.")
            else:
                self._seed_portal(portal)

    def _seed_portal(self, portal: Portal) -> None:
        sender = _new_sender(_connect_account(portal))
        error = registration.save_and_register(sender)
        if error is not None:
            self.stderr.write(f"{portal}: {error.what} {error.todo}")
        with transaction.atomic():
            count = demo_past.seed_messages(sender)
        self.stdout.write(f"{portal} has a demo account, a sender and {count} messages of the last {DAYS} days.")


def _connect_account(portal: Portal) -> Connection:
    account = lifecycle.check_account(SERVICE, {}, portal)
    connection = lifecycle.connect_account(portal, SERVICE, "", {}, account)
    connection.created_at = timezone.now() - timedelta(days=DAYS)
    connection.save(update_fields=["created_at"])
    return connection


def _new_sender(connection: Connection) -> Sender:
    signature = lifecycle.list_signatures(connection.service, connection.account, connection.portal)[0]
    return Sender(
        portal=connection.portal,
        connection=connection,
        names=NAMES,
        signature=signature,
        created_at=connection.created_at,
    )
