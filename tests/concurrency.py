"""Do things at the same time, on connections of their own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection as database
from django.db import transaction


def wait_for_lock() -> bool:
    """Until somebody waits for a lock in this database."""
    for _ in range(600):
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return True
        time.sleep(0.1)
    return False


@contextmanager
def hold_lock(lock: Callable[[], object]) -> Iterator[None]:
    """Keep open, in a thread of its own, a transaction in which `lock` has locked something, while the block runs."""
    is_held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            lock()
            is_held.set()
            let_go.wait(60)
        database.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(30)
        yield
    finally:
        let_go.set()
        thread.join(30)


def run_together(*work: Callable[[], object]) -> None:
    """Do each in a thread of its own, all beginning together; raise what one of them raised."""
    ready = threading.Barrier(len(work), timeout=30)

    def do(one: Callable[[], object]) -> None:
        ready.wait()
        try:
            one()
        finally:
            database.close()

    with ThreadPoolExecutor(len(work)) as pool:
        done = [pool.submit(do, one) for one in work]
    for one in done:
        one.result()
