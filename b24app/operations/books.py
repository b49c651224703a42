"""The books of a day: every message that was accepted has ended, waits or is unknown, and is counted as what it is.

Rows and tallies are written by different statements of one transaction, so their sums agree at every moment. Both are
read by one statement here, so the traffic of the moment makes no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection as database
from django.utils import timezone

from b24app.core.database.keyset import iterate_pages
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal

PORTALS_AT_ONCE = 200
OPEN = (Phase.WAITING.value, Phase.ON_WIRE.value, Phase.UNKNOWN.value)
COUNTED = (Status.SENT.value, Status.DELIVERED.value, Status.UNDELIVERED.value, Status.FAILED.value)

# A day of a portal lies within three days of UTC, which is a range of the index.
BOOKS = """
WITH stored AS (
    SELECT portal_id, connection_id, CASE WHEN status = 'queued' THEN phase ELSE status END AS state, count(*) AS n
    FROM messaging_message
    WHERE portal_id = ANY(%(portals)s) AND day = %(day)s
      AND received_at >= %(day)s::date - interval '1 day' AND received_at < %(day)s::date + interval '2 days'
    GROUP BY 1, 2, 3
), counted AS (
    SELECT portal_id, connection_id, status AS state, sum(messages) AS n
    FROM messaging_daytally WHERE portal_id = ANY(%(portals)s) AND day = %(day)s GROUP BY 1, 2, 3
)
SELECT portal_id, connection_id, state, coalesce(s.n, 0), coalesce(c.n, 0)
FROM stored s FULL JOIN counted c USING (portal_id, connection_id, state) ORDER BY 1, 2, 3
"""


@dataclass(slots=True)
class Account:
    """A day of one account: messages by state, as rows say and as the tallies count."""

    portal_id: int
    connection_id: int
    stored: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """Return how many messages the account accepted: all of its rows."""
        return sum(self.stored.values())

    @property
    def errors(self) -> Mapping[str, tuple[int, int]]:
        """Return rows and tallies of each state in which they differ."""
        pairs = {state: (self.stored.get(state, 0), self.counted.get(state, 0)) for state in COUNTED}
        return {state: pair for state, pair in pairs.items() if pair[0] != pair[1]}


def read_books(day: date, portal: Portal | None = None) -> Iterator[Account]:
    """Yield the books of a day of every account that had messages, portal by portal.

    Portals whose rows of that day are deleted by now, or whose data are being erased, are left out.
    """
    portals = Portal.objects.filter(pk=portal.pk) if portal else Portal.objects.all()
    portals = portals.exclude(erase_at__lte=timezone.now(), uninstalled_at__isnull=False)
    portals = portals.only("pk", "keep_messages")
    for page in iterate_pages(portals, ["id"], lambda one: [one.pk], PORTALS_AT_ONCE):
        kept = [one.pk for one in page if _keeps_rows(one, day)]
        yield from _read_page(kept, day)


def _keeps_rows(portal: Portal, day: date) -> bool:
    oldest = datetime.combine(day, time.min, UTC) - timedelta(days=1)  # in any time zone
    return timezone.now() - portal.keep_messages < oldest


def _read_page(portals: list[int], day: date) -> Iterator[Account]:
    with database.cursor() as cursor:
        cursor.execute(BOOKS, {"portals": portals, "day": day})
        rows = cursor.fetchall()
    accounts: dict[tuple[int, int], Account] = {}
    for portal_id, connection_id, state, stored, counted in rows:
        account = accounts.setdefault((portal_id, connection_id), Account(portal_id, connection_id))
        account.stored[state], account.counted[state] = int(stored), int(counted)
    yield from accounts.values()
