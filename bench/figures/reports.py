"""Delivery reports a second of the report door against the same bare view; only the webhooks' process runs.

Each report is a service's own, signed, of a message of its own; whether there is such a message is settled later, by a
worker.
"""

import base64
import hashlib
import hmac
import uuid
from typing import Any
from urllib.parse import urlencode, urlsplit

from b24app.core import signed_urls
from bench import sendline_side
from bench.figures.intake import inserting, timed
from bench.lab import Lab
from bench.report import Result, Sizes, median
from bench.sendline_side import Tenant, tenants


class Reporter:
    """An account at the service: makes its reports with the fields of the stub's."""

    def __init__(self, tenant: Tenant) -> None:
        self._connection = tenant.connection.uuid.hex
        self._account = tenant.connection.account

    def request(self, number: int) -> bytes:
        """Return the report of another message each time."""
        url = signed_urls.report_url(self._connection, uuid.uuid4().hex)
        fields = {
            "AccountSid": self._account["account_sid"],
            "ApiVersion": "2010-04-01",
            "MessageSid": f"SM{number:032d}",
            "MessageStatus": "delivered",
            "To": f"+120255501{number % 100:02d}",
        }
        signed = url + "".join(name + value for name, value in fields.items())  # sorted by name already
        mac = hmac.digest(self._account["auth_token"].encode(), signed.encode(), hashlib.sha1)
        to, body = urlsplit(url), urlencode(fields)
        head = (
            f"POST {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nX-Twilio-Signature: {base64.b64encode(mac).decode()}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Both in turn, so many times."""
    seconds = sizes.intake_seconds
    runs = [{"report": _reports(lab, seconds), "insert": inserting(lab, seconds)} for _ in range(sizes.runs)]
    rates = {side: median([run[side]["rate"] for run in runs]) for side in ("report", "insert")}
    return Result({"report_ratio": rates["report"] / rates["insert"]}, {"runs": runs, **rates})


def _reports(lab: Lab, seconds: float) -> dict[str, Any]:
    sendline_side.empty()
    reporters = [Reporter(one) for one in tenants(lab, 20)]
    with sendline_side.serving(lab, "webhooks"):
        return timed(lab, reporters, seconds)
