"""A small portal beside a large one, beside services that hang and portals that are slow, and ordinary behind bulk."""

import time
from collections.abc import Callable

from bench import sendline_side
from bench.lab import Lab
from bench.load import Caller, key, send_paced, text
from bench.report import Result, Sizes, median, percentile
from bench.rows import TO_TELL, WAITING, multiply
from bench.sendline_side import Tenant, sender, tenant

PAUSE = 0.4
PATIENCE = 60.0  # what has not arrived by then counts as having taken this long
BEGUN_SECONDS = 60
HANGING = 20
WAITING_EACH, UNTOLD_EACH = 100, 100
BULK_SAMPLES, BULK_PAUSE = 30, 1.0


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Idle first; every other case is compared with that."""
    cases = {
        "idle": _beside_nothing(lab, sizes),
        "backlog": _beside_backlog(lab, sizes),
        "trouble": _beside_trouble(lab, sizes),
        "behind_bulk": _behind_bulk(lab, sizes),
    }
    p95 = {name: percentile(took, 95) for name, took in cases.items()}
    keys = {
        "neighbour_ratio": max(p95["backlog"], p95["trouble"]) / p95["idle"],
        "behind_bulk_p95_s": p95["behind_bulk"],
    }
    details = {
        "p95_s": p95,
        "p50_s": {name: median(took) for name, took in cases.items()},
        "late": {name: sum(one >= PATIENCE for one in took) for name, took in cases.items()},
        "backlog_ratio": p95["backlog"] / p95["idle"],
        "trouble_ratio": p95["trouble"] / p95["idle"],
        "all_s": cases,
    }
    return Result(keys, details)


def _beside_nothing(lab: Lab, sizes: Sizes) -> list[float]:
    sendline_side.empty()
    small = tenant(lab, "small")
    return _sampled(lab, small, lambda: None, lambda: True, sizes.samples)


def _beside_backlog(lab: Lab, sizes: Sizes) -> list[float]:
    sendline_side.empty()
    small, large = tenant(lab, "small"), tenant(lab, "large")
    return _sampled(
        lab,
        small,
        lambda: multiply([large.sender], sizes.backlog, WAITING),
        lambda: lab.stub.counts().get("sent", 0) > 20,
        sizes.samples,
    )


def _beside_trouble(lab: Lab, sizes: Sizes) -> list[float]:
    sendline_side.empty()
    small = tenant(lab, "small")
    hanging = [tenant(lab, f"h{number}", service="AChang") for number in range(HANGING)]
    slow = [tenant(lab, f"s{number}", token="slow") for number in range(HANGING)]

    def furnish() -> None:
        multiply([one.sender for one in hanging], WAITING_EACH * HANGING, WAITING)
        multiply([one.sender for one in slow], UNTOLD_EACH * HANGING, TO_TELL)

    def begun() -> bool:
        counts = lab.stub.counts()
        return counts.get("hung", 0) > 0 and counts.get("slow", 0) > 0

    return _sampled(lab, small, furnish, begun, sizes.samples)


def _behind_bulk(lab: Lab, sizes: Sizes) -> list[float]:
    sendline_side.empty()
    small = tenant(lab, "small", rate=10)
    bulk = sender(small.portal, small.connection, "bulk", bulk=True)
    return _sampled(
        lab,
        small,
        lambda: multiply([bulk], sizes.backlog, WAITING),
        lambda: lab.stub.counts().get("sent", 0) > 20,
        min(sizes.samples, BULK_SAMPLES),
        pause=BULK_PAUSE,
    )


def _sampled(
    lab: Lab,
    small: Tenant,
    furnish: Callable[[], None],
    begun: Callable[[], bool],
    samples: int,
    *,
    pause: float = PAUSE,
) -> list[float]:
    """Seconds from each of the small portal's handler calls to the service, once the trouble has begun."""
    callers: list[Caller] = [small.caller]
    with sendline_side.serving(lab):
        sendline_side.warm_up(lab, callers)
        furnish()
        lab.wait(begun, BEGUN_SECONDS, lambda: f"the sweep found nothing: {lab.stub.counts()}")
        began = send_paced(lab.calls_port, callers, samples, pause)
        arrived = _arrivals(lab, samples)
    return [min(arrived.get(one, at + PATIENCE) - at, PATIENCE) for one, at in began.items()]


def _arrivals(lab: Lab, samples: int) -> dict[str, float]:
    """When each key arrived at the service, where it did in time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = lab.stub.accepted()
        arrived = {key(number): found[text(key(number))][0] for number in range(samples) if text(key(number)) in found}
        if len(arrived) == samples or time.monotonic() > deadline:
            return arrived
        time.sleep(0.5)
