"""The outside of the bench: an SMS service in Twilio's dialect and the portals' REST over TLS, in one cheap process.

`python -m bench.stub --folder DIR` prints `ready sms=PORT tls=PORT`, writes DIR/ca.pem and ends on SIGTERM or after an
hour. How it behaves goes by names, so that no switch has to be turned while something is on its way: an AccountSid that
begins with `AChang` is answered after 30 s, an access token that begins with `slow` after 20 s.

Control, on the SMS port: GET `/_/counts`, GET `/_/ledger`, POST `/_/clear`. Times are those of the monotonic clock,
which all processes of a machine share.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import re
import resource
import secrets
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import trustme

from bench.wire import Answering, Asking, ask_kept

SEND_SECONDS, HANG_SECONDS = 0.1, 30.0
REPORT_SECONDS = 5.0
SLOW_SECONDS = 20.0
REPORT_LANES = 16
REPORT_TRIES = 5
LIFETIME = 3600.0
FINAL = {"delivered", "undelivered", "failed"}
SEND = re.compile(rb"POST /2010-04-01/Accounts/(\w+)/Messages\.json ")
BASIC = re.compile(rb"(?i)\r\nauthorization: basic ([\w+/=-]+)")
STATUS_METHOD = "messageservice.message.status.update"


class Report(NamedTuple):
    """A delivery report to be made, and the token it is signed with."""

    callback: str
    sid: str
    account: str
    token: str


class Ledger:
    """What was accepted and what was told: first moment and count of each, and how many calls that took."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything; reports that are still due are not sent any more."""
        self.age = secrets.token_hex(4)
        self.accepted: dict[str, list[float]] = {}
        self.told: dict[str, list[float]] = {}
        self.calls: Counter[str] = Counter()
        self.share: Counter[str] = Counter()
        self.latest = 0.0
        self.lag = 0.0

    def accept(self, text: str, now: float) -> None:
        """Count an accepted message."""
        self.accepted.setdefault(text, [now, 0])[1] += 1

    def tell(self, commands: list[tuple[str, str]]) -> None:
        """One call told these statuses; its share goes to first words, confirmations and others by their number."""
        now = time.monotonic()
        for message, status in commands:
            if status not in FINAL:
                kind = "other"
            elif message in self.told:
                self.told[message][1] += 1
                kind = "confirmation"
            else:
                self.told[message] = [now, 1]
                self.latest = now
                kind = "first"
            self.share[kind] += 1 / len(commands)

    def counts(self) -> dict[str, float]:
        """Return the figures to wait for."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "accepted": len(self.accepted),
            "sends": sum(int(count) for _, count in self.accepted.values()),
            "told": len(self.told),
            "latest": self.latest,
            "lag": self.lag,
            "cpu": used.ru_utime + used.ru_stime,
            **self.calls,
            **{f"share_{name}": value for name, value in self.share.items()},
        }


class Reporter:
    """Sends delivery reports over a few kept connections, in turn."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._due: asyncio.Queue[tuple[str, Report]] = asyncio.Queue()

    def plan(self, report: Report) -> None:
        """Report this message as delivered in five seconds."""
        loop = asyncio.get_running_loop()
        loop.call_later(REPORT_SECONDS, self._arise, self._ledger.age, loop.time(), report)

    def _arise(self, age: str, planned: float, report: Report) -> None:
        late = asyncio.get_running_loop().time() - planned - REPORT_SECONDS
        self._ledger.lag = max(self._ledger.lag, late)
        self._due.put_nowait((age, report))

    async def run(self) -> None:
        """One lane; a report that was refused or broke is tried again, as Twilio does not but a bench must."""
        kept: Asking | None = None
        while True:
            age, report = await self._due.get()
            address, request = _request(report)
            for _ in range(REPORT_TRIES):
                if age != self._ledger.age:
                    break  # of a run that is over
                try:
                    kept, status = await ask_kept(kept, address, request)
                except (OSError, TimeoutError):
                    kept, status = None, 0
                if status == 200:
                    self._ledger.calls["reports"] += 1
                    break
                self._ledger.calls["report_errors"] += 1
                await asyncio.sleep(0.5)


def _request(report: Report) -> tuple[tuple[str, int], bytes]:
    fields = {
        "AccountSid": report.account,
        "ApiVersion": "2010-04-01",
        "MessageSid": report.sid,
        "MessageStatus": "delivered",
    }
    signed = report.callback + "".join(name + value for name, value in fields.items())  # sorted by name already
    signature = base64.b64encode(hmac.digest(report.token.encode(), signed.encode(), hashlib.sha1)).decode()
    to, body = urlsplit(report.callback), urlencode(fields)
    head = (
        f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (to.hostname or "", to.port or 80), (head + body).encode()


class Service(Answering):
    """The SMS service, and the control of the stub."""

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        super().__init__()
        self._ledger = ledger
        self._reporter = reporter

    def handle(self, head: bytes, body: bytes) -> None:
        send = SEND.match(head)
        if send:
            self._send(send[1].decode(), head, body)
        elif head.startswith(b"GET /_/counts "):
            self.answer(json.dumps(self._ledger.counts()).encode())
        elif head.startswith(b"GET /_/ledger "):
            self.answer(json.dumps({"accepted": self._ledger.accepted, "told": self._ledger.told}).encode())
        elif head.startswith(b"POST /_/clear "):
            self._ledger.clear()
            self.answer(b"{}")
        else:
            self.answer(b'{"code": 20404}', b"404 Not Found")

    def _send(self, account: str, head: bytes, body: bytes) -> None:
        now, form = time.monotonic(), dict(parse_qsl(body.decode()))
        self._ledger.accept(form["Body"], now)
        hangs = account.startswith("AChang")
        self._ledger.calls["hung" if hangs else "sent"] += 1
        sid = "SM" + secrets.token_hex(16)
        basic = BASIC.search(head)
        token = base64.b64decode(basic[1]).decode().partition(":")[2] if basic else ""
        receipt = {"sid": sid, "status": "queued", "num_segments": "1", "price": None, "price_unit": "USD"}
        answer = partial(self.answer, json.dumps(receipt).encode(), b"201 Created")
        asyncio.get_running_loop().call_later(HANG_SECONDS if hangs else SEND_SECONDS, answer)
        if form.get("StatusCallback") and not hangs:
            self._reporter.plan(Report(form["StatusCallback"], sid, account, token))


class Portal(Answering):
    """REST and OAuth of all portals: a batch of status updates, single ones, and little else."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def handle(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        asked = json.loads(body) if body.startswith(b"{") else {}
        method = path.removeprefix("/rest/").removesuffix(".json").strip("/")
        answer = partial(self.answer, json.dumps(self._answer(method, asked)).encode())
        if str(asked.get("auth", "")).startswith("slow"):
            self._ledger.calls["slow"] += 1
            asyncio.get_running_loop().call_later(SLOW_SECONDS, answer)
        else:
            answer()

    def _answer(self, method: str, asked: dict[str, object]) -> dict[str, object]:
        self._ledger.calls["rest"] += 1
        stamp = {"start": time.time(), "finish": time.time(), "operating": 0.1, "operating_reset_at": time.time() + 600}
        if method == "batch":
            commands = asked["cmd"]
            assert isinstance(commands, dict)
            self._ledger.tell([_status(parse_qs(text.partition("?")[2])) for text in commands.values()])
            kept = {"result": dict.fromkeys(commands, True), "result_time": dict.fromkeys(commands, stamp)}
            return {"result": {**kept, "result_error": [], "result_total": [], "result_next": []}, "time": stamp}
        if method == STATUS_METHOD:
            self._ledger.tell([(str(asked["MESSAGE_ID"]), str(asked["STATUS"]))])
        if method == "oauth/token":
            return {"error": "invalid_grant", "error_description": "The tokens of the bench do not expire"}
        return {"result": [] if method.endswith(".list") else True, "time": stamp}


def _status(query: dict[str, list[str]]) -> tuple[str, str]:
    return query["MESSAGE_ID"][0], query["STATUS"][0]


def trust(folder: Path) -> ssl.SSLContext:
    """Return a server context for 127.0.0.1; leave its authority in `folder`/ca.pem."""
    authority = trustme.CA(organization_name="Sendline bench")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def serve(folder: Path) -> None:
    """Serve until SIGTERM, at most an hour."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    ledger = Ledger()
    reporter = Reporter(ledger)
    factories: list[tuple[Callable[[], asyncio.Protocol], ssl.SSLContext | None]] = [
        (partial(Service, ledger, reporter), None),
        (partial(Portal, ledger), trust(folder)),
    ]
    servers = [await loop.create_server(make, "127.0.0.1", 0, ssl=tls, backlog=1000) for make, tls in factories]
    lanes = [asyncio.create_task(reporter.run()) for _ in range(REPORT_LANES)]
    sms, tls = (server.sockets[0].getsockname()[1] for server in servers)
    print(f"ready sms={sms} tls={tls}", flush=True)
    try:
        await asyncio.wait_for(stop.wait(), LIFETIME)
    finally:
        for lane in lanes:
            lane.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    asyncio.run(serve(parser.parse_args().folder))
