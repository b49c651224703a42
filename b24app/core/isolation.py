"""Processing rows of many tenants together so that one that raises does not cost the others."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import structlog
from psycopg.errors import LockNotAvailable, QueryCanceled

from b24app.core.database.outage import AWAY

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
SetAside = Callable[[Item, Exception], object]


def work_isolated(
    items: Sequence[Item], work: Callable[[Sequence[Item]], Outcome], set_aside: SetAside[Item]
) -> list[Outcome]:
    """Work on all items in one call; if that raises, on halves, down to the items at fault, which are set aside.

    `work` must be one transaction: all or nothing, and safe to repeat. Return what each successful call returned, which
    is one outcome where nothing raised. Raise AWAY, as then no item is at fault.
    """
    if not items:
        return []
    try:
        return [work(items)]
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one row raises
        return work_apart(items, work, set_aside, error)


def work_apart(
    items: Sequence[Item], work: Callable[[Sequence[Item]], Outcome], set_aside: SetAside[Item], error: Exception
) -> list[Outcome]:
    """Continue as `work_isolated` does after `work` has raised `error` on all items together."""
    if len(items) > 1:
        middle = len(items) // 2
        halves = (items[:middle], items[middle:])
        return [outcome for half in halves for outcome in work_isolated(half, work, set_aside)]
    for item in items:
        _call_set_aside(item, error, set_aside)
    return []


def work_each(items: Iterable[Item], work: Callable[[Item], Outcome], set_aside: SetAside[Item]) -> list[Outcome]:
    """Work on items one after the other, set aside those that raise, and return what the others returned.

    An item whose statement times out, or whose rows stay locked, is set aside too: a loop that stopped there would stop
    there every time. Raise any other AWAY.
    """
    outcomes: list[Outcome] = []
    for item in items:
        try:
            outcomes.append(work(item))
        except AWAY as error:
            if not isinstance(error.__cause__, QueryCanceled | LockNotAvailable):
                raise
            _call_set_aside(item, error, set_aside)
        except Exception as error:  # noqa: BLE001 - whatever one row raises
            _call_set_aside(item, error, set_aside)
    return outcomes


def _call_set_aside(item: Item, error: Exception, set_aside: SetAside[Item]) -> None:
    try:
        set_aside(item, error)
    except AWAY:
        raise
    except Exception as broken:  # even then the others go on
        log.exception("set_aside_failed", item=str(item)[:60] if isinstance(item, int) else "", exc_info=broken)
