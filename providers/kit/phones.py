"""Telephone numbers: what people type becomes E.164, and E.164 becomes something to show.

The facts come from libphonenumber's offline metadata, which loads a country when it is first asked about.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import PhoneNumber
from phonenumbers import phonenumberutil as metadata
from phonenumbers.phonenumberutil import NumberParseException, PhoneNumberFormat, PhoneNumberType

from providers.kit.i18n import _

_UNLIKELY = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
    PhoneNumberType.PAGER,
}
# How many digits after a country code that several countries share tell which one it is.
_TELLING = {1: 3, 7: 3}
_TELLING_OTHERWISE = 6


class BadNumber(ValueError):
    """Not a number that could be called; `words` is a text for the translators."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A possible number. `likely` is false where it does not look like one that takes an SMS: warn, but send.

    `region` is an ISO code or ""; `national` holds digits only.
    """

    e164: str
    region: str
    likely: bool
    national: str


def read_number(raw: str, region: str = "") -> Number:
    """Read a number as people write it, in the portal's default region (ISO code); raise `BadNumber`.

    Possible is required and valid is not: new ranges reach the metadata late.
    """
    parsed = _parse_possible(raw, region)
    likely = metadata.is_valid_number(parsed) and metadata.number_type(parsed) not in _UNLIKELY
    return Number(
        e164=metadata.format_number(parsed, PhoneNumberFormat.E164),
        region=metadata.region_code_for_number(parsed) or "",
        likely=likely,
        national=metadata.national_significant_number(parsed),
    )


def is_not_mobile(e164: str) -> bool:
    """Return whether a number is known to be a landline, a toll-free number or the like, which rarely receive SMS."""
    parsed = metadata.parse(e164)
    return metadata.is_valid_number(parsed) and metadata.number_type(parsed) in _UNLIKELY


def read_e164(raw: str, region: str = "") -> str:
    """Read a number as `read_number` does, and return only its E.164 form: half the work."""
    return str(metadata.format_number(_parse_possible(raw, region), PhoneNumberFormat.E164))


def mask_number(e164: str) -> str:
    """Return a number as it is shown to those who may not see it: the country code and the last two digits."""
    shown = format_number(e164)
    country, space, rest = shown.partition(" ")
    if not space:
        return "•" * len(shown)
    hidden = (sign if not sign.isdigit() or place >= len(rest) - 2 else "•" for place, sign in enumerate(rest))
    return country + space + "".join(hidden)


def _parse_possible(raw: str, region: str) -> PhoneNumber:
    raw = raw.strip()
    if not raw:
        raise BadNumber(_("Enter a phone number."))
    if not region and re.fullmatch(r"[1-9][0-9]{9,14}", raw):
        raw = f"+{raw}"
    try:
        parsed = metadata.parse(raw, region.upper() or None)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise BadNumber(_("Unknown country code. Start the number with + and the country code.")) from None
        raise BadNumber(_("Enter a valid phone number.")) from None
    if not metadata.is_possible_number(parsed):
        raise BadNumber(_("The number has the wrong length for its country."))
    return parsed


def region_of(e164: str) -> str:
    """Return the ISO code of the country of a number that is E.164, "" for any other; cheap.

    The beginning tells it, but for the fixed lines of the Vatican, which count as Italian. A number that no country of
    its code knows belongs to the largest.
    """
    digits = e164.removeprefix("+")
    if not re.fullmatch(r"[0-9]{4,15}", digits):
        return ""
    for length in (1, 2, 3):
        code = int(digits[:length])
        regions = metadata.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
        if len(regions) == 1:
            return str(regions[0]) if regions[0].isalpha() else ""  # satellites and the like have digits
        if regions:
            national = digits[length:]
            return _region_among(code, national[: _TELLING.get(code, _TELLING_OTHERWISE)], len(national))
    return ""


@lru_cache(maxsize=8192)
def _region_among(code: int, beginning: str, length: int) -> str:
    alike = PhoneNumber(country_code=code, national_number=int(beginning.ljust(length, "2")))
    return metadata.region_code_for_number(alike) or str(metadata.region_code_for_country_code(code))


def national_digits(e164: str) -> str:
    """Return the digits after the country code, "" for what is not E.164."""
    try:
        return metadata.national_significant_number(metadata.parse(e164))
    except NumberParseException:
        return ""


def format_number(e164: str) -> str:
    """Return the number in international writing, e.g. "+1 202-555-0147"; what is not E.164 comes back as it is."""
    try:
        return metadata.format_number(metadata.parse(e164), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return e164
