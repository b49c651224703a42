"""Running one statement: a dead connection is replaced, an open transaction is respected."""

import json

import psycopg
import pytest
from django.db import DataError, connection, transaction

from b24app.core.database import raw_sql
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import DeliveryReport


def backend() -> int:
    return int(raw_sql.execute_raw("SELECT pg_backend_pid()")[0][0])


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_is_replaced_without_losing_the_call() -> None:
    before = backend()
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [before])
    assert backend() != before


@pytest.mark.django_db
def test_a_failing_statement_leaves_the_transaction_around_it_usable() -> None:
    with transaction.atomic():
        with pytest.raises(DataError):
            raw_sql.execute_raw("SELECT %s::int", "many")
        assert raw_sql.execute_raw("SELECT 1") == [(1,)]


@pytest.mark.django_db
def test_columns_that_are_not_given_begin_as_the_model_says() -> None:
    given = ["at", "peer", "method", "host", "path"]
    assert raw_sql.column_defaults(Exchange, given) == {
        "status": 0,
        "ms": 0,
        "request": "",
        "response": "",
        "error": "",
        "name": "",
    }
    assert raw_sql.typed_columns(Exchange, ["status", "host"]) == '"status" smallint, "host" varchar(255)'


@pytest.mark.django_db
def test_a_column_that_begins_differently_in_each_row_has_to_be_given() -> None:
    with pytest.raises(TypeError, match="due_at has to be given"):
        raw_sql.column_defaults(DeliveryReport, ["received_at"])


def test_rows_are_written_so_that_postgresql_reads_them_back() -> None:
    assert json.loads(raw_sql.as_json([{"price": None, "text": "ü"}])) == [{"price": None, "text": "ü"}]
