"""Numbers: the vectors of reference/messages.md section 3."""

import pytest

from providers.kit.phones import BadNumber, mask, pretty, read_number

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


def test_a_masked_number_keeps_area_and_last_two_digits() -> None:
    assert mask("+12025550147") == "+1 202 *** ** 47"
    assert mask("+447700900123") == "+44 770 *** ** 23"
    assert mask("12") == "***"
    assert mask("INFO") == "***"


def test_a_pretty_number_is_international() -> None:
    assert pretty("+12025550147") == "+1 202-555-0147"
    assert pretty("ACME") == "ACME"
