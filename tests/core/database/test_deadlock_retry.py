"""A real deadlock between two connections: the one PostgreSQL aborts tries again, and both write."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.portals.models import Portal
from tests import factories

MET: set[str] = set()


def in_circle(write: Callable[[int, int, threading.Barrier], None]) -> list[type[BaseException]]:
    """Lock two rows in two threads in opposite orders, and return the errors raised."""
    first, second = factories.portal().pk, factories.portal().pk
    meet = threading.Barrier(2, timeout=30)
    errors: list[type[BaseException]] = []

    def run(one: int, other: int) -> None:
        try:
            write(one, other, meet)
        except OperationalError as error:
            errors.append(type(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def write(one: int, other: int, meet: threading.Barrier) -> None:
    with transaction.atomic():
        Portal.objects.filter(pk=one).update(refused_calls=1)
        if threading.current_thread().name not in MET:  # the repeat need not meet anybody
            MET.add(threading.current_thread().name)
            meet.wait()
        Portal.objects.filter(pk=other).update(version="2")


@pytest.mark.django_db(transaction=True)
def test_without_a_repeat_one_of_two_is_lost() -> None:
    assert in_circle(write) == [OperationalError]


@pytest.mark.django_db(transaction=True)
def test_with_a_repeat_both_have_written() -> None:
    assert in_circle(retry_on_deadlock(write)) == []
    assert set(Portal.objects.values_list("refused_calls", "version")) == {(1, "2")}


@pytest.mark.django_db
def test_another_error_is_not_repeated() -> None:
    tries: list[int] = []

    @retry_on_deadlock
    def broken() -> None:
        tries.append(1)
        raise OperationalError

    with pytest.raises(OperationalError):
        broken()
    assert tries == [1]
