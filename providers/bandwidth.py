"""Bandwidth Messaging, API v2.

API:     https://dev.bandwidth.com/apis/messaging/
Sandbox: none
Checked: 2026-11-25 against the vendor's guides, the OpenAPI of python-sdk and the sources in
         docs/services/bandwidth.md; read again 2026-11-25
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Call,
    Inbound,
    Proof,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.login import Login
from providers.kit.reply import text_at, value_at

STATUSES = {
    "message-sending": Status.SENT,
    "message-sent": Status.SENT,
    "message-delivered": Status.DELIVERED,
    "message-read": Status.DELIVERED,
    "message-failed": Status.FAILED,
    # In answers to a question.
    "received": Status.QUEUED,
    "queued": Status.QUEUED,
    "sending": Status.SENT,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
}
# Codes that say better than the word of the failure what became of the message. By the page on webhooks, 9902 "does not
# indicate that the message was not received".
FAILURE_STATUSES = dict.fromkeys(("4701", "4702", "5106", "5201", "5650"), Status.UNDELIVERED) | {"9902": Status.SENT}

_NOT_ALLOWED = _("This feature is not enabled for your Bandwidth account. Contact Bandwidth support.")
_TOO_FAST = _("The operator’s limit for this sender was exceeded. Lower the sending rate or add senders.")
_NETWORK = _("The operator had a network problem. Try again later.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    # The type of a refusal, or the field it is about.
    "request-validation": ("invalid_request", advice.SETTING),
    "to": ("invalid_number", advice.NUMBER),
    "from": ("invalid_request", advice.SENDER),
    "unauthorized": ("auth", advice.CREDENTIALS),
    "forbidden": ("auth", advice.RIGHTS),
    "unsupported-content-type": ("invalid_request", advice.OURS),
    "max-message-queue-size-exceeded": ("throttled", advice.QUEUE_FULL),
    # In reports.
    "4001": ("blocked", _NOT_ALLOWED),
    "4301": ("invalid_request", advice.TEXT),
    "4302": ("invalid_request", advice.SENDER),
    "4303": ("invalid_number", advice.NUMBER),
    "4350": ("invalid_number", advice.NUMBER),
    "4360": ("", _("The message waited too long at the service. Lower the sending rate or add senders.")),
    "4401": ("rejected", advice.NO_ROUTE),
    "4403": ("invalid_request", advice.SENDER),
    "4404": ("invalid_number", advice.NUMBER),
    "4405": ("invalid_request", advice.SENDER),
    "4406": ("invalid_number", advice.NOT_IN_USE),
    "4407": ("invalid_request", advice.SENDER),
    "4408": ("invalid_number", advice.NUMBER),
    "4409": ("invalid_request", advice.OURS),
    "4410": ("invalid_request", advice.OURS),
    "4411": ("invalid_request", advice.OURS),
    "4412": ("invalid_request", advice.OURS),
    "4420": ("rejected", advice.NO_ROUTE),
    "4421": ("blocked", _NOT_ALLOWED),
    "4431": ("blocked", _NOT_ALLOWED),
    "4432": ("blocked", advice.COUNTRY),
    "4433": ("blocked", _NOT_ALLOWED),
    "4434": ("invalid_number", advice.NUMBER),
    "4435": ("invalid_request", advice.OURS),
    "4451": ("invalid_request", advice.CREDENTIALS),
    "4452": ("invalid_request", advice.CREDENTIALS),
    "4470": ("blocked", advice.TEXT),
    "4481": ("blocked", advice.SENDER),
    "4482": ("blocked", advice.STOP_LIST),
    "4492": ("invalid_number", advice.NUMBER),
    "4493": ("blocked", _NOT_ALLOWED),
    "4700": ("invalid_number", advice.CANNOT),
    "4701": ("", advice.OFF),
    "4702": ("", advice.OFF),
    "4711": ("invalid_request", advice.OURS),
    "4712": ("invalid_request", advice.OURS),
    "4720": ("invalid_number", advice.NUMBER),
    "4721": ("invalid_number", advice.NOT_IN_USE),
    "4730": ("rejected", advice.NO_ROUTE),
    "4740": ("invalid_request", advice.SENDER),
    "4750": ("blocked", advice.OPERATOR),
    "4751": ("invalid_request", advice.TOO_LONG),
    "4752": ("invalid_request", advice.TEXT),
    "4770": ("blocked", advice.SPAM),
    "4771": ("blocked", _("The operator does not allow shortened links. Use the full URL.")),
    "4772": ("blocked", advice.OPERATOR),
    "4773": ("blocked", advice.REGISTER_SENDER),
    "4774": ("blocked", advice.REGISTER_SENDER),
    "4775": ("opt_out", advice.OPT_OUT),
    "4780": ("blocked", advice.DAY_LIMIT),
    "4781": ("blocked", _TOO_FAST),
    "4785": ("blocked", _TOO_FAST),
    "4790": ("blocked", advice.OPERATOR),
    "4791": ("blocked", advice.REGISTER_SENDER),
    "4792": ("blocked", advice.REGISTER_SENDER),
    "4793": ("blocked", advice.REGISTER_SENDER),
    "4795": ("blocked", advice.REGISTER_SENDER),
    "5100": ("", advice.LOOK_THERE),
    "5101": ("", advice.LOOK_THERE),
    "5106": ("", advice.NO_ROUTE),
    "5111": ("", advice.LOOK_THERE),
    "5201": ("", advice.EXPIRED),
    "5211": ("", advice.LOOK_THERE),
    "5220": ("", advice.LOOK_THERE),
    "5231": ("", advice.LOOK_THERE),
    "5500": ("", _NETWORK),
    "5501": ("", advice.NO_ROUTE),
    "5600": ("", _NETWORK),
    "5610": ("", _NETWORK),
    "5620": ("", _NETWORK),
    "5630": ("", _NETWORK),
    "5650": ("", advice.OFF),
    "5999": ("", advice.LOOK_THERE),
    "9902": ("", _("The operator sent no delivery receipt. The message may have been delivered.")),
    "9999": ("", advice.NO_REASON),
}

_CREDENTIAL = _("Bandwidth App > Account > API Credentials. The credential needs the messaging role.")
_CALLBACKS = _("As set for callbacks in your Bandwidth application. Used to verify delivery reports.")
LOGIN = "https://api.bandwidth.com/api/v1/oauth2/token"


class Bandwidth(Provider):
    """Logs in for a token; reports go to the address of the application, with a user name and password set there."""

    code = "bandwidth"
    title = "Bandwidth"
    docs = "https://dev.bandwidth.com/docs/messaging/"
    countries = ("US", "CA")
    listing = Listing(
        about=_("An API for carriers and software companies with numbers in the US or Canada."),
        sender_ids=SenderIds.NUMBERS,
        mark=Mark(Colour.SLATE, "M3 4h2v16H3zM7 4h3v16H7zM12 4h4v16h-4zM18 4h3v16h-3z"),
    )
    fields = (
        Text("account_id", "Account ID", help=_("At the top of the Bandwidth App, next to the account name.")),
        Text("api_token", "Client ID", help=_CREDENTIAL),
        Secret("api_secret", "Client Secret", help=_CREDENTIAL),
        Text("application_id", "Application ID", help=_("Bandwidth App > Applications > your messaging application.")),
        Text("callback_username", _("Username"), help=_CALLBACKS, required=False, advanced=True),
        Secret("callback_password", _("Password"), help=_CALLBACKS, required=False, advanced=True),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the Bandwidth App, go to Account > API Credentials, create a credential and copy it here."),
            "https://app.bandwidth.com/",
        ),
        Step(
            advice.REPORTS,
            _("In your messaging application, set this URL for status callbacks: {report_url}"),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("account_id", "application_id")
    rate = 1.0  # https://dev.bandwidth.com/docs/messaging/rateLimits: 60 segments a minute, and 15 minutes wait in line
    max_text = 2048
    statuses = STATUSES
    failure_statuses = FAILURE_STATUSES
    hints = {
        code: Hint(reason, text, "https://dev.bandwidth.com/docs/messaging/errors/")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        message = {
            "applicationId": self.account["application_id"],
            "to": [sms.to],
            "from": sms.sender,
            "text": sms.text,
            "tag": sms.reference,
        }
        reply = self._check_reply(self._call_api("POST", json=message))
        parts = reply.find("segmentCount")
        return Accepted(ref=reply.need("id"), parts=int(parts) if parts.isdecimal() else None)

    def verify(self, call: Call) -> None:
        if not self.account["callback_password"]:
            return
        pair = f"{self.account['callback_username']}:{self.account['callback_password']}"
        scheme, _blank, given = call.header("Authorization").partition(" ")
        right = hmac.compare_digest(base64.b64encode(pair.encode()), given.strip().encode("utf-8", "replace"))
        if not (right and scheme.lower() == "basic"):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        return [
            self.report(
                word.lower(),
                ref=ref,
                reference=text_at(one, "message.tag"),
                recipient=text_at(one, "to"),
                code=_code_of_failure(one),
            )
            for one in _read_events(call)
            if (ref := text_at(one, "message.id")) and (word := text_at(one, "type")) and word != "message-received"
        ]

    def read_inbound(self, call: Call) -> list[Inbound]:
        return [
            Inbound(
                sender=sender,
                recipient=text_at(one, "to"),
                text=text_at(one, "message.text"),
                ref=text_at(one, "message.id"),
            )
            for one in _read_events(call)
            if value_at(one, "type") == "message-received" and (sender := text_at(one, "message.from"))
        ]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found: list[Report] = []
        for ref in refs:
            rows = value_at(self._check_reply(self._call_api("GET", params={"messageId": ref})).json(), "messages")
            found += [
                self.report(word.lower(), ref=ref, recipient=text_at(one, "destinationTn"), code=_code_of_failure(one))
                for one in (rows if isinstance(rows, list) else [])
                if value_at(one, "messageId") == ref and (word := text_at(one, "messageStatus"))
            ]
        return found

    def check(self) -> Account:
        self._check_reply(self._call_api("GET", params={"limit": "1"})).need("totalCount")
        return Account(label=self.account["account_id"])

    def _call_api(self, method: str, *, json: object = None, params: Mapping[str, str] | None = None) -> Reply:
        account = quote(self.account["account_id"], safe="")
        url = f"https://messaging.bandwidth.com/api/v2/users/{account}/messages"

        def ask(token: str) -> Reply:
            return self.http.request(
                method, url, headers={"Authorization": f"Bearer {token}"}, json=json, params=params
            )

        return Login(self.memo, (self.account["api_token"], self.account["api_secret"]), self._log_in).use(ask)

    def _log_in(self) -> tuple[str, float]:
        auth = (self.account["api_token"], self.account["api_secret"])
        reply = self.http.post(LOGIN, auth=auth, form={"grant_type": "client_credentials"}, record_bodies=False)
        if reply.status in {400, 401, 403}:
            raise reply.refusal("unauthorized", reply.find("error_description"), self.hints)
        return reply.expect().need("access_token"), max(float(reply.number("expires_in") or 0) - 60, 60.0)

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        field = reply.find("fieldErrors.0.fieldName").partition("[")[0]
        code = field if field in self.hints else reply.find("type")
        words = reply.find("fieldErrors.0.description") or reply.find("description") or reply.find("message")
        raise reply.refusal(code if reply.status < 500 else "", words, self.hints)


def _read_events(call: Call) -> list[object]:
    body = call.json()
    return body if isinstance(body, list) else []


def _code_of_failure(event: object) -> str:
    """Return the error code of an event or a message, "" for zeros, which stand for none."""
    code = text_at(event, "errorCode")
    return code if code.strip("0") else ""
