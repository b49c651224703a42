"""Vonage (Nexmo): the SMS API.

API:     https://developer.vonage.com/en/api/sms
Sandbox: a new account is in demo mode and sends to numbers confirmed there, for a trial credit
Checked: 2026-11-25 against the vendor's OpenAPI files (Nexmo/api-specification), guides, Java and Python SDKs; read
         again 2026-11-25; see docs/services/vonage.md
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Forged, Hint, Reason, SmsError
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import rows_at, text_at, value_at
from providers.kit.screens import Screen, copy_value, paste_address, turn_on
from providers.kit.segments import UCS_2, measure
from providers.kit.signatures import is_fresh, is_same, read_jwt

STATUSES = {
    "accepted": Status.SENT,
    "buffered": Status.SENT,
    "submitted": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "expired": Status.UNDELIVERED,
    "undelivered": Status.UNDELIVERED,
    "undeliverable": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "rejected": Status.FAILED,
}
# The phone was not there, whichever of the words for a failure goes with it.
_NOT_REACHED = ("err 2", "err 3", "err 7", "err 12", "1180", "1190", "1220", "1260")

_PARTIAL = _("Vonage accepted only some segments. Check the message there before resending.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "1": ("throttled", advice.SLOW_DOWN),
    "10": ("throttled", advice.SLOW_DOWN),
    "5": ("uncertain", advice.LOOK_THERE),
    "4": ("auth", advice.CREDENTIALS),
    "8": ("auth", advice.SUSPENDED),
    "11": ("auth", advice.RIGHTS),
    "14": (
        "auth",
        _(
            "This account requires signed requests, which Sendline does not support. Ask Vonage support to "
            "turn them off."
        ),
    ),
    "32": ("auth", advice.OURS),
    "9": ("balance", advice.TOP_UP),
    "6": ("invalid_number", advice.NUMBER),
    "22": ("invalid_number", advice.NUMBER),
    "33": ("invalid_number", advice.NOT_IN_USE),
    "7": ("blocked", advice.STOP_LIST),
    "29": ("blocked", advice.TRIAL),
    "15": ("invalid_request", advice.SENDER),
    "12": ("invalid_request", advice.TOO_LONG),
    "2": ("invalid_request", advice.SETTING),
    "3": ("invalid_request", advice.SETTING),
    "23": ("invalid_request", advice.OURS),
}
# `err-code` of a delivery receipt counts from 1 too, so its name is part of the code.
_RECEIPTS: Mapping[str, tuple[Reason, str]] = {
    "err 1": ("", advice.NO_REASON),
    "err 2": ("", advice.OFF),
    "err 3": ("invalid_number", advice.NOT_IN_USE),
    "err 4": ("opt_out", advice.OPT_OUT),
    "err 5": ("", advice.NO_ROUTE),
    "err 6": ("blocked", advice.SPAM),
    "err 7": ("", advice.OFF),
    "err 8": ("", advice.NO_REASON),
    "err 9": ("opt_out", advice.OPT_OUT),
    "err 10": ("invalid_request", advice.SETTING),
    "err 11": ("blocked", advice.NO_ROUTE),
    "err 12": ("invalid_number", advice.NUMBER),
    **dict.fromkeys(("err 13", "err 14", "err 15"), ("blocked", advice.CANNOT)),
    "err 16": ("balance", advice.TOP_UP),
    "err 39": ("blocked", advice.REGISTER_SENDER),
    "err 50": ("blocked", advice.TEMPLATE),
    "err 51": ("blocked", advice.REGISTER_SENDER),
    "err 52": ("blocked", advice.TEMPLATE),
    "err 53": ("blocked", advice.OPT_OUT),
    "err 54": ("blocked", advice.OPERATOR),
    "err 99": ("", advice.NO_REASON),
}
# What an account whose type is Messages API gets in its receipts.
_MESSAGES: Mapping[str, tuple[Reason, str]] = {
    "1000": ("throttled", advice.SLOW_DOWN),
    **dict.fromkeys(("1010", "1020", "1130", "1150"), ("invalid_request", advice.SETTING)),
    **dict.fromkeys(("1030", "1100"), ("", advice.LOOK_THERE)),
    "1040": ("invalid_number", advice.NUMBER),
    "1050": ("blocked", advice.STOP_LIST),
    "1060": ("auth", advice.SUSPENDED),
    "1070": ("balance", advice.TOP_UP),
    "1080": ("auth", advice.RIGHTS),
    "1090": ("invalid_request", advice.TOO_LONG),
    "1120": ("invalid_request", advice.SENDER),
    "1140": ("auth", advice.RIGHTS),
    "1160": ("blocked", advice.TRIAL),
    "1170": ("invalid_number", advice.NUMBER),
    "1180": ("", advice.OFF),
    "1190": ("invalid_number", advice.NOT_IN_USE),
    "1200": ("", advice.NO_ROUTE),
    "1210": ("blocked", advice.SPAM),
    "1220": ("", advice.OFF),
    "1230": ("", advice.NO_REASON),
    "1240": ("opt_out", advice.OPT_OUT),
    "1241": ("blocked", advice.NUMBER_LIMIT),
    "1250": ("blocked", advice.NO_ROUTE),
    "1260": ("invalid_number", advice.NUMBER),
    **dict.fromkeys(("1270", "1280", "1290"), ("blocked", advice.CANNOT)),
    "1310": ("", advice.CANNOT),
    "1320": ("duplicate", advice.REPEATED),
    "1330": ("", advice.NO_REASON),
    "1360": ("", advice.EXPIRED),
}
_PAGES = (
    (_CODES, "https://developer.vonage.com/en/api-errors/sms"),
    (_RECEIPTS, "https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts"),
    (_MESSAGES, "https://developer.vonage.com/en/api-errors/messages"),
)

BASE = "https://rest.nexmo.com"
FRESH = 300.0
"""Seconds a signed receipt stays good, as in the vendor's Java SDK (RequestSigning)."""
_PAUSE = re.compile(r"\[ *([0-9]{1,6}) *\]")
_SETTINGS = _("Vonage dashboard > Settings > API settings.")
_INDIA = _("India only: as registered on DLT.")


class Vonage(Provider):
    """Every part has its own id and receipt; a `callback` of at most 100 characters is too short for our address."""

    code = "vonage"
    title = "Vonage"
    docs = "https://developer.vonage.com/en/messaging/sms/overview"
    listing = Listing(
        about=_("The former Nexmo: SMS API with a delivery report for each segment."),
        other_names=("Nexmo",),
        mark=Mark(Colour.VIOLET, "M8 5l6 7-6 7-6-7zM16 5l6 7-6 7-3-3.5 3-3.5-3-3.5z"),
    )
    fields = (
        Text("api_key", _("API key"), help=_SETTINGS),
        Secret("api_secret", "API secret", help=_SETTINGS),
        Secret(
            "signature_secret",
            "Signature secret",
            help=_(
                "Only if Vonage signs its webhooks (Vonage support can enable this). Enter it after you save the "
                "delivery report URL at Vonage."
            ),
            required=False,
            advanced=True,
        ),
        Choice(
            "signature_method",
            "Signature method",
            default="md5hash",
            choices=(
                ("md5hash", "MD5 hash"),
                ("md5", "MD5 HMAC"),
                ("sha1", "SHA1 HMAC"),
                ("sha256", "SHA-256 HMAC"),
                ("sha512", "SHA-512 HMAC"),
            ),
            advanced=True,
        ),
    )
    sender_fields = (
        Text("entity_id", "Entity ID", help=_INDIA, required=False, advanced=True),
        Text("content_id", "Content ID", help=_INDIA, required=False, advanced=True),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the Vonage dashboard, go to Settings > API settings and copy the API key and API secret."),
            "https://dashboard.nexmo.com/settings",
            Screen(
                ("Settings", "API settings"),
                (copy_value("API key", "api_key", "a1b2c3d4"), copy_value("API secret", "api_secret")),
            ),
        ),
        Step(
            advice.REPORTS,
            _(
                "On the same page, choose SMS API and paste this URL as the delivery receipt (DLR) webhook: "
                "{report_url}"
            ),
            "https://dashboard.nexmo.com/settings",
            Screen(
                ("Settings", "API settings"), (turn_on("SMS API"), paste_address("Delivery receipts (DLR) webhooks"))
            ),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("api_key",)
    rate = 30.0
    statuses = STATUSES
    failure_statuses = dict.fromkeys(_NOT_REACHED, Status.UNDELIVERED)
    hints = {code: Hint(*meaning, page) for codes, page in _PAGES for code, meaning in codes.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "from": sms.sender.removeprefix("+"),
            "to": sms.to.removeprefix("+"),
            "text": sms.text,
            "type": "unicode" if measure(sms.text).encoding == UCS_2 else "text",
            "status-report-req": "1",
            "client-ref": sms.reference,
            "entity-id": sms.options.get("entity_id", ""),
            "content-id": sms.options.get("content_id", ""),
        }
        form = {name: value for name, value in payload.items() if value}
        reply = self.http.post(f"{BASE}/sms/json", auth=self._basic_auth(), form=form)
        reply.expect(self.hints, code="messages.0.status", words="messages.0.error-text")
        return self._read_acceptance(reply)

    def verify(self, call: Call) -> None:
        secret = self.account["signature_secret"]
        scheme, _blank, token = call.header("Authorization").partition(" ")
        if secret and scheme.lower() == "bearer":
            _verify_token(token, secret, call.body, call.at)
        elif secret:
            self._verify_parameters(call, secret.encode())

    def read_reports(self, call: Call) -> list[Report]:
        """Read receipts of the SMS API, or of the Messages API where the account is of that type."""
        fields = _read_fields(call)
        ref, word = text_at(fields, "messageId") or text_at(fields, "message_uuid"), text_at(fields, "status").lower()
        if not ref or not word:
            return []
        err = text_at(fields, "err-code")
        code = f"err {err}" if err not in {"", "0"} else text_at(fields, "error.title")
        reference = text_at(fields, "client-ref") or text_at(fields, "client_ref")
        recipient = text_at(fields, "msisdn") or text_at(fields, "to")
        return [self.report(word, ref=ref, reference=reference, recipient=recipient, code=code)]

    def check(self) -> Account:
        reply = self._call_api("get-balance", {})
        reply.need("value")
        return Account(label=self.account["api_key"], balance=reply.number("value"), currency="EUR")

    def senders(self) -> list[str]:
        rows = rows_at(self._call_api("numbers", {"size": "100"}).json(), "numbers")
        numbers = [text_at(row, "msisdn") for row in rows if "SMS" in str(row.get("features"))]
        return [number for number in numbers if number]

    def _read_acceptance(self, reply: Reply) -> Accepted:
        entries = value_at(reply.json(), "messages")
        if not isinstance(entries, list) or not entries:
            raise reply.unclear(_("The response is missing required data."))
        parts = [f"messages.{place}" for place in range(len(entries))]
        refused = [part for part in parts if reply.need(f"{part}.status") != "0"]
        if refused:
            raise self._make_refusal(reply, refused[0], whole=refused == parts)
        refs = tuple(reply.need(f"{part}.message-id") for part in parts)
        price = sum((reply.number(f"{part}.message-price") or Decimal(0) for part in parts), Decimal(0)) or None
        return Accepted(
            ref=refs[0],
            refs=refs if len(refs) > 1 else (),
            parts=len(refs),
            price=price,
            currency="EUR" if price else "",
        )

    def _make_refusal(self, reply: Reply, part: str, *, whole: bool) -> SmsError:
        code, words = reply.find(f"{part}.status"), reply.find(f"{part}.error-text")
        refusal = reply.refusal(code, words, self.hints if whole else {})
        if not whole:
            refusal.hint = _PARTIAL  # it is over: neither is it repeated, nor does the account stop for it
        elif code == "1" and (pause := _PAUSE.search(words)) and refusal.after is None:
            refusal.after = int(pause[1]) / 1000
        return refusal

    def _verify_parameters(self, call: Call, secret: bytes) -> None:
        """Check signed parameters by developer.vonage.com/en/getting-started/concepts/signing-messages."""
        fields = _read_fields(call)
        names = sorted(name for name in fields if name != "sig") if isinstance(fields, Mapping) else []
        signed = "".join(f"&{name}={re.sub('[&=]', '_', text_at(fields, name))}" for name in names)
        raw = signed.encode("utf-8", "replace")
        method = self.account["signature_method"]
        if method == "md5hash":
            digest = hashlib.md5(raw + secret, usedforsecurity=False).hexdigest()
        else:
            digest = hmac.new(secret, raw, method).hexdigest()
        _check_digest(digest, text_at(fields, "sig"), text_at(fields, "timestamp"), call.at)

    def _call_api(self, path: str, params: Mapping[str, str]) -> Reply:
        reply = self.http.get(f"{BASE}/account/{path}", auth=self._basic_auth(), params=params)
        return reply.expect(words="error-code-label")

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["api_key"], self.account["api_secret"]


def _verify_token(token: str, secret: str, body: bytes, at: float) -> None:
    """Check a signed webhook by developer.vonage.com/en/messages/concepts/signed-webhooks."""
    claims = read_jwt(token, secret, ["HS256"], ["iat", "payload_hash"], at=at, leeway=FRESH)
    _check_digest(hashlib.sha256(body).hexdigest(), str(claims["payload_hash"]), str(claims["iat"]), at)


def _check_digest(digest: str, given: str, timestamp: str, at: float) -> None:
    if not is_same(digest, given.lower()) or not is_fresh(timestamp, at, FRESH):
        raise Forged


def _read_fields(call: Call) -> object:
    """Return the fields of a call, which is GET, POST or POST-JSON as set in the account."""
    if call.body and not call.form:
        return call.json()
    return {name: values[0] for name, values in (call.form or call.query).items()}
