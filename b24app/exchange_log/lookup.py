"""Reading the log of exchanges with Bitrix24."""

from b24app.core.database import raw_sql
from b24app.exchange_log.models import PORTAL_PEERS

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


def names_of(portal_id: int) -> list[str]:
    """Return the names of the methods and events that a portal's exchanges have, in order."""
    return [name for (name,) in raw_sql.execute_raw(READ_NAMES, portal_id, portal_id)]
