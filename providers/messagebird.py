"""MessageBird: the REST API that Bird keeps for accounts of its former name.

API:     https://developers.messagebird.com/api/sms-messaging/
Sandbox: an access key that starts with test_ is answered and sends nothing
Checked: 2026-11-25 against the vendor's Python SDK and its signature test data, its API reference and docs.bird.com;
         see docs/services/messagebird.md
"""

import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Answer, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import price_of, rows_at, text_at
from providers.kit.screens import Screen, copy_value
from providers.kit.signatures import is_same, read_jwt

STATUSES = {
    "scheduled": Status.QUEUED,
    "buffered": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "expired": Status.UNDELIVERED,
    "delivery_failed": Status.FAILED,
}
# The phone was not there, though the word for it is the same as for a refusal.
_NOT_REACHED = ("status 1", "status 5", "status 6", "status 27", "status 31")
CURRENCIES = {"euros": "EUR", "pounds": "GBP", "dollars": "USD"}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "2": ("auth", advice.CREDENTIALS),
    "25": ("balance", advice.TOP_UP),
    "9": ("invalid_request", advice.SETTING),
    "10": ("invalid_request", advice.SETTING),
    "21": ("invalid_request", advice.SETTING),
    "20": ("invalid_request", advice.OURS),
    "98": ("invalid_request", advice.OURS),
    "99": ("uncertain", advice.LOOK_THERE),
    # Which parameter it is says more than that one is missing or wrong.
    "9 recipients": ("invalid_number", advice.NUMBER),
    "10 recipients": ("invalid_number", advice.NUMBER),
    "9 recipient": ("invalid_number", advice.NUMBER),
    "10 recipient": ("invalid_number", advice.NUMBER),
    "9 originator": ("blocked", advice.SENDER),
    "10 originator": ("blocked", advice.SENDER),
    "9 body": ("invalid_request", advice.EMPTY),
    "10 body": ("invalid_request", advice.TEXT),
}
# `statusErrorCode` of a report counts as the operators do, so its name is part of the code.
_REPORTED: Sequence[tuple[Reason, str, str]] = (
    ("invalid_number", advice.NOT_IN_USE, "1 2 3 5"),
    ("", advice.OFF, "6 27 31 33"),
    ("", advice.CANNOT, "7 8 9 10 11 12 13 21"),
    ("", advice.NO_REASON, "20 32 34 35 36 51 71"),
    ("opt_out", advice.OPT_OUT, "103"),
    ("blocked", advice.REGISTER_SENDER, "104"),
)
_EXTENDED = (
    "https://docs.bird.com/api/channels-api/message-status-and-interactions/message-failure-sources/"
    "sms-platform-extended-error-codes"
)

BASE = "https://rest.messagebird.com"
NUMBERS = "https://numbers.messagebird.com/v1/phone-numbers"
PAGE = 20
SKEW = 60.0
"""Seconds by which their clock and ours may differ; a signature itself lives for a minute."""


class MessageBird(Provider):
    """Reports come as GET, with everything in the query; the signature covers the whole address."""

    code = "messagebird"
    title = "MessageBird"
    docs = "https://developers.messagebird.com/api/sms-messaging/"
    listing = Listing(
        about=_("For accounts opened with MessageBird, now Bird; the new Bird platform has another API."),
        other_names=("Bird",),
        mark=Mark(Colour.BLUE, "M3 4h18l-9 16zM8 7l4 7 4-7z"),
    )
    fields = (
        Secret(
            "access_key",
            "Access key",
            help=_("MessageBird dashboard > Developers > API access. Use a live key; test keys send nothing."),
            pattern="(?!test_).+",
            pattern_help=_("This is a test key: it sends nothing. Enter a live key."),
        ),
        Secret(
            "signing_key",
            "Signing key",
            help=_("MessageBird dashboard > Developers > API settings. Used to verify delivery reports."),
            required=False,
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the MessageBird dashboard, go to Developers > API access and copy a live access key."),
            "https://dashboard.messagebird.com/en/developers/access",
            Screen(("Developers", "API access"), (copy_value("Access key", "access_key", "live_…"),)),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.KEYED
    identified_by = ("access_key",)
    max_text = 1377
    statuses = STATUSES
    failure_statuses = dict.fromkeys(_NOT_REACHED, Status.UNDELIVERED)
    hints = {
        code: Hint(*meaning, "https://developers.messagebird.com/api/#errors") for code, meaning in _CODES.items()
    } | {f"status {one}": Hint(reason, text, _EXTENDED) for reason, text, codes in _REPORTED for one in codes.split()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "originator": sms.sender.removeprefix("+"),
            "body": sms.text,
            "datacoding": "auto",
            "reference": sms.reference,
            "reportUrl": sms.report_url,
        }
        message = {name: value for name, value in payload.items() if value} | {"recipients": [sms.to.removeprefix("+")]}
        reply = self._check_reply(self.http.post(f"{BASE}/messages", headers=self._auth_headers(), json=message))
        parts = reply.find("recipients.items.0.messagePartCount")
        return Accepted(ref=reply.need("id"), parts=int(parts) if parts.isdecimal() and int(parts) else None)

    def verify(self, call: Call) -> None:
        """Check the signature by the SDK's `request_validator.py`."""
        key = self.account["signing_key"]
        if not key:
            return
        token, needed = call.header("MessageBird-Signature-JWT"), ["iss", "nbf", "exp", "url_hash"]
        claims = read_jwt(token, key, ["HS256", "HS384", "HS512"], needed, at=call.at, leeway=SKEW)
        body = hashlib.sha256(call.body).hexdigest() if call.body else ""
        url = hashlib.sha256(call.url.encode("utf-8", "replace")).hexdigest()
        # Both are compared, so that time tells nothing.
        matches = (is_same(url, str(claims["url_hash"])), is_same(body, str(claims.get("payload_hash") or "")))
        if claims["iss"] != "MessageBird" or not all(matches):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        names = ("id", "reference", "recipient", "status", "statusErrorCode", "price[amount]", "price[currency]")
        return _read_status(*(call.value(name) for name in names))

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 (the same for every call)
        return Answer(body="OK")

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(f"{BASE}/messages/{quote(ref, safe='')}", headers=self._auth_headers())
            if reply.status == 404:
                continue
            item = "recipients.items.0"
            names = ("recipient", "status", "statusErrorCode", "price.amount", "price.currency")
            known = (self._check_reply(reply).need("id"), reply.find("reference"))
            found += _read_status(*known, *(reply.find(f"{item}.{name}") for name in names))
        return found

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(f"{BASE}/balance", headers=self._auth_headers()))
        reply.need("amount")
        return Account(balance=reply.number("amount"), currency=CURRENCIES.get(reply.find("type"), ""))

    def senders(self) -> list[str]:
        found: list[str] = []
        for offset in range(0, 10 * PAGE, PAGE):
            params = {"limit": str(PAGE), "offset": str(offset)}
            reply = self._check_reply(self.http.get(NUMBERS, headers=self._auth_headers(), params=params))
            rows = rows_at(reply.json(), "items")
            numbers = [text_at(row, "number") for row in rows if "sms" in str(row.get("features"))]
            found += [number for number in numbers if number]
            if len(rows) < PAGE:
                break
        return found

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"AccessKey {self.account['access_key']}"}

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        code, parameter = reply.find("errors.0.code"), reply.find("errors.0.parameter")
        known = f"{code} {parameter}" in self.hints
        raise reply.refusal(f"{code} {parameter}" if known else code, reply.find("errors.0.description"), self.hints)


def _read_status(
    ref: str, reference: str, recipient: str, word: str, err: str, price: str, currency: str
) -> list[Report]:
    if not ref or not word:
        return []
    report = MessageBird.report(
        word.lower(),
        ref=ref,
        reference=reference,
        recipient=recipient,
        code=f"status {err}" if err not in {"", "0"} else "",
        price=price_of(price),
        currency=currency.upper(),
    )
    return [report]
