"""Lines say what they are about: a request, a task, a portal, an account, a message."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from celery import current_app, shared_task
from structlog.contextvars import get_contextvars
from werkzeug.test import Client

from b24app.core import spool
from b24app.operations import worker
from b24app.operations.monitoring import doors

log = structlog.get_logger(__name__)
NGINX = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    ("given", "is_kept"), [(NGINX, True), ("12025550147", False), ("a" * 31 + "\n", False), (None, False)]
)
def test_a_request_has_the_proxys_id_or_one_of_ours(given: str | None, is_kept: bool) -> None:
    seen: list[dict[str, Any]] = []

    def answering(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        structlog.contextvars.bind_contextvars(portal=7)
        seen.append(get_contextvars())
        start_response("200 OK", [])
        return []

    web = Client(doors.watch_doors(answering, "web"))
    web.get("/app/", environ_overrides={"HTTP_X_REQUEST_ID": given} if given else {})
    assert (seen[0]["request"] == given) is is_kept
    assert seen[0]["request"] not in {"", None, "12025550147"}
    assert get_contextvars() == {}


@shared_task(name="b24app.messaging.tests.push")
def look_around(_portal: int) -> None:
    seen.append(get_contextvars())


seen: list[dict[str, Any]] = []


def test_a_task_names_itself_and_its_portal_in_each_line_of_its_thread() -> None:
    assert worker.TASK_SUBJECTS["drain"] == "connection"
    seen.clear()
    current_app.tasks["b24app.messaging.tests.push"].apply(args=(31,), task_id="an-id")
    assert seen == [{"task": "push", "task_id": "an-id", "portal": 31}]
    assert get_contextvars() == {}


def test_every_task_whose_first_argument_is_an_id_is_named() -> None:
    names = {name.rpartition(".")[2] for name in current_app.tasks if name.startswith("b24app.messaging.tasks.")}
    assert names - set(worker.TASK_SUBJECTS) == {"settle", "sweep", "care", "app_event", "erase"}


def test_a_record_from_the_disk_does_not_speak_of_the_one_before(settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path, 1
    found = []

    def handle(_record: object) -> None:
        found.append(get_contextvars())
        structlog.contextvars.bind_contextvars(portal=7)

    for _ in range(2):
        spool.put_record("wish", {})
    spool.replay_records({"wish": handle})
    assert found == [{}, {}]
