"""Rewriting: what becomes plain, what becomes Latin, and what is left alone."""

import pytest

from providers.kit.segments import measure
from providers.kit.transliteration import rewrite_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Yes” – she said…", '"Yes" - she said...'),
        ("«Да», ‘нет’", "\"Да\", 'нет'"),
        ("1\u00a0000\u2009€", "1 000 €"),
        ("soft\u00adhyphen and zero\u200bwidth", "softhyphen and zerowidth"),
        ("№ 5", "No 5"),
        ("tab\there, `quoted`", "tab here, 'quoted'"),
        ("é ñ ü Ç @ £ stay", "é ñ ü Ç @ £ stay"),
        ("👩\u200d👧 stays one family", "👩\u200d👧 stays one family"),
        ("a\u200db", "ab"),
        ("", ""),
    ],
)
def test_typographic_characters_become_plain(text: str, plain: str) -> None:
    assert rewrite_text(text, smart=True) == plain


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("Здравствуйте, щука!", "Zdravstvuyte, shchuka!"),
        ("İstanbul'da ığşç", "Istanbul'da igsc"),
        ("Καλημέρα ΣΩ", "Kalimera ΣΩ"),
        ("Łódź, señor, Größe", "Lodz, señor, Größe"),
        ("e\u0301te\u0301", "été"),
        ("“stays” 😀 №", "“stays” 😀 №"),
    ],
)
def test_other_alphabets_become_latin(text: str, latin: str) -> None:
    assert rewrite_text(text, latin=True) == latin


def test_nothing_is_rewritten_unasked() -> None:
    assert rewrite_text("“Да” – №5") == "“Да” – №5"


def test_both_together_bring_a_text_into_the_plain_alphabet() -> None:
    text = "Уважаемый клиент, ваш заказ № 1204 – готов. Ждём вас по адресу «Лесная, 5»."
    rewritten = rewrite_text(text, smart=True, latin=True)

    assert (measure(text).parts, measure(rewritten).parts) == (2, 1)
    assert measure(rewritten).encoding == "GSM-7"
