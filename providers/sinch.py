"""Sinch: the SMS REST API (XMS) of a service plan.

API:     https://developers.sinch.com/docs/sms/api-reference/
Sandbox: a trial plan, which sends to numbers confirmed in the dashboard
Checked: 2026-11-25 against the vendor's Java, .NET and Python SDKs, sinch/docs and its pages of status codes; see
         docs/services/sinch.md
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at, text_at, value_at
from providers.kit.screens import Screen, copy_value
from providers.kit.signatures import is_fresh

STATUSES = {
    "queued": Status.QUEUED,
    "dispatched": Status.SENT,
    "unknown": Status.SENT,  # at the operator, who reports no more
    "delivered": Status.DELIVERED,
    "expired": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "aborted": Status.FAILED,
    "rejected": Status.FAILED,
    "cancelled": Status.FAILED,
    "deleted": Status.FAILED,
}
# The phone was not there, whichever of the words for a failure goes with it.
_NOT_REACHED = tuple(f"status {code}" for code in (1, 5, 27, 28, 29, 31, 33, 40, 160, 404))
_NO_TROUBLE = {"", "0", "400", "401"}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "syntax_invalid_json": ("invalid_request", advice.OURS),
    "syntax_invalid_parameter_format": ("invalid_request", advice.SETTING),
    "syntax_constraint_violation": ("invalid_request", advice.SETTING),
    "missing_callback_url": ("invalid_request", advice.OURS),
    "unknown_group": ("invalid_request", advice.OURS),
    "unknown_campaign": ("invalid_request", advice.SETTING),
    "illegal_number_type": ("invalid_number", advice.NOT_MOBILE),
    "forbidden_number": ("blocked", advice.STOP_LIST),
    "blocked_account": ("auth", advice.SUSPENDED),
    "not_found": ("auth", _("Sinch found no such service plan in this region. Check the ID and the region.")),
}
# The `code` of a report is a number of the operators or of Sinch; its name keeps it apart.
_REPORTED: Sequence[tuple[Reason, str, str]] = (
    ("invalid_number", advice.NOT_IN_USE, "1 2 5"),
    ("invalid_number", advice.NUMBER, "10"),
    ("invalid_number", advice.CANNOT, "11"),
    ("", advice.CANNOT, "12 13 21 32"),
    ("", advice.OFF, "27 28 29 31 160 404"),
    ("", advice.FULL, "33 40"),
    ("", advice.EXPIRED, "406"),
    ("", advice.STOPPED, "407"),
    ("blocked", advice.OPERATOR, "9 206 300 408"),
    ("blocked", advice.NO_ROUTE, "207 304 305 402 412"),
    ("blocked", advice.SENDER, "410"),
    ("auth", advice.SUSPENDED, "413"),
    ("invalid_request", advice.TOO_LONG, "411"),
    ("invalid_request", advice.OURS, "301 405"),
    ("", advice.NO_REASON, "6 30 34 35 36 37 38 39 69 140 200 201 202 203 205 302 303 403 999"),
)
_STATUS_CODES = "https://developers.sinch.com/docs/sms/api-reference/status-codes"
_REPORT_CODES = "https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports/"

SIGNED_WITH = {"HmacSHA256": "sha256", "HmacSHA512": "sha512"}
FRESH = 300.0
"""Seconds a signature stays good."""
_OURS = re.compile("[0-9a-f]{32}")
_WHERE = _("Sinch dashboard > SMS > APIs.")


class Sinch(Provider):
    """A batch of one for each message; its status is found by the batch's id or by our reference."""

    code = "sinch"
    title = "Sinch"
    docs = "https://developers.sinch.com/docs/sms/"
    listing = Listing(
        about=_("Service plans in 5 regions: US, Europe, Australia, Brazil and Canada."),
        sender_ids=SenderIds.ACCOUNT,
        mark=Mark(Colour.AMBER, "M3 11a9 8 0 0 1 18 0zM3 13h18a9 8 0 0 1-18 0z"),
    )
    fields = (
        Text("service_plan_id", "Service plan ID", help=_WHERE),
        Secret("api_token", "API token", help=_WHERE),
        Choice(
            "region",
            _("Region"),
            help=_("The region where the service plan was created."),
            default="us",
            choices=(("us", "US"), ("eu", "EU"), ("au", "AU"), ("br", "BR"), ("ca", "CA")),
        ),
        Secret(
            "webhook_secret",
            "Webhook secret",
            help=_("Only if Sinch signs your callbacks. Sinch support can enable this."),
            required=False,
            advanced=True,
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the Sinch dashboard, go to SMS > APIs and copy the service plan ID and API token."),
            "https://dashboard.sinch.com/sms/api/rest",
            Screen(
                ("SMS", "APIs"),
                (copy_value("Service plan ID", "service_plan_id"), copy_value("API token", "api_token")),
            ),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.KEYED
    identified_by = ("service_plan_id", "region")
    known_by_reference = True
    max_text = 2000
    statuses = STATUSES
    failure_statuses = dict.fromkeys(_NOT_REACHED, Status.UNDELIVERED)
    hints = {code: Hint(*meaning, _STATUS_CODES) for code, meaning in _CODES.items()} | {
        f"status {one}": Hint(reason, text, _REPORT_CODES) for reason, text, codes in _REPORTED for one in codes.split()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload: dict[str, object] = {
            "to": [sms.to.removeprefix("+")],
            "body": sms.text,
            "type": "mt_text",
            "client_reference": sms.reference,
        }
        if sms.sender:
            payload["from"] = sms.sender.removeprefix("+")
        if sms.report_url:
            payload |= {"delivery_report": "per_recipient", "callback_url": sms.report_url}
        reply = self.http.post(self._api_url("batches"), headers=self._auth_headers(), json=payload)
        return Accepted(ref=self._check_reply(reply).need("id"))

    def verify(self, call: Call) -> None:
        """Check the signature as the Java SDK does, by developers.sinch.com/docs/conversation/callbacks."""
        secret, name = self.account["webhook_secret"], "x-sinch-webhook-signature"
        if not secret:
            return
        nonce, timestamp = call.header(f"{name}-nonce"), call.header(f"{name}-timestamp")
        digest = SIGNED_WITH.get(call.header(f"{name}-algorithm") or "HmacSHA256")
        if digest is None:
            raise Forged
        signed = call.body + f".{nonce}.{timestamp}".encode("utf-8", "replace")
        expected = base64.b64encode(hmac.new(secret.encode(), signed, digest).digest())
        given = call.header(name).encode("utf-8", "replace")
        if not hmac.compare_digest(expected, given) or not is_fresh(timestamp, call.at, FRESH):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        return _read_batch(call.json())

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found: list[Report] = []
        for ref in refs:
            found += self._look_up_by_reference(ref) if _OURS.fullmatch(ref) else self._look_up_by_id(ref)
        return found

    def _look_up_by_id(self, ref: str) -> list[Report]:
        path = f"batches/{quote(ref, safe='')}/delivery_report"
        reply = self.http.get(self._api_url(path), headers=self._auth_headers(), params={"type": "full"})
        return [] if reply.status == 404 else _read_batch(self._check_reply(reply).json())

    def _look_up_by_reference(self, reference: str) -> list[Report]:
        params = {"client_reference": reference}
        reply = self.http.get(self._api_url("delivery_reports"), headers=self._auth_headers(), params=params)
        rows = rows_at(self._check_reply(reply).json(), "delivery_reports")
        found = [report for row in rows for report in _read_batch(row)]
        return [report for report in found if report.reference == reference]

    def check(self) -> Account:
        reply = self.http.get(self._api_url("batches"), headers=self._auth_headers(), params={"page_size": "1"})
        self._check_reply(reply).need("page_size")
        return Account(label=self.account["service_plan_id"])

    def _api_url(self, path: str) -> str:
        plan = quote(self.account["service_plan_id"], safe="")
        return f"https://{self.account['region']}.sms.api.sinch.com/xms/v1/{plan}/{path}"

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account['api_token']}"}

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        code = "not_found" if reply.status == 404 else reply.find("code") or reply.find("error.status")
        raise reply.refusal(code, reply.find("text") or reply.find("error.message"), self.hints)


def _read_batch(batch: object) -> list[Report]:
    """Return one report for a report on a recipient, or one for each recipient of a report on a batch."""
    if value_at(batch, "statuses") is None:
        return _report_recipient(batch, batch, text_at(batch, "recipient"))
    found = []
    for row in rows_at(batch, "statuses"):
        recipients = value_at(row, "recipients")
        for recipient in recipients if isinstance(recipients, list) and recipients else [""]:
            found += _report_recipient(batch, row, recipient if isinstance(recipient, str) else "")
    return found


def _report_recipient(batch: object, row: object, recipient: str) -> list[Report]:
    ref, word, number = text_at(batch, "batch_id"), text_at(row, "status").lower(), text_at(row, "code")
    if not ref or not word:
        return []
    code = "" if number in _NO_TROUBLE else f"status {number}"
    reference = text_at(batch, "client_reference")
    return [Sinch.report(word, ref=ref, reference=reference, recipient=recipient, code=code)]
