"""The texts of the market's card keep its rules, say the same in both languages, and use the words of the interface."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from django.utils.translation import gettext, override

from b24app.console.help.releases import RELEASES, VERSION
from b24app.console.legal import views
from providers.demo import Demo
from providers.kit import registry

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "market"
FIELDS = ("name", "categories", "tags", "short", "full", "installation", "news", "keywords", "support", "links")
LANGUAGES = ("en", "ru")
FIRST_STEPS = ("Connect a service", "Try the demo service", "Save and activate", "Send test")
NO_BRANDS = {"SMPP", "Demo", "Custom HTTP gateway"}
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def card(language: str) -> Mapping[str, str]:
    """Return the fields of the card, which both languages have in the same order."""
    text = (FOLDER / f"card.{language}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## .+\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(FIELDS, (one.strip() for one in parts), strict=True))


def bullets(text: str) -> Sequence[str]:
    return [re.sub(r"\s+", " ", one).strip() for one in re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE)]


def joined(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def brands() -> Sequence[str]:
    titles = {str(one.title) for one in registry.services().values()} - NO_BRANDS
    return sorted(one.partition(" (")[0] for one in titles)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_name_is_that_of_the_agreement(language: str) -> None:
    assert card(language)["name"] == views.PRODUCT == "Sendline"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", ["categories", "tags"])
def test_categories_and_tags_are_few(language: str, field: str) -> None:
    chosen = bullets(card(language)[field])
    assert 1 <= len(set(chosen)) == len(chosen) <= 5
    assert len(chosen) == len(bullets(card("en")[field]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_short_description_is_short(language: str) -> None:
    short = joined(card(language)["short"])
    assert 1 <= len(re.findall(r"[.!?](?: |$)", short)) <= 2
    assert len(short) <= 250
    assert "Sendline" not in short


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "plan that allows applications of the Market",
                "An administrator of Bitrix24",
                "self-hosted",
                "20 accounts",
            ),
        ),
        ("ru", ("Тариф Битрикс24", "Администратор Битрикс24", "коробочный", "20 аккаунтов")),
    ],
)
def test_the_limitations_are_said(language: str, said: Sequence[str]) -> None:
    assert [one for one in said if one not in joined(card(language)["full"])] == []


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "You pay the external SMS service yourself"), ("ru", "Внешний SMS-сервис вы оплачиваете сами")],
)
def test_who_pays_the_service_is_said(language: str, said: str) -> None:
    assert said in joined(card(language)["full"])
    assert bullets(card(language)["links"])[-1].endswith({"en": ": yes", "ru": ": да"}[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_service_is_named(language: str) -> None:
    full = joined(card(language)["full"])
    assert [one for one in brands() if one not in full] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_keywords_are_no_spam(language: str) -> None:
    keywords = joined(card(language)["keywords"])
    words = [one.strip().lower() for one in keywords.split(",")]
    assert 10 <= len(words) == len(set(words))
    assert len(keywords) <= 2000
    assert [one for one in brands() if one.lower() in words] == []
    assert not re.search("bitrix|битрикс", keywords, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_installation_is_complete(language: str) -> None:
    """Its steps are numbered, it tells where keys are found, and buttons are called as on the screens."""
    text = joined(card(language)["installation"])
    steps = re.findall(r"^(\d+)\. ", card(language)["installation"], re.MULTILINE)
    assert steps == [str(one) for one in range(1, 10)]
    assert "Account SID" in text
    buttons = ("Test connection", "Delivery report URL", *FIRST_STEPS)
    with override(language):
        assert [one for one in buttons if gettext(one) not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_newest_version_is_described(language: str) -> None:
    news = card(language)["news"]
    assert re.findall(r"^### (.+)$", news, re.MULTILINE)[0] == VERSION
    notes = next(one.notes for one in RELEASES if one.version == VERSION)
    with override(language):
        assert bullets(news) == [str(one) for one in notes]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_advertised(language: str) -> None:
    text = (FOLDER / f"card.{language}.md").read_text(encoding="utf-8").lower()
    found = re.findall(
        r"discount|promo|cheap|best |special offer|buy now|скидк|акци[яию]\b|дешев|лучш|спецпредлож|!", text
    )
    assert found == []


def test_the_english_card_is_english() -> None:
    for name in ("docs/market/card.en.md", "docs/market/testing.en.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert CYRILLIC.findall(text) == []
        assert re.findall(r"https?://\S+|\S+\.ru/", text) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_moderator_is_given_the_numbers_of_the_demo_service(language: str) -> None:
    text = (FOLDER / f"testing.{language}.md").read_text(encoding="utf-8")
    with override(language):
        buttons = [gettext(one) for one in (*FIRST_STEPS, "Continue")]
    assert [one for one in buttons if one not in joined(text.replace("\n>", "\n"))] == []
    given = [one.replace(" ", "") for one in re.findall(r"^> \| (\+[0-9 ]+) \|", text, re.MULTILINE)]
    assert given == [number for number, _ in Demo.rehearsals]


def test_both_languages_say_equally_much() -> None:
    english, russian = card("en"), card("ru")
    for field in FIELDS:
        assert len(bullets(english[field])) == len(bullets(russian[field])), field


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_links_are_pages_of_the_application(language: str) -> None:
    links = re.findall(r"`PUBLIC_URL(/[a-z/]+)`", card(language)["links"])
    assert links == [f"/legal/{document}/{language}/" for document in views.CHANGED]
