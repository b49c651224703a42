"""What a migration may not do beside processes of the version before, read from the SQL that it would run.

Tables that the migration creates itself are nobody's yet: with them it may do as it likes.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

Key = tuple[str, str]

TABLE = r'(?:ONLY )?"?(?P<table>\w+)"?'
CREATED = re.compile(rf"^CREATE TABLE {TABLE}", re.IGNORECASE)
NOT_BESIDE_OLD_CODE = (
    (rf"^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY).* ON {TABLE}", "builds an index while nobody can write"),
    (rf"^DROP INDEX (?!CONCURRENTLY)(IF EXISTS )?{TABLE}", "drops an index while nobody can read"),
    (rf"^ALTER TABLE {TABLE} ADD COLUMN (?!.* DEFAULT ).* NOT NULL", "adds a column that old code does not fill"),
    (rf"^ALTER TABLE {TABLE} ALTER COLUMN \S+ DROP DEFAULT", "leaves a column without a default to old code"),
    (
        rf"^ALTER TABLE {TABLE} ADD COLUMN .* DEFAULT (?!\(?(STATEMENT_TIMESTAMP|NOW)\(\))[^,;]*\(",
        "computes a default for each row",
    ),
    (rf"^ALTER TABLE {TABLE} ADD COLUMN .* (UNIQUE|GENERATED|REFERENCES|CONSTRAINT)\b", "reads or writes each row"),
    (rf"^ALTER TABLE {TABLE} ALTER COLUMN \S+ TYPE", "may write each row anew"),
    (rf"^ALTER TABLE {TABLE} ALTER COLUMN \S+ SET NOT NULL", "reads each row"),
    (rf"^ALTER TABLE {TABLE} ADD CONSTRAINT (?!.*NOT VALID)", "reads each row"),
    (rf"^ALTER TABLE {TABLE} (DROP COLUMN|RENAME)", "takes away what old code reads"),
    (rf"^DROP TABLE (IF EXISTS )?{TABLE}", "takes away what old code reads"),
    (rf"^UPDATE {TABLE}", "writes rows without a limit"),
    (rf"^DELETE\s+FROM {TABLE}", "deletes rows without a limit"),
)
RULES = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), why) for pattern, why in NOT_BESIDE_OLD_CODE]
CONCURRENT = re.compile(r"^(CREATE INDEX|DROP INDEX) CONCURRENTLY", re.IGNORECASE)


def find_faults(checked: Mapping[str, Collection[int]]) -> dict[Key, set[str]]:
    """Return what is wrong with each of our migrations that has a fault, by app and name.

    `checked` has the numbers of those that are not looked at again, by app: rendering models takes its time.
    """
    loader = MigrationLoader(None)
    state, found = ProjectState(), {}
    for key in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration, (app, name) = loader.graph.nodes[key], key
        if not migration.__module__.startswith("b24app.") or int(name.partition("_")[0]) in checked.get(app, ()):
            migration.mutate_state(state, preserve=False)
            continue
        faults, state = lint_migration(migration, state)
        if faults:
            found[key] = faults
    return found


def lint_migration(migration: Migration, state: ProjectState) -> tuple[set[str], ProjectState]:
    """Return a migration's faults, and the state after it."""
    statements: list[str] = []
    faults: set[str] = set()
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        collected = list(_sql_of(operation, migration.app_label, state, after))
        if not migration.atomic and not all(CONCURRENT.match(one) for one in collected):
            faults.add("does more without a transaction than building indexes: broken off, it cannot be repeated")
        if migration.atomic and any(CONCURRENT.match(one) for one in collected):
            faults.add("builds an index concurrently in a transaction, which PostgreSQL refuses")
        statements += collected
        state = after
    own = {found["table"] for one in statements if (found := CREATED.match(one))}
    return faults | set(_break_rules(statements, own)), state


def _sql_of(operation: Operation, app: str, before: ProjectState, after: ProjectState) -> Iterator[str]:
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        operation.database_forwards(app, editor, before, after)
    for line in editor.collected_sql:
        if not line.startswith("--"):
            yield " ".join(line.split())


def _break_rules(statements: list[str], own: set[str]) -> Iterator[str]:
    for statement in statements:
        for pattern, why in RULES:
            found = pattern.match(statement)
            if found and found["table"] not in own:
                yield f"{found['table']}: {why}"
