"""Running one statement in a single round trip, without Django's check that the connection is alive."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg.sql
from django.db import DatabaseError, connection, models, transaction

from b24app.core.database.outage import AWAY


def execute_raw(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run an idempotent statement, in the open transaction or else in its own, and return its rows.

    A connection that turns out to be dead is replaced once; raise AWAY when that does not help. Values are sent apart
    from the statement, so that PostgreSQL does not quote them in its log when it fails.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return _execute_once(sql, values)
    was_connected = connection.connection is not None
    try:
        return _execute_once(sql, values)
    except AWAY:
        # A statement that timed out is not tried twice: its caller has waited enough.
        was_dead = was_connected and connection.connection.closed
        with suppress(DatabaseError):
            connection.close()
        if not was_dead:
            raise
    return _execute_once(sql, values)


def _execute_once(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql.encode(), values).fetchall()


def typed_columns(model: type[models.Model], names: Iterable[str]) -> str:
    """Return columns with their types, as in a record definition: `"to" varchar(20), day date`."""
    return ", ".join(f"{quote_name(name)} {_model_field(model, name).db_type(connection)}" for name in names)


def quote_name(name: str) -> str:
    """Return a column's or table's name quoted for a statement."""
    return str(connection.ops.quote_name(name))


def column_defaults(model: type[models.Model], given: Iterable[str]) -> Mapping[str, Any]:
    """Return the model's defaults of the columns not given, by name, without those that default to NULL.

    So a hand-written statement cannot forget a column added later. Raise TypeError for a column whose default differs
    in each row: it must be given.
    """
    missing = {field.attname for field in model._meta.concrete_fields if not field.primary_key} - set(given)
    fields = [_model_field(model, name) for name in sorted(missing)]
    for field in fields:
        if field.has_default() and callable(field.default) and field.default not in (dict, list):
            raise TypeError(f"{field.attname} has to be given")
    defaults = {field.attname: field.get_default() for field in fields}
    return {name: value for name, value in defaults.items() if value is not None}


def sql_literal(value: object) -> str:
    """Return a constant of ours as a literal, whose type PostgreSQL infers from its place."""
    return psycopg.sql.Literal(str(value) if isinstance(value, str) else value).as_string(None)


def as_json(values: object) -> str:
    """Return rows as JSON for json_to_recordset: one parameter, however many rows and columns there are."""
    return json.dumps(values, default=str)


def _model_field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    return next(field for field in model._meta.concrete_fields if field.attname == name)
