"""Delivery reports that arrived before their message had the service's id."""

from collections.abc import Sequence

from django.db import connection as database
from django.utils import timezone

MAKE_DUE = """
UPDATE messaging_deliveryreport r SET due_at = %s
FROM unnest(%s::bigint[], %s::text[]) AS w(connection_id, ref)
WHERE r.connection_id = w.connection_id AND r.ref = w.ref AND r.message_id IS NULL
RETURNING r.connection_id
"""


def make_due(refs: Sequence[tuple[int, str]]) -> set[int]:
    """Make reports due that arrived before their ref was stored; return their connections.

    Call it with (connection, ref) pairs wherever a message learns its ref, once that is committed.
    """
    if not refs:
        return set()
    with database.cursor() as cursor:
        cursor.execute(MAKE_DUE, [timezone.now(), *(list(column) for column in zip(*refs, strict=True))])
        return {connection_id for (connection_id,) in cursor.fetchall()}
