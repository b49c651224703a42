"""Messages by the million, made in the database itself: a backlog, words to be told, and a past."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db.models import Model
from django.utils import timezone

from b24app.messaging.models import DeliveryReport, Message, Sender

AGO = "t.received_at + interval '365 days' * (g::float / {count} - 1) - interval '1 hour'"
NUMBER = "'+447700900' || lpad((g % 1000)::text, 3, '0')"

WAITING: Mapping[str, str] = {
    "message_id": "'back' || g", "text": "'Backlog'", "due_at": "t.due_at + interval '1 microsecond' * g",
}  # fmt: skip
TO_TELL: Mapping[str, str] = {
    **WAITING, "status": "'delivered'", "phase": "'done'", "due_at": "NULL", "push_at": "t.received_at",
    "ref": "'SMback' || g", "received_at": "t.received_at - interval '1 hour'",
}  # fmt: skip
OLD: Mapping[str, str] = {
    "message_id": "'old' || g", "raw_to": NUMBER, "to": NUMBER, "attempts": "1", "parts": "1",
    "status": "CASE g % 97 WHEN 0 THEN 'failed' ELSE 'delivered' END",
    "reason": "CASE g % 97 WHEN 0 THEN 'rejected' ELSE '' END",
    "phase": "'done'", "due_at": "NULL", "push_at": "NULL", "ref": "'SM' || md5(g::text)", "pushed": "'delivered'",
    "received_at": AGO, "first_attempt_at": AGO, "sent_at": AGO, "final_at": f"{AGO} + interval '5 seconds'",
    "expires_at": f"{AGO} + interval '1 day'", "day": f"({AGO})::date",
}  # fmt: skip


# One portal's past as varied as a journal's filters are; 300 days, so that a tenth lies in the usual window.
AT = AGO.replace("365 days", "300 days")
VARIED: Mapping[str, str] = {
    **OLD,
    **dict.fromkeys(("raw_to", "to"), "'+4477009' || lpad((g % 100000 * 7919 % 100000)::text, 5, '0')"),
    "status": "CASE WHEN g % 200 < 4 THEN 'failed' WHEN g % 200 < 6 THEN 'undelivered' WHEN g % 200 < 8 THEN 'sent' "
    "WHEN g % 20000 IN (9, 11) THEN 'queued' ELSE 'delivered' END",
    "reason": "CASE WHEN g % 200 < 3 THEN 'rejected' WHEN g % 200 = 3 THEN 'invalid_number' "
    "WHEN g % 200 < 6 THEN 'unreached' WHEN g % 20000 = 9 THEN 'timed_out' ELSE '' END",
    "phase": "CASE g % 20000 WHEN 9 THEN 'unknown' WHEN 11 THEN 'on_wire' ELSE 'done' END",
    "module": "(ARRAY['crm', 'bizproc', 'bizproc', 'sender', ''])[1 + (g / 7) % 5]",
    "origin": "CASE g % 5000 WHEN 13 THEN 'test' WHEN 14 THEN 'card' ELSE 'portal' END",
    "author_id": "1 + (g / 11) % 40",
    "received_at": AT, "first_attempt_at": AT, "sent_at": AT, "final_at": f"{AT} + interval '5 seconds'",
    "expires_at": f"{AT} + interval '1 day'", "day": f"({AT})::date",
}  # fmt: skip

OLDER: Mapping[str, str] = {name: sql.replace("'1 hour'", "'40 days'") for name, sql in OLD.items()}


def multiply(senders: Sequence[Sender], count: int, changed: Mapping[str, str]) -> None:
    """Insert `count` messages like one that each sender has just received, but for the columns that are `changed`.

    Values are SQL over `g`, the number from 1 to count, and `t`, the message that is copied.
    """
    now = timezone.now()
    patterns = [
        Message.objects.create(
            portal_id=one.portal_id,
            connection_id=one.connection_id,
            sender=one,
            bulk=one.bulk,
            message_id=f"pattern{one.pk}",
            to="+12025550100",
            raw_to="+12025550100",
            text="Your order is ready.",
            module="crm",
            author_id=1,
            received_at=now,
            due_at=now,
            expires_at=now + timedelta(days=1),
            day=now.date(),
        ).pk
        for one in senders
    ]
    values = {
        "reference": "gen_random_uuid()",
        **{name: sql.format(count=count).replace("%", "%%") for name, sql in changed.items()},
    }
    columns = [field.column for field in Message._meta.concrete_fields if not field.primary_key]
    chosen = ", ".join(f"{values[name]}" if name in values else f't."{name}"' for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    # In the order of g, so that the portals' rows lie among one another as they would have come.
    with database.cursor() as cursor:
        cursor.execute(
            f"""WITH t AS MATERIALIZED (
                    SELECT row_number() OVER (ORDER BY id) - 1 AS place, m.* FROM messaging_message m WHERE id = ANY(%s)
                )
                INSERT INTO messaging_message ({names})
                SELECT {chosen} FROM generate_series(1, %s) g JOIN t ON t.place = g %% %s""",
            [patterns, count, len(patterns)],
        )
    Message.objects.filter(pk__in=patterns).delete()


def grow_old(senders: Sequence[Sender], quiet: Sender, count: int) -> None:
    """So many messages of the past year, spread over the senders, each with its delivery report, and vacuumed.

    The `quiet` sender gets as many as each of the others, but none within the last forty days.
    """
    with _without_indexes(Message, DeliveryReport):
        multiply(senders, count, OLD)
        multiply([quiet], count // len(senders), OLDER)
        with database.cursor() as cursor:
            cursor.execute("ANALYZE messaging_message")
        _report_old(quiet)
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) messaging_message, messaging_deliveryreport")
        cursor.execute("CHECKPOINT")


def grow_varied(senders: Sequence[Sender], count: int) -> None:
    """So many messages of the past 300 days of one portal's senders, of every kind a journal tells apart; vacuumed."""
    with _without_indexes(Message):
        multiply(senders, count, VARIED)
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) messaging_message")
        cursor.execute("CHECKPOINT")


def _report_old(of: Sender) -> None:
    now = timezone.now()
    pattern = DeliveryReport.objects.create(
        connection_id=of.connection_id, fingerprint="pattern", status="delivered", word="delivered", due_at=None
    )
    values = {
        "connection_id": "m.connection_id", "fingerprint": "md5(m.id::text) || md5(m.ref)", "ref": "m.ref",
        "received_at": "m.final_at", "message_id": "m.id",
    }  # fmt: skip
    # The pattern is read first: the table that grows would be read again for every message else.
    columns = [field.column for field in DeliveryReport._meta.concrete_fields if not field.primary_key]
    chosen = ", ".join(values.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    with database.cursor() as cursor:
        cursor.execute(
            f"""WITH t AS MATERIALIZED (SELECT * FROM messaging_deliveryreport WHERE id = %s)
                INSERT INTO messaging_deliveryreport ({names})
                SELECT {chosen} FROM messaging_message m CROSS JOIN t WHERE m.final_at < %s ORDER BY m.id""",
            [pattern.pk, now],
        )
    pattern.delete()


@contextmanager
def _without_indexes(*models: type[Model]) -> Iterator[None]:
    """Take the secondary indexes and constraints off, and put them back as they were: far faster than row by row."""
    tables = [model._meta.db_table for model in models]
    with database.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('u', 'f') ORDER BY contype DESC""",
            [tables],
        )
        constraints: list[tuple[Any, ...]] = cursor.fetchall()
        for table, name, _ in constraints:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(
            """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
               WHERE indrelid::regclass::text = ANY(%s) AND NOT indisprimary""",
            [tables],
        )
        indexes: list[tuple[Any, ...]] = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with database.cursor() as cursor:
        for _, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in constraints:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        cursor.execute("RESET ALL")
