"""URLs that only we can sign."""

from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from b24app.core import signed_urls


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.ADDRESS_KEYS = ["first", "second"]
    settings.PUBLIC_URL = "https://sendline.example"


def test_an_address_carries_a_signature_of_128_bits() -> None:
    url = signed_urls.handler_url("ab" * 16, 3)
    assert url.startswith(f"https://sendline.example/h/{'ab' * 16}/3/")
    assert len(urlsplit(url).path.split("/")[4]) == 22


def test_what_the_first_key_signed_is_still_ours_when_another_comes_before_it(settings: Settings) -> None:
    mac = signed_urls.sign_address("handler", "a", "1")
    settings.ADDRESS_KEYS = ["new", "first"]
    assert signed_urls.is_signed_by_us(mac, "handler", "a", "1")
    settings.ADDRESS_KEYS = ["new"]
    assert not signed_urls.is_signed_by_us(mac, "handler", "a", "1")


@pytest.mark.parametrize(
    "parts", [("handler", "a", "2"), ("handler", "b", "1"), ("report", "a", "1"), ("handler", "a\n1"), ("handler", "a")]
)
def test_a_signature_is_good_for_one_address_only(parts: tuple[str, ...]) -> None:
    assert not signed_urls.is_signed_by_us(signed_urls.sign_address("handler", "a", "1"), *parts)
