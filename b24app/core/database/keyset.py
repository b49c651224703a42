"""Pages by key: each begins behind the last row of the one before, so the deepest is as quick as the first.

An OFFSET would be read and thrown away, and would skip or repeat rows where some are inserted or deleted meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

Row = TypeVar("Row")


def rows_after(order: Sequence[str], key: Sequence[Any]) -> Q:
    """Return the condition for the rows behind `key` in `order`.

    `order` is that of the query, as `order_by` takes it, and ends with a unique column; `key` has a value for each of
    its columns, none of them null.
    """
    (first, *others), (value, *values) = order, key
    column = first.removeprefix("-")
    operator = "lt" if first.startswith("-") else "gt"
    strictly = Q((f"{column}__{operator}", value))
    if not others:
        return strictly
    # The bound on the first column is a range of the index; of the rest PostgreSQL makes a filter.
    return Q((f"{column}__{operator}e", value)) & (strictly | rows_after(others, values))


def iterate_pages(
    rows: "QuerySet[Any, Row]", order: Sequence[str], key_of: Callable[[Row], Sequence[Any]], size: int
) -> Iterator[list[Row]]:
    """Yield all rows in `order`, in pages of at most `size`; `key_of` returns a row's values of the ordering columns.

    A page is queried when it is asked for. After a page that is not full nothing more is queried.
    """
    ordered = rows.order_by(*order)
    page = list(ordered[:size])
    while page:
        yield page
        page = list(ordered.filter(rows_after(order, key_of(page[-1])))[:size]) if len(page) == size else []
