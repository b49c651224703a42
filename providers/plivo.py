"""Plivo.

API:     https://www.plivo.com/docs/messaging/api/messages/
Sandbox: a trial account, to numbers verified in its console
Checked: 2026-11-25 against the vendor's documentation, plivo-python 4 and the sources in docs/services/plivo.md; read
         again 2026-11-25
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, quote, urlsplit

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import price_of, value_at
from providers.kit.screens import Screen, copy_value, turn_on

STATUSES = {
    "queued": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "rejected": Status.FAILED,
}

_COUNTRIES = _("Enable the countries you send to under Messaging > Settings > Geo permissions.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    # A refused request has no code, only words: these names are ours.
    "src": ("invalid_request", advice.SENDER),
    "dst": ("invalid_number", advice.NUMBER),
    "credit": ("balance", advice.TOP_UP),
    # In reports.
    "10": ("rejected", advice.TEXT),
    "20": ("", _("The operator had a network problem. Try again later.")),
    "30": ("blocked", advice.SPAM),
    "40": ("invalid_request", advice.SENDER),
    "50": ("invalid_number", advice.NUMBER),
    "60": (
        "blocked",
        _("The operator detected a message loop. Check whether an automated system replies from this number."),
    ),
    "70": ("invalid_number", advice.NOT_IN_USE),
    "80": ("", advice.OFF),
    "90": ("rejected", advice.NO_ROUTE),
    "100": ("blocked", advice.OPERATOR),
    "110": ("invalid_request", advice.TOO_LONG),
    "200": ("opt_out", advice.OPT_OUT),
    "201": ("blocked", advice.NO_ROUTE),
    "300": ("", advice.LOOK_THERE),
    "420": ("", _("The message waited too long at the service. Lower the sending rate or add senders.")),
    "450": ("blocked", _COUNTRIES),
    "900": ("balance", advice.TOP_UP),
    "910": ("auth", advice.SUSPENDED),
    "1000": ("", advice.NO_REASON),
}

_INDIA = _("India only: as registered on the DLT platform.")


class Plivo(Provider):
    """One call per message; a long one is one message with one id and one report, however many parts it has."""

    code = "plivo"
    title = "Plivo"
    docs = "https://www.plivo.com/docs/messaging/"
    listing = Listing(
        about=_("Powerpacks choose the number to send from; prices are in US dollars."),
        mark=Mark(Colour.GREEN, "M9 3h6v6h6v6h-6v6H9v-6H3V9h6z"),
    )
    fields = (
        Text("auth_id", "Auth ID", help=_("On the Plivo console home page.")),
        Secret("auth_token", "Auth Token", help=_("Next to the Auth ID. Used to verify delivery reports.")),
        Text(
            "powerpack_uuid",
            "Powerpack UUID",
            help=_("Replaces the sender ID. Plivo console > Messaging > Powerpacks."),
            required=False,
        ),
    )
    sender_fields = (
        Text("dlt_entity_id", "DLT Entity ID", help=_INDIA, required=False, advanced=True),
        Text("dlt_template_id", "DLT Template ID", help=_INDIA, required=False, advanced=True),
        Choice(
            "dlt_template_category",
            "DLT Template Category",
            help=_INDIA,
            required=False,
            advanced=True,
            choices=tuple(
                (one, one) for one in ("transactional", "promotional", "service_implicit", "service_explicit")
            ),
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Open the Plivo console and copy the Auth ID and Auth Token."),
            "https://cx.plivo.com/",
            Screen(("Overview",), (copy_value("Auth ID", "auth_id"), copy_value("Auth Token", "auth_token"))),
        ),
        Step(
            _("Enable countries"),
            _COUNTRIES,
            "https://cx.plivo.com/messaging-settings",
            Screen(("Messaging", "Settings", "Geo permissions"), (turn_on("United States"), turn_on("Germany"))),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    identified_by = ("auth_id",)
    rate = 5.0  # https://plivo.com/docs/faq/messaging/messaging-api: 5 a second unless raised
    statuses = STATUSES
    hints = {
        code: Hint(reason, text, "https://www.plivo.com/docs/messaging/troubleshooting/error-codes/")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "src": sms.sender.removeprefix("+"),
            # Plivo refuses a Powerpack beside a sender.
            "powerpack_uuid": "" if sms.sender else self.account["powerpack_uuid"],
            "dst": sms.to.removeprefix("+"),
            "text": sms.text,
            "url": sms.report_url,
            "method": "POST" if sms.report_url else "",
        } | {field.name: sms.options.get(field.name, "") for field in self.sender_fields}
        message = {name: value for name, value in payload.items() if value}
        reply = self.http.post(self._api_url("Message/"), auth=self._basic_auth(), json=message)
        words = reply.find("error") or reply.find("message")
        if reply.ok and reply.find("invalid_number.0") and not reply.find("message_uuid.0"):
            raise reply.refusal("dst", words, self.hints)
        if not reply.ok:
            raise reply.refusal(_error_code(reply.status, words, message), words, self.hints)
        return Accepted(ref=reply.need("message_uuid.0"))

    def verify(self, call: Call) -> None:
        """Check the signature by plivo-python's `signature_v3.py`; V2, which may come alone, signs the bare address."""
        version = "V3" if call.header("X-Plivo-Signature-V3") or call.header("X-Plivo-Signature-Ma-V3") else "V2"
        nonce = call.header(f"X-Plivo-Signature-{version}-Nonce")
        signed = f"{_signed_text(call)}.{nonce}" if version == "V3" else f"{_without_query(call.url)}{nonce}"
        digest = hmac.new(self.account["auth_token"].encode(), signed.encode("utf-8", "replace"), hashlib.sha256)
        right = base64.b64encode(digest.digest())
        # By the account that owns the sender, and by its main account; each signs once per token that is in use.
        given = f"{call.header(f'X-Plivo-Signature-{version}')},{call.header(f'X-Plivo-Signature-Ma-{version}')}"
        matches = [hmac.compare_digest(right, one.strip().encode("utf-8", "replace")) for one in given.split(",")]
        if not (nonce and any(matches)):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        # Documented as the same, the parent's would still be ours if a part were ever reported apart.
        ref = call.value("ParentMessageUUID") or call.value("MessageUUID")
        word = call.value("Status") or call.value("status")
        if not ref or not word:
            return []
        return [
            self._report_message(
                word, ref, call.value("To"), code=call.value("ErrorCode"), amount=call.value("TotalAmount")
            )
        ]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(self._api_url(f"Message/{quote(ref, safe='')}/"), auth=self._basic_auth())
            if reply.status == 404:
                continue
            self._check_reply(reply)
            word, code, amount = reply.need("message_state"), reply.find("error_code"), reply.find("total_amount")
            found.append(self._report_message(word, ref, reply.find("to_number"), code=code, amount=amount))
        return found

    def _report_message(self, word: str, ref: str, recipient: str, *, code: str, amount: str) -> Report:
        code = code if code.strip("0") else ""  # "000" is no error
        return self.report(
            word.lower(), ref=ref, recipient=recipient, code=code, price=price_of(amount), currency="USD"
        )

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(self._api_url(""), auth=self._basic_auth()))
        sid = reply.need("auth_id")
        # Who pays afterwards has no balance that could run out.
        balance = None if reply.find("billing_mode") == "postpaid" else reply.number("cash_credits")
        return Account(label=reply.find("name") or sid, balance=balance, currency="USD")

    def senders(self) -> list[str]:
        found: list[str] = []
        for offset in range(0, 1000, 20):
            params = {"services": "sms", "limit": "20", "offset": str(offset)}
            reply = self._check_reply(self.http.get(self._api_url("Number/"), auth=self._basic_auth(), params=params))
            page = value_at(reply.json(), "objects")
            numbers = [value_at(one, "number") for one in page] if isinstance(page, list) else []
            found += [f"+{one}" for one in numbers if isinstance(one, str) and one]
            if len(numbers) < 20:
                break
        return found

    def _api_url(self, path: str) -> str:
        return f"https://api.plivo.com/v1/Account/{quote(self.account['auth_id'], safe='')}/{path}"

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["auth_id"], self.account["auth_token"]

    def _check_reply(self, reply: Reply) -> Reply:
        return reply.expect(self.hints, words="error")


def _error_code(status: int, words: str, message: Mapping[str, str]) -> str:
    if not 400 <= status < 500 or status == 401:
        return ""
    if "insufficient credit" in words.lower():
        return "credit"
    return next((name for name in ("dst", "src") if message.get(name) and message[name] in words), "")


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _signed_text(call: Call) -> str:
    query = parse_qs(urlsplit(call.url).query, keep_blank_values=True)
    query_text = "&".join(f"{name}={value}" for name in sorted(query) for value in sorted(query[name]))
    fields = "".join(f"{name}{value}" for name in sorted(call.form) for value in sorted(call.form[name]))
    separator = "." if query_text and fields else ""
    return f"{_without_query(call.url)}{'?' if query_text or fields else ''}{query_text}{separator}{fields}"
