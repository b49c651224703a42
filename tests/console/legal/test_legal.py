"""The privacy policy and the licence agreement, read by people who never opened Bitrix24."""

import re
from datetime import date
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries, Settings

from b24app.console.legal import views
from b24app.portals.models import Portal

pytestmark = pytest.mark.django_db

PAGES = [(document, language) for document in ("privacy", "licence") for language in ("en", "ru")]
TITLES = {
    ("privacy", "en"): "Privacy policy of Sendline",
    ("privacy", "ru"): "Политика конфиденциальности Sendline",
    ("licence", "en"): "Licence agreement for Sendline",
    ("licence", "ru"): "Лицензионное соглашение Sendline",
}


@pytest.fixture(autouse=True)
def operator(settings: Settings) -> None:
    settings.OPERATOR_NAME = "Example Hosting <Ltd>"
    settings.OPERATOR_ADDRESS = "1 Example Street, Exampletown"
    settings.OPERATOR_EMAIL = "privacy@hosting.example"
    settings.OPERATOR_DATA_LOCATION = "Examplia"
    settings.SUPPORT_URL = "https://hosting.example/support"


def read(document: str, language: str = "", **headers: str) -> Any:
    name = "legal-in" if language else "legal"
    ids = {"document": document} | ({"language": language} if language else {})
    return Client(headers=headers).get(reverse(name, kwargs=ids))


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode()))


@pytest.mark.parametrize(("document", "language"), PAGES)
def test_each_page_is_read_whole_without_a_login_and_without_a_query(
    document: str, language: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = read(document, language)
    page = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f'<html lang="{language}" dir="ltr"' in page
    assert f"<h1>{TITLES[document, language]}</h1>" in page
    assert "Example Hosting &lt;Ltd&gt;" in page
    assert "1 Example Street, Exampletown" in page
    assert 'href="mailto:privacy@hosting.example"' in page
    assert 'href="https://hosting.example/support"' in page
    assert "<script" not in page
    assert "style=" not in page
    assert not answer.cookies


@pytest.mark.parametrize(("document", "language"), PAGES)
def test_anybody_may_keep_a_copy_and_nobody_may_frame_it(document: str, language: str) -> None:
    answer = read(document, language)
    assert sorted(answer["Cache-Control"].split(", ")) == ["max-age=3600", "public"]
    assert answer["Content-Language"] == language
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Accept-Language" not in answer.get("Vary", "")
    again = read(document, language, if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_a_compressed_copy_is_known_again_too() -> None:
    answer = read("privacy", "ru", accept_encoding="gzip")
    assert (answer["Content-Encoding"], answer["ETag"][:2]) == ("gzip", "W/")
    again = read("privacy", "ru", accept_encoding="gzip", if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "language"),
    [("ru", "ru"), ("ru-RU,ru;q=0.9", "ru"), ("en", "en"), ("de", "en"), ("ar", "en"), ("", "en")],
)
@pytest.mark.parametrize("document", ["privacy", "licence"])
def test_without_a_language_in_the_address_the_readers_own_is_taken_or_english(
    document: str, asked: str, language: str
) -> None:
    answer = read(document, accept_language=asked)
    assert f"<h1>{TITLES[document, language]}</h1>" in answer.content.decode()
    assert f'<html lang="{language}" dir="ltr"' in answer.content.decode()
    assert "Accept-Language" in answer["Vary"]
    assert answer["Content-Language"] == language


def test_a_language_in_the_address_stands_above_the_readers_own() -> None:
    assert TITLES["privacy", "en"] in words(read("privacy", "en", accept_language="ru"))


def test_each_page_leads_to_the_other_language() -> None:
    page = read("licence", "ru").content.decode()
    assert 'href="/legal/licence/en/"' in page
    assert 'href="/legal/privacy/ru/"' in page


@pytest.mark.parametrize(
    "address",
    [
        "/legal/",
        "/legal/imprint/",
        "/legal/privacy/de/",
        "/legal/privacy/../",
        "/legal/privacy/en/x/",
        "/legal/document/en/",
    ],
)
def test_what_is_no_page_is_not_found(address: str) -> None:
    assert Client().get(address).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_pages_are_only_read(method: str) -> None:
    assert getattr(Client(), method)("/legal/privacy/").status_code == 405
    assert Client().head("/legal/privacy/").status_code == 200


@pytest.mark.parametrize(("document", "language"), PAGES)
def test_an_operator_who_has_set_nothing_is_said_to_be_unnamed(
    document: str, language: str, settings: Settings
) -> None:
    for name in ("NAME", "ADDRESS", "EMAIL", "DATA_LOCATION"):
        setattr(settings, f"OPERATOR_{name}", "")
    settings.SUPPORT_URL = ""
    answer = read(document, language)
    unnamed = {"en": "The operator has not entered its name yet.", "ru": "Исполнитель ещё не указал своё название."}
    assert answer.status_code == 200
    assert unnamed[language] in words(answer)
    assert "mailto:" not in answer.content.decode()
    assert "Examplia" not in words(answer)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "phone numbers of messages: 90 days.",
                "delivery reports: 365 days.",
                "Technical log: 30 days.",
                "Names of CRM items: 30 days after",
                "What employees changed: 700 days.",
                "kept for 30 days, so that",
                "stored in: Examplia.",
            ),
        ),
        (
            "ru",
            (
                "телефонов в сообщениях, дней: 90.",
                "отчётами о доставке, дней: 365.",
                "Технический лог, дней: 30.",
                "дней после последнего показа: 30.",
                "сделанные сотрудниками, дней: 700.",
                "Срок хранения, дней: 30.",
                "Место хранения: Examplia.",
            ),
        ),
    ],
)
def test_the_privacy_policy_names_the_periods_that_are_kept(
    language: str, said: tuple[str, ...], settings: Settings
) -> None:
    settings.KEEP_CHANGES_DAYS = 700
    text = words(read("privacy", language))
    assert [one for one in said if one not in text] == []


def test_a_new_portal_keeps_its_data_as_long_as_the_policy_says() -> None:
    assert (Portal().keep_texts.days, Portal().keep_messages.days, Portal().keep_exchanges.days) == (90, 365, 30)


def test_the_licence_agreement_says_that_the_customer_pays_the_service() -> None:
    assert "The customer pays the external service itself." in words(read("licence", "en"))
    assert "Внешний сервис клиент оплачивает сам." in words(read("licence", "ru"))


def test_both_languages_have_the_same_sections() -> None:
    for document in ("privacy", "licence"):
        numbers = [re.findall(r"<h2>(\d+)\.", read(document, one).content.decode()) for one in ("en", "ru")]
        assert numbers[0] == numbers[1] == [str(one) for one in range(1, len(numbers[0]) + 1)]
        assert len(numbers[0]) >= 9


def test_the_day_of_the_last_change_is_written_out() -> None:
    assert views.CHANGED["privacy"] == date(2026, 11, 30)
    assert "In force since 30 November 2026" in words(read("privacy", "en"))
    assert "Действует с 30 ноября 2026 г." in words(read("privacy", "ru"))
