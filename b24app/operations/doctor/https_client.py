"""One bounded request or handshake over TLS, as Bitrix24 would make it: with public authorities and EXTRA_CA_FILE."""

import ssl
import time
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPSConnection
from urllib.parse import unquote, urlsplit

import certifi
from django.conf import settings

SECONDS = 5.0  # for each wait
LONGEST = 4096  # bytes read of an answer
DAY = 24 * 3600
PROBLEMS = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in an authority that nobody else trusts",
    20: "its chain is incomplete, or ends in an authority that nobody else trusts",
    62: "it is for another host",
    64: "it is for another host",
}


class Untrusted(Exception):
    """A certificate was refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and how many days the certificate is still valid."""

    status: int
    body: str
    headers: dict[str, str]
    days_left: int
    version: str


def ask_https(host: str, port: int, path: str, method: str = "GET", *, through_proxy: bool = False) -> Answer:
    """Ask a server; raise Untrusted, and OSError or HTTPException where it does not answer."""
    connection = _make_connection(host, port, settings.EGRESS_PROXY if through_proxy else "")
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)  # noqa: S101 - that is what this class connects
        ends = ssl.cert_time_to_seconds(str((connection.sock.getpeercert() or {})["notAfter"]))
        version = connection.sock.version() or ""
        connection.request(method, path, headers={"User-Agent": "sendline-doctor", "Content-Length": "0"})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = answer.read(LONGEST).decode(errors="replace")
        return Answer(answer.status, body, headers, int((ends - time.time()) // DAY), version)
    except ssl.SSLCertVerificationError as refused:
        raise Untrusted(PROBLEMS.get(refused.verify_code, refused.verify_message.rstrip("."))) from None
    finally:
        connection.close()


def describe_network_error(failure: Exception) -> str:
    """Return why a server did not answer, in the words of the system, which quote no address."""
    return (failure.strerror if isinstance(failure, OSError) else "") or type(failure).__name__


def _make_connection(host: str, port: int, proxy: str) -> HTTPSConnection:
    context = ssl.create_default_context(cafile=certifi.where())
    if settings.EXTRA_CA_FILE:
        context.load_verify_locations(settings.EXTRA_CA_FILE)
    if not proxy:
        return HTTPSConnection(host, port, timeout=SECONDS, context=context)
    url = urlsplit(proxy)
    headers = {}
    if url.username:
        credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
    connection = HTTPSConnection(url.hostname or "", url.port, timeout=SECONDS, context=context)
    connection.set_tunnel(host, port, headers)
    return connection
