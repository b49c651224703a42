"""Which employees of a portal have sent anything."""

from django.db import connection as database

from b24app.portals.models import Portal

# One index look-up per employee, however many messages each has sent.
AUTHORS = """
WITH RECURSIVE author(id) AS (
    (SELECT author_id FROM messaging_message
     WHERE portal_id = %(portal)s AND author_id > 0 ORDER BY author_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.author_id FROM messaging_message m
            WHERE m.portal_id = %(portal)s AND m.author_id > author.id ORDER BY m.author_id LIMIT 1)
    FROM author WHERE author.id IS NOT NULL
)
SELECT id FROM author WHERE id IS NOT NULL LIMIT %(limit)s
"""


def authors_of(portal: Portal, limit: int) -> list[int]:
    """Return the user ids of employees who have sent messages, in ascending order, at most `limit`."""
    with database.cursor() as cursor:
        cursor.execute(AUTHORS, {"portal": portal.pk, "limit": limit})
        return [author for (author,) in cursor.fetchall()]
