"""A log line has an error's type and where it was raised, whoever logged it, and never its message."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from celery import Celery, current_app
from django.test import Client

from b24app.core import logs

SECRET = "token-4711 for +12025550142"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Collect the lines the root handler writes, and check every one for the secret."""
    [handler] = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler) and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    stream = io.StringIO()
    before = handler.setStream(stream)

    def written() -> list[dict[str, Any]]:
        assert "4711" not in stream.getvalue()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield written
    handler.setStream(before)


def fail() -> None:
    raise ValueError(SECRET)


def test_our_own_line_keeps_kind_and_place(lines: Lines) -> None:
    try:
        fail()
    except ValueError as error:
        structlog.get_logger("house").error("broke", exc_info=error)
    [line] = lines()
    assert (line["event"], line["error"], line["level"]) == ("broke", "ValueError", "error")
    assert [place.partition(":")[0] for place in line["at"]] == ["core/test_logs.py"] * 2


def test_the_exception_at_hand_is_found(lines: Lines) -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger("house").exception("broke")
    [line] = lines()
    assert (line["event"], line["error"], len(line["at"])) == ("broke", "ValueError", 2)


def test_a_third_party_line_keeps_its_template_and_not_what_fills_it(lines: Lines) -> None:
    logging.getLogger("stranger").error("cannot reach %s", SECRET)
    [line] = lines()
    assert (line["event"], line["logger"]) == ("cannot reach %s", "stranger")
    assert [place.partition(":")[0] for place in line["at"]] == ["core/test_logs.py"]


def test_a_third_party_exception_keeps_kind_and_place(lines: Lines) -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("stranger").exception("broke on %r", SECRET)
    [line] = lines()
    assert (line["event"], line["error"], len(line["at"])) == ("broke on %r", "ValueError", 2)


@pytest.mark.parametrize("wrap", [lambda error: error, str, lambda error: f"Error: {error}"])
def test_an_exception_that_is_itself_the_message_is_named_by_its_kind(
    lines: Lines, wrap: Callable[[Exception], object]
) -> None:
    try:
        fail()
    except ValueError as error:
        logging.getLogger("stranger").error(wrap(error), exc_info=True)
    [line] = lines()
    assert (line["event"], line["error"]) == ("ValueError", "ValueError")


def test_an_exception_given_as_the_message_alone_is_named_by_its_kind(lines: Lines) -> None:
    logging.getLogger("stranger").error(ValueError(SECRET))
    [line] = lines()
    assert line["event"] == "ValueError"


def test_a_failing_celery_task_tells_kind_and_place(lines: Lines) -> None:
    app = Celery("of-a-test", set_as_current=False)
    app.task(name="fail")(fail).apply()
    [line] = lines()
    assert (line["logger"], line["error"]) == ("celery.app.trace", "ValueError")
    assert line["at"][-1].startswith("core/test_logs.py:")


def test_a_line_of_celery_names_the_task_and_nothing_that_fills_it_in(lines: Lines) -> None:
    task = {"name": "b24app.messaging.tasks.push", "id": "0f8b1c2d-3e4f-5a6b-7c8d-9e0f1a2b3c4d", "args": SECRET}
    logging.getLogger("celery.app.trace").error("Task %(name)s[%(id)s] raised: %(exc)s", {**task, "exc": SECRET})
    logging.getLogger("celery.app.trace").error("Task %(name)s", {"name": SECRET, "id": SECRET})
    [line, other] = lines()
    assert (line["task"], line["task_id"]) == (task["name"], task["id"])
    assert line["event"] == "Task %(name)s[%(id)s] raised: %(exc)s"
    assert "task" not in other


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("redis://user:token-4711@redis.example:6379/0", "redis://redis.example:6379"),
        ("rediss://:token-4711@[::1]/1?x=4711", "rediss://::1"),
        ("https://host.example/4711", None),
        ("redis://host:token-4711", None),
        (SECRET, None),
    ],
)
def test_a_line_of_the_broker_names_its_address_without_the_password(
    lines: Lines, address: str, told: str | None
) -> None:
    logging.getLogger("celery.worker.consumer").error("Cannot connect to %s: %s.", address, SECRET)
    logging.getLogger("stranger").error("Cannot connect to %s", address)
    [line, other] = lines()
    assert (line.get("broker"), "broker" in other) == (told, False)


def test_a_wrong_host_is_told_once_a_minute_without_the_host(lines: Lines) -> None:
    for once_a_minute in logging.getLogger("django.security.DisallowedHost").filters:  # one for each configuration
        once_a_minute.next_at = 0.0  # type: ignore[union-attr]  # another test may have had a wrong host just now
    for _ in range(20):
        assert Client().get("/none/", headers={"host": f"a b {SECRET}"}).status_code == 400
    [line] = lines()
    assert (line["logger"], line["event"]) == ("django.security.DisallowedHost", "DisallowedHost")


def test_a_view_that_breaks_is_told_without_its_address(lines: Lines, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.core.broken_view"
    client = Client(raise_request_exception=False)
    assert client.get("/h/4711/").status_code == 500
    [line] = lines()
    assert (line["logger"], line["error"]) == ("django.request", "ValueError")
    assert line["at"][-1].startswith("core/broken_view.py:")


def test_the_servers_own_lines_which_quote_addresses_are_not_written(lines: Lines) -> None:
    for name in ("waitress", "waitress.queue"):
        logging.getLogger(name).error("Exception while serving /h/secret/")
    assert lines() == []


def test_sql_is_not_logged_with_its_values(lines: Lines) -> None:
    logging.getLogger("django.db.backends").debug("(%.3f) %s; args=%s", 0.1, "SELECT", SECRET)
    assert lines() == []
    assert not logging.getLogger("django.db.backends").isEnabledFor(logging.DEBUG)


def test_a_thread_that_breaks_tells_kind_and_place(lines: Lines) -> None:
    try:
        fail()
    except ValueError as error:
        logs.log_thread_failure(threading.ExceptHookArgs((ValueError, error, error.__traceback__, None)))
    [line] = lines()
    assert (line["event"], line["error"], len(line["at"])) == ("thread_failed", "ValueError", 2)


def test_celery_leaves_levels_and_handlers_alone() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    current_app.log.setup(logging.DEBUG)
    assert (root.level, root.handlers) == before
    assert logging.getLogger("celery.task").handlers == []
