"""M4: while the database is away, one tenant fills the disk that keeps everybody's messages."""

import random
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from tests.attack.scene import Outcome, Scene
from tests.attack.victim import post

SOCKET, ASIDE = ".s.PGSQL.5432", "socket-taken-away"
# Twelve letters a face, where a call may have a megabyte: of what is kept no other text takes more room.
FACES = 80_000
MOST_CALLS = 300  # more than the whole spool holds here, whatever is cut from them


def full_disk(scene: Scene) -> Outcome:
    """Write texts of a megabyte while PostgreSQL cannot be reached."""
    address = scene.handler(scene.own_gateway())
    text = "\U0001f600" * FACES
    numbers = count()

    def call(_rng: random.Random) -> int | None:
        wish = {"message_id": f"long-{next(numbers)}", "message_to": "+12025550144", "message_body": text}
        return post(address, urlencode(wish).encode(), 15)

    scene.ready()
    take_away(scene.alpha.database.home, scene.alpha.database.url)
    try:
        return Outcome(scene.hammer(4, call, most=MOST_CALLS))
    finally:
        bring_back(scene.alpha.database.home)


def take_away(home: Path, url: str) -> None:
    """Move PostgreSQL's socket away and end all sessions: nobody reaches it any more."""
    with psycopg.connect(url, autocommit=True) as session:
        (home / SOCKET).rename(home / ASIDE)
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def bring_back(home: Path) -> None:
    """Put the socket where it was; nothing to do is fine."""
    if (home / ASIDE).exists():
        (home / ASIDE).rename(home / SOCKET)
