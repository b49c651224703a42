"""The straightforward design under the load: its rows, its processes, its calls."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet

from bench.lab import BASELINE, Lab
from bench.load import Caller, send_all, warming
from bench.procfile import read_procfile

WARM_UP_SECONDS = 90
WORKER = "exec celery -A bench.baseline.celery worker -P threads -c 32 --loglevel WARNING"
INSERT = """
INSERT INTO baseline_sender (id, uuid, code, number, endpoint, access, base_url, account_sid, auth_token)
VALUES (%s, %s, %s, '+12025550199', %s, %s, %s, %s, %s)
"""


def build(lab: Lab, count: int) -> list[uuid.UUID]:
    """So many portals with one account and one sender each, in an empty database."""
    box = Fernet(lab.env["SECRETS_KEYS"])
    lab.sql("TRUNCATE baseline_sender CASCADE", database=BASELINE)
    made = [uuid.uuid4() for _ in range(count)]
    for number, one in enumerate(made, 1):
        access, token = (box.encrypt(f"{word}{number}".encode()).decode() for word in ("quick-", "token-"))
        values = (number, one, f"bench-p{number}", lab.stub.rest, access, lab.stub.service, f"AC{number}", token)
        lab.sql(INSERT, *values, database=BASELINE)
    return made


def callers(lab: Lab, senders: list[uuid.UUID]) -> list[Caller]:
    """Return the portals' calls to the handler."""
    return [_caller(lab, f"/h/{one}/") for one in senders]


def inserting(lab: Lab) -> list[Caller]:
    """Return the same calls to the bare view."""
    return [_caller(lab, "/insert/1/")]


def _caller(lab: Lab, path: str) -> Caller:
    return Caller.of(f"{lab.env['PUBLIC_URL']}{path}", "bench", "0" * 32, "application")


@contextmanager
def serving(lab: Lab, *, worker: bool = True) -> Iterator[None]:
    """Run the application's own web command with this application in it, and a worker of 32 threads."""
    commands = {"web": read_procfile()["web"].replace("b24app.wsgi", "bench.baseline.wsgi")}
    if worker:
        commands["worker"] = WORKER
    with lab.serving(commands, lab.baseline_env):
        yield


def warm_up(lab: Lab, calling: list[Caller]) -> None:
    """Send a few messages all the way, so that everything is imported and connected."""
    calls = warming(calling)
    statuses = send_all(lab.calls_port, calls)
    counts = lab.stub.counts
    lab.wait(lambda: counts()["told"] >= len(calls), WARM_UP_SECONDS, lambda: f"warming up, {statuses}: {counts()}")
    lab.stub.clear()
