"""What a message may be signed with: a number, a short code or an alphanumeric sender ID, and where that is not taken.

The rules of countries change and operators bend them, so a breach is a warning beside the box; the service decides.
"""

import re
from enum import StrEnum

from providers.kit.gsm import BASIC
from providers.kit.i18n import _

LONGEST_NAME = 11
"""Characters of an alphanumeric sender ID (GSM 03.40, an address of 14 septets at most; all services keep to 11)."""

NOT_IN = frozenset({"AR", "CA", "CN", "PR", "US"})
"""Countries whose operators take no alphanumeric sender ID.

US, CA, PR: developers.telnyx.com/docs/messaging/messages/alphanumeric-sender-id; CN: docs.aws.amazon.com/sms-voice/
latest/userguide/sender-id.html; AR: Vonage's country list. Read 2026-11-25; there are more, so absence says nothing.
"""
REGISTERED_IN = frozenset(
    {
        "AT",
        "AU",
        "BY",
        "EG",
        "ES",
        "FI",
        "ID",
        "IE",
        "IN",
        "JO",
        "KE",
        "KW",
        "KZ",
        "LK",
        "PH",
        "QA",
        "RU",
        "SA",
        "SG",
        "TH",
    }
)
"""Countries where a name must be registered first.

docs.aws.amazon.com/sms-voice/latest/userguide/registrations-country.html, read 2026-11-25.
"""

_NUMBER = re.compile(r"\+?[0-9]{7,15}")
_SHORT_CODE = re.compile(r"[0-9]{3,6}")


class Kind(StrEnum):
    """What a signature is; `other` is an id or alias that only the service understands."""

    NUMBER = "number"
    SHORT_CODE = "short code"
    NAME = "name"
    OTHER = "other"


def kind_of(signature: str) -> Kind:
    """Tell a number, a short code and a name apart."""
    compact = re.sub(r"[\s()-]", "", signature)
    if _SHORT_CODE.fullmatch(compact):
        return Kind.SHORT_CODE
    if _NUMBER.fullmatch(compact):
        return Kind.NUMBER
    return Kind.NAME if len(signature) <= LONGEST_NAME and set(signature) <= BASIC else Kind.OTHER


def warnings(signature: str, region: str = "") -> list[str]:
    """Return sentences on what may go wrong with a signature, for numbers of a region (ISO code) if there is one."""
    kind = kind_of(signature)
    if not signature or kind is Kind.NUMBER:
        return []
    if kind is Kind.SHORT_CODE:
        return [_("A short code works in one country only.")]
    if kind is Kind.OTHER:
        return [
            _("Longer than 11 characters, or not in the plain alphabet: most operators change or refuse such a name.")
        ]
    if region in NOT_IN:
        return [_("Operators of this country take no name: messages to it are refused, or signed with a number.")]
    if region in REGISTERED_IN:
        return [_("In this country a name must be registered through the service before it is used.")]
    return []
