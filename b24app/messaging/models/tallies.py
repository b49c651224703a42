"""Move the day's tallies together with the statuses they count, in the same transaction; and this process's metrics."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection as database
from django.utils import timezone

from b24app.core.database.outage import AWAY
from b24app.core.monitoring import metrics
from b24app.messaging.models.connections import Connection
from b24app.messaging.models.statuses import Climb, Count, Status

MAX_REMEMBERED = 100_000
_services: dict[int, str] = {}  # by connection; a connection never changes its service

ADD_TO_TALLIES = """
INSERT INTO messaging_daytally AS t
       (portal_id, day, connection_id, sender_id, status, reason, currency, messages, parts, money, last_at)
SELECT * FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                     %s::int[], %s::int[], %s::numeric[], %s::timestamptz[])
ON CONFLICT (portal_id, day, connection_id, sender_id, status, reason, currency) DO UPDATE
SET messages = t.messages + excluded.messages, parts = t.parts + excluded.parts, money = t.money + excluded.money,
    last_at = greatest(t.last_at, excluded.last_at)
"""


@dataclass(slots=True)
class _TallyTotal:
    messages: int = 0
    parts: int = 0
    money: Decimal = Decimal(0)
    last_at: datetime | None = None  # when a message was last added; None if some were only removed

    def add(self, count: Count, sign: int) -> None:
        self.messages += sign
        self.parts += sign * (count.parts or 0)
        self.money += sign * (count.price or 0)

    @property
    def columns(self) -> tuple[int, int, Decimal, datetime | None]:
        return self.messages, self.parts, self.money, self.last_at


def move_tallies(climbed: Iterable[Climb]) -> None:
    """Move messages from the tally that counted them to the one that counts them now."""
    totals: defaultdict[tuple[object, ...], _TallyTotal] = defaultdict(_TallyTotal)
    now = timezone.now()
    for climb in climbed:
        key = (climb.portal_id, climb.day, climb.connection_id, climb.sender_id)
        if climb.before.status != Status.QUEUED:  # queued messages are counted live, from their partial index
            totals[*key, *_tally_key(climb.before)].add(climb.before, -1)
        total = totals[*key, *_tally_key(climb.after)]
        total.add(climb.after, 1)
        total.last_at = now
    if not totals:
        return
    # In key order, so that two writers cannot deadlock.
    rows = [(*key, *totals[key].columns) for key in sorted(totals, key=str)]
    with database.cursor() as cursor:
        cursor.execute(ADD_TO_TALLIES, [list(column) for column in zip(*rows, strict=True)])


def _tally_key(count: Count) -> tuple[str, str, str]:
    return count.status, count.reason, count.currency


def count_climbs(climbed: Sequence[Climb]) -> None:
    """Count status changes; called once they are committed."""
    services = services_of({climb.connection_id for climb in climbed})
    for climb in climbed:
        service = services.get(climb.connection_id, metrics.OTHER)
        metrics.STATUSES.labels(service, climb.after.status, climb.after.reason).inc()


def services_of(connections: Collection[int]) -> dict[int, str]:
    """Return the services of connections, without those that cannot be read now."""
    missing = [pk for pk in connections if pk not in _services]
    if missing:
        if len(_services) > MAX_REMEMBERED:
            _services.clear()
        try:
            _services.update(Connection.objects.filter(pk__in=missing).values_list("pk", "service"))
        except AWAY:
            return {pk: _services[pk] for pk in connections if pk in _services}
    return {pk: _services[pk] for pk in connections if pk in _services}
