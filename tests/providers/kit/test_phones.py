"""Numbers: the vectors of docs/sms.md 5."""

import phonenumbers
import pytest

from providers.kit.phones import BadNumber, format_number, read_number, region_of

READABLE = [
    ("8 (916) 123-45-67", "RU", "+79161234567"),
    ("9161234567", "RU", "+79161234567"),
    ("8 701 123 45 67", "KZ", "+77011234567"),
    ("90 123 45 67", "UZ", "+998901234567"),
    ("0531 123 45 67", "TR", "+905311234567"),
    ("00 90 531 123 45 67", "TR", "+905311234567"),
    ("067 123 45 67", "UA", "+380671234567"),
    ("380671234567", "UA", "+380671234567"),
    ("тел. +7(916)1234567", "", "+79161234567"),
    ("+44 7400 123456 ext 12", "", "+447400123456"),
    ("011 15-2345-6789", "AR", "+5491123456789"),
    ("998901234567", "", "+998901234567"),
    ("+1-800-FLOWERS", "", "+18003569377"),
    (" +1 202 555 0147 ", "ru", "+12025550147"),
]


@pytest.mark.parametrize(("raw", "region", "e164"), READABLE)
def test_a_number_is_read_as_people_write_it(raw: str, region: str, e164: str) -> None:
    assert read_number(raw, region).e164 == e164


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("007 916 1234567", "RU"),
        ("+7 916 123", "RU"),
        ("112", "RU"),
        ("0800 123 45 67", "RU"),
        ("", "RU"),
        ("   ", ""),
        ("Anna", "RU"),
        ("067 123 45 67", ""),
        ("+999 123456789", ""),
        ("+" + "1" * 300, ""),
        ("\x00\ud800", "RU"),
    ],
)
def test_what_is_no_number_is_refused_with_words(raw: str, region: str) -> None:
    with pytest.raises(BadNumber) as refused:
        read_number(raw, region)

    assert refused.value.words


def test_a_number_says_its_country_and_whether_it_is_likely_to_take_an_sms() -> None:
    mobile = read_number("+7 916 123-45-67")

    assert (mobile.region, mobile.likely, mobile.national) == ("RU", True, "9161234567")
    assert read_number("+1-800-FLOWERS").likely is False
    assert read_number("+44 20 7946 0123").likely is False


def test_a_pretty_number_is_international() -> None:
    assert format_number("+12025550147") == "+1 202-555-0147"
    assert format_number("ACME") == "ACME"


@pytest.mark.parametrize(
    ("e164", "region"),
    [
        ("+12025550147", "US"),
        ("+14165550147", "CA"),
        ("+18765550147", "JM"),
        ("+77011234567", "KZ"),
        ("+79990000123", "RU"),
        ("+447797712345", "JE"),
        ("+447700900123", "GB"),
        ("+380671234567", "UA"),
        ("+88216123456", ""),  # satellites belong to no country
        ("+999999999999", ""),
        ("555-01", ""),
        ("", ""),
    ],
)
def test_the_country_of_a_number_is_told_by_its_beginning(e164: str, region: str) -> None:
    assert region_of(e164) == region


def test_every_country_is_told_as_the_metadata_tell_it() -> None:
    wrong = set()
    for region in phonenumbers.SUPPORTED_REGIONS - {"VA"}:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                if region_of(e164) != phonenumbers.region_code_for_number(example):
                    wrong.add((region, e164))
    assert wrong == set()
