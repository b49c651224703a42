"""Credentials whose form a service publishes are checked before anything is sent."""

import pytest

from providers.kit import registry
from providers.kit.fields import BadField

HEX = "0123456789abcdefABCDEF0123456789"


def clean(code: str, name: str, value: str) -> str:
    field = next(one for one in registry.get(code).fields if one.name == name)
    return field.clean(value)


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        ("smsru", "api_id", "00000000-1111-2222-3333-444444444444"),
        ("telnyx", "api_key", "KEY0174C"),
        ("messagebird", "access_key", "live_4tPnnn"),
        ("messagebird", "access_key", "4tPnnn"),  # older keys have no prefix
        ("smsaero", "email", "alice@example.com"),
        ("eskiz", "email", "alice@example.com"),
    ],
)
def test_credentials_of_the_published_form_are_kept(code: str, name: str, value: str) -> None:
    assert clean(code, name, f" {value} ") == value


@pytest.mark.parametrize(
    ("code", "name", "value", "words"),
    [
        ("smsru", "api_id", "0" * 35, "36 characters"),
        ("smsru", "api_id", "0" * 37, "36 characters"),
        ("telnyx", "api_key", "01234", "starts with KEY"),
        ("messagebird", "access_key", "test_4tPnnn", "a test key"),
        ("smsaero", "email", "alice", "email address"),
        ("eskiz", "email", "+998 90 000 00 00", "email address"),
    ],
)
def test_others_are_refused_with_a_plain_sentence(code: str, name: str, value: str, words: str) -> None:
    with pytest.raises(BadField, match=words):
        clean(code, name, value)


def twilio_mistakes(**account: str) -> dict[str, str]:
    given = {"base_url": "https://api.twilio.com", "account_sid": f"AC{HEX}"} | account
    return {name: bad.words for name, bad in registry.get("twilio").mistakes(given).items()}


def test_sids_are_two_letters_and_32_hexadecimal_digits() -> None:
    assert twilio_mistakes() == {}
    assert twilio_mistakes(messaging_service_sid=f"MG{HEX}", api_key_sid=f"SK{HEX}") == {}
    wrong = twilio_mistakes(account_sid="123", messaging_service_sid=f"AC{HEX}", api_key_sid=f"SK{HEX}0")
    assert list(wrong) == ["account_sid", "messaging_service_sid", "api_key_sid"]
    assert wrong["account_sid"].startswith("Not a valid SID: it must be AC followed by 32")


@pytest.mark.parametrize(
    ("address", "checked"),
    [
        ("https://api.dublin.ie1.twilio.com", True),
        ("https://acme.signalwire.com/api/laml", False),  # project ids are UUIDs there
        ("https://nottwilio.com", False),
    ],
)
def test_services_with_the_dialect_of_twilio_have_ids_of_their_own(address: str, checked: bool) -> None:
    assert bool(twilio_mistakes(base_url=address, account_sid="0f1e2d3c-0000-4000-8000-000000000000")) == checked
