"""Mobizon. An account belongs to one country's Mobizon, and only its address knows the account.

API:     https://mobizon.kz/help/api-docs/sms-api
Sandbox: none
Checked: 2026-11-25 against the sources in docs/services/mobizon.md, github.com/mobizon/mobizon-api-docs, captures in
         Mobizon.Net
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Call,
    Proof,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
    Unreadable,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import text_at, value_at

STATUSES = {
    "NEW": Status.QUEUED,
    "ENQUEUD": Status.QUEUED,
    "ACCEPTD": Status.SENT,
    "PDLIVRD": Status.SENT,
    "DELIVRD": Status.DELIVERED,
    "UNDELIV": Status.UNDELIVERED,
    "EXPIRED": Status.UNDELIVERED,
    "REJECTD": Status.FAILED,
    "DELETED": Status.FAILED,
}

# 1 and 12 name the field at fault beside the code.
_CODES: Mapping[str, tuple[Reason, str]] = {
    "1": ("invalid_request", advice.SETTING),
    "1 recipient": ("invalid_number", advice.NUMBER),
    "1 from": ("blocked", advice.SENDER),
    "1 text": ("invalid_request", advice.TEXT),
    "2": ("invalid_request", advice.SETTING),
    "3": ("uncertain", advice.LOOK_THERE),
    "4": ("invalid_request", advice.OURS),
    "5": ("invalid_request", advice.OURS),
    "6": ("invalid_request", advice.OURS),
    "8": ("auth", advice.CREDENTIALS),
    "9": ("auth", advice.RIGHTS),
    "10": ("uncertain", advice.LOOK_THERE),
    "11": ("invalid_request", advice.OURS),
    "12": ("invalid_request", advice.SETTING),
    "12 recipient": ("invalid_number", advice.NUMBER),
    "12 from": ("blocked", advice.SENDER),
    "12 text": ("invalid_request", advice.TEXT),
    "13": (
        "auth",
        _("This account belongs to Mobizon in another country. Choose that country in the account settings."),
    ),
    "14": ("auth", advice.SUSPENDED),
    "15": (
        "rejected",
        _("Mobizon rejected the request; see its response for the reason. Often the balance is too low."),
    ),
    "30": ("throttled", advice.SLOW_DOWN),
    "98": ("rejected", advice.STOPPED),
    "99": ("rejected", advice.STOPPED),
    "999": ("uncertain", advice.LOOK_THERE),
}
_STATUS_HINTS: Mapping[str, tuple[Reason, str]] = {
    "UNDELIV": ("", advice.NO_REASON),
    "EXPIRED": ("", advice.EXPIRED),
    "REJECTD": ("rejected", advice.OPERATOR),
    "DELETED": ("", advice.OPERATOR),
}
_DOCS = "https://mobizon.kz/help/api-docs/other"
_IN_BACKGROUND = "100"
_AT_ONCE = 100


class Mobizon(Provider):
    """Calls come with the final word only, so the way there is known from look-ups."""

    code = "mobizon"
    title = "Mobizon"
    docs = "https://mobizon.kz/help/api-docs/sms-api"
    countries = ("KZ", "UA", "UZ", "KG", "BR", "DE")
    listing = Listing(
        about=_("Each country has its own Mobizon; an account is valid in one of them."),
        other_names=("Мобизон",),
        sender_ids=SenderIds.SHARED,
        mark=Mark(Colour.VIOLET, "M4 3h16l-8 9zM12 12l8 9H4z"),
    )
    fields = (
        Secret("api_key", _("API key"), help=_("Mobizon control panel > API.")),
        Choice(
            "base_url",
            _("Service URL"),
            help=_("The country where your Mobizon account was opened."),
            default="https://api.mobizon.kz",
            choices=tuple(
                (f"https://api.mobizon.{place}", f"mobizon.{place}")
                for place in ("kz", "ua", "uz", "kg", "com.br", "gmbh", "com")
            ),
        ),
        Secret(
            "webhook_secret",
            _("Webhook secret key"),
            help=_("The key you set for the webhook, if any. Used to verify delivery reports."),
            required=False,
        ),
    )
    setup = (
        Step(
            advice.REPORTS,
            _(
                "In the Mobizon panel, go to API > Webhooks and create an SMS status webhook (JSON) with this "
                "URL: {report_url}"
            ),
            "https://mobizon.kz/help/api-docs/webhook",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("api_key", "base_url")
    statuses = STATUSES
    hints = {code: Hint(*meaning, f"{_DOCS}#apiCode-{code.split()[0]}") for code, meaning in _CODES.items()} | {
        code: Hint(*meaning, f"{_DOCS}#SmsStatus") for code, meaning in _STATUS_HINTS.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        sender = {"from": sms.sender} if sms.sender else {}
        reply = self._call_api("message/sendsmsmessage", {"recipient": sms.to.lstrip("+"), "text": sms.text} | sender)
        if reply.find("code") == _IN_BACKGROUND:
            return Accepted()  # taken, but the message has no id yet
        return Accepted(ref=reply.need("data.messageId"))

    def verify(self, call: Call) -> None:
        """Check the signature by its webhook documentation: SHA-1 over the event, not over its data.

        The time in it is the event's, the same in repeats an hour later, so an old one proves nothing.
        """
        secret = self.account["webhook_secret"]
        if not secret:
            return
        try:
            event = call.json()
        except Unreadable:
            raise Forged from None
        values = [text_at(event, name) for name in ("eventId", "attempt", "eventCreateTs")]
        signed = "|".join([*values, secret]).encode("utf-8", "replace")
        digest = hashlib.sha1(signed).hexdigest().encode()  # noqa: S324 (their choice)
        if not hmac.compare_digest(digest, text_at(event, "sign").lower().encode("utf-8", "replace")):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        event = call.json()
        if value_at(event, "eventType") != "sms-delivery-report":
            return []
        ref, word, number = (text_at(event, f"data.{name}") for name in ("messageId", "status", "to"))
        return [self.report(word, ref=ref, recipient=f"+{number}" if number else "")] if ref and word else []

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for start in range(0, len(refs), _AT_ONCE):
            reply = self._call_api("message/getsmsstatus", {"ids": ",".join(refs[start : start + _AT_ONCE])})
            rows = value_at(reply.json(), "data")
            pairs = [(text_at(row, "id"), text_at(row, "status")) for row in rows] if isinstance(rows, list) else []
            found += [self.report(word, ref=ref) for ref, word in pairs if ref and word]
        return found

    def check(self) -> Account:
        reply = self._call_api("user/getownbalance", {})
        reply.need("data.balance")
        return Account(balance=reply.number("data.balance"), currency=reply.find("data.currency").upper())

    def senders(self) -> list[str]:
        rows = value_at(self._call_api("alphaname/list", {}).json(), "data.items")
        return [name for row in rows if (name := text_at(row, "alphaname.name"))] if isinstance(rows, list) else []

    def _call_api(self, method: str, payload: Mapping[str, str]) -> Reply:
        reply = self.http.post(
            f"{self.account['base_url']}/service/{method}",
            params={"output": "json", "api": "v1"},
            form={"apiKey": self.account["api_key"]} | dict(payload),
        )
        reply.expect(self.hints, code="code", words="message")
        code = reply.need("code")
        if code in {"0", _IN_BACKGROUND}:
            return reply
        at_fault = next((name for name in ("recipient", "from", "text") if reply.find(f"data.{name}.0")), "")
        # Where the account lives elsewhere, the data is the right address.
        words = f"{reply.find('message')} {reply.find(f'data.{at_fault}.0') or reply.find('data')}".strip()
        raise reply.refusal(f"{code} {at_fault}" if f"{code} {at_fault}" in self.hints else code, words, self.hints)
