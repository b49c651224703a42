"""A migration stops nobody: old code goes on beside it, and no table is closed for longer than a moment."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now, Random

from tests.operations import migration_lint

# Looked at when this test was written: docs/operations.md names those with faults. New ones are not added here.
CHECKED = {
    "audit": {1},
    "console": {1, 3, 5, 6, 7},
    "journal": {1, 2, 3, 4},
    "messaging": {*range(1, 14), 16, 19, 20, 23, 24, 25, 26},
    "portals": {*range(1, 17), 18, 19, 20},  # 20: foreign keys, empty, of two small tables
}
NAME = models.CharField(max_length=20)
BY_NAME = models.Index(fields=["name"], name="good_by_name")
BUILDS = "builds an index while nobody can write"
BROKEN_OFF = "does more without a transaction than building indexes: broken off, it cannot be repeated"


@pytest.fixture
def reading(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let Django ask the database how values are quoted; nothing is written."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.mark.usefixtures("reading")
def test_every_new_migration_runs_beside_old_code() -> None:
    assert migration_lint.find_faults(CHECKED) == {}


def lint(*operations: Operation, atomic: bool = True) -> set[str]:
    """Return the faults of a migration of a shop with goods that have an indexed name."""
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", NAME),
        ("size", models.IntegerField(null=True)),
    ]
    state.add_model(ModelState("shop", "Good", fields, options={"indexes": [BY_NAME]}))
    kind = type("Migration", (migrations.Migration,), {"operations": operations, "atomic": atomic})
    faults, _ = migration_lint.lint_migration(kind("0002", "shop"), state)
    return faults


def column(field: "models.Field[Any, Any]") -> Operation:
    return migrations.AddField("good", "new", field)


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (
            migrations.AddIndex("good", models.Index(fields=["size"], name="x")),
            "builds an index while nobody can write",
        ),
        (migrations.AlterUniqueTogether("good", {("name", "size")}), "reads each row"),
        (migrations.RunSQL("CREATE INDEX x ON shop_good (size)"), BUILDS),
        (column(models.IntegerField(default=3)), "leaves a column without a default to old code"),
        (column(models.FloatField(db_default=Random())), "computes a default for each row"),
        (column(models.IntegerField(null=True, unique=True)), "reads or writes each row"),
        (column(models.ForeignKey("shop.good", models.CASCADE, null=True)), "reads or writes each row"),
        (migrations.AlterField("good", "size", models.BigIntegerField(null=True)), "may write each row anew"),
        (migrations.AlterField("good", "size", models.IntegerField(db_default=1)), "reads each row"),
        (migrations.RemoveField("good", "size"), "takes away what old code reads"),
        (migrations.RenameField("good", "size", "width"), "takes away what old code reads"),
        (migrations.DeleteModel("Good"), "takes away what old code reads"),
        (migrations.RunSQL("UPDATE shop_good SET size = 1"), "writes rows without a limit"),
        (migrations.RunSQL("DELETE FROM shop_good"), "deletes rows without a limit"),
    ],
)
def test_what_stops_others_is_found(operation: Operation, why: str) -> None:
    assert f"shop_good: {why}" in lint(operation)


@pytest.mark.usefixtures("reading")
def test_an_index_that_is_dropped_while_nobody_can_read_is_found() -> None:
    assert lint(migrations.RemoveIndex("good", "good_by_name")) == {
        "good_by_name: drops an index while nobody can read"
    }


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("operations", "atomic"),
    [
        ([column(models.IntegerField(null=True)), column(models.IntegerField(db_default=1, default=1))], True),
        ([migrations.AddField("good", "at", models.DateTimeField(db_default=Now()))], True),
        ([migrations.AlterField("good", "name", models.CharField(max_length=20, choices=[("a", "a")]))], True),
        ([AddIndexConcurrently("good", models.Index(fields=["size"], name="x"))], False),
        (
            [
                migrations.CreateModel("Box", [("id", models.BigAutoField(primary_key=True)), ("name", NAME)]),
                migrations.AddIndex("box", models.Index(fields=["name"], name="box_by_name")),
                migrations.RunSQL("UPDATE shop_box SET name = ''"),
            ],
            True,
        ),
    ],
)
def test_what_stops_nobody_is_let_through(operations: list[Operation], atomic: bool) -> None:
    assert lint(*operations, atomic=atomic) == set()


@pytest.mark.usefixtures("reading")
def test_a_migration_that_could_not_be_repeated_is_found() -> None:
    concurrently = AddIndexConcurrently("good", models.Index(fields=["size"], name="x"))
    assert lint(column(models.IntegerField(null=True)), concurrently, atomic=False) == {BROKEN_OFF}
    assert lint(concurrently) == {"builds an index concurrently in a transaction, which PostgreSQL refuses"}
