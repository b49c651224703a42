"""A header in which a proxy speaks of its client is believed of our proxies, and of nobody else."""

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server.serving import Served, served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, "b24app.wsgi", "--threads", "2", TRUSTED_PROXIES="127.0.0.2, ::1") as running:
        yield running


def ask_from(address: str, web: Served, **headers: str) -> str | None:
    """Return what a page says about TLS to a client at this address, which claims to use it."""
    connection = HTTPConnection("127.0.0.1", web.port, timeout=20, source_address=(address, 0))
    try:
        connection.request("GET", "/app/", headers={"X-Forwarded-Proto": "https", **headers})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.getheader("Strict-Transport-Security")
    finally:
        connection.close()


def test_only_a_trusted_proxy_says_that_a_request_came_over_tls(web: Served) -> None:
    assert ask_from("127.0.0.2", web) == "max-age=31536000"
    assert ask_from("127.0.0.1", web) is None
    assert ask_from("127.0.0.3", web, **{"X-Forwarded-For": "127.0.0.2", "X-Real-IP": "127.0.0.2"}) is None
