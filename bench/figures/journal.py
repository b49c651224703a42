"""Every filter of the journal, each pair of them and the deepest pages on a portal of millions; and its file."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.client import HTTPConnection
from itertools import combinations, product
from typing import Any

from django.db import connections
from django.utils import timezone

from b24app.console.journal.conditions import SOURCES, STATUS_GROUPS
from b24app.core import tokens
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.portals.models import Portal
from bench import sendline_side
from bench.figures.growth import _look
from bench.lab import Lab
from bench.report import Result, Sizes, median
from bench.rows import grow_varied
from bench.sendline_side import sender, tenant

LIMIT_MS = 300
SENDERS, TURNS, SLOWEST = 4, 3, 12

Query = Mapping[str, str]


def measure(lab: Lab, sizes: Sizes) -> Result:
    """One portal with all of the past; `old` says how many, a tenth of them in the usual window."""
    sendline_side.empty()
    one = tenant(lab, "journal")
    senders = [one.sender, *(sender(one.portal, one.connection, f"journal-{place}") for place in range(1, SENDERS))]
    started = time.monotonic()
    grow_varied(senders, sizes.old)
    furnished = time.monotonic() - started
    pages = _pages(one.portal, senders[1].uuid.hex)
    connections.close_all()
    with sendline_side.serving(lab, "web"):
        for _ in range(8):
            _look(lab, one.portal, {})
        took = {name: [_look(lab, one.portal, query) for _ in range(TURNS)] for name, query in pages.items()}
        file = _file(lab, one.portal)
    first = {name: times[0] for name, times in took.items()}
    slowest = sorted(took, key=lambda name: -max(took[name]))
    for name in slowest[:SLOWEST]:
        print(f"journal: {name:<52}" + "".join(f"{ms:9.1f}" for ms in took[name]) + " ms")
    over = [name for name in slowest if max(took[name]) > LIMIT_MS]
    print(f"journal: {len(took)} pages, {len(over)} over {LIMIT_MS} ms; file: {file}")
    keys = {
        "journal_worst_ms": max(max(times) for times in took.values()),
        "journal_deepest_ratio": median(took["deepest of all"]) / median(took["first page"]),
    }
    details = {
        "furnish_seconds": furnished,
        "looks": took,
        "cold_worst_ms": max(first.values()),
        "over": over,
        "file": file,
    }
    return Result(keys, details)


def _pages(portal: Portal, of: str) -> dict[str, Query]:
    """By name; a filter has several values where they are found in different ways."""
    today = timezone.localdate()
    year = {"since": str(today - timedelta(days=370))}
    some = Message.objects.filter(portal=portal, status="delivered")
    number = some.order_by("pk").values_list("to", flat=True)[1000]
    filters: dict[str, dict[str, Query]] = {
        "status": {f"status {one}": {"status": one} for one in STATUS_GROUPS},
        "sender": {"sender": {"sender": of}},
        "employee": {"employee": {"employee": "17"}, "employee, none": {"employee": "777"}},
        "source": {f"source {one}": {"source": one} for one in SOURCES},
        "error": {f"error {one}": {"error": one} for one in ("rejected", "timed_out", "opt_out")},
        "phone": {
            "number": {"phone": number},
            "number, none": {"phone": "+12025550199"},
            **{f"last {digits}": {"phone": number[-digits:]} for digits in (4, 5, 6, 7)},
            **{f"last {digits}, none": {"phone": "98765432"[:digits].replace("4477009", "")} for digits in (6, 7)},
        },
        "service": {"service": {"service": "twilio"}, "service, none": {"service": "kannel"}},
        "date": {
            "a year": year,
            "an old week": {"since": str(today - timedelta(days=150)), "until": str(today - timedelta(days=144))},
        },
    }  # fmt: skip
    pages: dict[str, Query] = {"first page": {}}
    for kind in filters.values():
        pages |= kind
    for one, other in combinations(filters.values(), 2):
        pages |= {f"{a} + {b}": {**one[a], **other[b]} for a, b in product(one, other)}
    return pages | dict(_deep(portal, today - timedelta(days=29), year))


def _deep(portal: Portal, month: Any, year: Query) -> Iterator[tuple[str, Query]]:
    mine = Message.objects.filter(portal=portal)
    oldest = mine.order_by(*(name.removeprefix("-") for name in NEWEST_FIRST)).values_list("reference", flat=True)
    yield "deepest of all", {**year, "before": oldest[60].hex}
    yield "deepest of the window", {"before": oldest.filter(received_at__date__gte=month)[60].hex}
    yield "deepest failed", {**year, "status": "failed", "before": oldest.filter(status="failed")[60].hex}
    yield "deepest of a sender", {**year, "status": "delivered", "before": oldest[4000].hex}


def _file(lab: Lab, portal: Portal) -> dict[str, float]:
    """Export the window as CSV; return rows, seconds, rows a second, and web memory before and at most."""
    payload = {"filters": "", "language": "en", "job": uuid.uuid4().hex}
    claims = {"portal": portal.uuid.hex, "user": 1, "is_admin": True, "payload": payload}
    token = tokens.seal_token("journal-file", claims)
    before = peak = lab.memory()["web"]
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.3):
            peak = max(peak, lab.memory()["web"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    connection = HTTPConnection("127.0.0.1", lab.web_port, timeout=300)
    started, cpu = time.monotonic(), lab.cpu()
    first = rows = size = 0.0
    try:
        connection.request("GET", f"/d/journal/{token}/")
        answer = connection.getresponse()
        while piece := answer.read1(1 << 20):
            first = first or time.monotonic() - started
            rows += piece.count(b"\r\n")
            size += len(piece)
    finally:
        connection.close()
        over.set()
        watcher.join()
    took, used = time.monotonic() - started, lab.cpu()
    return {
        "rows": rows - 1, "seconds": round(took, 1), "rows_per_second": round(rows / took),
        "megabytes": round(size / 1e6, 1), "first_bytes_ms": round(1000 * first),
        "web_mb_before": round(before, 1), "web_mb_at_most": round(peak, 1),
        "web_cpu_s": round(used["web"] - cpu["web"], 1),
        "postgres_cpu_s": round(used["postgres"] - cpu["postgres"], 1),
    }  # fmt: skip
