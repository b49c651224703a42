"""When a method's operating time begins to be free again, as good answers told (docs/bitrix24.md C.4).

Each process remembers what it heard itself; where none has heard anything, a minute is waited.
"""

import threading
from collections import OrderedDict
from datetime import datetime

from b24app.portals.models import Portal

REMEMBERED = 10_000

_heard: OrderedDict[tuple[int, str], datetime] = OrderedDict()
_lock = threading.Lock()


def learn_operating_time(portal: Portal, method: str, free_at: datetime | None) -> None:
    """Remember `operating_reset_at` of a good answer."""
    if free_at is None:
        return
    with _lock:
        _heard[portal.pk, method] = free_at
        _heard.move_to_end((portal.pk, method))
        while len(_heard) > REMEMBERED:
            _heard.popitem(last=False)


def free_at(portal: Portal, method: str) -> datetime | None:
    """What was heard last, None if nothing."""
    with _lock:
        return _heard.get((portal.pk, method))
