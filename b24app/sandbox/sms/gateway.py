"""A plain gateway for the "your own gateway" service: `/gateway/send`, `/gateway/status`, unsigned reports."""

import secrets
from typing import Any

from werkzeug.wrappers import Request, Response

from b24app.sandbox.runtime.web import json_body, json_response
from b24app.sandbox.sms import faults, reports
from b24app.sandbox.sms.state import Ledger, Sms
from b24app.sandbox.sms.twilio import count_segments

PREFIX = "/gateway/"


def serve_gateway(ledger: Ledger, request: Request) -> Response:
    """Serve `/gateway/send` (GET or POST; query, form or JSON), `/gateway/status?id=` and `/gateway/balance`.

    Fields of a send: to, text, sender, reference, report_url, key (or an Authorization header); a key with "wrong" in
    it is refused. The same reference returns the same id where `idempotent` is on.
    """
    params = {**request.values.to_dict(), **_read_json(request)}
    key = str(params.get("key") or request.headers.get("Authorization", ""))
    if "wrong" in key:
        return _error_response(401, "unauthorized")
    action = request.path.removeprefix(PREFIX).strip("/")
    if action == "send":
        return _accept_text(ledger, params)
    if action == "status":
        sms = ledger.find(str(params.get("id", "")))
        return (
            json_response(_describe_sms(sms)) if sms and sms.path == "gateway" else _error_response(404, "unknown_id")
        )
    return json_response({"balance": ledger.switches.balance, "currency": "EUR"})


def _read_json(request: Request) -> dict[str, Any]:
    """Return the JSON body where the content type says so."""
    return json_body(request) if request.is_json else {}


def _accept_text(ledger: Ledger, params: dict[str, Any]) -> Response:
    to, text, reference = (str(params.get(name, "")) for name in ("to", "text", "reference"))
    refused = faults.fail_before_acceptance(ledger, to, text)
    if refused:
        return faults.add_retry_after(
            ledger, _error_response(refused, "throttled" if refused == 429 else "unavailable")
        )
    if not to or not text:
        return _error_response(400, "missing_field")
    refusal = reports.refusal_code(ledger, to)
    if refusal:
        return _error_response(400, {21211: "invalid_number", 21610: "opted_out"}.get(refusal, str(refusal)))
    earlier = ledger.find_reference("gateway", reference) if ledger.switches.idempotent and reference else None
    if earlier:
        earlier.asked += 1
        return json_response(_describe_sms(earlier))
    sms = Sms(
        sid="gw-" + secrets.token_hex(8),
        path="gateway",
        account="gateway",
        to=to,
        sender=str(params.get("sender", "")),
        body=text,
        reference=reference,
        callback=str(params.get("report_url", "")),
        secret="",
        segments=count_segments(text),
    )
    ledger.accept(sms)
    reports.schedule_reports(ledger, sms, reports.build_gateway_report)
    return faults.spoil_response(ledger, json_response(_describe_sms(sms)), sms)


def _describe_sms(sms: Sms) -> dict[str, Any]:
    status = "accepted" if sms.status == "queued" else sms.status
    return {"id": sms.sid, "reference": sms.reference, "status": status, "parts": sms.segments}


def _error_response(status: int, code: str) -> Response:
    return json_response({"error": {"code": code}}, status)
