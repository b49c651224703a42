"""Sessions of pages: a signed ticket with the portal, the user and the expiry."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing
from django.utils import timezone

from b24app.portals.errors import BadTicket
from b24app.portals.models import Portal

LIFETIME = timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=30)  # between two of our nodes, at most
SALT = "b24app.portals.ticket"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user a page is shown to; `portal` is the uuid, `language` Bitrix24's code."""

    portal: uuid.UUID
    user_id: int
    is_admin: bool
    language: str
    expires: datetime

    @property
    def issued_at(self) -> datetime:
        """The time the ticket was made."""
        return self.expires - LIFETIME


def mint_ticket(portal: Portal, user_id: int, is_admin: bool, language: str) -> str:  # noqa: FBT001 - a field like the others
    """Return a ticket for 15 minutes, of URL-safe characters."""
    expires = int((timezone.now() + LIFETIME).timestamp())
    return signing.dumps([portal.uuid.hex, user_id, is_admin, language, expires], salt=SALT, compress=True)


def read_ticket(ticket: str) -> Visitor:
    """Return whom a ticket was made for; raise BadTicket."""
    try:
        portal, user_id, is_admin, language, expires = signing.loads(ticket, salt=SALT, max_age=LIFETIME)
        visitor = Visitor(uuid.UUID(portal), user_id, is_admin, language, datetime.fromtimestamp(expires, UTC))
    except (signing.BadSignature, ValueError, TypeError):
        raise BadTicket from None
    if not timezone.now() < visitor.expires <= timezone.now() + LIFETIME + CLOCK_SKEW:
        raise BadTicket
    return visitor
