"""Delivery reports: the final status by number ending, and posting the reports, in order or not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from urllib.parse import urlencode

from b24app.sandbox.runtime.http_post import post_once
from b24app.sandbox.sms.state import Ledger, ReportCall, Sms

# Number ending: code of an immediate refusal.
REFUSAL_CODES = {"99": 21211, "96": 21610}
# Number ending: final status and code; "" is no report at all.
FINAL_STATUSES: dict[str, tuple[str, int | None]] = {
    "98": ("undelivered", 30003),
    "97": ("failed", 30005),
    "95": ("", None),
}

_FIRST_SHARE = 0.3

ReportBuilder = Callable[[Sms, str, int | None], tuple[bytes, dict[str, str]]]


def refusal_code(ledger: Ledger, to: str) -> int | None:
    """Return the error code for this number by switch or ending; None if it is accepted."""
    rules = ledger.switches.reject
    return rules.get(to) or rules.get("*") or REFUSAL_CODES.get(to[-2:])


def schedule_reports(ledger: Ledger, sms: Sms, build: ReportBuilder) -> None:
    """Schedule `sent` and the final status within `delay` seconds; `build` returns body and headers of a report."""
    final, code = FINAL_STATUSES.get(sms.to[-2:], ("delivered", None))
    steps: list[tuple[str, int | None]] = [("sent", None), (final, code)] if final else []
    if ledger.switches.reorder_reports:
        steps.reverse()
    for share, (status, error) in zip((_FIRST_SHARE, 1.0), steps, strict=False):
        ledger.background.run_later(
            ledger.switches.delay * share, partial(_post_report, ledger, sms, status, error, build)
        )


def sign_callback(secret: str, url: str, fields: dict[str, str]) -> str:
    """Return X-Twilio-Signature: base64 of HMAC-SHA1 over URL and fields sorted by name (docs/services/twilio.md)."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def twilio_report_builder(ledger: Ledger) -> ReportBuilder:
    """Return a builder of Twilio's status callbacks."""

    def build_twilio_report(sms: Sms, status: str, code: int | None) -> tuple[bytes, dict[str, str]]:
        fields = {
            "MessageSid": sms.sid,
            "SmsSid": sms.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "To": sms.to,
            "From": sms.sender,
            "AccountSid": sms.account,
            "ApiVersion": "2010-04-01",
        }
        if code:
            fields["ErrorCode"] = str(code)
        secret = "somebody else's" if ledger.switches.wrong_signature else sms.secret
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Twilio-Signature": sign_callback(secret, sms.callback, fields),
        }
        return urlencode(fields).encode(), headers

    return build_twilio_report


def build_gateway_report(sms: Sms, status: str, code: int | None) -> tuple[bytes, dict[str, str]]:
    """Build the plain gateway's report: JSON, unsigned."""
    report = {"id": sms.sid, "reference": sms.reference, "to": sms.to, "status": status, "error": code or 0}
    return json.dumps(report).encode(), {"Content-Type": "application/json"}


def _post_report(ledger: Ledger, sms: Sms, status: str, code: int | None, build: ReportBuilder) -> None:
    with ledger.lock:
        # A late "sent" of a reordered pair is posted, but does not undo the final status.
        if sms.status in {"queued", "sent"}:
            sms.status, sms.error_code = status, code
        switches = ledger.switches
    ledger.touch()
    if switches.drop_reports or not sms.callback:
        return
    genuine = not (switches.wrong_signature and sms.secret)
    body, headers = build(sms, status, code)
    for _ in range(2 if switches.repeat_reports else 1):
        outcome = post_once(sms.callback, body, headers, ledger.ca_file)
        with ledger.lock:
            sms.reports.append(ReportCall(**asdict(outcome), word=status, genuine=genuine))
        ledger.touch()
