"""Pages and webhooks of the real application: webhooks are served whatever holds up the pages."""

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from django.test import Client
from psycopg.sql import SQL, Identifier

from b24app.messaging.models import Message, Sender
from b24app.portals import page_tickets
from b24app.portals.models import Portal
from b24app.webhooks.request_body import MAX_CALL
from tests.faults.house import wait as eventually
from tests.handler_calls import FORM, call, create_sender, path
from tests.server.serving import Served, here, served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender(transactional_db: None) -> Sender:
    return create_sender()


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Lock a table so that all other readers wait while the block runs."""
    with psycopg.connect(here()) as holding:
        holding.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table)))
        yield


def post(served: Served, to: str, body: str, timeout: float = 20) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=timeout)
    try:
        connection.request("POST", to, body, {"Content-Type": FORM})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def look(served: Served, portal: Portal) -> tuple[int, str]:
    """Open the settings as an administrator, which reads their preferences."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=90)
    ticket = page_tickets.mint_ticket(portal, 1, is_admin=True, language="en")
    try:
        connection.request("GET", f"/p/{portal.uuid.hex}/settings/", headers={"Authorization": f"Bearer {ticket}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("pages", [12, 40])
def test_calls_are_taken_while_every_page_hangs(sender: Sender, tmp_path: Path, pages: int) -> None:
    with served(tmp_path, "b24app.wsgi", "--threads", "4") as web, ThreadPoolExecutor(pages) as people:
        post(web, path(sender), call(0))  # all that is connected at the first call
        with locked("console_preference"):
            looking = [people.submit(look, web, sender.portal) for _ in range(pages)]
            wait(looking, timeout=5, return_when=FIRST_COMPLETED)  # those who are told come first
            assert [post(web, path(sender), call(number))[0] for number in range(1, 21)] == [200] * 20
            assert Message.objects.count() == 21
        said = [one.result() for one in looking]
    shown, told = ([page for status, page in said if status == wanted] for wanted in (200, 503))
    assert len(shown) + len(told) == pages
    assert min(pages, 16) <= len(shown) <= 20  # four being answered, and sixteen in line
    assert all("Temporarily unavailable" in page for page in told)


def test_the_webhooks_process_answers_webhooks_and_nothing_else(sender: Sender, tmp_path: Path) -> None:
    with served(tmp_path, "b24app.wsgi_webhooks", DEBUG="false") as webhooks:
        assert post(webhooks, path(sender), call(1)) == (200, "")
        for page in ("/app/", "/install/", "/", "/static/console/sendline.css"):
            assert webhooks.get(page) == (404, b"")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("header", ["SCRIPT_NAME: /x", "SCRIPT_NAME: /y", "SCRIPT_NAME: ", "PATH_INFO: /app/"])
def test_no_header_leads_to_a_call_round_the_rules_of_a_proxy(sender: Sender, tmp_path: Path, header: str) -> None:
    with served(tmp_path, "b24app.wsgi") as web:
        for address in (f"/x{path(sender)}", "/x/app/"):
            head = f"POST {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n"
            said = web.ask(
                f"{head}Content-Type: {FORM}\r\nContent-Length: {len(call(1))}\r\n\r\n".encode(), call(1).encode()
            )
            assert said.startswith(b"HTTP/1.1 404")
    assert not Message.objects.exists()


def test_sixteen_bodies_of_percent_signs_hold_up_nobody(sender: Sender, tmp_path: Path) -> None:
    with served(tmp_path, "b24app.wsgi") as web, ThreadPoolExecutor(32) as strangers:
        post(web, path(sender), call(0))
        before = resident(web.process.pid)
        bodies = [strangers.submit(flood, web, to) for to in ("/app/", path(sender)) for _ in range(16)]
        began = time.monotonic()
        assert [post(web, path(sender), call(number))[0] for number in range(1, 21)] == [200] * 20
        assert time.monotonic() - began < 20
        assert {body.result() for body in bodies} <= {413, 0}
        assert resident(web.process.pid) - before < 64
    assert Message.objects.count() == 21


def test_a_call_too_long_is_refused_unread_and_counted_for_its_portal(sender: Sender, tmp_path: Path) -> None:
    forged = path(sender)[:-23] + "A" * 22 + "/"
    with served(tmp_path, "b24app.wsgi_webhooks", DEBUG="false") as webhooks:
        for address in (path(sender), forged, path(sender)):
            head = f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
            answer = webhooks.ask(f"{head}Content-Length: {MAX_CALL + 1}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 413")
        eventually(lambda: Portal.objects.get().refused_calls == 2, 10)
    assert not Message.objects.exists()


def flood(served: Served, to: str) -> int:
    """Return the status for 4 MB of percent signs; 0 where the connection was closed before they were sent."""
    try:
        return post(served, to, "AUTH_ID=" + "%" * 4_194_000)[0]
    except ConnectionError:
        return 0


def resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def test_where_a_code_stands_in_the_address_nothing_is_kept_of_the_page() -> None:
    assert "no-store" in Client().get("/oauth/?code=c&state=s").headers["Cache-Control"]
