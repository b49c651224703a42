"""SMSAPI (smsapi.pl, smsapi.com, smsapi.bg, smsapi.se).

API:     https://www.smsapi.com/docs
Sandbox: test=1 in a request made by hand; an account on trial sends to its owner's number only
Checked: 2026-11-25 against the vendor's SDKs (Go, Java, C#), its error list and the sources in
         docs/services/smsapi.md
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Answer, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Choice, Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at, text_at
from providers.kit.screens import Screen, copy_value

# By number in reports, by name in look-ups. 401 NOT_FOUND and 408 UNKNOWN say nothing of the message: no status.
STATUSES = {
    "expired": Status.UNDELIVERED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "rejected": Status.FAILED,
    "queue": Status.QUEUED,
    "accepted": Status.SENT,  # "delivered to the operator"
    "renewal": Status.SENT,
    "stop": Status.FAILED,
}
_NUMBERS = {
    "401": "not_found",
    "402": "expired",
    "403": "sent",
    "404": "delivered",
    "405": "undelivered",
    "406": "failed",
    "407": "rejected",
    "408": "unknown",
    "409": "queue",
    "410": "accepted",
    "411": "renewal",
    "412": "stop",
}
_NAMES = {name: number for number, name in _NUMBERS.items()}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "7": ("invalid_request", advice.SETTING),  # short links are off
    "8": ("uncertain", advice.LOOK_THERE),
    "11": ("invalid_request", advice.TOO_LONG),
    "12": ("invalid_request", advice.TOO_LONG),
    "13": ("invalid_number", advice.NUMBER),
    "14": ("blocked", advice.SENDER),
    "17": ("invalid_request", advice.OURS),
    "18": ("invalid_request", advice.OURS),
    "19": ("invalid_request", advice.OURS),
    "20": ("invalid_request", advice.OURS),
    "25": ("invalid_request", advice.OURS),
    "27": ("invalid_request", advice.OURS),
    "28": ("invalid_request", advice.OURS),
    "30": ("invalid_request", advice.OURS),
    "40": ("invalid_request", advice.OURS),
    "41": ("invalid_request", advice.OURS),
    "50": ("invalid_request", advice.OURS),
    "52": ("throttled", advice.NUMBER_LIMIT),
    "53": ("duplicate", advice.REPEATED),
    "54": ("invalid_request", advice.OURS),
    "56": ("invalid_request", advice.OURS),
    "57": ("blocked", advice.STOP_LIST),
    "59": ("opt_out", advice.OPT_OUT),
    "70": ("invalid_request", advice.OURS),
    "74": ("blocked", _("The account can’t send at this hour. Change its sending hours at SMSAPI.")),
    "76": ("invalid_request", advice.SETTING),
    "93": ("invalid_request", advice.OURS),
    "94": ("blocked", _("The account can’t send links. Ask SMSAPI to allow them, or remove the link.")),
    "96": ("blocked", advice.COUNTRY),
    "98": ("blocked", advice.TRIAL),
    "101": ("auth", advice.CREDENTIALS),
    "102": ("auth", advice.CREDENTIALS),
    "103": ("balance", advice.TOP_UP),
    "104": ("invalid_request", advice.TEMPLATE),
    "105": ("auth", advice.OUR_ADDRESS),
    "106": ("invalid_request", advice.SETTING),  # a short link
    "110": ("auth", advice.RIGHTS),
    "112": ("blocked", advice.COUNTRY),
    "200": ("rejected", advice.NO_REASON),
    "201": ("uncertain", advice.LOOK_THERE),
    "202": ("throttled", advice.SLOW_DOWN),  # "the message won't be sent"
    "203": ("throttled", advice.SLOW_DOWN),
    "301": ("", advice.OURS),
    "400": ("", advice.OURS),
    "401": ("auth", advice.RIGHTS),
    "997": ("invalid_request", advice.OURS),
    "998": ("invalid_request", advice.SETTING),  # the service of short links
    "999": ("uncertain", advice.LOOK_THERE),
    "1000": ("auth", advice.RIGHTS),
    "1001": ("auth", advice.OURS),
    # Only in reports: statuses that need a word.
    "402": ("", advice.EXPIRED),
    "405": ("", advice.NUMBER),
    "406": ("", advice.LOOK_THERE),
    "407": ("", advice.NUMBER),
    "412": ("", advice.STOPPED),
}


class SmsApi(Provider):
    """Refuses inside a 200; recognises our reference as `idx`; wants to read OK after a report."""

    code = "smsapi"
    title = "SMSAPI"
    docs = "https://www.smsapi.com/docs"
    listing = Listing(
        about=_("Accounts at smsapi.pl, .com, .bg or .se; retries are recognized for 24 hours."),
        other_names=("SMSAPI.pl", "SMSAPI.com"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.BLUE, "M3 3h6v3H6v12h3v3H3zM21 3h-6v3h3v12h-3v3h6zM10 10h4v4h-4z"),
    )
    fields = (
        Secret(
            "token",
            _("Token"),
            help=_("SMSAPI panel > API settings > API tokens. Shown once, when you create it."),
        ),
        Choice(
            "host",
            _("Service URL"),
            help=_("Where you log in. Accounts are separate in each country."),
            choices=(
                ("api.smsapi.pl", "smsapi.pl"),
                ("api.smsapi.com", "smsapi.com"),
                ("api.smsapi.bg", "smsapi.bg"),
                ("api.smsapi.se", "smsapi.se"),
            ),
            default="api.smsapi.pl",
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _(
                "Under API settings > API tokens, create a token with access to SMS, sender names and profile, "
                "and copy it."
            ),
            screen=Screen(("API settings", "API tokens"), (copy_value("Token", "token"),)),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("token", "host")
    # With check_idx=1 a repeated idx is refused with error 53 for 24 hours: https://www.smsapi.com/docs, single SMS.
    repeat_window = timedelta(hours=24)
    statuses = STATUSES
    hints = {code: Hint(reason, text, "https://www.smsapi.com/docs") for code, (reason, text) in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "to": sms.to.removeprefix("+"),
            "from": sms.sender,
            "message": sms.text,
            "encoding": "utf-8",
            "format": "json",
            "details": "1",
            "idx": sms.reference,
            "check_idx": "1",
            "notify_url": sms.report_url,
        }
        form = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(self.http.post(self._api_url("sms.do"), headers=self._auth_headers(), form=form))
        refused = reply.find("list.0.error")
        if refused:
            raise reply.refusal(refused, "", self.hints)  # the words would be the text of the message
        parts = reply.find("list.0.parts") or reply.find("parts")
        return Accepted(ref=reply.need("list.0.id"), parts=int(parts) if parts.isdecimal() else None)

    def read_reports(self, call: Call) -> list[Report]:
        ids, statuses, numbers = (call.value(name).split(",") for name in ("MsgId", "status", "to"))
        found = []
        for index, (ref, status) in enumerate(zip(ids, statuses, strict=False)):
            if ref and status:
                found.append(self._report_status(status, ref, numbers[index] if index < len(numbers) else ""))
        return found

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 (the same for every call)
        return Answer(body="OK")

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        params = {"status": "|".join(refs), "format": "json"}
        reply = self.http.get(self._api_url("sms.do"), headers=self._auth_headers(), params=params)
        if reply.find("error") in {"301", "400"}:
            return []
        rows = [
            (text_at(row, "status"), text_at(row, "id"), text_at(row, "number"))
            for row in rows_at(self._check_reply(reply).json(), "list")
        ]
        return [self._report_status(*one) for one in rows if one[0] and one[1] and _status_word(one[0]) != "not_found"]

    def _report_status(self, status: str, ref: str, recipient: str) -> Report:
        word = _status_word(status)
        code = _NAMES.get(word, "") if word in STATUSES else ""
        return self.report(word, ref=ref, recipient=recipient, code=code if code in self.hints else "")

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(self._api_url("profile"), headers=self._auth_headers()))
        return Account(label=reply.need("username"), balance=reply.number("points"))

    def senders(self) -> list[str]:
        reply = self._check_reply(self.http.get(self._api_url("sms/sendernames"), headers=self._auth_headers()))
        rows = rows_at(reply.json(), "collection")
        return [name for row in rows if row.get("status") == "ACTIVE" and (name := text_at(row, "sender"))]

    def _api_url(self, path: str) -> str:
        return f"https://{self.account['host']}/{path}"

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account['token']}"}

    def _check_reply(self, reply: Reply) -> Reply:
        code = reply.find("error")
        if reply.ok and not code:
            return reply
        raise reply.refusal(code, reply.find("message"), self.hints)


def _status_word(status: str) -> str:
    return _NUMBERS.get(status, status.lower())
