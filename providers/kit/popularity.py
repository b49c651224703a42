"""In which order the catalogue offers services: first what firms of a country use, then what firms use everywhere.

A country has one line in `MARKETS`: its services, most used first. Whoever knows a market better changes its line.
Nobody publishes how many firms use which service, so nearly all of this is judgement: `basis` says what speaks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """What speaks for the order of a country."""

    BITRIX24 = "Bitrix24"
    """Bitrix24's own messageservice module has a connector for the first; the rest is judgement."""
    HOME = "home"
    """These services name the country as theirs, in their documentation; the order among them is judgement."""
    JUDGEMENT = "judgement"
    """Nothing but what is generally known of the market."""


@dataclass(frozen=True, slots=True)
class Market:
    """The services of a country, most used first."""

    services: Sequence[str]
    basis: Basis


POPULAR = (
    "twilio", "infobip", "vonage", "messagebird", "sinch", "plivo", "whatsapp", "telnyx", "clicksend", "aws",
    "clickatell", "smsapi", "gatewayapi", "elks46",
)  # fmt: skip
"""Services for many countries, most used first; judgement. The others follow by title."""

_LATIN_AMERICA = Market(("zenvia", "twilio", "infobip", "vonage"), Basis.HOME)
_AFRICA = Market(("africastalking", "twilio", "infobip"), Basis.HOME)
_GULF = Market(("unifonic", "infobip", "twilio"), Basis.HOME)
_INDIA = ("msg91", "plivo", "infobip", "twilio")  # all but the last have fields for DLT; MSG91 is Indian
_NORTH_AMERICA = Market(("twilio", "plivo", "telnyx", "vonage", "bandwidth"), Basis.JUDGEMENT)

MARKETS: Mapping[str, Market] = {
    "AE": _GULF,
    "AR": _LATIN_AMERICA,
    "AT": Market(("messagebird", "twilio", "vonage", "infobip"), Basis.JUDGEMENT),
    "AU": Market(("clicksend", "twilio", "messagebird", "sinch"), Basis.JUDGEMENT),
    "BE": Market(("messagebird", "twilio", "vonage", "infobip"), Basis.JUDGEMENT),
    "BG": Market(("smsapi", "infobip", "twilio"), Basis.HOME),
    "BH": _GULF,
    "BO": _LATIN_AMERICA,
    "BR": Market(("zenvia", "infobip", "twilio", "mobizon"), Basis.HOME),
    "BY": Market(("smsc",), Basis.HOME),
    "CA": _NORTH_AMERICA,
    "CH": Market(("messagebird", "twilio", "vonage", "infobip"), Basis.JUDGEMENT),
    "CI": _AFRICA,
    "CL": _LATIN_AMERICA,
    "CO": _LATIN_AMERICA,
    "DE": Market(("messagebird", "twilio", "vonage", "infobip", "mobizon"), Basis.JUDGEMENT),
    "DK": Market(("gatewayapi", "twilio", "elks46"), Basis.JUDGEMENT),
    "EC": _LATIN_AMERICA,
    "EG": _GULF,
    "ET": _AFRICA,
    "GB": Market(("twilio", "vonage", "clicksend", "messagebird"), Basis.JUDGEMENT),
    "GH": _AFRICA,
    "HR": Market(("infobip", "twilio"), Basis.JUDGEMENT),
    "IN": Market(_INDIA, Basis.HOME),
    "JO": _GULF,
    "KE": _AFRICA,
    "KG": Market(("smsc", "mobizon"), Basis.HOME),
    "KW": _GULF,
    "KZ": Market(("mobizon", "smsc"), Basis.HOME),
    "MW": _AFRICA,
    "MX": Market(("twilio", "zenvia", "infobip", "vonage"), Basis.JUDGEMENT),
    "NG": _AFRICA,
    "NL": Market(("messagebird", "twilio", "vonage"), Basis.JUDGEMENT),
    "NO": Market(("elks46", "gatewayapi", "twilio"), Basis.JUDGEMENT),
    "NZ": Market(("clicksend", "twilio", "messagebird"), Basis.JUDGEMENT),
    "OM": _GULF,
    "PE": _LATIN_AMERICA,
    "PL": Market(("smsapi", "twilio", "infobip"), Basis.HOME),
    "PY": _LATIN_AMERICA,
    "QA": _GULF,
    "RU": Market(("smsru", "smsc", "smsaero"), Basis.BITRIX24),
    "RW": _AFRICA,
    "SA": _GULF,
    "SE": Market(("elks46", "sinch", "smsapi", "twilio"), Basis.JUDGEMENT),
    "SN": _AFRICA,
    "TR": Market(("netgsm", "infobip", "twilio"), Basis.HOME),
    "TZ": _AFRICA,
    "UA": Market(("turbosms", "smsc", "mobizon"), Basis.HOME),
    "UG": _AFRICA,
    "US": _NORTH_AMERICA,
    "UY": _LATIN_AMERICA,
    "UZ": Market(("eskiz", "playmobile", "mobizon", "smsc"), Basis.HOME),
    "ZA": Market(("clickatell", "africastalking", "twilio", "infobip"), Basis.JUDGEMENT),
    "ZM": _AFRICA,
}
"""ISO code of a country to its services. Without a line: services at home there by title, then those of `POPULAR`."""


def suggest_services(country: str) -> Sequence[str]:
    """Return the codes of the services of a country, most used first; none for a country without a line."""
    market = MARKETS.get(country)
    return market.services if market else ()


def rank_of(code: str) -> int:
    """Return the place of a service among all; those that are not in `POPULAR` share the last."""
    return POPULAR.index(code) if code in POPULAR else len(POPULAR)
