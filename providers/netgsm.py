"""Netgsm, Türkiye.

API:     https://www.netgsm.com.tr/dokuman/
Sandbox: none
Checked: 2026-11-25 against the vendor's SDKs (JavaScript with its OpenAPI file, Python, n8n) and the sources in
         docs/services/netgsm.md
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at, text_at, value_at
from providers.kit.segments import UCS_2, measure

STATUSES = {
    "0": Status.SENT,
    "1": Status.DELIVERED,
    "2": Status.UNDELIVERED,
    "3": Status.FAILED,
    "4": Status.FAILED,
    "11": Status.FAILED,
    "12": Status.FAILED,
    "13": Status.FAILED,
    "14": Status.FAILED,
    "15": Status.FAILED,
    "16": Status.FAILED,
    "17": Status.FAILED,
    "22": Status.FAILED,
}

_NO_ENTRY = _("Check the username and password, and make sure this Netgsm user may use the API from our IP addresses.")
_CONSENT = _("Commercial messages reach only people who consented in İYS.")
_NO_CONSENT_CHECK = _("Your Netgsm account can’t check consent in İYS. Set up İYS there, or send as informational.")
_CODES: Mapping[str, tuple[Reason, str]] = {
    "20": ("invalid_request", advice.TOO_LONG),
    "30": ("auth", _NO_ENTRY),
    "40": ("blocked", advice.SENDER),
    "50": ("blocked", _NO_CONSENT_CHECK),
    "51": ("blocked", _NO_CONSENT_CHECK),
    "70": ("invalid_request", advice.SETTING),
    "80": ("throttled", advice.SLOW_DOWN),
    "85": ("throttled", advice.NUMBER_LIMIT),
    "100": ("uncertain", advice.LOOK_THERE),
    "101": ("uncertain", advice.LOOK_THERE),
    "110": ("uncertain", advice.LOOK_THERE),
    "5000": ("uncertain", advice.LOOK_THERE),
    # The three lists of numbers overlap, so those of reports are told apart by a word.
    "status 2": ("", advice.EXPIRED),
    "status 3": ("invalid_number", advice.NUMBER),
    "status 4": ("", advice.NO_REASON),
    "status 11": ("rejected", advice.OPERATOR),
    "status 12": ("", advice.NO_REASON),
    "status 13": ("duplicate", advice.REPEATED),
    "status 14": ("balance", advice.TOP_UP),
    "status 15": ("opt_out", advice.STOP_LIST),
    # Said of commercial messages only, also of people who were never asked: information may go to them.
    "status 16": ("blocked", _CONSENT),
    "status 17": ("", _NO_CONSENT_CHECK),
    "status 22": ("blocked", advice.COUNTRY),
    "error 101": ("", advice.FULL),
    "error 102": ("", advice.OFF),
    "error 103": ("", advice.OFF),  # busy
    "error 104": ("invalid_number", advice.NOT_IN_USE),
    "error 105": ("invalid_number", advice.NUMBER),
    "error 106": ("opt_out", advice.STOP_LIST),
    "error 111": ("", advice.EXPIRED),
    "error 112": ("", advice.CANNOT),
    "error 113": ("", advice.CANNOT),
    "error 114": ("blocked", advice.NO_ROUTE),
    "error 115": ("", advice.CANNOT),  # barred
    "error 116": ("invalid_number", advice.NOT_IN_USE),
    "error 117": ("", advice.CANNOT),  # not allowed in the network
    "error 119": ("", advice.NO_REASON),
}

BASE = "https://api.netgsm.com.tr"
TAKEN = {"", "00", "01", "02"}
"""A list of packages has no code; 01 and 02 say that a date was corrected."""
_SMS_LEFT = {"Adet SMS", "Adet Sms"}
_ASKED_AT_ONCE = 50
_TURKISH = str.maketrans("", "", "çÇğĞıİöÖşŞüÜ")


class Netgsm(Provider):
    """Numbers at home without their country; a reference that is repeated in reports and recognised nowhere."""

    code = "netgsm"
    title = "Netgsm"
    docs = "https://www.netgsm.com.tr/dokuman/"
    countries = ("TR",)
    listing = Listing(
        about=_("Checks recipient consent in İYS before it sends commercial messages."),
        other_names=("İYS",),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.ROSE, "M5 3h14v3H5zM3 9h18v3H3zM7 15h10v3H7zM10 20h4v2h-4z"),
    )
    fields = (
        Text("usercode", _("Username"), help=_("The subscriber number you use to log in to Netgsm.")),
        Secret("password", _("Password"), help=_("From an API sub-user, not your login password.")),
    )
    sender_fields = (
        Choice(
            "iysfilter",
            _("Message type"),
            help=_CONSENT,
            choices=(
                ("0", _("Informational")),
                ("11", _("Commercial, to consumers")),
                ("12", _("Commercial, to businesses")),
            ),
            default="0",
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Under Alt Kullanıcı Hesapları, add an API Kullanıcısı with SMS rights and copy its password."),
        ),
        Step(advice.REPORTS, advice.REPORTS_ASKED),
    )
    reports = Reports.POLLED
    proof = Proof.ADDRESS
    identified_by = ("usercode",)
    rate = 5.0
    max_text = 883  # six parts with Turkish letters
    statuses = STATUSES
    hints = {code: Hint(*meaning, "https://www.netgsm.com.tr/dokuman/") for code, meaning in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        home = sms.to.startswith("+90") and len(sms.to) == 13
        payload = {
            "msgheader": sms.sender,
            "messages": [{"msg": sms.text, "no": sms.to[3:] if home else f"00{sms.to[1:]}"}],
            "iysfilter": sms.options.get("iysfilter") or "0",
            "referansID": sms.reference,
        }
        encoding = _choose_encoding(sms.text)
        body = payload | ({"encoding": encoding} if encoding else {})
        reply = self.http.post(f"{BASE}/sms/rest/v2/send", auth=self._basic_auth(), json=body)
        return Accepted(ref=_check_reply(reply).need("jobid"))

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for start in range(0, len(refs), _ASKED_AT_ONCE):
            batch = list(refs[start : start + _ASKED_AT_ONCE])
            payload = {"jobids": batch, "pagenumber": 0, "pagesize": _ASKED_AT_ONCE}
            reply = self.http.post(f"{BASE}/sms/rest/v2/report", auth=self._basic_auth(), json=payload)
            if reply.find("code") == "60":  # knows none of them
                continue
            found += [report for row in rows_at(_check_reply(reply).json(), "jobs") if (report := _read_job(row))]
        return found

    def check(self) -> Account:
        self.senders()
        packages = [
            row for row in rows_at(self._read_balance(1), "balance") if text_at(row, "balance_name") in _SMS_LEFT
        ]
        if packages:
            return Account(
                balance=sum(_read_decimal(text_at(row, "amount")) or Decimal(0) for row in packages) or Decimal(0)
            )
        lira = _read_decimal(text_at(self._read_balance(2), "balance"))
        return Account(balance=lira, currency="" if lira is None else "TRY")

    def senders(self) -> list[str]:
        reply = _check_reply(self.http.get(f"{BASE}/sms/rest/v2/msgheader", auth=self._basic_auth()))
        names = value_at(reply.json(), "msgheaders")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["usercode"], self.account["password"]

    def _read_balance(self, kind: int) -> object | None:
        payload = {"usercode": self.account["usercode"], "password": self.account["password"], "stip": kind}
        reply = self.http.post(f"{BASE}/balance", json=payload)
        return reply.json() if reply.ok else None  # another right than to send: without it the balance stays unknown


def _check_reply(reply: Reply) -> Reply:
    code = reply.find("code")
    if reply.ok and code in TAKEN:
        return reply
    raise reply.refusal(code, reply.find("description"), Netgsm.hints)


def _choose_encoding(text: str) -> str:
    """Return the encoding to ask for: without one, Turkish letters lose their marks and others are lost."""
    rest = text.translate(_TURKISH)
    if measure(rest).encoding == UCS_2:
        return "UNICODE"
    return "TR" if rest != text else ""


def _read_job(row: object) -> Report | None:
    ref, word, error, number = (text_at(row, name) for name in ("jobid", "status", "errorCode", "number"))
    if not ref or not word:
        return None
    code = next((one for one in (f"error {error}", f"status {word}") if one in Netgsm.hints), "")
    return Netgsm.report(word, ref=ref, recipient=number, code=code)


def _read_decimal(text: str) -> Decimal | None:
    """Return a number that may be written with a decimal comma, None where it is none."""
    try:
        found = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
