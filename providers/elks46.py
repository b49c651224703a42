"""46elks.

API:     https://46elks.com/docs
Sandbox: dryrun=yes in a request made by hand prices a message and sends nothing
Checked: 2026-11-25 against the vendor's documentation and the sources in docs/services/elks46.md
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import rows_at, text_at, value_at

STATUSES = {
    "created": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "failed": Status.UNDELIVERED,  # "could not be delivered", whatever the cause
}

# 46elks has no codes; these names are ours, for what stands in its words.
_CODES: Mapping[str, tuple[Reason, str]] = {
    "credits": ("balance", advice.TOP_UP),
    "login": ("auth", advice.CREDENTIALS),
    "not_allowed": ("blocked", advice.SENDER),
    "to": ("invalid_number", advice.NUMBER),
    "from": ("invalid_request", advice.SENDER),
    "message": ("invalid_request", advice.EMPTY),
    "whendelivered": ("invalid_request", advice.OURS),
}
_FIELD = re.compile(r"\b(?:key|invalid|missing) (to|from|message|whendelivered)\b")

BASE = "https://api.46elks.com/a1"
UNITS = 10_000
"""Parts of a krona or euro in which costs and balances are counted."""


class Elks46(Provider):
    """Plain words instead of codes; costs in ten thousandths of the account's currency, which only /me names."""

    code = "elks46"
    title = "46elks"
    docs = "https://46elks.com/docs"
    listing = Listing(
        about=_("Sends from your own numbers or a name of up to 11 characters."),
        other_names=("46 elks",),
        mark=Mark(Colour.SLATE, "M2 20L8 6l4 7 4-9 6 16z"),
    )
    fields = (
        Text("username", _("Username"), help=_("In the 46elks dashboard under Account.")),
        Secret("password", _("Password"), help=_("The API password next to it, not your login password.")),
    )
    setup = (
        Step(
            advice.COPY,
            _("Copy the API username and API password from your 46elks dashboard."),
            "https://46elks.com/account",
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("username",)
    rate = 1.6
    """46elks sends 100 a minute and keeps the others; they wait better here, where they can be stopped."""
    statuses = STATUSES
    hints = {code: Hint(reason, text, "https://46elks.com/docs") for code, (reason, text) in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {"from": sms.sender, "to": sms.to, "message": sms.text, "whendelivered": sms.report_url}
        form = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(self.http.post(f"{BASE}/sms", auth=self._basic_auth(), form=form))
        parts = reply.find("parts")
        return Accepted(
            ref=reply.need("id"), parts=int(parts) if parts.isdecimal() else None, price=_read_money(reply, "cost")
        )

    def read_reports(self, call: Call) -> list[Report]:
        ref, word = call.value("id"), call.value("status")
        return [self.report(word.lower(), ref=ref, code="")] if ref and word else []

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(f"{BASE}/sms/{quote(ref, safe='')}", auth=self._basic_auth())
            if reply.status == 404:
                continue
            word = self._check_reply(reply).need("status").lower()
            price = _read_money(reply, "cost")
            found.append(self.report(word, ref=ref, recipient=reply.find("to"), code="", price=price))
        return found

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(f"{BASE}/me", auth=self._basic_auth()))
        name = reply.find("displayname") or reply.need("id")
        return Account(label=name, balance=_read_money(reply, "balance"), currency=reply.find("currency"))

    def senders(self) -> list[str]:
        reply = self._check_reply(self.http.get(f"{BASE}/numbers", auth=self._basic_auth()))
        return [
            number for row in rows_at(reply.json(), "data") if _can_send(row) and (number := text_at(row, "number"))
        ]

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["username"], self.account["password"]

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        # Struck first: a text that is repeated in the words must not decide what they mean.
        words = reply.strike(reply.find("error") or ("" if reply.text.startswith(("<", "{", "[")) else reply.text))
        raise reply.refusal(_error_code(reply.status, words.lower()), words, self.hints)


def _error_code(status: int, words: str) -> str:
    if status == 401:
        return "login"
    if status == 403:
        return "credits" if "credit" in words else "not_allowed"
    field = _FIELD.search(words) if status == 400 else None
    return field[1] if field else ""


def _read_money(reply: Reply, name: str) -> Decimal | None:
    units = reply.number(name)
    return None if units is None else units / UNITS


def _can_send(number: object) -> bool:
    capabilities = value_at(number, "capabilities")
    return value_at(number, "active") == "yes" and isinstance(capabilities, list) and "sms" in capabilities
