"""Exchanges of portals that have no row any more: a process was still calling them when they were erased."""

import random
from datetime import timedelta

from django.utils import timezone

from b24app.exchange_log import lookup, pruning
from b24app.portals.models import Portal

IDS_PER_ROUND = 10_000
AHEAD = timedelta(days=365)  # rows that a wrong clock dated in the future go too


def find_some() -> list[int]:
    """Return portals that are gone; where there are many portals, they are looked for among others each time."""
    blocks = lookup.highest_portal() // IDS_PER_ROUND + 1
    first = IDS_PER_ROUND * random.randrange(blocks)  # noqa: S311 - of no secret
    return find_between(first, first + IDS_PER_ROUND - 1)


def find_between(first: int, last: int) -> list[int]:
    """Return portals with ids from `first` to `last` that have exchanges but no row."""
    found = lookup.portals_between(first, last)
    present = set(Portal.objects.filter(pk__in=found).values_list("pk", flat=True))
    return [portal_id for portal_id in found if portal_id not in present]


def delete_exchanges(portal_id: int, limit: int) -> int:
    """Delete at most `limit` exchanges of a portal that is gone; return how many."""
    return pruning.prune_exchanges(portal_id, timezone.now() + AHEAD, limit)
