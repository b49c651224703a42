"""From the handler call to the request at the service, with nothing else going on."""

from bench import sendline_side
from bench.lab import Lab
from bench.load import send_paced, text
from bench.report import Result, Sizes, median, percentile
from bench.sendline_side import tenants

PAUSE = 0.25
ARRIVED_SECONDS = 30


def measure(lab: Lab, sizes: Sizes) -> Result:
    """One message at a time, to twenty portals in turn."""
    sendline_side.empty()
    callers = [one.caller for one in tenants(lab, 20)]
    with sendline_side.serving(lab):
        sendline_side.warm_up(lab, callers)
        began = send_paced(lab.calls_port, callers, sizes.samples, PAUSE)
        counts = lab.stub.counts
        lab.wait(lambda: counts()["accepted"] >= len(began), ARRIVED_SECONDS, lambda: f"{counts()}")
        arrived = lab.stub.accepted()
    took = [1000 * (arrived[text(key)][0] - at) for key, at in began.items()]
    return Result({"idle_p50_ms": median(took)}, {"p95_ms": percentile(took, 95), "all_ms": took})
