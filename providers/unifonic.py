"""Unifonic (Saudi Arabia, the Emirates and their neighbours).

API:     https://docs.unifonic.com/reference/sms-api
Sandbox: none; use Sendline's own
Checked: 2026-11-25 against the OpenAPI of docs.unifonic.com ("SMS Rest API", as kept in api-evangelist/unifonic) and
         its pages of HTTP status codes and of reasons of non-delivery. UNVERIFIED: the body of a report (published
         are only the parameters of an older console), and that an answer has the codes of the page of non-delivery;
         see docs/services/unifonic.md
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Number, Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import price_of, value_at

# https://docs.unifonic.com/docs/understanding-sms-delivery
STATUSES = {
    "scheduled": Status.QUEUED,
    "queued": Status.QUEUED,
    "sent": Status.SENT,
    "pending": Status.SENT,
    "delivery not confirmed": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "undeliverable": Status.UNDELIVERED,
    "not sent": Status.FAILED,
    "rejected": Status.FAILED,
    "failed": Status.FAILED,
}

_ARTICLES = "https://docs.unifonic.com/articles"
_APP_SID = _("The SMS application ID from the Unifonic console.")

# The statuses of HTTP itself, which Unifonic has made its own: 402 has nothing to do with money here.
_HTTP_HINTS: Mapping[str, tuple[Reason, str]] = {
    "401": ("auth", advice.CREDENTIALS),
    "402": ("auth", advice.CREDENTIALS),
    "403": ("auth", advice.OUR_ADDRESS),
    "409": ("duplicate", advice.REPEATED),
    "410": ("invalid_number", advice.NUMBER),
    "422": ("invalid_number", advice.NUMBER),
    "481": ("invalid_number", advice.NUMBER),
    "482": ("invalid_number", advice.NUMBER),
    "483": ("invalid_number", advice.NO_ROUTE),
    "412": ("invalid_request", advice.TOO_LONG),
    "421": ("invalid_request", advice.EMPTY),
    "449": ("invalid_request", advice.EMPTY),
    "440": ("invalid_request", advice.SENDER),
    "480": ("invalid_request", advice.SENDER),
    "400": ("invalid_request", advice.SETTING),
    "406": ("invalid_request", advice.SETTING),
    "499": ("invalid_request", advice.SETTING),
    **dict.fromkeys(
        ("404", "415", "417", "419", "420", "423", "431", "432", "450", "451", "452", "455", "456", "459", "460"),
        ("invalid_request", advice.OURS),
    ),
}
_CODES: Mapping[str, tuple[Reason, str]] = {
    # "No rate found or insufficient funds": it may be the country of this one number, so the account goes on.
    "ER-01": ("rejected", advice.TOP_UP),
    "ER-02": ("invalid_number", advice.NUMBER),
    "ER-03": ("invalid_number", advice.NUMBER),
    "ER-04": ("invalid_number", advice.NUMBER),
    "ER-05": ("invalid_number", advice.NO_ROUTE),
    "ER-06": ("invalid_request", advice.EMPTY),
    "ER-07": ("blocked", advice.SPAM),
    "ER-08": ("invalid_request", advice.REGISTER_SENDER),
    "ER-09": ("duplicate", advice.REPEATED),
    "ER-10": ("invalid_request", advice.OURS),
}


class Unifonic(Provider):
    """Reports come to the address of each message; as their form is hardly published, statuses can be asked for."""

    code = "unifonic"
    title = "Unifonic"
    docs = "https://docs.unifonic.com/reference/sms-api"
    countries = ("SA", "AE", "BH", "EG", "JO", "KW", "OM", "QA")
    listing = Listing(
        about=_("One AppSid per SMS application, with message types for Saudi numbers."),
        sender_ids=SenderIds.ACCOUNT,
        mark=Mark(Colour.GREEN, "M8.5 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12zm7 0a6 6 0 1 1 0 12 6 6 0 0 1 0-12z"),
    )
    fields = (Secret("app_sid", "AppSid", help=_APP_SID),)
    sender_fields = (
        Number(
            "message_type",
            _("Message class"),
            help=_("Saudi Arabia only: the MessageType from the Unifonic documentation, for example 1 for warnings."),
            required=False,
            min=1,
            max=99,
        ),
    )
    setup = (
        Step(advice.COPY, _APP_SID, "https://cloud.unifonic.com/"),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    proof = Proof.ADDRESS
    identified_by = ("app_sid",)
    known_by_reference = True
    statuses = STATUSES
    hints = {
        **{
            code: Hint(reason, text, f"{_ARTICLES}/api-documentation/http-status-codes")
            for code, (reason, text) in _HTTP_HINTS.items()
        },
        **{
            code: Hint(reason, text, f"{_ARTICLES}/products-documentation/understanding-reasons-of-sms-non-delivery")
            for code, (reason, text) in _CODES.items()
        },
    }
    tested = "unverified"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "SenderID": sms.sender,
            "Recipient": sms.to.removeprefix("+"),
            "Body": sms.text,
            "CorrelationID": sms.reference,
            "statusCallback": sms.report_url,
            "MessageType": sms.options.get("message_type", ""),
        }
        reply = self._call_api("messages", {name: value for name, value in payload.items() if value})
        parts, currency = reply.find("data.NumberOfUnits"), reply.find("data.CurrencyCode").upper()
        price = _read_price(reply.find("data.Cost"), currency)
        return Accepted(
            ref=reply.need("data.MessageID"),
            parts=int(parts) if parts.isdecimal() and int(parts) else None,  # 0 where it is not known yet
            price=price,
            currency=currency if price is not None else "",
        )

    def read_reports(self, call: Call) -> list[Report]:
        rows: object
        if call.form or not call.body:
            rows = [{name: values[0] for name, values in {**call.query, **call.form}.items() if values}]
        else:
            rows = call.json()
        found = (_read_message(row) for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, dict))
        return [one for one in found if one.word]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            name = "CorrelationID" if re.fullmatch("[0-9a-f]{32}", ref) else "MessageID"
            reply = self._call_api("Messages/GetMessagesDetails", {name: ref})
            rows = value_at(reply.json(), "data.messages")
            # Should the filter be overlooked, the answer is the account's last messages.
            found += [
                _read_message(row, currency=reply.find("data.CurrencyCode").upper())
                for row in (rows if isinstance(rows, list) else [])
                if isinstance(row, dict) and _first_text(row, name) == ref
            ]
        return [one for one in found if one.word]

    def check(self) -> Account:
        self._call_api("Messages/GetMessagesDetails", {"Limit": "1"})
        return Account()  # nothing tells the balance but the answer to a message

    def _call_api(self, path: str, form: Mapping[str, str]) -> Reply:
        payload = {"AppSid": self.account["app_sid"], "responseType": "JSON", **form}
        reply = self.http.post(f"https://el.cloud.unifonic.com/rest/SMS/{path}", form=payload)
        code, status = reply.find("errorCode"), str(reply.status)
        if status in _HTTP_HINTS:
            raise reply.refusal(status, reply.find("message"), self.hints)
        if not reply.ok:
            raise reply.refusal(code, reply.find("message"))
        if reply.need("success").lower() != "true":
            raise reply.refusal(code, reply.find("message"), self.hints)
        return reply


def _first_text(row: Mapping[str, object], *names: str) -> str:
    known = {name.lower(): value for name, value in row.items()}
    values = (known.get(name.lower()) for name in names)
    return next((str(value).strip() for value in values if isinstance(value, str | int | float) and value), "")


def _read_price(text: str, currency: str) -> Decimal | None:
    """Return a price, which comes with or without a minus; None without a currency, as it means nothing then."""
    return price_of(text.removeprefix("-")) if currency else None


def _read_message(row: Mapping[str, object], currency: str = "") -> Report:
    code = _first_text(row, "errorCode").upper()
    return Unifonic.report(
        _first_text(row, "DLR", "Status").lower(),
        ref=_first_text(row, "MessageID"),
        reference=_first_text(row, "CorrelationID"),
        recipient=_first_text(row, "Recipient"),
        code=code if code in _CODES else "",
        price=_read_price(_first_text(row, "Cost"), currency),
        currency=currency,
    )
