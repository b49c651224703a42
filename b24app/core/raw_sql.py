"""One statement on the doors' short way to PostgreSQL: one trip, and no question first whether the line lives."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg.sql
from django.db import DatabaseError, connection, models, transaction

from b24app.core.outage import AWAY


def execute_raw(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement that may run twice, in a transaction of its own or within the one that is open; its rows.

    A connection that turns out to be dead is replaced once; raises AWAY when that does not help. Values travel apart
    from the statement, so that PostgreSQL does not quote them in its log when it fails.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return _run(sql, values)
    kept = connection.connection is not None
    try:
        return _run(sql, values)
    except AWAY:
        # A statement that was given up because it took too long is not tried twice: its caller has waited enough.
        was_dead = kept and connection.connection.closed
        with suppress(DatabaseError):
            connection.close()
        if not was_dead:
            raise
    return _run(sql, values)


def _run(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql.encode(), values).fetchall()


def typed_columns(model: type[models.Model], names: Iterable[str]) -> str:
    """Columns with their types, as a record definition wants them: `"to" varchar(20), day date`."""
    return ", ".join(f"{quote_name(name)} {_field(model, name).db_type(connection)}" for name in names)


def quote_name(name: str) -> str:
    return str(connection.ops.quote_name(name))


def column_defaults(model: type[models.Model], given: Iterable[str]) -> Mapping[str, Any]:
    """What the model says of columns that are not given, by name; columns that start as NULL are left out.

    So a statement written by hand cannot forget a column that is added later. Raises TypeError for one that begins
    differently in each row: that must be given.
    """
    others = {field.attname for field in model._meta.concrete_fields if not field.primary_key} - set(given)
    fields = [_field(model, name) for name in sorted(others)]
    for field in fields:
        if field.has_default() and callable(field.default) and field.default not in (dict, list):
            raise TypeError(f"{field.attname} has to be given")
    found = {field.attname: field.get_default() for field in fields}
    return {name: value for name, value in found.items() if value is not None}


def sql_literal(value: object) -> str:
    """A constant of ours within a statement, with whatever type its place asks for."""
    return psycopg.sql.Literal(str(value) if isinstance(value, str) else value).as_string(None)


def as_json(values: object) -> str:
    """Rows as JSON for json_to_recordset: one value to send, however many rows and columns there are."""
    return json.dumps(values, default=str)


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    return next(field for field in model._meta.concrete_fields if field.attname == name)
