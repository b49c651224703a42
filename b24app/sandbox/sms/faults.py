"""Faults that both APIs share, before a text is accepted and after."""

import time

from werkzeug.wrappers import Response

from b24app.sandbox.runtime.web import ConnectionDropped
from b24app.sandbox.sms.state import Ledger, Sms

_REFUSALS = {"throttle": 429, "server_error": 503}
_RESPONSE_FAULTS = ("close", "server_error_after", "nonsense")


def fail_before_acceptance(ledger: Ledger, to: str, body: str) -> int | None:
    """Return the HTTP status of a refusal (429, 503) or None; or hang, then drop the connection. Accepts nothing."""
    with ledger.lock:
        switches = ledger.switches
        fault = next((name for name in ("throttle", "server_error", "hang") if switches.use_up(name)), "")
        if fault:
            hang_seconds = switches.hang_seconds if fault == "hang" else 0.0
            ledger.record_fault(fault, to, body, accepted=False, seconds=hang_seconds)
    if fault == "hang":
        time.sleep(hang_seconds)
        raise ConnectionDropped
    return _REFUSALS.get(fault)


def add_retry_after(ledger: Ledger, refusal: Response) -> Response:
    """Add Retry-After to a 429 where the switch sets it; return the refusal."""
    seconds = ledger.switches.retry_after
    if refusal.status_code == 429 and seconds:
        refusal.headers["Retry-After"] = f"{seconds:g}"
    return refusal


def spoil_response(ledger: Ledger, good: Response, sms: Sms) -> Response:
    """Return the response to an accepted text: `good`, or a late, broken or missing one."""
    with ledger.lock:
        switches = ledger.switches
        hold = switches.hold_seconds if switches.use_up("hold") else 0.0
        spoilt = [name for name in _RESPONSE_FAULTS if switches.use_up(name)]
        for fault in [*(["hold"] if hold else []), *spoilt[:1]]:
            ledger.record_fault(fault, sms.to, sms.body, accepted=True, seconds=hold)
    time.sleep(hold)
    return _spoilt_response(spoilt[0]) if spoilt else good


def _spoilt_response(fault: str) -> Response:
    if fault == "close":
        raise ConnectionDropped
    if fault == "server_error_after":
        return Response("Bad Gateway", 502)
    return Response("<html>It works!</html>", 200, content_type="text/html")
