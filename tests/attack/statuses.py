"""How long a portal waits for the final status of a message: from our row to its own acknowledgement."""

import time
from typing import Any

from tests.attack.measures import Times
from tests.attack.rows import portal_id
from tests.faults.house import House

FINAL = """
SELECT message_id, extract(epoch FROM final_at)::float8 FROM messaging_message
WHERE portal_id = %s AND status = 'delivered' AND final_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)
"""
LOOK_EVERY = 1.0


def told(house: House, began: float, ended: float) -> Times:
    """Return how long it took to tell a portal what was delivered between these moments (unix seconds).

    What it was not told counts as bad.
    """
    final = dict(house.sql(FINAL, portal_id(house), began, ended))
    shown = house.messages()
    times = {one: _told_at(shown[one]) for one in final if one in shown}
    seconds = [max(0.0, at - final[one]) for one, at in times.items() if at is not None]
    return Times.of(seconds, len(final) - len(seconds))


def wait_told(house: House, began: float, ended: float, patience: float) -> Times:
    """Return the same once nothing of it is left to be told, or when the patience ends."""
    end = time.monotonic() + patience
    while (found := told(house, began, ended)).bad and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
    return found


def _told_at(message: dict[str, Any]) -> float | None:
    return next((one["at"] for one in message["words"] if one["by"] == "rest" and one["status"] == "delivered"), None)
