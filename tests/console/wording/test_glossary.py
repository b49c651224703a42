"""The words of the interface: each language says one word for one thing, and none of ours.

The glossary is docs/glossary.md; what is forbidden here was found on screens once.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from b24app.messaging.models.statuses import Status
from providers.kit import errors

LOCALE = Path(__file__).parents[3] / "b24app" / "locale"
LANGUAGES = sorted(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/django.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\{?\w*\}?\}")

# English words that another word of the glossary replaces, by the word to use. Other people's screens are named as
# they name them: "Telnyx portal", "SMS gateway".
FORBIDDEN_ENGLISH: Mapping[str, str] = {
    r"(?<!Telnyx )(?<!Infobip )(?<!Clickatell )\bportals?\b": "Bitrix24",
    r"\bjournal\b": "Messages",
    r"\bstop list\b": "opt-out list",
    r"\bunsubscrib\w*": "opt out",
    r"\bundelivered\b(?!, failed)": "not delivered",
    r"\boutcomes?\b|\bfates?\b": "status",
    r"\bcarr(?:y|ies|ied)\b|\bhand(?:ed|s) (?:over|to)\b": "send",
    r"\b(?:is|are|was|were|be) told\b": "notify",
    r"\bwhoever\b|\bsomebody\b|\bnobody\b": "who it is",
    r"\bmend\w*": "fix",
    r"\bsignature\b": "sender ID",
    r"\btries\b(?! again)": "attempts",
    r"\bplease\b": "nothing",
    r"\bshall\b": "must",
    r"\bturn(?:ed)? it on again\b": "resume",
}
# The word for a customer's Bitrix24, an own word for the list of messages, and Bitrix24 in another alphabet.
FORBIDDEN: Mapping[str, str] = {
    "ar": "بوابت|البوابة",
    "de": r"\bPortal",
    "es": r"\bportal",
    "fr": r"\bportail",
    "hi": "पोर्टल",
    "id": r"\bportal",
    "it": r"\bportale",
    "ja": "ポータル",
    "kk": "портал|Bitrix24",
    "ms": r"\bportal",
    "pl": r"\bportal",
    "pt_BR": r"\bportal",
    "ru": r"портал|Bitrix24|\bжурнал(?!\w*\s*запрос)",
    "th": "พอร์ทัล",
    "tr": r"\bportal",
    "uk": r"портал|Bitrix24",
    "vi": r"\bcổng\b",
    "zh_Hans": "门户",
    "zh_Hant": "入口網站|門戶",
}
# English words of the product that no translation keeps; what a language has borrowed is left to it.
OURS = r"\b(?:senders?|opt-outs?|queued?|delivery reports?|credentials|quiet hours|undelivered|delivered|failed)\b"

PLAIN_WORDS = {"Rejected"}  # names of errors that people read too


@cache
def catalog(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language, domain="django")


def messages(language: str) -> Iterator[tuple[Message, str, str]]:
    """Return each message with its English and its translated text, placeholders left out."""
    for message in catalog(language):
        if message.id:
            yield message, _join(message.id), _join(message.string)


def _join(text: str | tuple[str, ...] | list[str] | None) -> str:
    forms = text if isinstance(text, tuple | list) else [text or ""]
    return PLACEHOLDER.sub(" ", " | ".join(forms))


@pytest.mark.parametrize(("forbidden", "instead"), FORBIDDEN_ENGLISH.items())
def test_no_english_text_uses_a_word_that_the_glossary_replaces(forbidden: str, instead: str) -> None:
    found = [english for _message, english, _text in messages("de") if re.search(forbidden, english, re.IGNORECASE)]
    assert found == [], f"say “{instead}”"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_calls_bitrix24_or_our_screens_by_another_word(language: str) -> None:
    forbidden = re.compile(FORBIDDEN[language], re.IGNORECASE)
    assert [
        text
        for _message, english, text in messages(language)
        if forbidden.search(text) and not re.search(r"\bport\b|portal|gateway|\blogs?\b", english, re.IGNORECASE)
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_keeps_an_english_word_of_ours(language: str) -> None:
    # Status codes that a person types, and names on other people's screens after a “>”, stay English.
    kept = re.compile(r"DELIVRD|>|Delivery reports?|callback|Queue|API|under Senders at", re.IGNORECASE)
    assert [
        text
        for _message, english, text in messages(language)
        if re.search(OURS, text, re.IGNORECASE) and not kept.search(english)
    ] == []


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_names_a_class_or_the_code_of_a_status(language: str) -> None:
    named = {name for name, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)}
    classes = "|".join(sorted(named - PLAIN_WORDS))
    codes = "|".join(Status.values)
    quoted = re.compile(rf"\b(?:{classes})\b|[“«„\"](?:{codes})[”»“\"]")
    source = "de" if language == "en" else language
    texts = [english if language == "en" else text for _message, english, text in messages(source)]
    assert [text for text in texts if quoted.search(text) and "DELIVRD" not in text] == []
