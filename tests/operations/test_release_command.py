"""`manage.py release` holds nobody up for long, and does the rest where it was broken off."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from b24app.operations.local.visitor import wait_for
from tests.operations import small_application
from tests.operations.small_application import SmallApplication

ADD_COLOUR = 'migrations.AddField("good", "colour", models.CharField(max_length=9, null=True))'
ADD_SIZE = 'migrations.AddField("good", "size", models.IntegerField(db_default=1))'
INDEX_NAME = 'AddIndexConcurrently("good", models.Index(fields=["name"], name="good_by_name"))'
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_good' ORDER BY 1"
INDEXES = """SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'shop_good'::regclass AND NOT i.indisprimary"""
APPLIED = "SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY 1"
WAITING = "SELECT FROM pg_locks WHERE relation = 'shop_good'::regclass AND NOT granted"
TRY_AGAIN = "A table is in use by another transaction: the next try is in 2 seconds."


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SmallApplication]:
    """Yield the application as its first release has left it."""
    with small_application.running_in(tmp_path) as application:
        application.sql(small_application.FIRST_RELEASE)  # which takes a command a second
        yield application


@pytest.mark.parametrize("timeouts", ["", "lock_timeout=30s"])
def test_a_table_in_use_is_tried_again_while_others_read_it(shop: SmallApplication, timeouts: str) -> None:
    """Whatever is set for the processes: a reader stands in line behind the release, and not for its whole wait."""
    shop.add_migration("0002_colour", ADD_COLOUR, after="0001_initial")
    with psycopg.connect(shop.url) as long_reader:
        long_reader.execute("SELECT FROM shop_good")
        release = shop.start("manage.py", "release", DATABASE_TIMEOUTS=timeouts)
        with psycopg.connect(shop.url, options="-c lock_timeout=10s", autocommit=True) as reader:
            wait_for(lambda: bool(reader.execute(WAITING).fetchall()), "the release waiting", seconds=60)
            reader.execute("SELECT FROM shop_good")  # behind the release, which is behind the long reader
        assert shop.sql(APPLIED) == [("0001_initial",)]
    said, _ = release.communicate(timeout=60)
    assert (release.returncode, TRY_AGAIN in said) == (0, True)
    assert shop.sql(COLUMNS) == [("colour",), ("id",), ("name",)]


def test_a_table_that_stays_in_use_ends_it_with_a_sentence(shop: SmallApplication) -> None:
    shop.add_migration("0002_colour", ADD_COLOUR, after="0001_initial")
    with psycopg.connect(shop.url) as long_reader:
        long_reader.execute("SELECT FROM shop_good")
        code, said = shop.release("--wait", "1")
    assert (code, said.splitlines()[-1].partition(". ")[0]) == (1, "CommandError: Not released: LockNotAvailable")
    assert "Traceback" not in said
    assert shop.sql(COLUMNS) == [("id",), ("name",)]


def test_an_index_is_built_however_long_others_use_the_table(shop: SmallApplication) -> None:
    """It waits for their transactions, but nobody waits for it."""
    shop.add_migration("0002_index", INDEX_NAME, after="0001_initial", atomic=False)
    with psycopg.connect(shop.url) as writer:
        writer.execute("INSERT INTO shop_good (name) VALUES ('tea')")
        release = shop.start("manage.py", "release", "--wait", "0")
        wait_for(lambda: shop.sql(INDEXES) == [("good_by_name", False)], "the index", seconds=30)
        shop.sql("INSERT INTO shop_good (name) VALUES ('milk')")
        with pytest.raises(subprocess.TimeoutExpired):
            release.wait(1.5)  # more than any statement waits for a lock
    said, _ = release.communicate(timeout=60)
    assert (release.returncode, TRY_AGAIN in said) == (0, False)
    assert shop.sql(INDEXES) == [("good_by_name", True)]


def test_an_index_whose_build_broke_off_is_built_anew(shop: SmallApplication) -> None:
    shop.add_migration("0002_index", INDEX_NAME, after="0001_initial", atomic=False)
    shop.sql("INSERT INTO shop_good (name) VALUES ('tea'), ('tea')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.sql("CREATE UNIQUE INDEX CONCURRENTLY good_by_name ON shop_good (name)")
    assert shop.sql(INDEXES) == [("good_by_name", False)]
    code, said = shop.release()
    assert (code, shop.sql(INDEXES)) == (0, [("good_by_name", True)])
    assert "Dropping the index good_by_name, which was not finished." in said


def test_what_a_migration_without_a_transaction_has_done_is_not_done_again(shop: SmallApplication) -> None:
    shop.add_migration("0002_both", ADD_SIZE, INDEX_NAME, after="0001_initial", atomic=False)
    shop.sql("ALTER TABLE shop_good ADD COLUMN size integer DEFAULT 1 NOT NULL")
    shop.sql("CREATE INDEX CONCURRENTLY good_by_name ON shop_good (name)")
    code, said = shop.release()
    assert code == 0, said
    assert re.search(r"Applying shop\.0002_both\.+ OK", said)
    assert shop.sql(INDEXES) == [("good_by_name", True)]
