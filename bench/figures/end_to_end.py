"""Messages a second from the first handler call to the last status told, and what each costs the processes in CPU."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connections

from b24app.messaging.models import Message
from bench import baseline_side, sendline_side
from bench.lab import Lab
from bench.load import LANES, Caller, requests, send_all
from bench.report import Result, Sizes, median
from bench.sendline_side import Tenant, tenants

PORTALS = 20
WORKERS = ("worker", "pusher")  # of either side: the baseline has but the first
RUN_SECONDS = 240
CONFIRMED_SECONDS = 75  # the confirmation is due 40 s after receipt


@dataclass(frozen=True)
class Run:
    """One run of one side. CPU is in milliseconds per message."""

    messages: int
    seconds: float
    rate: float
    intake_seconds: float
    cpu_ms: dict[str, float]
    statuses: dict[int, int]
    sent_twice: int
    report_errors: float
    stub_lag: float
    rest: dict[str, float]


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Both sides in turn; calls to the portal and memory are read at the end of our last run."""
    ours, theirs, after = [], [], Result({})
    for turn in range(sizes.runs):
        last = turn == sizes.runs - 1
        run, found = run_ours(lab, sizes.messages, look_after=last)
        ours.append(run)
        after = found or after
        theirs.append(_run_baseline(lab, sizes.baseline_messages))
    rates = [median([run.rate for run in side]) for side in (ours, theirs)]
    cpu = [median([sum(run.cpu_ms.get(name, 0.0) for name in WORKERS) for run in side]) for side in (ours, theirs)]
    keys = {"end_to_end_ratio": rates[0] / rates[1], "cpu_ratio": cpu[0] / cpu[1], **after.keys}
    details: dict[str, Any] = {
        "ours": [asdict(run) for run in ours],
        "baseline": [asdict(run) for run in theirs],
        "rate": rates[0],
        "baseline_rate": rates[1],
        "worker_ms": cpu[0],
        "baseline_worker_ms": cpu[1],
        **after.details,
    }
    return Result(keys, details)


def run_ours(lab: Lab, messages: int, *, look_after: bool = False) -> tuple[Run, Result | None]:
    """Sendline once, on an empty database; with a look at memory and at the confirmations afterwards if wanted."""
    sendline_side.empty()
    with run_on(lab, tenants(lab, PORTALS), messages) as run:
        return run, _after(lab, messages) if look_after else None


@contextmanager
def run_on(lab: Lab, made: list[Tenant], messages: int, *, first: int = 0) -> Iterator[Run]:
    """Sendline once, on these portals; within the block it is still running. Keys count from `first`."""
    callers = [one.caller for one in made]
    with sendline_side.serving(lab):
        sendline_side.warm_up(lab, callers)
        yield _run(lab, callers, messages, first)


def _run_baseline(lab: Lab, messages: int) -> Run:
    callers = baseline_side.callers(lab, baseline_side.build(lab, PORTALS))
    with baseline_side.serving(lab):
        baseline_side.warm_up(lab, callers)
        return _run(lab, callers, messages, 0)


def _run(lab: Lab, callers: list[Caller], messages: int, first: int) -> Run:
    calls, counts = requests(callers, messages, first), lab.stub.counts
    before, started = lab.cpu(), time.monotonic()
    statuses = send_all(lab.calls_port, calls)
    intake = time.monotonic() - started
    lab.wait(lambda: counts()["told"] >= messages, RUN_SECONDS, lambda: f"{counts()} of {messages}")
    after, end = lab.cpu(), counts()
    seconds = end["latest"] - started
    return Run(
        messages=messages,
        seconds=seconds,
        rate=messages / seconds,
        intake_seconds=intake,
        cpu_ms={name: 1000 * (value - before[name]) / messages for name, value in after.items()},
        statuses=dict(statuses),
        sent_twice=int(end["sends"] - end["accepted"]),
        report_errors=end.get("report_errors", 0),
        stub_lag=end["lag"],
        rest={name: value for name, value in end.items() if name == "rest" or name.startswith("share_")},
    )


def _after(lab: Lab, messages: int) -> Result:
    """Return the calls that pushed first statuses and those that confirmed; a mixed call counts by its parts."""
    memory, counts = lab.memory(), lab.stub.counts
    lab.wait(_is_quiet, CONFIRMED_SECONDS, lambda: f"still confirming: {counts()}")
    end = counts()
    repeated = sum(int(count) - 1 for _, count in lab.stub.told().values())
    keys = {"rest_calls_per_1000": 1000 * end["share_first"] / messages, "rss_mb": sum(memory.values())}
    if repeated:
        keys["confirm_calls_per_1000"] = 1000 * end.get("share_confirmation", 0) / repeated
    return Result(keys, {"confirmations": repeated, "rest": end, "pss_mb": memory, "lanes": LANES})


def _is_quiet() -> bool:
    """No message is still to be told or confirmed."""
    connections.close_all()
    return not Message.objects.filter(push_at__isnull=False).exists()
