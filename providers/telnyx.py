"""Telnyx Messaging, API v2.

API:     https://developers.telnyx.com/api-reference/messages/send-a-message
Sandbox: none; a trial account sends to verified numbers
Checked: 2026-11-25 against the vendor's error, rate and webhook pages, telnyx-python and the sources in
         docs/services/telnyx.md; read again 2026-11-25 against its page on spend limits
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import price_of, text_at, value_at
from providers.kit.screens import Screen, copy_value, press_button
from providers.kit.signatures import is_fresh

STATUSES = {
    "scheduled": Status.QUEUED,
    "queued": Status.QUEUED,
    "sending": Status.QUEUED,
    "sent": Status.SENT,
    "delivery_unconfirmed": Status.SENT,  # the end of it: the operator sends no receipts
    "delivered": Status.DELIVERED,
    "delivery_failed": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "sending_failed": Status.FAILED,
    "cancelled": Status.FAILED,
}

_TOO_FAST = _("The operator’s limit for this sender was exceeded. Lower the sending rate or add senders.")
_NOT_ASSIGNED = _("This number can’t send yet. Assign it to a messaging profile in the Telnyx portal under Numbers.")
_NOT_READY = _("This sender is not ready. Check it in the Telnyx portal or contact Telnyx support.")
_COUNTRIES = _("Enable the countries you send to in the messaging profile: Telnyx portal > Messaging.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "10001": ("invalid_request", advice.SENDER),
    "10002": ("invalid_number", advice.NUMBER),
    "10003": ("invalid_request", advice.OURS),
    "10004": ("invalid_request", advice.SETTING),
    "10005": ("invalid_request", advice.SETTING),
    "10006": ("invalid_request", advice.SETTING),
    "10007": ("uncertain", advice.LOOK_THERE),
    "10008": ("uncertain", advice.LOOK_THERE),
    "10009": ("auth", advice.CREDENTIALS),
    "10010": ("auth", advice.RIGHTS),
    "10011": ("throttled", advice.SLOW_DOWN),
    "10015": ("invalid_request", advice.SETTING),
    "10016": ("invalid_number", advice.NUMBER),
    "10039": ("blocked", advice.TRIAL),
    "20012": ("auth", advice.SUSPENDED),
    "20100": ("balance", advice.TOP_UP),
    # Given with the answer.
    "40100": ("invalid_request", _NOT_ASSIGNED),
    "40150": ("invalid_request", _NOT_READY),
    "40151": ("invalid_request", _NOT_READY),
    "40155": ("invalid_request", _NOT_READY),
    "40300": ("opt_out", advice.OPT_OUT),
    "40301": ("invalid_request", advice.NO_ROUTE),
    "40302": ("invalid_request", advice.TOO_LONG),
    "40304": ("invalid_request", advice.OURS),
    "40305": ("invalid_request", _NOT_ASSIGNED),
    "40306": ("invalid_request", advice.SENDER),
    "40307": ("invalid_request", advice.SENDER),
    "40308": ("invalid_request", advice.SENDER),
    "40309": ("blocked", _COUNTRIES),
    "40310": ("invalid_number", advice.NUMBER),
    "40311": ("auth", advice.CREDENTIALS),
    "40312": ("auth", _("The messaging profile is disabled. Enable it in the Telnyx portal under Messaging.")),
    "40313": ("auth", advice.CREDENTIALS),
    "40314": ("auth", advice.SUSPENDED),
    "40315": ("invalid_request", _NOT_READY),
    "40316": ("invalid_request", advice.EMPTY),
    "40317": ("invalid_request", advice.OURS),
    "40318": ("throttled", advice.QUEUE_FULL),
    "40319": ("invalid_request", advice.NO_ROUTE),
    "40320": ("invalid_request", _NOT_READY),
    "40321": (
        "invalid_request",
        _("The messaging profile has no number that can send. Add one in the Telnyx portal."),
    ),
    "40322": ("blocked", advice.TEXT),
    "40323": ("invalid_request", _NOT_READY),
    "40325": ("invalid_request", advice.SENDER),
    "40328": ("invalid_request", advice.TOO_LONG),
    "40329": ("blocked", advice.REGISTER_SENDER),
    "40330": ("invalid_request", _NOT_READY),
    "40331": ("blocked", _COUNTRIES),
    "40333": ("throttled", advice.DAY_LIMIT),  # of one messaging profile, until midnight UTC
    # Told by reports.
    "40001": ("invalid_number", advice.NOT_MOBILE),
    "40002": ("blocked", advice.SPAM),
    "40003": ("blocked", advice.SPAM),
    "40004": ("blocked", advice.OPERATOR),
    "40005": ("", advice.EXPIRED),
    "40006": ("", _("The operator had a network problem. Try again later.")),
    "40008": ("blocked", advice.OPERATOR),
    "40009": ("invalid_request", advice.TEXT),
    "40010": ("blocked", advice.REGISTER_SENDER),
    "40011": ("blocked", _TOO_FAST),
    "40012": ("invalid_number", advice.NUMBER),
    "40013": ("invalid_request", advice.SENDER),
    "40014": ("", _("The message waited too long at the service. Lower the sending rate or add senders.")),
    "40015": ("blocked", advice.TEXT),
    "40016": ("blocked", _TOO_FAST),
    "40017": ("blocked", advice.SPAM),
    "40018": ("blocked", _TOO_FAST),
    "40019": ("blocked", advice.REGISTER_SENDER),
    "40020": ("blocked", advice.STOPPED),
}

_PROFILE_OFF = "40312"
_MALFORMED = {"10002", "10016"}

BASE = "https://api.telnyx.com/v2"
TOLERANCE = 300
"""Seconds a report's time may be off, as in telnyx-python."""


class Telnyx(Provider):
    """One call per message; reports are the message itself in an envelope, signed with Ed25519."""

    code = "telnyx"
    title = "Telnyx"
    docs = "https://developers.telnyx.com/docs/messaging"
    listing = Listing(
        about=_("Messaging profiles with a list of allowed countries; up to 50 messages per second."),
        mark=Mark(Colour.TEAL, "M3 4h4l5 8-5 8H3l5-8zM11 4h4l5 8-5 8h-4l5-8z"),
    )
    fields = (
        Secret(
            "api_key",
            _("API key"),
            help=_("Telnyx portal > API Keys. Starts with KEY."),
            placeholder="KEY0123456789",
            pattern="KEY.+",
            pattern_help=_("A Telnyx API key starts with KEY. Copy it again from the Telnyx portal."),
        ),
        Text(
            "messaging_profile_id",
            "Messaging Profile ID",
            help=_("For alphanumeric sender IDs, or to let Telnyx choose the number. Telnyx portal > Messaging."),
            required=False,
        ),
        Text(
            "public_key",
            "Public Key",
            help=_("Telnyx portal > Keys and Credentials > Public Key. Used to verify delivery reports."),
            required=False,
            placeholder="T6V/VCys/bmcgXEykdXM2J9eeQyb8BPguSlRZPh1kMM=",
            pattern="[A-Za-z0-9+/]{43}=",
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Open the Telnyx portal and copy the API key and Public Key."),
            "https://portal.telnyx.com/#/app/api-keys",
            Screen(("API Keys",), (press_button("Create API Key"), copy_value("API Key", "api_key", "KEY0123456789…"))),
        ),
        Step(_("Enable countries"), _COUNTRIES, "https://portal.telnyx.com/#/app/messaging"),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    proof = Proof.KEYED
    identified_by = ("api_key",)
    rate = 50.0  # https://developers.telnyx.com/docs/messaging/messages/rate-limiting: by account; slower senders queue
    statuses = STATUSES
    hints = {
        code: Hint(reason, text, f"https://developers.telnyx.com/docs/overview/errors/{code}")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "from": sms.sender,
            "messaging_profile_id": self.account["messaging_profile_id"],
            "to": sms.to,
            "text": sms.text,
            "webhook_url": sms.report_url,
        }
        message: dict[str, object] = {name: value for name, value in payload.items() if value}
        if sms.report_url:
            message["use_profile_webhooks"] = False
        reply = self._check_reply(self.http.post(f"{BASE}/messages", headers=self._auth_headers(), json=message))
        parts, price = reply.find("data.parts"), reply.number("data.cost.amount")
        return Accepted(
            ref=reply.need("data.id"),
            parts=int(parts) if parts.isdecimal() else None,
            price=price or None,
            currency=reply.find("data.cost.currency") if price else "",
        )

    def verify(self, call: Call) -> None:
        """Check the Ed25519 signature over time, bar and body, by telnyx-python's `webhook_verification.py`."""
        if not self.account["public_key"]:
            return
        sent_at = call.header("telnyx-timestamp")
        if not is_fresh(sent_at, call.at, TOLERANCE):
            raise Forged
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.account["public_key"]))
            signature = base64.b64decode(call.header("telnyx-signature-ed25519"), validate=True)
            key.verify(signature, sent_at.encode() + b"|" + call.body)
        except (ValueError, InvalidSignature):
            raise Forged from None

    def read_reports(self, call: Call) -> list[Report]:
        event = value_at(call.json(), "data")
        return [] if value_at(event, "event_type") == "message.received" else _read_message(value_at(event, "payload"))

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found: list[Report] = []
        for ref in refs:
            reply = self.http.get(f"{BASE}/messages/{quote(ref, safe='')}", headers=self._auth_headers())
            if reply.status == 404:
                continue
            self._check_reply(reply).need("data.id")
            found += _read_message(value_at(reply.json(), "data"))
        return found

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(f"{BASE}/balance", headers=self._auth_headers()))
        left = "data.available_credit" if reply.find("data.available_credit") else "data.balance"
        reply.need(left)
        return Account(balance=reply.number(left), currency=reply.find("data.currency").upper())

    def senders(self) -> list[str]:
        numbers = [one for one in self._list_rows("phone_numbers/messaging") if value_at(one, "messaging_profile_id")]
        found = [value_at(one, "phone_number") for one in numbers]
        found += [value_at(one, "short_code") for one in self._list_rows("short_codes")]
        found += [value_at(one, "alpha_sender") for one in self._list_rows("messaging_profiles")]
        return [one for one in found if isinstance(one, str) and one]

    def _list_rows(self, path: str) -> list[object]:
        found: list[object] = []
        for page in range(1, 21):
            params = {"page[number]": str(page), "page[size]": "250"}
            reply = self._check_reply(self.http.get(f"{BASE}/{path}", headers=self._auth_headers(), params=params))
            rows = value_at(reply.json(), "data")
            found += rows if isinstance(rows, list) else []
            if page >= (reply.number("meta.total_pages") or 0):
                break
        return found

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account['api_key']}"}

    def _check_reply(self, reply: Reply) -> Reply:
        words = "errors.0.detail" if reply.find("errors.0.detail") else "errors.0.title"
        return reply.expect(self._hints_for(reply), code="errors.0.code", words=words)

    def _hints_for(self, reply: Reply) -> Mapping[str, Hint]:
        """Return the hints for a reply: the fault of one sender neither stops the account nor blames the number."""
        code, hints = reply.find("errors.0.code"), self.hints
        if code == _PROFILE_OFF and not self.account["messaging_profile_id"]:
            return {**hints, code: replace(hints[code], reason="invalid_request")}
        if code in _MALFORMED and reply.find("errors.0.source.pointer") == "/from":
            return {**hints, code: replace(hints[code], reason="invalid_request", text=advice.SENDER)}
        return hints


def _read_message(message: object) -> list[Report]:
    ref, recipients = value_at(message, "id"), value_at(message, "to")
    if not isinstance(ref, str) or not isinstance(recipients, list):
        return []
    code = text_at(message, "errors.0.code")
    price = price_of(value_at(message, "cost.amount"))
    return [
        Telnyx.report(
            word,
            ref=ref,
            recipient=text_at(one, "phone_number"),
            code=code,
            price=price,
            currency=text_at(message, "cost.currency"),
        )
        for one in recipients
        if isinstance(word := value_at(one, "status"), str) and word
    ]
