"""Handler calls as a portal makes them: form bodies with a key in them by which the stub's ledger finds them again."""

import asyncio
import http.client
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from b24app.sandbox import phpform
from bench.wire import ask_all

LANES = 16
KEY = "key0000000"  # the same length as every key, so that a template's Content-Length holds
NUMBER = "+12025550100"


def key(number: int) -> str:
    """Return the key of the call with this number."""
    return f"key{number:07d}"


def text(of: str) -> str:
    """Return the one-part text of a key, by which the service's ledger knows it."""
    return f"Your order {of} is ready."


@dataclass(frozen=True)
class Caller:
    """A sender of one portal: makes its handler calls from one template."""

    template: bytes

    @classmethod
    def of(cls, address: str, code: str, member_id: str, token: str) -> "Caller":
        """Return the fields of b24app/sandbox/delivery.py, to a signed address."""
        to = urlsplit(address)
        body = phpform.encode_form(
            {
                "module_id": "crm",
                "bindings": [{"OWNER_TYPE_ID": 3, "OWNER_ID": 1}, {"OWNER_TYPE_ID": 2, "OWNER_ID": 1}],
                "properties": {"phone_number": NUMBER, "message_text": text(KEY)},
                "type": "SMS",
                "code": code,
                "message_id": KEY,
                "message_to": NUMBER,
                "message_body": text(KEY),
                "ts": int(time.time()),
                "auth": {
                    "domain": "portal.example",
                    "server_endpoint": "https://oauth.bitrix.info/rest/",
                    "client_endpoint": "https://portal.example/rest/",
                    "member_id": member_id,
                    "application_token": token,
                    "access_token": "0" * 70,
                    "expires": int(time.time()) + 3600,
                    "expires_in": 3600,
                    "scope": "messageservice,placement,crm,im,user_brief",
                    "status": "L",
                    "user_id": 1,
                },
            }
        )
        head = (
            f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nUser-Agent: Bitrix24 Webhook Engine\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return cls((head + body).encode())

    def request(self, number: int) -> bytes:
        """Return the call with this number, to one of a hundred phones."""
        phone = f"%2B120255501{number % 100:02d}".encode()
        return self.template.replace(KEY.encode(), key(number).encode()).replace(b"%2B12025550100", phone)


def requests(callers: Sequence[Caller], count: int, first: int = 0) -> list[bytes]:
    """So many calls, from each caller in turn, numbered from `first`."""
    return [callers[number % len(callers)].request(number) for number in range(first, first + count)]


def warming(callers: Sequence[Caller]) -> list[bytes]:
    """Two calls from each, with numbers that nothing else has."""
    return [one.request(next(_warming)) for one in [*callers, *callers]]


_warming = itertools.count(9_000_000)


def send_all(port: int, calls: Iterable[bytes]) -> Counter[int]:
    """Make all calls as fast as the server takes them from sixteen connections; counts the statuses."""
    return asyncio.run(ask_all(port, calls, LANES))


def send_for(port: int, callers: Sequence[Caller], seconds: float, first: int) -> tuple[float, Counter[int]]:
    """Call for so long, numbered from `first`; answers calls a second that were answered 200, and all statuses."""
    started = time.monotonic()
    endless = (callers[number % len(callers)].request(number) for number in itertools.count(first))
    statuses = send_all(port, itertools.takewhile(lambda _: time.monotonic() < started + seconds, endless))
    return statuses[200] / (time.monotonic() - started), statuses


def send_paced(port: int, callers: Sequence[Caller], count: int, pause: float) -> dict[str, float]:
    """One call after the other with a pause in between; when each key's call began, by the monotonic clock."""
    began: dict[str, float] = {}
    for number in _spaced(count, pause):
        call = callers[number % len(callers)].request(number)
        head, _, body = call.partition(b"\r\n\r\n")
        began[key(number)] = time.monotonic()
        status = _one(port, head.decode(), body)
        if status != 200:
            raise RuntimeError(f"the handler answered {status}")
    return began


def _spaced(count: int, pause: float) -> Iterator[int]:
    for number in range(count):
        yield number
        time.sleep(random.uniform(0.6, 1.4) * pause)


def _one(port: int, head: str, body: bytes) -> int:
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, dict(line.split(": ", 1) for line in lines))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
