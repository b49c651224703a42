"""Every answer is counted by door and code, and no label holds what came from outside."""

from typing import Any

import pytest
from werkzeug.test import Client

from b24app.operations.monitoring import doors, metrics_server
from tests.core.monitoring.counted import counted


def answering(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"].endswith("/broken/"):
        raise RuntimeError
    start_response("403 Forbidden", [])
    return []


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/h/key/1/mac/", "handler"), ("/r/a/b/c/", "report"), ("/e/a/1/b/", "event"), ("/install/", "install"),
        ("/app/", "launch"), ("/p/00/journal/", "page"), ("/static/x.css", "static"), ("/12025550147", "other"),
        ("/", "other"),
    ],
)  # fmt: skip
def test_an_answer_is_counted_by_its_door_and_code(path: str, door: str) -> None:
    web = Client(doors.watch_doors(answering, "web"))
    with counted() as counts:
        assert web.post(path).status_code == 403
    assert {key: value for key, value in counts.items() if "_total" in key[0]} == {
        ("sendline_http_answers_total", f"code=403,door={door}"): 1
    }
    assert counts["sendline_http_answer_seconds_count", f"door={door}"] == 1


def test_a_request_that_raises_is_counted_as_an_error_of_ours() -> None:
    with counted() as counts, pytest.raises(RuntimeError):
        Client(doors.watch_doors(answering, "web")).get("/h/broken/")
    assert counts["sendline_http_answers_total", "code=500,door=handler"] == 1


def test_a_call_that_the_server_refused_unread_is_counted() -> None:
    with counted() as counts:
        doors.count_unread_call("/h/x/1/y/")
    assert counts == {("sendline_http_answers_total", "code=413,door=handler"): 1}


@pytest.mark.parametrize(
    ("address", "host", "ports"),
    [("127.0.0.1:9400", "127.0.0.1", [9400]), ("[::1]:9400-9402", "::1", [9400, 9401, 9402])],
)
def test_an_address_may_name_a_range_of_ports(address: str, host: str, ports: list[int]) -> None:
    found = metrics_server.read_address(address)
    assert (found[0], list(found[1])) == (host, ports)


@pytest.mark.parametrize("address", ["9400", ":9400", "127.0.0.1:", "127.0.0.1:9402-9400", "h:70000", "h:web"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        metrics_server.read_address(address)
