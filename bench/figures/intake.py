"""Accepts a second of the handler door against a bare view that does one ORM insert, on the same server.

Only the webhooks' process runs: what is measured is the door, not what a worker takes from it.
"""

from typing import Any

from bench import baseline_side, load, sendline_side
from bench.lab import Lab
from bench.report import Result, Sizes, median
from bench.sendline_side import tenants


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Both in turn, so many times."""
    seconds = sizes.intake_seconds
    runs = [{"handler": _handler(lab, seconds), "insert": inserting(lab, seconds)} for _ in range(sizes.runs)]
    rates = {side: [run[side]["rate"] for run in runs] for side in ("handler", "insert")}
    handler, insert = median(rates["handler"]), median(rates["insert"])
    return Result({"intake_ratio": handler / insert}, {"runs": runs, "handler": handler, "insert": insert})


def _handler(lab: Lab, seconds: float) -> dict[str, Any]:
    sendline_side.empty()
    callers = [one.caller for one in tenants(lab, 20)]
    with sendline_side.serving(lab, "webhooks"):
        return timed(lab, callers, seconds)


def inserting(lab: Lab, seconds: float) -> dict[str, Any]:
    baseline_side.build(lab, 1)
    with baseline_side.serving(lab, worker=False):
        return timed(lab, baseline_side.inserting(lab), seconds)


def timed(lab: Lab, callers: list[load.Caller], seconds: float) -> dict[str, Any]:
    load.send_all(lab.calls_port, load.warming(callers * (100 // len(callers))))
    before = lab.cpu()
    rate, statuses = load.send_for(lab.calls_port, callers, seconds, first=0)
    spent = {name: value - before[name] for name, value in lab.cpu().items()}
    count = statuses[200]
    return {
        "rate": rate,
        "statuses": dict(statuses),
        "cpu_ms": {name: 1000 * value / count for name, value in spent.items()},
    }
