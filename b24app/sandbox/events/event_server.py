"""Bitrix24's event server, through which events and handler calls reach us (docs/bitrix24.md E.1, E.5, F.4).

It promises nothing: what it is given may come late, in another order or not at all, is never repeated, and an
application that answers slowly is called ever more rarely, for all of its portals.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from b24app.sandbox.runtime.http_post import Outcome, post_form
from b24app.sandbox.state import PortalState
from b24app.sandbox.world import World

SLOW_SECONDS = 1.0  # an answer that takes longer costs priority; Bitrix24 states no figure
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.2, 30.0

Kind = Literal["event", "call"]


@dataclass(frozen=True)
class Delivery:
    """A form to post for one portal; `note` is called with the outcome, also where it was lost on the way."""

    portal: PortalState
    kind: Kind
    url: str
    body: str
    note: Callable[[Outcome], None]


def is_prompt(portal: PortalState) -> bool:
    """Return whether handler calls of this portal are made at once."""
    switches = portal.switches
    return not (switches.call_delay or switches.disorder or switches.lose_calls or switches.penalty)


def accept_delivery(world: World, delivery: Delivery) -> None:
    """Take over what the portal sends, and deliver it in the background by the portal's switches."""
    switches = delivery.portal.switches
    if switches.take_loss(delivery.kind):
        delivery.note(Outcome(time.time(), None, "lost", 0.0))
        return
    delay = switches.event_delay if delivery.kind == "event" else switches.call_delay
    world.background.run_later(delay + random.uniform(0.0, switches.disorder), partial(_wait_turn, world, delivery))


def _wait_turn(world: World, delivery: Delivery) -> None:
    wait = 0.0
    if delivery.portal.switches.penalty:
        with world.lock:
            wait = world.lanes[_find_host(delivery)].take_turn(time.monotonic())
    if wait > 0:
        world.background.run_later(wait, partial(_post_form, world, delivery))
    else:
        _post_form(world, delivery)


def _post_form(world: World, delivery: Delivery) -> None:
    outcome = post_form(delivery.url, delivery.body, world.ca_file)
    with world.lock:
        if delivery.portal.switches.penalty:
            lane = world.lanes[_find_host(delivery)]
            lane.interval = _next_interval(lane.interval, outcome)
        delivery.note(outcome)
    world.touch()


def _find_host(delivery: Delivery) -> str:
    return urlsplit(delivery.url).netloc


def _next_interval(interval: float, outcome: Outcome) -> float:
    """Return the seconds between two calls from now on: doubled by a slow or failed one, halved by a quick one."""
    if outcome.status is None or outcome.status >= 500 or outcome.seconds > SLOW_SECONDS:
        return min(max(2 * interval, _FIRST_INTERVAL), _LONGEST_INTERVAL)
    return interval / 2 if interval > _FIRST_INTERVAL else 0.0
