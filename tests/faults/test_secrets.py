"""No secret in what is kept or printed, whatever goes wrong: told secrets are pushed through, and searched for."""

import os
from collections.abc import Iterator

import pytest

from tests.faults import trouble
from tests.faults.day import NUMBERS, Day
from tests.faults.house import House
from tests.faults.keeping import MEANT
from tests.faults.leaks import SHOWN, Kind, Search

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def _loud() -> Iterator[None]:
    """Everything that may be logged is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "LOG_LEVEL", "DEBUG")
        yield


@pytest.fixture(scope="module")
def day(_loud: None, house: House) -> Day:
    """Return a day on which everything went wrong."""
    day = Day(house)
    trouble.all_of_it(day)
    return day


@pytest.fixture(scope="module")
def search(day: Day) -> Search:
    return Search(day.sentinels())


def test_everything_went_wrong_that_should(day: Day) -> None:
    sql = day.house.sql
    messages = set(sql("SELECT status, reason FROM messaging_message"))
    assert messages >= {
        ("delivered", ""),
        ("undelivered", "unreached"),
        ("failed", "invalid_number"),
        ("failed", "opt_out"),
    }
    told = {(peer, status) for peer, status in sql("SELECT peer, status FROM journal_exchange")}
    assert told >= {("twilio", status) for status in (0, 200, 201, 400, 401, 429, 502, 503)}
    assert told >= {("http", status) for status in (0, 200, 400, 429, 502, 503)}
    assert told >= {("bitrix24", status) for status in (0, 200, 302, 401, 429, 502, 503)}
    assert sql("SELECT DISTINCT error FROM journal_exchange WHERE error LIKE 'WRONG%%'") == [("WRONG: ……",)]
    logged = b"".join(line for place in ("web", "worker") for line in day.kept.places[f"log of {place}"])
    for event in (
        b"database_unavailable",
        b"redis_unavailable",
        b"token_dead",
        b"portal_suspended",
        b"report_refused",
        b'"debug"',
    ):
        assert event in logged


def test_what_is_searched_for_lies_where_it_is_meant_to(day: Day, search: Search) -> None:
    kinds = {sentinel.kind for sentinel in day.sentinels()}
    assert kinds == set(Kind)
    assert len(day.tokens) > 20
    assert len(day.macs) > 20
    texts = b"\n".join(day.kept.places["messaging_message.text"])
    assert [name for name in search.names(texts) if name.startswith("text")] == ["text 0", "text 1", "text 2"]
    assert set(search.names(b"\n".join(day.kept.places["messaging_message.to"]))) >= set(NUMBERS)
    assert "spool" in day.kept.places
    assert "redis" in day.kept.places


def test_nothing_kept_or_printed_holds_a_secret_a_number_or_a_text(day: Day, search: Search) -> None:
    found = {
        place: names
        for place, several in day.kept.places.items()
        if (names := search.names(b"\n".join(several), but=MEANT.get(place, ())))
    }
    assert found == {}


def test_no_page_holds_a_credential_a_token_or_a_signed_address(day: Day, search: Search) -> None:
    found = {page: names for page, text in day.kept.pages.items() if (names := search.names(text.encode(), but=SHOWN))}
    assert found == {}
