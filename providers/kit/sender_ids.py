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
        return [_("Short codes work in one country only.")]
    if kind is Kind.OTHER:
        return [_("Use up to 11 Latin letters and digits. Most operators change or reject longer or other sender IDs.")]
    if region in NOT_IN:
        return [
            _("Alphanumeric sender IDs are not supported in this country: messages are rejected or sent from a number.")
        ]
    if region in REGISTERED_IN:
        return [_("Alphanumeric sender IDs must be registered in this country. Register yours at the service.")]
    return []
