"""docs/proxy/nginx.conf in front of the application: what it routes, refuses, retries, and never logs."""

import getpass
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import trustme

from b24app.messaging.models import Message, Sender
from b24app.operations.local.supervisor import free_port
from tests.handler_calls import FORM, call, create_sender, path
from tests.server.serving import ROOT, Served, served

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HOST = "sendline.example.com"
pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed; on Debian: apt-get install nginx-light"),
]


@pytest.fixture
def sender(transactional_db: None) -> Sender:
    return create_sender()


@dataclass
class Proxy:
    """A running nginx, and the folder of its logs."""

    port: int
    authority: trustme.CA
    folder: Path

    def ask(
        self, method: str, to: str, body: str | bytes = "", host: str = HOST, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        connection = HTTPSConnection(host, self.port, timeout=60, context=context)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            connection.request(method, to, body, {"Content-Type": FORM, "Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        finally:
            connection.close()

    def lines(self) -> str:
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def adapted(folder: Path, port: int, web: int, webhooks: tuple[int, int]) -> str:
    """Return the file with the values it asks to adapt, and its folders; the rest is as shipped."""
    text = (ROOT / "docs" / "proxy" / "nginx.conf").read_text()
    changes = {
        "user www-data;": f"user {getpass.getuser()};" if getpass.getuser() == "root" else "",
        "pid /run/nginx.pid;": f"pid {folder}/nginx.pid;",
        "/var/log/nginx/": f"{folder}/",
        "server 127.0.0.1:8010 ": f"server 127.0.0.1:{webhooks[0]} ",
        "server 127.0.0.1:8011 ": f"server 127.0.0.1:{webhooks[1]} ",
        "server 127.0.0.1:8000 ": f"server 127.0.0.1:{web} ",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/sendline/": f"{folder}/",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def proxying(folder: Path, web: int, webhooks: tuple[int, int]) -> Iterator[Proxy]:
    authority, port = trustme.CA(), free_port(0)
    certificate = authority.issue_cert(HOST, "other.example.com")
    certificate.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    for piece in certificate.cert_chain_pems:
        piece.write_to_path(str(folder / "fullchain.pem"), append=True)
    (folder / "nginx.conf").write_text(adapted(folder, port, web, webhooks))
    assert NGINX
    command = [NGINX, "-e", str(folder / "start.log"), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True, timeout=60)
    running = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        wait_for(port)
        yield Proxy(port, authority, folder)
    finally:
        running.terminate()
        running.wait(timeout=30)


def wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def proxy(sender: Sender, tmp_path: Path) -> Iterator[Proxy]:
    """Both processes behind it, and a second process for webhooks that is down."""
    with (
        served(tmp_path, "b24app.wsgi", "--threads", "4") as web,
        served(tmp_path, "b24app.wsgi_webhooks", DEBUG="false") as webhooks,
        proxying(tmp_path, web.port, (webhooks.port, free_port(0))) as running,
    ):
        yield running


def test_calls_go_to_the_webhooks_and_pages_to_the_web(proxy: Proxy, sender: Sender) -> None:
    said = [proxy.ask("POST", path(sender), call(number)) for number in range(20)]
    assert [(status, body) for status, _headers, body in said] == [(200, "")] * 20  # half of them at the second try
    assert Message.objects.count() == 20
    status, headers, page = proxy.ask("GET", "/app/")
    assert (status, "Sendline" in page, headers["X-Content-Type-Options"]) == (200, True, "nosniff")
    assert "max-age" in headers["Strict-Transport-Security"]


def test_nothing_of_an_address_is_written_down(proxy: Proxy, sender: Sender) -> None:
    for number in range(4):
        proxy.ask("POST", path(sender), call(number))
    for to in (
        "/app/?secret",
        "/oauth/?code=secret&state=s",
        "/d/secret/",
        "/p/secret/",
        "/r/a/b/secret/",
        "/e/a/1/secret/",
    ):
        proxy.ask("GET", to)
    lines = proxy.lines()
    assert lines.count("GET app") == 1
    assert "secret" not in lines
    assert sender.uuid.hex not in lines
    assert path(sender).split("/")[-2] not in lines


def test_bodies_are_bounded_by_address(proxy: Proxy, sender: Sender) -> None:
    long = "a=" + "%" * 70_000
    for page in ("/app/", "/install/", "/card/", "/session/", "/oauth/", "/p/0/settings/", "/"):
        assert proxy.ask("POST", page, long)[0] == 413
    assert proxy.ask("POST", path(sender), call(1) + "&" + long)[0] == 200
    assert proxy.ask("POST", path(sender), "a" * 5_000_000)[0] == 413
    upload = f"/p/{'0' * 32}/stop-list/import/"
    assert proxy.ask("POST", upload, "a" * 6_000_000)[0] not in (413, 502)
    assert proxy.ask("POST", upload, "a" * 9_000_000)[0] == 413


def test_what_a_client_says_of_itself_changes_nothing(proxy: Proxy, sender: Sender) -> None:
    for name in ("SCRIPT_NAME", "X_Forwarded_Proto", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Prefix"):
        assert proxy.ask("POST", f"/x{path(sender)}", call(1), **{name: "/x"})[0] == 404
        assert proxy.ask("GET", "/app/", **{name: "evil.example"})[0] == 200
    assert not Message.objects.exists()


def test_whoever_asks_too_often_is_told(proxy: Proxy, sender: Sender) -> None:
    with ThreadPoolExecutor(30) as impatient:
        answers = [one.result()[0] for one in [impatient.submit(proxy.ask, "GET", "/app/") for _ in range(300)]]
    assert {200, 429} <= set(answers) <= {200, 429, 503}  # 503: more than the application lets wait in line
    assert [proxy.ask("POST", path(sender), call(number))[0] for number in range(30)] == [200] * 30


def test_processes_restarted_in_turn_cost_no_call(sender: Sender, tmp_path: Path) -> None:
    ports = (free_port(0), free_port(0))
    over, said = threading.Event(), Counter[int]()

    def call_on_and_on(first: int) -> None:
        for number in itertools.count(first, 4):
            if over.is_set():
                return
            said[front.ask("POST", path(sender), call(number))[0]] += 1

    with ExitStack() as running, ThreadPoolExecutor(4) as callers:
        lives = [running.enter_context(webhooks(tmp_path, port)) for port in ports]
        front = running.enter_context(proxying(tmp_path, free_port(0), ports))
        calling = [callers.submit(call_on_and_on, first) for first in range(4)]
        for _ in range(2):
            for place, port in enumerate(ports):
                lives[place].stop()
                assert lives[place].process.wait(timeout=30) == 0
                lives[place] = running.enter_context(webhooks(tmp_path, port))
        over.set()
        for one in calling:
            one.result()
    assert list(said) == [200]
    assert Message.objects.count() == said[200]


def webhooks(folder: Path, port: int) -> AbstractContextManager[Served]:
    return served(folder, "b24app.wsgi_webhooks", port=port, DEBUG="false")


def test_nobody_is_answered_by_another_name(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError, match="unrecognized"):
        proxy.ask("GET", "/app/", host="other.example.com")
