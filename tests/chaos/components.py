"""Web, workers, beat and the stores as parts that end and come back. Each life of a process has a log of its own."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from b24app.operations.local import processes, stack
from tests.chaos.event_log import Event
from tests.chaos.schedule import WORKERS
from tests.faults.house import House

MUST_END_WITHIN = 20.0  # seconds after SIGTERM; reported, and held against the application only in words
GIVES_UP = 60.0  # then it is SIGKILL


class Components:
    """Which life of each part is the running one, and which were asked to stop and have not ended yet."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._family = house.run.supervisor
        self._lives: dict[str, str] = {"web": "web", "beat": "beat"}
        self._count = 0
        self._ending: dict[str, tuple[float, Event]] = {}  # by part: when it was asked, and by which fault
        self._wanted: set[str] = set()  # to be started once its former life has ended
        self.names = ["web", "worker", "beat"]  # of all lives, for their logs
        self.died: list[tuple[float, str]] = []  # by themselves, which none should
        self.redis_up = self.database_up = True

    def begin(self) -> None:
        """As the Procfile has it, with two workers, in the place of the one for all that the stack starts."""
        self._family.crash("worker")
        for name in (*WORKERS, "pusher"):
            self.start(name)

    def up(self, name: str) -> bool:
        """Is it running, and not asked to stop?"""
        return name in self._lives and name not in self._ending

    def start(self, name: str) -> None:
        """Its next life, unless it is up."""
        if name in self._lives:
            return
        self._count += 1
        life = f"{name}-{self._count}"
        starts: Mapping[str, Callable[[], None]] = {
            # Not waited for: it may be unable to answer until something else is healed.
            "web": lambda: stack.start_web(self._family, urlsplit(self._house.run.app).port or 0, life, wait=False),
            "pusher": lambda: stack.start_worker(self._family, life, "push,slow,care", 16),
            "beat": lambda: stack.start_beat(self._family, life),
        }
        self.names.append(life)
        starts.get(name, lambda: stack.start_worker(self._family, life, "dispatch", 4))()
        self._lives[name] = life

    def kill(self, name: str) -> None:
        """SIGKILL to it and all its children."""
        self._family.crash(self._lives.pop(name))

    def stop(self, name: str, event: Event) -> None:
        """SIGTERM; `event.facts` will say how long it took."""
        self._family.request_stop(self._lives[name])
        self._ending[name] = (time.time(), event)

    def start_when_ended(self, name: str) -> None:
        """Start it as soon as `look` finds its former life over."""
        self._wanted.add(name)

    def look(self) -> None:
        """Note who has ended since SIGTERM, kill who does not, and start what is wanted again."""
        for name, (asked, event) in list(self._ending.items()):
            took = time.time() - asked
            if self._family.has_ended(self._lives[name]):
                event.facts["seconds to end"] = round(took, 1)
            elif took > GIVES_UP:
                event.facts["killed after"] = round(took, 1)
                self._family.crash(self._lives[name])
            else:
                continue
            del self._lives[name], self._ending[name]
        for name, life in list(self._lives.items()):
            if name not in self._ending and self._family.has_ended(life):
                self.died.append((time.time(), life))
                del self._lives[name]
                self._wanted.add(name)
        for name in [one for one in self._wanted if one not in self._ending]:
            self._wanted.discard(name)
            self.start(name)

    def all_up(self) -> None:
        """Bring back whatever is down, and wait for what is ending."""
        self.start_redis()
        self.start_database()
        self._wanted |= set(self._ending)
        while self._ending:
            self.look()
            time.sleep(0.1)
        self.look()
        for name in (*WORKERS, "pusher", "web", "beat"):
            self.start(name)

    def start_redis(self) -> None:
        """Redis again, with nothing in it."""
        if not self.redis_up:
            self._house.redis.start()
            self.redis_up = True

    def start_database(self) -> None:
        """PostgreSQL again, recovered where it was killed; a start while it is still being recovered is tried again."""
        deadline = time.monotonic() + 120
        while not self.database_up:
            try:
                self._house.database.start()
                self.database_up = True
            except processes.NotReady:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def logs(self) -> list[Path]:
        """Return the logs of every process, restarted ones included."""
        paths = [self._family.log_file(name) for name in self.names]
        return [path for path in paths if path.exists()]

    @property
    def database_log(self) -> Path:
        return self._house.folder / "stores" / "postgres.log"
