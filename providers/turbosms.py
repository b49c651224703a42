"""TurboSMS (Ukraine).

API:     https://turbosms.ua/en/api.html
Sandbox: none
Checked: 2026-11-25 against the sources in docs/services/turbosms.md, stored pages of turbosms.ua/en, and public
         clients
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Call,
    Proof,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
    Unreadable,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import text_at, value_at

STATUSES = {
    "queued": Status.QUEUED,
    "in queue": Status.QUEUED,
    "accepted": Status.QUEUED,
    "sent": Status.SENT,
    "in process": Status.SENT,
    "delivered": Status.DELIVERED,
    "delivrd": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "undeliv": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "rejected": Status.FAILED,
    "rejectd": Status.FAILED,
    "failed": Status.FAILED,
    "cancelled": Status.FAILED,
}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "103": ("auth", advice.CREDENTIALS),
    "104": ("invalid_request", advice.OURS),
    "105": ("auth", advice.CREDENTIALS),
    "106": ("auth", advice.CREDENTIALS),
    "200": ("invalid_request", _("No sender ID selected. Choose one approved by TurboSMS.")),
    "201": ("invalid_request", advice.EMPTY),
    "202": ("invalid_request", advice.OURS),
    "203": ("balance", advice.TOP_UP),
    "300": ("invalid_request", advice.OURS),
    "301": ("auth", advice.CREDENTIALS),
    "302": ("blocked", advice.SENDER),
    "303": ("invalid_request", advice.OURS),
    "304": ("invalid_request", advice.TEXT),
    "305": ("invalid_number", advice.NUMBER),
    "306": ("invalid_request", advice.OURS),
    "307": ("invalid_request", advice.OURS),
    "400": ("blocked", advice.SENDER),
    "401": ("blocked", _("This sender ID is not active at TurboSMS: it is unpaid or not fully registered.")),
    "403": ("invalid_request", advice.OURS),
    "404": ("opt_out", advice.STOP_LIST),
    "405": ("invalid_request", advice.OURS),
    "406": ("blocked", advice.COUNTRY),
    "407": ("duplicate", advice.REPEATED),
    "409": ("invalid_request", advice.OURS),
    "411": ("invalid_request", advice.SETTING),
    "412": ("blocked", advice.TEXT),
    "413": ("invalid_request", advice.TOO_LONG),
    "414": ("invalid_request", advice.OURS),
    "421": ("blocked", advice.SENDER),
    "427": ("duplicate", advice.REPEATED),
    "500": ("uncertain", advice.LOOK_THERE),
    "501": ("uncertain", advice.LOOK_THERE),
    "502": ("invalid_request", advice.OURS),
    "503": ("rejected", advice.NO_REASON),
    "903": ("invalid_number", advice.NUMBER),
    "999": ("uncertain", advice.LOOK_THERE),
    # Words of reports.
    "undelivered": ("", advice.NO_REASON),
    "undeliv": ("", advice.NO_REASON),
    "expired": ("", advice.EXPIRED),
    "rejected": ("rejected", advice.OPERATOR),
    "rejectd": ("rejected", advice.OPERATOR),
    "failed": ("", advice.NO_REASON),
    "cancelled": ("", advice.STOPPED),
}
# 507 is a repeat of our sequence_id, answered with what the first request brought about.
_FINE = {"0", "507", "800", "801", "802", "803"}


class Turbosms(Provider):
    """Two levels of codes: of the request, and of the recipient, who is accepted only where there is an id."""

    code = "turbosms"
    title = "TurboSMS"
    docs = "https://turbosms.ua/en/api.html"
    countries = ("UA",)
    listing = Listing(
        about=_("Long Latin texts of up to 1,521 characters; balance in hryvnias."),
        other_names=("ТурбоСМС", "Turbo SMS"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.ROSE, "M12 1l3.2 4H19v3.8l4 3.2-4 3.2V19h-3.8L12 23l-3.2-4H5v-3.8L1 12l4-3.2V5h3.8z"),
    )
    fields = (
        Secret("token", _("Token"), help=_("In the TurboSMS API settings, after you enable the HTTP API.")),
        Secret(
            "webhook_secret",
            _("Webhook secret key"),
            help=_("The key you set for the webhook, if any. Used to verify delivery reports."),
            required=False,
        ),
    )
    setup = (
        Step(
            advice.REPORTS,
            _(
                "At TurboSMS under Webhooks, add a JSON webhook for HTTP API delivery reports with this URL: "
                "{report_url}"
            ),
            "https://turbosms.ua/en/callback.html",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("token",)
    max_text = 1521
    statuses = STATUSES
    hints = {code: Hint(*meaning, "https://turbosms.ua/en/api.html") for code, meaning in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        content = {"sender": sms.sender, "text": sms.text} if sms.sender else {"text": sms.text}
        payload = {"recipients": [sms.to.lstrip("+")], "sms": content, "sequence_id": sms.reference}
        reply = self._call_api("message/send", payload)
        ref = reply.find("response_result.0.message_id")
        if not ref:
            self._raise_refusal(reply, "response_result.0.")
            self._raise_refusal(reply, "")
        return Accepted(ref=ref or reply.need("response_result.0.message_id"))

    def verify(self, call: Call) -> None:
        """Check the SHA-1 of secret and event id, by turbosms.ua/en/callback.html, which does not give their order."""
        secret = self.account["webhook_secret"]
        if not secret:
            return
        try:
            event = call.json()
        except Unreadable:
            raise Forged from None
        given, event_id = _to_bytes(text_at(event, "signature").lower()), text_at(event, "id")
        matches = [
            hmac.compare_digest(_to_bytes(hashlib.sha1(_to_bytes(signed)).hexdigest()), given)  # noqa: S324 (their choice)
            for signed in (secret + event_id, event_id + secret)
        ]
        if not event_id or not any(matches):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        event = call.json()
        ref, word = text_at(event, "data.message_id"), text_at(event, "data.status")
        return [self.report(word.lower(), ref=ref)] if ref and word else []

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        reply = self._call_api("message/status", {"messages": list(refs)})
        self._raise_refusal(reply, "")
        rows = value_at(reply.json(), "response_result")
        rejected = [
            (text_at(row, "message_id"), text_at(row, "status"), reply.strike(text_at(row, "rejected_status")))
            for row in (rows if isinstance(rows, list) else [])
        ]
        return [self.report(word.lower(), ref=ref, detail=detail) for ref, word, detail in rejected if ref and word]

    def check(self) -> Account:
        reply = self._call_api("user/balance", {})
        self._raise_refusal(reply, "")
        reply.need("response_result.balance")
        return Account(balance=reply.number("response_result.balance"), currency="UAH")

    def _call_api(self, method: str, payload: Mapping[str, object]) -> Reply:
        headers = {"Authorization": f"Bearer {self.account['token']}"}
        reply = self.http.post(f"https://api.turbosms.ua/{method}.json", headers=headers, json=payload)
        reply.expect(self.hints, code="response_code", words="response_status")
        reply.need("response_code")
        return reply

    def _raise_refusal(self, reply: Reply, where: str) -> None:
        code = reply.find(f"{where}response_code")
        if code and code not in _FINE:
            raise reply.refusal(code, reply.find(f"{where}response_status"), self.hints)


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
