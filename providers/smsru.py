"""SMS.ru.

API:     https://sms.ru/api
Sandbox: the parameter test=1 of /sms/send checks and sends nothing
Checked: 2026-11-25 against the sources in docs/services/smsru.md, recorded answers in svyatov/smsru_ruby, and public
         code tables
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Answer,
    Call,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import value_at
from providers.kit.screens import Screen, copy_value

STATUSES = {
    "100": Status.QUEUED,
    "101": Status.SENT,
    "102": Status.SENT,
    "103": Status.DELIVERED,
    "104": Status.UNDELIVERED,
    "105": Status.FAILED,
    "106": Status.UNDELIVERED,
    "107": Status.UNDELIVERED,
    "108": Status.FAILED,
    "110": Status.DELIVERED,
    "130": Status.FAILED,
    "131": Status.FAILED,
    "132": Status.FAILED,
    "150": Status.FAILED,
}

_GUARD = _("SMS.ru fraud protection blocked it. You can change its limits in the SMS.ru settings.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "104": ("", advice.EXPIRED),
    "105": ("", advice.OPERATOR),
    "106": ("", advice.CANNOT),
    "107": ("", advice.NO_REASON),
    "108": ("rejected", advice.OPERATOR),
    "130": ("blocked", advice.NUMBER_LIMIT),
    "131": ("duplicate", advice.REPEATED),
    "132": ("duplicate", advice.REPEATED),
    "150": ("invalid_number", advice.NO_ROUTE),
    "200": ("auth", advice.CREDENTIALS),
    "201": ("balance", advice.TOP_UP),
    "202": ("invalid_number", advice.NUMBER),
    "203": ("invalid_request", advice.EMPTY),
    "204": ("blocked", advice.SENDER),
    "205": ("invalid_request", advice.TOO_LONG),
    "206": ("throttled", advice.DAY_LIMIT),
    "207": ("invalid_number", advice.NO_ROUTE),
    "208": ("invalid_request", advice.OURS),
    "209": ("opt_out", advice.STOP_LIST),
    "210": ("invalid_request", advice.OURS),
    "211": ("invalid_request", advice.OURS),
    "212": ("invalid_request", advice.OURS),
    "213": ("invalid_request", advice.OURS),
    "214": ("blocked", advice.COUNTRY),
    "215": ("opt_out", advice.OPT_OUT),
    "216": ("blocked", advice.TEXT),
    "217": ("blocked", advice.TEXT),
    "220": ("unreachable", _("SMS.ru is temporarily down. We retry automatically.")),
    "221": ("blocked", _("SMS.ru requires your own sender name. Register one under Senders at SMS.ru.")),
    "230": ("blocked", advice.NUMBER_LIMIT),
    "231": ("duplicate", advice.REPEATED),
    "232": ("duplicate", advice.REPEATED),
    "233": ("blocked", _GUARD),
    "300": ("auth", advice.CREDENTIALS),
    "301": ("auth", advice.CREDENTIALS),
    "302": ("auth", _("Confirm the account at SMS.ru with the code you received.")),
    "500": ("uncertain", advice.LOOK_THERE),
    "501": ("blocked", _GUARD),
    "502": ("blocked", _GUARD),
    "503": ("blocked", _GUARD),
    "504": ("blocked", _GUARD),
    "505": ("blocked", _GUARD),
    "506": ("blocked", _GUARD),
    "507": ("blocked", _GUARD),
    "550": ("blocked", advice.COUNTRY),
}
_NOT_FOUND = "-1"
_AT_ONCE = 100


class Smsru(Provider):
    """An outer OK says only that the request was read; what counts is said of each number inside."""

    code = "smsru"
    title = "SMS.ru"
    docs = "https://sms.ru/api"
    countries = ("RU",)
    listing = Listing(
        about=_("Signed delivery reports and the price of each message in rubles."),
        other_names=("СМС.ру", "sms ru"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.GREEN, "M3 3h8v8H3zM13 3h8v8h-8zM3 13h8v8H3z"),
    )
    fields = (
        Secret(
            "api_id",
            "api_id",
            help=_("On the API page in SMS.ru; 36 characters."),
            placeholder="00000000-0000-0000-0000-000000000000",
            pattern=r"\S{36}",
            pattern_help=_("An api_id has exactly 36 characters. Copy it again from the API page in SMS.ru."),
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Copy the api_id from the API page in SMS.ru."),
            "https://sms.ru/?panel=api",
            Screen(("API",), (copy_value("api_id", "api_id", "00000000-0000-0000-…"),)),
        ),
        Step(advice.REPORTS, advice.REPORTS_PASTE, "https://sms.ru/?panel=api"),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    identified_by = ("api_id",)
    max_text = 1224  # eight parts
    statuses = STATUSES
    hints = {
        code: Hint(*meaning, "https://sms.ru/api/status" if code in STATUSES else "https://sms.ru/api/send")
        for code, meaning in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        sender = {"from": sms.sender} if sms.sender else {}
        reply = self._call_api("sms/send", {"to": sms.to.lstrip("+"), "msg": sms.text} | sender)
        number = next(iter(_read_numbers(reply)), "")
        self._expect_ok(reply, f"sms.{number}.")
        return Accepted(ref=reply.need(f"sms.{number}.sms_id"))

    def verify(self, call: Call) -> None:
        """Check the SHA-256 of the api_id and all entries, in the order of their numbers, by sms.ru/api."""
        signed = self.account["api_id"] + "".join(_read_entries(call))
        digest = hashlib.sha256(signed.encode("utf-8", "replace")).hexdigest().encode()
        if not hmac.compare_digest(digest, call.value("hash").lower().encode("utf-8", "replace")):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        entries = [entry.splitlines() for entry in _read_entries(call)]
        return [
            self.report(lines[2], ref=lines[1]) for lines in entries if lines[:1] == ["sms_status"] and len(lines) > 2
        ]

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 (without it SMS.ru calls again for days)
        return Answer(body="100")

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for start in range(0, len(refs), _AT_ONCE):
            reply = self._call_api("sms/status", {"sms_id": ",".join(refs[start : start + _AT_ONCE])})
            for ref in _read_numbers(reply):
                word, price = reply.find(f"sms.{ref}.status_code"), reply.number(f"sms.{ref}.cost")
                if word not in {"", _NOT_FOUND}:
                    found.append(self.report(word, ref=ref, price=price, currency="RUB"))
        return found

    def check(self) -> Account:
        reply = self._call_api("my/balance", {})
        return Account(balance=reply.number("balance"), currency="RUB")

    def senders(self) -> list[str]:
        names = value_at(self._call_api("my/senders", {}).json(), "senders")
        return [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []

    def _call_api(self, path: str, payload: Mapping[str, str]) -> Reply:
        form = {"api_id": self.account["api_id"], "json": "1"} | dict(payload)
        reply = self.http.post(f"https://sms.ru/{path}", form=form)
        reply.expect(self.hints, code="status_code", words="status_text")
        self._expect_ok(reply, "")
        return reply

    def _expect_ok(self, reply: Reply, where: str) -> None:
        if reply.need(f"{where}status") == "OK":
            return
        raise reply.refusal(reply.need(f"{where}status_code"), reply.find(f"{where}status_text"), self.hints)


def _read_numbers(reply: Reply) -> list[str]:
    numbers = value_at(reply.json(), "sms")
    return list(numbers) if isinstance(numbers, dict) else []


def _read_entries(call: Call) -> list[str]:
    """Return the values of data[0] to data[99] in the order of their numbers; text order would put 10 before 2."""
    numbered = [(re.fullmatch(r"data\[([0-9]{1,4})\]", name), values) for name, values in call.form.items()]
    return [values[0] for _index, values in sorted((int(found[1]), values) for found, values in numbered if found)]
