"""The end-to-end rate and the journal's pages with millions of old messages, against few."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from django.db import connections
from django.utils import timezone

from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.portals import page_tickets
from b24app.portals.models import Portal
from bench import sendline_side
from bench.figures.end_to_end import PORTALS, run_on
from bench.lab import Lab, Unfinished
from bench.report import Result, Sizes, median, percentile
from bench.rows import grow_old
from bench.sendline_side import Tenant, tenant, tenants

DEPTHS = (0, 100, 200)  # messages from the newest
TURNS = 3
QUIET_SECONDS = 60

Page = tuple[Portal, Mapping[str, str]]


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Few first, then many."""
    few, many = (_with_past(lab, sizes, count) for count in (sizes.young, sizes.old))
    ratios = {
        kind: {name: value / few["journal"][kind][name] for name, value in looks.items()}
        for kind, looks in many["journal"].items()
    }
    keys = {"growth_ratio": many["rate"] / few["rate"], "journal_growth_ratio": ratios["pages"]["p95_ms"]}
    return Result(keys, {"few": few, "many": many, "journal_ratios": ratios})


def _with_past(lab: Lab, sizes: Sizes, old: int) -> dict[str, Any]:
    """Grow the past once; each run leaves its messages in it, as days do."""
    sendline_side.empty()
    made, quiet = tenants(lab, PORTALS), tenant(lab, "quiet")
    started = time.monotonic()
    grow_old([one.sender for one in made], quiet.sender, old)
    furnished = time.monotonic() - started
    runs, journal = [], {}
    for turn in range(sizes.runs):
        with run_on(lab, made, sizes.growth_messages, first=turn * sizes.growth_messages) as run:
            runs.append(run)
            if turn == sizes.runs - 1:
                _wait_for_quiet(lab)
                journal = {kind: _looks(lab, pages) for kind, pages in _pages(made, quiet).items()}
    return {
        "old": old,
        "furnish_seconds": furnished,
        "rate": median([run.rate for run in runs]),
        "journal": journal,
        "runs": [asdict(run) for run in runs],
    }


def _pages(made: Sequence[Tenant], quiet: Tenant) -> dict[str, list[Page]]:
    """Return what an administrator looks at; only `pages` counts, the rest shows where a filter is slow."""
    today = timezone.localdate()
    year = {"since": str(today - timedelta(days=370))}
    week = {"since": str(today - timedelta(days=150)), "until": str(today - timedelta(days=144))}
    pages: dict[str, list[Page]] = {
        "pages": [(one.portal, _from(one, depth)) for one in made for depth in DEPTHS] * TURNS,
        "failed": [(one.portal, {"status": "failed"}) for one in made],
        "undelivered, none": [(one.portal, {"status": "undelivered", **year}) for one in made],
        "sent, hardly any": [(one.portal, {"status": "sent", **year}) for one in made],
        "reason": [(one.portal, {"error": "rejected"}) for one in made],
        "number": [(one.portal, {"phone": f"+447700900{place:03d}", **year}) for place, one in enumerate(made)],
        "last digits, none": [(one.portal, {"phone": "98765", **year}) for one in made],
        "sender": [(one.portal, {"sender": one.sender.uuid.hex}) for one in made],
        "tests, none": [(one.portal, {"source": "test", **year}) for one in made],
        "an old week": [(one.portal, week) for one in made],
        "quiet": [(quiet.portal, {})] * PORTALS,
        "quiet, its year": [(quiet.portal, year)] * PORTALS,
    }
    connections.close_all()
    return pages


def _from(one: Tenant, depth: int) -> dict[str, str]:
    if depth == 0:
        return {}
    newest = Message.objects.filter(portal=one.portal).order_by(*NEWEST_FIRST)
    return {"before": newest.values_list("reference", flat=True)[depth].hex}


def _wait_for_quiet(lab: Lab) -> None:
    """Until the portals know of the run's messages: words that are still to be told take time from the journal's."""
    with suppress(Unfinished):
        lab.wait(lambda: not Message.objects.filter(push_at__isnull=False).exists(), QUIET_SECONDS, lambda: "telling")
    connections.close_all()


def _looks(lab: Lab, pages: Sequence[Page]) -> dict[str, float]:
    """Milliseconds of a look: what a person waits, and the CPU of web and PostgreSQL, which other work leaves alone."""
    for portal, query in pages[:3]:
        _look(lab, portal, query)  # what is read for the first time is no figure of the design
    before = lab.cpu()
    took = [_look(lab, portal, query) for portal, query in pages]
    after = lab.cpu()
    used = sum(after[name] - before[name] for name in ("web", "postgres"))
    return {"p50_ms": median(took), "p95_ms": percentile(took, 95), "cpu_ms": 1000 * used / len(took)}


def _look(lab: Lab, portal: Portal, query: Mapping[str, str]) -> float:
    """Milliseconds until the page is there."""
    connection = HTTPConnection("127.0.0.1", lab.web_port, timeout=60)
    headers = {
        "Authorization": f"Bearer {page_tickets.mint_ticket(portal, 1, is_admin=True, language='en')}",
        "HX-Request": "true",
    }
    started = time.monotonic()
    try:
        connection.request("GET", f"/p/{portal.uuid.hex}/journal/?{urlencode(query)}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the journal answered {answer.status}")
        return 1000 * (time.monotonic() - started)
    finally:
        connection.close()
