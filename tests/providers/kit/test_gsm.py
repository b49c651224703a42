"""The alphabet of SMS, against codes read from the table of 3GPP TS 23.038."""

import pytest

from providers.kit.gsm import ALPHABET, BASIC, EXTENSION, encode_character


@pytest.mark.parametrize(
    ("char", "code"),
    [("@", b"\x00"), ("_", b"\x11"), ("Ξ", b"\x1a"), ("A", b"A"), ("¿", b"\x60"), ("à", b"\x7f"), ("€", b"\x1b\x65")],
)
def test_a_character_has_its_code(char: str, code: bytes) -> None:
    assert encode_character(char) == code


def test_no_character_stands_twice_and_the_escape_is_none() -> None:
    assert (len(ALPHABET), len(set(ALPHABET)), len(BASIC)) == (128, 128, 127)
    assert not BASIC & EXTENSION.keys()


@pytest.mark.parametrize("char", ["\x1b", "`", "я", "ç"])
def test_what_is_not_in_it_has_none(char: str) -> None:
    with pytest.raises(KeyError):
        encode_character(char)
