"""Reading the log of exchanges with Bitrix24."""

from b24app.core.database import raw_sql
from b24app.exchange_log.models import PORTAL_PEERS, Exchange

MAX_NAMES = 200

# Steps from one name to the next in the index, however many exchanges have each.
READ_NAMES = f"""
WITH RECURSIVE found AS (
    (SELECT name FROM journal_exchange WHERE portal_id = %s AND peer IN {PORTAL_PEERS} ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT e.name FROM journal_exchange e
            WHERE e.portal_id = %s AND e.peer IN {PORTAL_PEERS} AND e.name > f.name ORDER BY e.name LIMIT 1)
    FROM found f WHERE f.name IS NOT NULL
)
SELECT name FROM found WHERE name <> '' LIMIT {MAX_NAMES}
"""  # noqa: S608 - made of constants


# Steps from one portal to the next in the index, however many exchanges each has.
READ_PORTALS = """
WITH RECURSIVE found AS (
    (SELECT portal_id FROM journal_exchange WHERE portal_id BETWEEN %s AND %s ORDER BY portal_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.portal_id FROM journal_exchange e
            WHERE e.portal_id > f.portal_id AND e.portal_id <= %s ORDER BY e.portal_id LIMIT 1)
    FROM found f WHERE f.portal_id IS NOT NULL
)
SELECT portal_id FROM found WHERE portal_id IS NOT NULL
"""


def names_of(portal_id: int) -> list[str]:
    """Return the names of the methods and events that a portal's exchanges have, in order."""
    return [name for (name,) in raw_sql.execute_raw(READ_NAMES, portal_id, portal_id)]


def portals_between(first: int, last: int) -> list[int]:
    """Return the ids of portals, from `first` to `last`, that have exchanges."""
    return [portal_id for (portal_id,) in raw_sql.execute_raw(READ_PORTALS, first, last, last)]


def highest_portal() -> int:
    """Return the highest id of a portal that has exchanges, 0 if none has."""
    newest = Exchange.objects.filter(portal_id__isnull=False).order_by("-portal_id")
    return newest.values_list("portal_id", flat=True).first() or 0
