"""Whether a call to a handler's address is accepted: knowing an address that was replaced is not enough to send.

The rule. A sender's address carries a generation. The newest is always valid, and earlier ones until the portal has
confirmed that it calls the newest; from then on they are refused. For one hour more a call to an earlier address is
accepted if it brings the portal's application_token, which the address does not contain: it may have waited in
Bitrix24's queue. An uninstallation invalidates every address, and a reinstallation all that were issued before it.

A call without an application_token is accepted: a message without an author has none (docs/bitrix24.md E.4). A call
with a token other than the stored one is refused unless it names this portal: an update changes the token, and
Bitrix24 may report that after the first calls or never (docs/bitrix24.md A.6). An attacker who knows a valid address
could leave the token out, so refusing such calls would keep nobody out and lose a portal's messages.

A call that names another address of the portal than we know may come from a restored copy of it. It is stored and held
until the OAuth server or an administrator confirms that address, and refused once an administrator has blocked it. A
call that names none cannot be told apart: it gets nowhere once the portal itself has new handler addresses.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from b24app.messaging.intake.payload import SenderSettings
from b24app.portals.callers import portal_copies
from b24app.portals.rest.responses import https_host

GRACE_PERIOD = timedelta(hours=1)  # how long Bitrix24 may delay a call

UNINSTALLED, EARLIER, REPLACED, FOREIGN = "uninstalled", "earlier installation", "address replaced", "foreign token"
COPY = "blocked copy"


class CallRefused(Exception):
    """A call that is not accepted; `why` names the rule and nothing from the call."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call proves its right to send with; `generation` is None if an older version spooled the call.

    `host` is where it says it comes from, "" if it does not.
    """

    generation: int | None
    application_token: str = field(default="", repr=False)
    member_id: str = ""
    host: str = ""

    @classmethod
    def of(cls, auth: Any, generation: int | None) -> Self:
        """Read them from a call's `auth`, which may have any shape."""
        fields = auth if isinstance(auth, Mapping) else {}
        token, member_id = fields.get("application_token"), fields.get("member_id")
        return cls(
            generation,
            token if isinstance(token, str) else "",
            member_id if isinstance(member_id, str) else "",
            portal_copies.named_host(auth),
        )


def has_matching_token(settings: SenderSettings, credentials: Credentials) -> bool:
    """Compare the call's application_token with the portal's in constant time; False if none is stored."""
    expected = settings.application_token.encode()
    given = credentials.application_token.encode("utf-8", "surrogatepass")
    return bool(expected) and hmac.compare_digest(expected, given)


def other_host(settings: SenderSettings, credentials: Credentials) -> str:
    """Return the address that a call names if it is none of the portal's, "" otherwise."""
    host = credentials.host
    known = (settings.domain, https_host(settings.client_endpoint), *settings.allowed_hosts)
    return "" if not host or portal_copies.is_among(host, known) else host


def find_refusal(settings: SenderSettings, credentials: Credentials, received_at: datetime) -> str | None:
    """Return why a call received at this moment is refused, None where it is accepted."""
    if settings.uninstalled:
        return UNINSTALLED
    if settings.earlier:
        return EARLIER
    if settings.blocked_hosts and other_host(settings, credentials) in settings.blocked_hosts:
        return COPY
    token_matches = has_matching_token(settings, credentials)
    if credentials.generation is not None and credentials.generation < settings.oldest_generation:
        in_grace_period = settings.previous_until is not None and received_at < settings.previous_until
        return None if token_matches and in_grace_period else REPLACED
    if credentials.application_token and settings.application_token and not token_matches:
        return None if credentials.member_id == settings.member_id else FOREIGN
    return None
