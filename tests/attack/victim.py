"""The victim: beta's people write, its portal calls our handler, its administrator looks at Home; all is timed."""

import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from urllib.parse import urljoin, urlsplit

from b24app.operations.local import visitor
from tests.attack.deployment import ALICE, Deployment, connect_account, open_as
from tests.faults.house import GATEWAY, House
from tests.smsc import Smsc, Submit

CALLS_A_SECOND, PAGES_A_SECOND = 4.0, 1.0
LIMIT = 15.0  # seconds: what takes longer, Bitrix24 has given up
QUIET_ACCOUNTS, QUIET_EVERY = 4, 8  # every eighth call goes through one of so many accounts that are little used
AT_ONCE = 80  # more than wait at once when nobody is answered
WORDS = "sent=sent\ndelivered=delivered\nundelivered=undelivered\nfailed=failed"
RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:DELIVRD err:000 text:"
REPORTED_AFTER = 0.2  # seconds, at every service


@dataclass(frozen=True, slots=True)
class Called:
    """A handler call: when it began (unix seconds), how long it took, what came (None: nothing within the limit)."""

    at: float
    seconds: float
    status: int | None
    message_id: str
    service: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A page that was asked for."""

    at: float
    seconds: float
    good: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A sender of beta, by the kind of its service."""

    service: str
    code: str
    quiet: bool = False


class Victim:
    """Goes on calling and looking from `start` to `stop`; `calls` and `looks` are complete `LIMIT` after it."""

    def __init__(self, deployment: Deployment, lines: Sequence[Line]) -> None:
        self.calls: list[Called] = []
        self.looks: list[Looked] = []
        self._house = deployment.beta
        self._lines = lines
        self._under_way: list[float] = []
        self._halt = threading.Event()
        self._numbers = count(1)
        self._pool = ThreadPoolExecutor(AT_ONCE, "victim")
        self._threads = [
            threading.Thread(target=self._every, args=(1 / CALLS_A_SECOND, self._call), daemon=True),
            threading.Thread(target=self._every, args=(1 / PAGES_A_SECOND, self._look), daemon=True),
        ]
        self.renew()

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._halt.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown(cancel_futures=True)

    def under_way(self, until: float) -> bool:
        """Tell whether a call or a page that was asked for before then (unix seconds) has no end yet."""
        return any(at < until for at in list(self._under_way))

    def renew(self) -> None:
        """Open the application anew: a page's ticket is good for minutes only."""
        self._browser, home = open_as(self._house, ALICE)
        self._home = home.url

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        due = time.monotonic()
        while not self._halt.wait(max(0.0, due - time.monotonic())):
            due += seconds
            self._pool.submit(act)

    def _call(self) -> None:
        number = next(self._numbers)
        line = self._line(number)
        to, text = f"+1202555{number % 90 + 100:04d}", f"Order {number} is ready."
        # The row in the portal comes first, untimed: what is timed is our answer.
        row = self._house.ask("write", to=to, text=text, code=line.code)
        at = time.time()
        self._under_way.append(at)
        status = post(str(row["handler"]), str(row["form"]).encode(), LIMIT)
        self.calls.append(Called(at, time.time() - at, status, str(row["message_id"]), line.service, to, text))
        self._under_way.remove(at)

    def _line(self, number: int) -> Line:
        """Return the sender of a call: the busy ones in turn, and now and then one that was quiet for long."""
        turn, rest = divmod(number, QUIET_EVERY)
        lines = [one for one in self._lines if one.quiet == (rest == 0)]
        return lines[(number if rest else turn) % len(lines)]

    def _look(self) -> None:
        at = time.time()
        self._under_way.append(at)
        try:
            self._browser.get(self._home)
            good = True
        except (visitor.UnexpectedPage, OSError, http.client.HTTPException):
            good = False
        self.looks.append(Looked(at, time.time() - at, good))
        self._under_way.remove(at)


def post(url: str, body: bytes, limit: float, headers: Mapping[str, str] | None = None) -> int | None:
    """Return the status of a form post, None where no answer came within `limit` seconds in all."""
    parts = urlsplit(url)
    end = time.monotonic() + limit
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=limit)
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, sent)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        return answer.status if time.monotonic() <= end else None
    finally:
        connection.close()


class Centre(Smsc):
    """An honest message centre: it gives every message an id of its own and reports it delivered."""

    def __init__(self) -> None:
        super().__init__(answers=self._take)
        self._refs = count(500_001)

    def _take(self, submit: Submit) -> str:
        ref = str(next(self._refs))
        timer = threading.Timer(REPORTED_AFTER, self._report, (ref, submit))
        timer.daemon = True
        timer.start()
        return ref

    def _report(self, ref: str, submit: Submit) -> None:
        if self.bound:
            self.deliver(RECEIPT.format(ref), source=submit.dest[2])


def settle(deployment: Deployment, centre: Centre) -> list[Line]:
    """Connect beta's accounts: one at an API with keys, one behind its own gateway, one at a message centre."""
    house = deployment.beta
    house.service(delay=REPORTED_AFTER)
    twilio = {"account_sid": "AC" + "b" * 32, "auth_token": "token-of-beta", "base_url": house.run.sms}
    bind = {"host": "127.0.0.1", "port": str(centre.port), "system_id": "beta", "password": "word-of-beta"}
    lines = [
        Line("twilio", connect_account(house, "twilio", twilio)),
        Line("http", connect_account(house, "http", _gateway(house, "busy"))),
        Line("smpp", connect_account(house, "smpp", bind)),
    ]
    quiet = [connect_account(house, "http", _gateway(house, f"quiet-{number}")) for number in range(QUIET_ACCOUNTS)]
    return [*lines, *(Line("http", code, quiet=True) for code in quiet)]


def _gateway(house: House, name: str) -> dict[str, str]:
    account = {name.removeprefix("account-"): value for name, value in GATEWAY.items()}
    return {**account, "url": urljoin(house.run.sms, f"/gateway/send?as={name}"), "report_words": WORDS}
