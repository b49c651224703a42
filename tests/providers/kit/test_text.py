"""Segments: the vectors of docs/sms.md 2."""

import pytest

from providers.kit.segments import Measure, measure

VECTORS = [
    ("", "GSM-7", 0, 1),
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("a" * 306, "GSM-7", 306, 2),
    ("a" * 307, "GSM-7", 307, 3),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("a" * 158 + "€", "GSM-7", 160, 1),
    ("a" * 159 + "€", "GSM-7", 161, 2),
    ("a" * 152 + "€" + "a" * 151, "GSM-7", 305, 2),
    ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
    ("\n" * 160, "GSM-7", 160, 1),
    ("\r\n" * 80, "GSM-7", 160, 1),
    ("я" * 70, "UCS-2", 70, 1),
    ("я" * 71, "UCS-2", 71, 2),
    ("я" * 134, "UCS-2", 134, 2),
    ("я" * 135, "UCS-2", 135, 3),
    ("😀" * 35, "UCS-2", 70, 1),
    ("😀" * 36, "UCS-2", 72, 2),
    ("я" * 66 + "😀" + "я" * 65, "UCS-2", 133, 2),
    ("я" * 66 + "😀" + "я" * 66, "UCS-2", 134, 3),
    ("a" * 159 + "ё", "UCS-2", 160, 3),
]


@pytest.mark.parametrize(("text", "encoding", "units", "parts"), VECTORS)
def test_a_text_measures_as_computed(text: str, encoding: str, units: int, parts: int) -> None:
    measured = measure(text)

    assert (measured.encoding, measured.units, measured.parts) == (encoding, units, parts)


@pytest.mark.parametrize("char", "`\t\u00a0“”«»–—çáíóúя№ğşıİ")
def test_what_is_not_in_the_set_needs_ucs_2(char: str) -> None:
    assert measure(char).encoding == "UCS-2"


def test_the_whole_set_stays_in_gsm_7() -> None:
    whole = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà\f^{}\\[~]|€"

    assert measure(whole).encoding == "GSM-7"


def test_units_left_count_to_the_next_part() -> None:
    assert measure("a" * 150) == Measure("GSM-7", 150, 1, 10)
    assert measure("a" * 161) == Measure("GSM-7", 161, 2, 306 - 161)
    assert measure("a" * 152 + "€" + "a" * 151) == Measure("GSM-7", 305, 2, 0)
