"""The faults both dialects share: what goes wrong before a text is accepted, and after."""

import time

from werkzeug.wrappers import Response

from b24app.sandbox.sms.state import Ledger
from b24app.sandbox.web import Dropped


def before(ledger: Ledger) -> int | None:
    """The HTTP status of a refusal that takes nothing in: 429, 503 or None."""
    with ledger.lock:
        if ledger.switches.use("throttle"):
            return 429
        return 503 if ledger.switches.use("server_error") else None


def after(ledger: Ledger, good: Response) -> Response:
    """The answer to an accepted text: the good one, or a late, broken or missing one."""
    with ledger.lock:
        switches = ledger.switches
        hold, close = switches.use("hold"), switches.use("close")
        broken, nonsense = switches.use("server_error_after"), switches.use("nonsense")
    if hold:
        time.sleep(switches.hold_seconds)
    if close:
        raise Dropped
    if broken:
        return Response("Bad Gateway", 502)
    return Response("<html>It works!</html>", 200, content_type="text/html") if nonsense else good
