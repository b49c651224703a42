"""Pages by key bring every row once and in order, and ask for no page too many."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest
from pytest_django import DjangoAssertNumQueries

from b24app.core.database.keyset import iterate_pages, rows_after
from b24app.messaging.models.guards import StoppedNumber
from tests import factories

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDER = ("-added_at", "number", "pk")
KEY = attrgetter("added_at", "number", "pk")
PK = attrgetter("pk")


@pytest.fixture(autouse=True)
def rows(db: None) -> list[StoppedNumber]:
    """Seven rows, some of one moment, as `ORDER` has them."""
    portal = factories.portal()
    made = [
        StoppedNumber(portal=portal, number=f"+1202555010{nth}", added_at=NOON + timedelta(minutes=nth // 3))
        for nth in range(7)
    ]
    StoppedNumber.objects.bulk_create(made)
    return sorted(made, key=lambda row: (-row.added_at.timestamp(), row.number))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 50])
def test_every_row_comes_once_and_in_order(rows: list[StoppedNumber], size: int) -> None:
    pages = list(iterate_pages(StoppedNumber.objects.all(), ORDER, KEY, size))
    assert [row for page in pages for row in page] == rows
    assert max(map(len, pages)) <= size


def test_nothing_is_queried_after_a_page_that_is_not_full(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):  # 3, 3, 1
        assert len(list(iterate_pages(StoppedNumber.objects.all(), ORDER, KEY, 3))) == 3
    with django_assert_num_queries(1):
        assert list(iterate_pages(StoppedNumber.objects.filter(number="+1"), ORDER, KEY, 3)) == []


def test_rows_may_go_and_come_between_two_pages(rows: list[StoppedNumber]) -> None:
    pages = iterate_pages(StoppedNumber.objects.all(), ORDER, KEY, 3)
    seen = next(pages)
    StoppedNumber.objects.filter(pk__in=[row.pk for row in seen]).delete()
    assert [row for page in pages for row in page] == rows[3:]


def test_tuples_have_pages_too(rows: list[StoppedNumber]) -> None:
    tuples = StoppedNumber.objects.values_list("pk", "number")
    pages = iterate_pages(tuples, ["-pk"], lambda row: row[:1], 4)
    assert [number for page in pages for _pk, number in page] == [row.number for row in sorted(rows, key=PK)[::-1]]


def test_the_condition_is_good_for_any_place(rows: list[StoppedNumber]) -> None:
    for nth, row in enumerate(rows):
        after = StoppedNumber.objects.filter(rows_after(ORDER, KEY(row))).order_by(*ORDER)
        assert list(after) == rows[nth + 1 :]
