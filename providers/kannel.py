"""Kannel's sendsms, and the many gateways that take the same request.

API:     https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html (Using the HTTP interface to send SMS)
Sandbox: Kannel itself, with `smsc = fake` and its fakesmsc; `make interop` starts both
Checked: 2026-11-25 against Kannel 1.4.5 as Debian packages it, and the sources in docs/services/kannel.md
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from providers.kit import advice
from providers.kit.contract import Accepted, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step, Text, Url
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Group, Listing, Mark, SenderIds
from providers.kit.segments import UCS_2, measure

DOCS = "https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html"
STATUSES = {
    "1": Status.DELIVERED,
    "2": Status.UNDELIVERED,
    "4": Status.QUEUED,
    "8": Status.SENT,
    "16": Status.FAILED,
    "32": Status.SENT,
}
ALL_BUT_INTERMEDIATE = "31"
SHORTEST_SECRET = 6

# Kannel has no codes: what it answers begins, or in the last case ends, with one of these.
_ANSWERS: Mapping[str, tuple[Reason, str]] = {
    "Authorization failed": (
        "auth",
        _(
            "Check the username and password against the sendsms-user group in Kannel, and make sure our IP "
            "address is allowed."
        ),
    ),
    "Unknown request": (
        "auth",
        _("Kannel has no sendsms service at this URL. Compare it with sendsms-url in the Kannel configuration."),
    ),
    "Not routable": ("blocked", advice.NO_ROUTE),
    "Number(s) has/have been denied": ("blocked", advice.STOP_LIST),
    "Missing receiver": ("invalid_number", advice.NUMBER),
    "Empty receiver": ("invalid_number", advice.NUMBER),
    "Sender missing": ("invalid_request", advice.SENDER),
    # The guide: "There was temporal failure in Kannel. Try again later." The bearerbox did not take it.
    "Temporal failure": ("unreachable", _("Kannel can’t forward messages right now. We retry automatically.")),
    "rejected": ("invalid_request", advice.SETTING),
}
_TAKEN = re.compile(r"\s*([03]:|(accepted|queued|sent|success|ok)\b)", re.IGNORECASE)
_ERROR = re.compile(r"NACK/(?P<nack>[^/\s]+)|\berr:(?P<err>\w+)", re.IGNORECASE)


class Kannel(Provider):
    """There is no id in the answer: reports are told apart by the address that went along with the message."""

    code = "kannel"
    title = "Kannel"
    docs = DOCS
    listing = Listing(
        about=_("The open-source gateway on your own server, through its sendsms service."),
        sender_ids=SenderIds.GATEWAY,
        group=Group.EQUIPMENT,
        mark=Mark(
            Colour.TEAL,
            "M2 6c4-4 6 4 10 0s6 4 10 0v4c-4 4-6-4-10 0s-6-4-10 0z"
            "M2 14c4-4 6 4 10 0s6 4 10 0v4c-4 4-6-4-10 0s-6-4-10 0z",
        ),
    )
    fields = (
        Url(
            "send_url",
            _("Service URL"),
            help=_("The full sendsms URL. Extra parameters such as smsc are kept."),
            placeholder="http://gateway.example.com:13013/cgi-bin/sendsms",
            plain=True,
        ),
        Text("username", _("Username"), help=_("From the sendsms-user group.")),
        Secret("password", _("Password"), help=_("From the sendsms-user group.")),
    )
    setup = (Step(advice.REPORTS, advice.REPORTS_COME),)
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("send_url", "username")
    statuses = STATUSES
    hints = {text: Hint(reason, words, DOCS) for text, (reason, words) in _ANSWERS.items()}
    tested = "contract"

    @classmethod
    def secrets(cls, account: Mapping[str, str]) -> tuple[str, ...]:
        """Return the password and the values that people write into the address."""
        written = parse_qsl(urlsplit(account.get("send_url", "")).query)
        return (*super().secrets(account), *(value for _name, value in written if len(value) >= SHORTEST_SECRET))

    def send(self, sms: Sms) -> Accepted:
        parts = urlsplit(self.account["send_url"])
        usual = {
            "charset": "UTF-8",
            "coding": "2" if measure(sms.text).encoding == UCS_2 else "0",
            "dlr-mask": ALL_BUT_INTERMEDIATE,
        }
        ours = {
            "username": self.account["username"],
            "password": self.account["password"],
            "from": sms.sender,
            "to": sms.to,
            "text": sms.text,
            "dlr-url": _with_escapes(sms.report_url),
        }
        written = dict(parse_qsl(parts.query, keep_blank_values=True))
        params = usual | written | {name: value for name, value in ours.items() if value or name == "text"}
        return self._read_answer(self.http.get(urlunsplit(parts._replace(query="", fragment="")), params=params))

    def read_reports(self, call: Call) -> list[Report]:
        word = call.value("type")
        if not word:
            return []
        found = _ERROR.search(call.value("reply"))
        code = (found["nack"] or found["err"]) if found else ""
        code = code if code.strip("0") else ""
        # Not `report`: an operator may say a word that means something else in `hints`.
        return [Report(ref=call.value("id"), status=self.statuses.get(word), word=word, code=code)]

    def _read_answer(self, reply: Reply) -> Accepted:
        text = reply.text.strip()
        if reply.status == 202 or (reply.ok and _TAKEN.match(text)):
            return Accepted()
        known = (key for key in self.hints if text.startswith(key) or (key == "rejected" and text.endswith(key)))
        code = next(known, "")
        if reply.ok and not code:
            raise reply.unclear(_("The response is missing required data."))
        raise reply.refusal(code, text, self.hints)


def _with_escapes(address: str) -> str:
    """Return the report address with what Kannel fills in: the type, the operator's answer and the operator's id."""
    return f"{address}{'&' if '?' in address else '?'}type=%d&reply=%A&id=%F" if address else ""
