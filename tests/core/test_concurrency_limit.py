"""Places for long work: per tenant, in all, and half of them for slow tenants."""

import time
from contextlib import ExitStack
from threading import Barrier, Thread

import pytest

from b24app.core.concurrency_limit import Busy, ConcurrencyLimit


def test_one_tenant_has_its_share_and_leaves_the_rest() -> None:
    limit = ConcurrencyLimit(in_all=3, per_tenant=2)
    with limit.hold("alice"), limit.hold("alice"):
        with pytest.raises(Busy), limit.hold("alice"):
            pass
        with limit.hold("charlie"), pytest.raises(Busy), limit.hold("dana"):
            pass
        with limit.hold("dana"):
            pass


def test_a_place_is_given_back_whatever_happens() -> None:
    limit = ConcurrencyLimit(in_all=1, per_tenant=1)
    for _ in range(3):
        with pytest.raises(KeyError), limit.hold("alice"):
            raise KeyError
    with limit.hold("alice"):
        pass


def test_a_slow_tenant_has_one_place_and_all_of_them_half() -> None:
    limit = ConcurrencyLimit(in_all=4, per_tenant=2, slow_after=0.0)  # whoever was here is slow
    for tenant in ("alice", "charlie", "dana"):
        with limit.hold(tenant):
            pass
    with limit.hold("alice"):
        with pytest.raises(Busy), limit.hold("alice"):
            pass
        with limit.hold("charlie"):
            with pytest.raises(Busy), limit.hold("dana"):
                pass
            with limit.hold("emma"):
                pass


def test_who_holds_a_place_for_long_is_slow_meanwhile() -> None:
    limit = ConcurrencyLimit(in_all=4, per_tenant=2, slow_after=0.05)
    with ExitStack() as held:
        held.enter_context(limit.hold("alice"))
        held.enter_context(limit.hold("charlie"))
        time.sleep(0.1)
        with pytest.raises(Busy), limit.hold("alice"):
            pass
        held.enter_context(limit.hold("dana"))  # quick so far, so the other half is hers
        held.enter_context(limit.hold("dana"))


def test_threads_never_hold_more_than_there_is() -> None:
    limit = ConcurrencyLimit(in_all=3, per_tenant=3)
    begin, held, busy = Barrier(16), [], []

    def work() -> None:
        begin.wait()
        try:
            with limit.hold("alice"):
                held.append(1)
                time.sleep(0.3)
        except Busy:
            busy.append(1)

    threads = [Thread(target=work) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(held), len(busy)) == (3, 13)
