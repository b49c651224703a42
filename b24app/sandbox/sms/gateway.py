"""A plain gateway for the "your own gateway" service: `/gateway/send`, `/gateway/status`, unsigned reports."""

import secrets
from typing import Any

from werkzeug.wrappers import Request, Response

from b24app.sandbox.sms import fate, faults
from b24app.sandbox.sms.state import Ledger, Sms
from b24app.sandbox.sms.twilio import segments
from b24app.sandbox.web import json_body, json_response

PREFIX = "/gateway/"


def serve(ledger: Ledger, request: Request) -> Response:
    """Answer `/gateway/send` (GET or POST; query, form or JSON), `/gateway/status?id=` and `/gateway/balance`.

    Fields of a send: to, text, sender, reference, report_url, key (or an Authorization header); a key with "wrong" in
    it is refused. The same reference gives the same id where `idempotent` is on.
    """
    asked = {**request.values.to_dict(), **_json(request)}
    key = str(asked.get("key") or request.headers.get("Authorization", ""))
    if "wrong" in key:
        return _problem(401, "unauthorized")
    action = request.path.removeprefix(PREFIX).strip("/")
    if action == "send":
        return _send(ledger, asked)
    if action == "status":
        sms = ledger.find(str(asked.get("id", "")))
        return json_response(_shown(sms)) if sms and sms.path == "gateway" else _problem(404, "unknown_id")
    return json_response({"balance": ledger.switches.balance, "currency": "EUR"})


def _json(request: Request) -> dict[str, Any]:
    """The JSON body where the content type says so."""
    return json_body(request) if request.is_json else {}


def _send(ledger: Ledger, asked: dict[str, Any]) -> Response:
    to, text, reference = (str(asked.get(name, "")) for name in ("to", "text", "reference"))
    refused = faults.before(ledger, to, text)
    if refused:
        return faults.retry_after(ledger, _problem(refused, "throttled" if refused == 429 else "unavailable"))
    if not to or not text:
        return _problem(400, "missing_field")
    code = fate.refusal(ledger, to)
    if code:
        return _problem(400, {21211: "invalid_number", 21610: "opted_out"}.get(code, str(code)))
    known = ledger.find_reference("gateway", reference) if ledger.switches.idempotent and reference else None
    if known:
        known.asked += 1
        return json_response(_shown(known))
    sms = Sms(
        sid="gw-" + secrets.token_hex(8),
        path="gateway",
        account="gateway",
        to=to,
        sender=str(asked.get("sender", "")),
        body=text,
        reference=reference,
        callback=str(asked.get("report_url", "")),
        secret="",
        segments=segments(text),
    )
    ledger.accept(sms)
    fate.schedule(ledger, sms, fate.gateway_report)
    return faults.after(ledger, json_response(_shown(sms)), sms)


def _shown(sms: Sms) -> dict[str, Any]:
    status = "accepted" if sms.status == "queued" else sms.status
    return {"id": sms.sid, "reference": sms.reference, "status": status, "parts": sms.segments}


def _problem(status: int, code: str) -> Response:
    return json_response({"error": {"code": code}}, status)
