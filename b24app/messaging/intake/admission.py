"""Whether a call at a handler's address is taken: who knows an address that was replaced shall not send with it.

The rule. A sender's address carries a generation. The newest is always good, and the ones before it until the portal
has confirmed that it calls the newest: then they are refused. A call that was under way in Bitrix24's queue meanwhile
is taken for an hour more where it brings the portal's application_token, which the address alone does not tell. With
an uninstallation every address is refused, and after the return all that were given out before it.

A call without an application_token is taken: a message without an author brings none (docs/bitrix24.md E.4). One with
another token than the one we know is refused unless it names this portal: an update changes the token, and Bitrix24 may
tell us of it after the first calls or never (docs/bitrix24.md A.6). Whoever knows a good address could leave the token
out, so to refuse such calls would keep nobody out and lose a portal's messages.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from b24app.messaging.intake.payload import SenderSettings

UNDER_WAY = timedelta(hours=1)  # how long Bitrix24 may hold a call back

UNINSTALLED, EARLIER, REPLACED, FOREIGN = "uninstalled", "earlier installation", "address replaced", "foreign token"


class CallRefused(Exception):
    """A call that is not taken; `why` names the rule and nothing of the call."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call shows of its right to send; `generation` is None where an older version kept it on disk."""

    generation: int | None
    application_token: str = field(default="", repr=False)
    member_id: str = ""

    @classmethod
    def of(cls, auth: Any, generation: int | None) -> Self:
        """Read them from a call's `auth`, whatever shape that has."""
        fields = auth if isinstance(auth, Mapping) else {}
        token, member_id = fields.get("application_token"), fields.get("member_id")
        return cls(generation, token if isinstance(token, str) else "", member_id if isinstance(member_id, str) else "")


def is_vouched_for(terms: SenderSettings, shown: Credentials) -> bool:
    """Does the call bring the application_token that we know of the portal? Compared in constant time."""
    known, given = terms.application_token.encode(), shown.application_token.encode("utf-8", "surrogatepass")
    return bool(known) and hmac.compare_digest(known, given)


def reason_to_refuse(terms: SenderSettings, shown: Credentials, received_at: datetime) -> str | None:
    """Return why a call received at this moment is not taken, None where it is."""
    if terms.uninstalled:
        return UNINSTALLED
    if terms.earlier:
        return EARLIER
    vouched = is_vouched_for(terms, shown)
    if shown.generation is not None and shown.generation < terms.oldest_generation:
        under_way = terms.previous_until is not None and received_at < terms.previous_until
        return None if vouched and under_way else REPLACED
    if shown.application_token and terms.application_token and not vouched:
        return None if shown.member_id == terms.member_id else FOREIGN
    return None
