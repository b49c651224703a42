"""Clickatell, One API.

API:     https://docs.clickatell.com/channels/one-api/
Sandbox: an integration of the kind "sandbox", to the test phones entered there
Checked: 2026-11-25 against the vendor's pages of errors and statuses, and the sources in docs/services/clickatell.md
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import text_at, value_at

STATUSES = {
    "queued": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "sent_to_supplier": Status.SENT,
    "device_ack": Status.DELIVERED,
    "read": Status.DELIVERED,
    "expired": Status.UNDELIVERED,
    "delivery_failure": Status.UNDELIVERED,
    "stopped_by_user": Status.FAILED,
    "stopped_by_admin": Status.FAILED,
    "insufficient_account_balance": Status.FAILED,
    "volume_limit": Status.FAILED,
    "volume_limit_daily": Status.FAILED,
    "volume_limit_monthly": Status.FAILED,
    "recipient_does_not_exist": Status.FAILED,
    "encryption_access_denied": Status.FAILED,
    "encryption_content_error": Status.FAILED,
    "routing_error": Status.FAILED,
}

_NO_SMS = _("SMS is not enabled for this integration. Enable it in the Clickatell portal.")
_LIMIT = _("An account limit was reached. Clickatell can raise it.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "1": ("auth", advice.CREDENTIALS),
    "2": ("auth", advice.SUSPENDED),
    "3": ("auth", _("The integration is not active. Activate it in the Clickatell portal.")),
    "7": ("auth", advice.OUR_ADDRESS),
    "18": ("uncertain", advice.LOOK_THERE),
    # "Internal error, please retry", of the phase before a message is taken; _ERRORS lists it.
    "19": ("unreachable", advice.NO_REASON),
    "20": ("balance", advice.TOP_UP),
    "21": ("invalid_request", advice.OURS),
    "22": ("invalid_request", advice.OURS),
    "23": ("invalid_request", advice.SETTING),
    "24": ("invalid_request", advice.TOO_LONG),
    "25": ("invalid_number", advice.NUMBER),
    "26": ("opt_out", advice.OPT_OUT),
    "27": ("invalid_number", advice.CANNOT),
    "28": ("blocked", advice.TRIAL),
    "30": ("invalid_request", advice.OURS),
    "31": ("invalid_request", advice.OURS),
    "32": ("invalid_request", advice.OURS),
    "33": ("invalid_request", advice.OURS),
    "38": ("auth", _NO_SMS),
    "39": ("auth", _NO_SMS),
    "40": ("invalid_request", advice.OURS),
    "41": ("invalid_request", advice.OURS),
    "42": ("invalid_request", advice.OURS),
    "43": ("throttled", advice.SLOW_DOWN),
    "44": ("blocked", advice.SENDER),
    "45": ("invalid_request", advice.SENDER),
    "46": ("auth", advice.SUSPENDED),
    "100": ("invalid_request", advice.TOO_LONG),
    "101": ("invalid_request", advice.SENDER),
    "110": ("blocked", advice.REGISTER_SENDER),
    "111": ("blocked", _("For the US, turn on the STOP command of the integration in the Clickatell portal.")),
}
# A report's numbers mean something else than an answer's, so its words are its codes.
_STATUS_HINTS: Mapping[str, tuple[Reason, str]] = {
    "EXPIRED": ("", advice.EXPIRED),
    "DELIVERY_FAILURE": ("", advice.NO_REASON),
    "EMULATED": ("", _("This is a sandbox integration: nothing was sent. Use a production integration.")),
    "STOPPED_BY_USER": ("rejected", advice.STOPPED),
    "STOPPED_BY_ADMIN": ("blocked", advice.STOPPED),
    "INSUFFICIENT_ACCOUNT_BALANCE": ("balance", advice.TOP_UP),
    "VOLUME_LIMIT": ("blocked", _LIMIT),
    "VOLUME_LIMIT_DAILY": ("blocked", advice.DAY_LIMIT),
    "VOLUME_LIMIT_MONTHLY": ("blocked", _LIMIT),
    "RECIPIENT_DOES_NOT_EXIST": ("invalid_number", advice.NOT_IN_USE),
    "ENCRYPTION_ACCESS_DENIED": ("invalid_request", advice.OURS),
    "ENCRYPTION_CONTENT_ERROR": ("invalid_request", advice.OURS),
    "ROUTING_ERROR": ("rejected", advice.NO_ROUTE),
}

_ERRORS = "https://docs.clickatell.com/channels/one-api/one-api-errors-table/"
_REPORTS = "https://docs.clickatell.com/channels/one-api/one-api-message-status-table/"
BASE = "https://platform.clickatell.com/v1"


class Clickatell(Provider):
    """Errors stand beside the message or above all; reports come in events, to an address set in the integration."""

    code = "clickatell"
    title = "Clickatell"
    docs = "https://docs.clickatell.com/channels/one-api/"
    listing = Listing(
        about=_("One API integrations that send from their own two-way numbers."),
        sender_ids=SenderIds.NUMBERS,
        mark=Mark(
            Colour.RUST,
            "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 4a5 5 0 1 0 0 10 5 5 0 0 0 0-10zm0 3a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
        ),
    )
    fields = (Secret("api_key", _("API key"), help=_("In the Clickatell portal: the One API integration.")),)
    setup = (
        Step(
            advice.COPY,
            _("In the Clickatell portal, create a One API integration and copy its API key here."),
            "https://portal.clickatell.com/",
        ),
        Step(
            advice.REPORTS,
            _("In the integration, set this URL as the delivery notification callback: {report_url}"),
            "https://portal.clickatell.com/",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.ADDRESS
    identified_by = ("api_key",)
    statuses = STATUSES
    hints = {code: Hint(reason, text, _ERRORS) for code, (reason, text) in _CODES.items()} | {
        word: Hint(reason, text, _REPORTS) for word, (reason, text) in _STATUS_HINTS.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "channel": "sms",
            "to": sms.to.removeprefix("+"),
            "from": sms.sender.removeprefix("+"),
            "content": sms.text,
            "clientMessageId": sms.reference,
        }
        message = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(
            self.http.post(f"{BASE}/message", headers=self._auth_headers(), json={"messages": [message]})
        )
        return Accepted(ref=reply.need("messages.0.apiMessageId"))

    def read_reports(self, call: Call) -> list[Report]:
        rows = value_at(call.json(), "event.messageStatusUpdate")
        return [
            self._report_status(word, ref, text_at(one, "clientMessageId"))
            for one in (rows if isinstance(rows, list) else [])
            if (ref := text_at(one, "messageId")) and (word := text_at(one, "status"))
        ]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(f"{BASE}/message/{quote(ref, safe='')}", headers=self._auth_headers())
            if reply.status == 404:
                continue
            self._check_reply(reply).json()
            word = reply.find("sms.status")
            if word and word != "UNKNOWN":  # which here means that there is no such message
                found.append(self._report_status(word, ref))
        return found

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(f"{BASE}/balance", headers=self._auth_headers()))
        reply.need("balance")
        return Account(balance=reply.number("balance"), currency=reply.find("currency").upper())

    def _report_status(self, status: str, ref: str, reference: str = "") -> Report:
        code = status if status in self.hints else ""
        return self.report(status.lower(), ref=ref, reference=reference, code=code)

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": self.account["api_key"], "Accept": "application/json"}

    def _check_reply(self, reply: Reply) -> Reply:
        where = "messages.0.error" if reply.find("messages.0.error.code") else "error"
        code = reply.find(f"{where}.code")
        words = reply.find(f"{where}.description") or reply.find(where)
        if reply.ok and not code and not words and reply.find("messages.0.accepted") != "false":
            return reply
        raise reply.refusal(code if reply.status < 500 or code in {"18", "19"} else "", words, self.hints)
