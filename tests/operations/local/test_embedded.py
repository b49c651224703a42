"""Private PostgreSQL and Redis: they start, keep their address, and leave nothing behind."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import environ
import psycopg
import pytest
from redis import Redis

from b24app.operations.local import embedded, places
from tests.operations.local.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, time
from pathlib import Path
from b24app.operations.local.embedded import stores
with stores(Path(sys.argv[1]), durable=False, given={}):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with embedded.temporary_folder() as made:
        yield made


@pytest.fixture(scope="module")
def postgres() -> Iterator[embedded.Postgres]:
    with embedded.temporary_folder() as made:
        server = embedded.Postgres(made, durable=False)
        with embedded.run_server(server):
            yield server


def processes_of(marker: Path) -> list[str]:
    """Return the command lines of all live processes that mention `marker`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(marker) in line and "-c " + HOLD not in line:
            found.append(line)
    return found


def test_postgres_has_the_database_and_knows_letters_beyond_ascii(postgres: embedded.Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute("SELECT current_database(), lower('ЖЁ'), current_setting('fsync')").fetchone()
    assert row == ("sendline", "жё", "off")


def test_postgres_listens_on_no_port(postgres: embedded.Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_database_url_is_read_by_django_environ(postgres: embedded.Postgres) -> None:
    read = environ.Env.db_url_config(postgres.url)
    assert (read["NAME"], read["USER"], read["HOST"]) == ("sendline", "postgres", "")
    assert read["OPTIONS"] == {"host": str(postgres.home)}


def test_a_second_launcher_is_refused_and_the_first_goes_on(postgres: embedded.Postgres) -> None:
    with pytest.raises(embedded.Busy, match="in use by another run"):
        embedded.Postgres(postgres.log.parent, durable=False).start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres_keeps_its_data_and_address_over_a_restart_and_a_crash(folder: Path) -> None:
    server = embedded.Postgres(folder)
    before = server.url
    with embedded.run_server(server):
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.restart()
        server.crash()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert server.url == before
    assert processes_of(server.home) == []


def test_redis_answers_forgets_over_a_restart_and_is_gone_after_stop(folder: Path) -> None:
    server = embedded.RedisServer(folder)
    with embedded.run_server(server), Redis.from_url(server.url) as client:
        client.set("bell", "rung")
        server.restart()
        assert client.get("bell") is None
    assert processes_of(server.home) == []


def test_a_socket_and_pid_left_by_a_crash_do_not_bar_the_next_start(folder: Path) -> None:
    server = embedded.RedisServer(folder)
    server.start()
    server.crash()
    (server.home / "redis.pid").write_text(f"{os.getpid()}\n")
    assert (server.home / "redis.sock").exists()
    with embedded.run_server(server), Redis.from_url(server.url) as client:
        assert client.ping() is True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_servers_end_when_their_launcher_is_killed(folder: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "up\n"
        assert len(processes_of(folder)) >= 2
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    wait_for(lambda: processes_of(folder) == [], seconds=60)


def test_addresses_in_the_environment_are_used_and_nothing_is_started(folder: Path) -> None:
    given = {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://cache.example/0"}
    with embedded.stores(folder, given=given) as urls:
        assert urls == given
    assert [entry.name for entry in folder.iterdir()] == ["lock"]


def test_a_folder_too_deep_for_a_socket_gets_a_short_stand_in_that_stays_the_same(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = embedded.RedisServer(deep)
    try:
        assert server.home.parent == places.SHARED_FOLDER
        assert embedded.RedisServer(deep).home == server.home
        with embedded.run_server(server), Redis.from_url(server.url) as client:
            assert client.ping() is True
    finally:
        shutil.rmtree(server.home)


def test_the_folder_of_a_killed_run_is_removed_by_the_next_and_a_living_one_stays(folder: Path) -> None:
    abandoned = folder.parent / f"{embedded.TEMPORARY_PREFIX}abandoned"
    (abandoned / "postgres").mkdir(parents=True)
    (abandoned / "lock").touch()
    with embedded.temporary_folder():
        assert not abandoned.exists()
        assert folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another account")
def test_root_starts_postgres_in_a_folder_only_root_may_enter(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = embedded.Postgres(private, durable=False)
    try:
        assert server.home.parent == places.SHARED_FOLDER
        with embedded.run_server(server), psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        shutil.rmtree(server.home)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_an_ordinary_user_starts_both(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    needed = (ROOT, Path(sys.executable), Path(sys.executable).resolve())
    if not all(places.can_enter(place.parent, nobody) for place in needed):
        pytest.skip("this Python or this clone lives where only root may enter")
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    script = HOLD.replace("time.sleep(60)", "pass")
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(home)],
        cwd=ROOT,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env={"HOME": str(home), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("up\n", "")


def test_a_killed_postmaster_leaves_nobody_behind_and_what_was_committed_is_there(folder: Path) -> None:
    server = embedded.Postgres(folder)
    server.start()
    try:
        sleeper = psycopg.connect(server.url, autocommit=True)
        sleeper.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.kill()
        sleeper.close()
        assert processes_of(server.home) == []
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        server.stop()
