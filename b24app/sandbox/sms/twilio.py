"""Twilio's REST under `/2010-04-01/Accounts/{sid}` (services/twilio.md): any account, any token without "wrong"."""

import re
import secrets
import time
from email.utils import formatdate
from typing import Any

from werkzeug.wrappers import Request, Response

from b24app.sandbox.runtime.web import json_response
from b24app.sandbox.sms import faults, reports
from b24app.sandbox.sms.state import Ledger, Sms

PREFIX = "/2010-04-01/Accounts/"
_NUMBER = re.compile(r"\+\d{8,15}")
_NUMBERS = ("+12025550100", "+442079460000")
_MAX_BODY = 1600
_TEXTS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21211: "Invalid 'To' Phone Number",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
}
_STATUSES = {20003: 401, 20404: 404, 20429: 429, 20500: 503}


def serve_twilio(ledger: Ledger, request: Request) -> Response:
    """Serve anything under PREFIX."""
    account, _, resource = request.path.removeprefix(PREFIX).partition("/")
    account = account.removesuffix(".json")
    secret = _report_secret(ledger, request, account)
    if secret is None:
        return error_response(20003)
    if resource == "Messages.json" and request.method == "POST":
        return _accept_text(ledger, request.form.to_dict(), account, secret)
    if resource.startswith("Messages/"):
        sms = ledger.find(resource.removeprefix("Messages/").removesuffix(".json"))
        return json_response(_describe_sms(sms)) if sms and sms.account == account else error_response(20404)
    resources: dict[str, dict[str, Any]] = {
        "": {"sid": account, "friendly_name": "Sandbox account", "status": "active", "type": "Full"},
        "Balance.json": {"account_sid": account, "balance": ledger.switches.balance, "currency": "EUR"},
        "IncomingPhoneNumbers.json": {
            "incoming_phone_numbers": [_number_fields("+12025550100"), _number_fields("+442079460000")]
        },
        "SMS/ShortCodes.json": {"short_codes": [{"sid": "SC" + "0" * 32, "short_code": "55501"}]},
    }
    return json_response(resources[resource]) if resource in resources else error_response(20404)


def error_response(code: int) -> Response:
    """Return Twilio's error response."""
    status = _STATUSES.get(code, 400)
    body = {
        "code": code,
        "message": _TEXTS.get(code, "The message was refused"),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_response(body, status)


def count_segments(body: str) -> int:
    """Return a rough count of segments: ASCII as GSM-7, all else as UCS-2."""
    single, part = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= single else -(-len(body) // part)


def _report_secret(ledger: Ledger, request: Request, account: str) -> str | None:
    """Return the secret that signs reports: the account's AuthToken if it was ever seen, else the API key's secret."""
    given = request.authorization
    user, secret = (given.username or "", given.password or "") if given else ("", "")
    if not account.startswith("AC") or not secret or "wrong" in secret:
        return None
    if user == account:
        ledger.accounts[account] = secret
        return secret
    return ledger.accounts.get(account, secret) if user.startswith("SK") else None


def _accept_text(ledger: Ledger, form: dict[str, str], account: str, secret: str) -> Response:
    refused = faults.fail_before_acceptance(ledger, form.get("To", ""), form.get("Body", ""))
    if refused:
        return faults.add_retry_after(ledger, error_response(20429 if refused == 429 else 20500))
    code = _validation_code(form) or reports.refusal_code(ledger, form["To"])
    if code:
        return error_response(code)
    callback = form.get("StatusCallback", "")
    sms = Sms(
        sid="SM" + secrets.token_hex(16),
        path="twilio",
        account=account,
        to=form["To"],
        sender=form.get("From") or form["MessagingServiceSid"],
        body=form["Body"],
        reference=callback,
        callback=callback,
        secret=secret,
        segments=count_segments(form["Body"]),
    )
    ledger.accept(sms)
    reports.schedule_reports(ledger, sms, reports.twilio_report_builder(ledger))
    return faults.spoil_response(ledger, json_response(_describe_sms(sms), 201), sms)


def _validation_code(form: dict[str, str]) -> int | None:
    to, body = form.get("To", ""), form.get("Body", "")
    if not to:
        return 21604
    if not _NUMBER.fullmatch(to):
        return 21211
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return 21603
    if not body:
        return 21602
    return 21617 if len(body) > _MAX_BODY else None


def _describe_sms(sms: Sms) -> dict[str, Any]:
    done = sms.status in {"delivered", "undelivered"}
    return {
        "sid": sms.sid,
        "account_sid": sms.account,
        "to": sms.to,
        "from": sms.sender,
        "body": sms.body,
        "status": sms.status,
        "num_segments": str(sms.segments),
        "price": f"-{0.0075 * sms.segments:.5f}" if done else None,
        "price_unit": "USD",
        "error_code": sms.error_code,
        "error_message": None,
        "direction": "outbound-api",
        "api_version": "2010-04-01",
        "date_created": formatdate(sms.at),
        "date_updated": formatdate(time.time()),
        "uri": f"{PREFIX}{sms.account}/Messages/{sms.sid}.json",
    }


def _number_fields(number: str) -> dict[str, Any]:
    return {"phone_number": number, "friendly_name": number, "capabilities": {"sms": True, "mms": False, "voice": True}}
