"""SMSC (SMS Centre): smsc.ru, smsc.kz, smsc.ua and smscentre.com run the same software.

API:     https://smsc.ru/api/http/
Sandbox: the test mode (virtual sending) in the settings of the account
Checked: 2026-11-25 against the sources in docs/services/smsc.md, stored pages of smscentre.com/api, and public
         clients
"""

import hashlib
import hmac
from collections.abc import Mapping

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
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import value_at

STATUSES = {
    "-2": Status.QUEUED,  # a mailing that is halted for now
    "-1": Status.QUEUED,
    "0": Status.SENT,
    "1": Status.DELIVERED,
    "2": Status.DELIVERED,
    "3": Status.UNDELIVERED,
    "4": Status.DELIVERED,
    "20": Status.UNDELIVERED,
    "22": Status.FAILED,
    "23": Status.FAILED,
    "24": Status.FAILED,
    "25": Status.UNDELIVERED,
}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "1": ("invalid_request", advice.SETTING),
    "2": ("auth", _("Check the login and password, and whether SMSC allows certain IP addresses only.")),
    "3": ("balance", advice.TOP_UP),
    "4": ("auth", _("SMSC has blocked us temporarily after too many invalid requests. Fix the settings, then wait.")),
    "5": ("invalid_request", advice.OURS),
    "6": ("blocked", _("SMSC does not allow this text or sender ID. Get it approved or change it.")),
    "7": ("invalid_number", advice.NUMBER),
    "8": ("invalid_number", advice.NO_ROUTE),
    "9": ("throttled", _("Duplicate within a minute, or too many requests at once. We retry automatically.")),
}
# The parameters `err` and `status` of a report count from 1 too, so their names are part of the code.
_STATUS_HINTS: Mapping[str, tuple[Reason, str]] = {
    "err 1": ("invalid_number", advice.NOT_IN_USE),
    "err 6": ("", advice.OFF),
    "err 11": ("", advice.CANNOT),
    "err 12": ("", advice.CANNOT),
    "err 13": ("", advice.NOT_IN_USE),
    "err 21": ("", advice.CANNOT),
    "err 200": ("", _("Your SMSC account is in test mode: nothing is sent. Turn it off at SMSC.")),
    "err 219": ("", advice.CANNOT),  # for a day after the SIM card was replaced
    "err 220": ("", advice.OFF),
    "err 237": ("", advice.OFF),
    "err 238": ("blocked", advice.TEMPLATE),
    "err 239": ("auth", advice.OUR_ADDRESS),
    "err 240": ("", advice.OFF),
    "err 241": ("invalid_request", advice.OURS),
    "err 242": ("", advice.OFF),
    "err 243": ("blocked", advice.NO_ROUTE),
    "err 244": ("blocked", advice.TEXT),
    "err 245": ("", advice.NO_REASON),
    "err 246": ("", advice.STOPPED),
    "err 247": ("blocked", advice.DAY_LIMIT),
    "err 248": ("blocked", advice.NO_ROUTE),
    "err 249": ("invalid_number", advice.NUMBER),
    "err 250": ("blocked", advice.STOP_LIST),
    "err 251": ("blocked", advice.NUMBER_LIMIT),
    "err 252": ("blocked", advice.STOP_LIST),
    "err 253": ("blocked", advice.TEXT),
    "err 254": ("blocked", advice.SENDER),
    "err 255": ("blocked", advice.OPERATOR),
    "status 3": ("", advice.EXPIRED),
    "status 20": ("", advice.NO_REASON),
    "status 22": ("invalid_number", advice.NUMBER),
    "status 23": ("blocked", advice.STOPPED),
    "status 24": ("balance", advice.TOP_UP),
    "status 25": ("invalid_number", advice.CANNOT),
}
_SAME_TEXT_AGAIN = 60.0


class Smsc(Provider):
    """Our reference is the message's id there. It cannot be asked without the number, so there is no look-up."""

    code = "smsc"
    title = "SMSC"
    docs = "https://smsc.ru/api/http/"
    countries = ("RU", "KZ", "UA", "BY", "KG", "UZ")
    listing = Listing(
        about=_("SMS Centre: one system at smsc.ru, smsc.kz, smsc.ua and smscentre.com."),
        other_names=("SMS Centre", "SMSCentre", "СМС Центр", "SMS-центр"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.BLUE, "M3 21V3a18 18 0 0 1 18 18h-4A14 14 0 0 0 7 8v13zM9 21v-9a9 9 0 0 1 6 9z"),
    )
    fields = (
        Text("login", _("Login"), help=_("Your login at the service.")),
        Secret("password", _("Password"), help=_("Your login at the service.")),
        Choice(
            "host",
            _("Service URL"),
            help=_("The country where the account was opened."),
            default="smsc.ru",
            choices=tuple((host, host) for host in ("smsc.ru", "smsc.kz", "smsc.ua", "smscentre.com")),
        ),
        Secret(
            "callback_secret",
            _("Delivery report secret"),
            help=_(
                "To have reports signed, add &sha1= and a secret to our URL at SMSC, and enter the same secret here."
            ),
            required=False,
        ),
    )
    setup = (
        Step(
            advice.REPORTS,
            _("In your SMSC user settings, set this URL for statuses: {report_url}?charset=utf-8"),
            "https://smsc.ru/api/http/miscellaneous/callback/",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("login", "host")
    max_text = 1000
    statuses = STATUSES
    hints = {
        code: Hint(*meaning, "https://smsc.ru/api/http/send/sms/sms_answer/") for code, meaning in _CODES.items()
    } | {
        code: Hint(*meaning, f"https://smsc.ru/api/http/status_messages/{'errors' if code[0] == 'e' else 'statuses'}/")
        for code, meaning in _STATUS_HINTS.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        sender = {"sender": sms.sender} if sms.sender else {}
        payload = {"phones": sms.to, "mes": sms.text, "id": sms.reference, "cost": "3"}
        reply = self._call_api("send.php", payload | sender)
        parts = reply.find("cnt")
        return Accepted(
            ref=reply.need("id"),
            parts=int(parts) if parts.isdecimal() and int(parts) else None,
            price=reply.number("cost"),
        )

    def verify(self, call: Call) -> None:
        """Check the digest over the main values and the secret, by smsc.ru/api/http/miscellaneous/callback/."""
        secret = self.account["callback_secret"]
        if not secret:
            return
        names = ("id", "phone", "status") if call.value("status") else ("phone", "mes", "to")
        signed = ":".join([*map(call.value, names), secret]).encode("utf-8", "replace")
        # A value that the address brought along comes too, so each is tried.
        digests = {name: hashlib.new(name, signed).hexdigest().encode() for name in ("sha1", "md5")}
        matches = [
            hmac.compare_digest(digest, given.lower().encode("utf-8", "replace"))
            for name, digest in digests.items()
            for given in (*call.form.get(name, ()), *call.query.get(name, ()))
        ]
        if not any(matches):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        ref, word, err = call.value("id"), call.value("status"), call.value("err")
        if not ref or not word:
            return []
        failed, number = err not in {"", "0"}, _read_number(call.value("phone"))
        code = f"err {err}" if failed else f"status {word}"
        code = code if failed or code in self.hints else ""
        return [self.report(word, ref=ref, reference=ref, recipient=number, code=code)]

    def read_inbound(self, call: Call) -> list[Inbound]:
        if call.value("status") or not call.value("phone") or not call.value("mes"):
            return []
        sender, recipient = _read_number(call.value("phone")), _read_number(call.value("to"))
        return [Inbound(sender=sender, recipient=recipient, text=call.value("mes"), ref=call.value("id"))]

    def check(self) -> Account:
        reply = self._call_api("balance.php", {"cur": "1"})
        reply.need("balance")
        currency = reply.find("currency").upper()
        return Account(
            label=self.account["login"],
            balance=reply.number("balance"),
            currency="RUB" if currency == "RUR" else currency,
        )

    def senders(self) -> list[str]:
        rows = self._call_api("senders.php", {"get": "1"}).json()
        names = [value_at(row, "sender") for row in rows] if isinstance(rows, list) else []
        return [name for name in names if isinstance(name, str) and name]

    def _call_api(self, script: str, payload: Mapping[str, str]) -> Reply:
        fixed = {"login": self.account["login"], "psw": self.account["password"], "fmt": "3", "charset": "utf-8"}
        reply = self.http.post(f"https://{self.account['host']}/sys/{script}", form=fixed | dict(payload))
        reply.expect(self.hints, code="error_code", words="error")
        code, words = reply.find("error_code"), reply.find("error")
        if code or words:
            refusal = reply.refusal(code, words, self.hints)
            if code == "9" and refusal.after is None:
                refusal.after = _SAME_TEXT_AGAIN
            raise refusal
        return reply


def _read_number(number: str) -> str:
    """Return a number in E.164, which comes as digits; short codes and names as they are."""
    return f"+{number}" if number.isdecimal() and len(number) > 8 else number
