"""SMS Aero, API version 2.

API:     https://smsaero.ru/integration/documentation/api/
Sandbox: /v2/sms/testsend takes the same fields and sends nothing
Checked: 2026-11-25 against the sources in docs/services/smsaero.md, the vendor's SDKs, and public clients that quote
         its statuses
"""

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
    Sms,
    Status,
)
from providers.kit.errors import Hint, Reason
from providers.kit.fields import EMAIL, NO_EMAIL, Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import value_at

STATUSES = {
    "0": Status.QUEUED,
    "1": Status.DELIVERED,
    "2": Status.UNDELIVERED,
    "3": Status.SENT,
    "4": Status.QUEUED,
    "6": Status.FAILED,
    "8": Status.QUEUED,
}

# SMS Aero has no codes: these are the names of fields it finds fault with, its results, HTTP and message statuses.
_CODES: Mapping[str, tuple[Reason, str]] = {
    "number": ("invalid_number", advice.NUMBER),
    "text": ("invalid_request", advice.TEXT),
    "sign": ("blocked", advice.SENDER),
    "callbackUrl": ("invalid_request", advice.OURS),
    "no credits": ("balance", advice.TOP_UP),
    "401": ("auth", advice.CREDENTIALS),
    "402": ("balance", advice.TOP_UP),
    "403": ("auth", advice.RIGHTS),
    "2": ("", advice.NO_REASON),
    "6": ("rejected", advice.OPERATOR),
}
_FIELDS = ("number", "text", "sign", "callbackUrl", "id")
_APPROVED = "1"


class Smsaero(Provider):
    """A form for each call; what it does not like it says in words, so the field at fault serves as the code."""

    code = "smsaero"
    title = "SMS Aero"
    docs = "https://smsaero.ru/integration/documentation/api/"
    countries = ("RU",)
    listing = Listing(
        about=_("Lends the sender ID “SMS Aero” until your own is approved."),
        other_names=("СМС Аэро", "SmsAero"),
        sender_ids=SenderIds.SHARED,
        mark=Mark(
            Colour.TEAL,
            "M5 16a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM19 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
        ),
    )
    fields = (
        Text(
            "email",
            _("Email"),
            help=_("Your login at the service."),
            placeholder="name@example.com",
            pattern=EMAIL,
            pattern_help=NO_EMAIL,
        ),
        Secret("api_key", _("API key"), help=_("SMS Aero console > Settings > API.")),
        Choice(
            "host",
            _("Service URL"),
            help=_("An alternative URL if the first one is not reachable."),
            default="gate.smsaero.ru",
            choices=tuple((host, host) for host in ("gate.smsaero.ru", "gate.smsaero.org", "gate.smsaero.net")),
            advanced=True,
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Create an API key in the SMS Aero settings and copy it."),
            "https://smsaero.ru/cabinet/settings/apikey/",
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("email",)
    max_text = 640
    statuses = STATUSES
    hints = {
        code: Hint(*meaning, "https://smsaero.ru/integration/documentation/api/") for code, meaning in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "number": sms.to.lstrip("+"),
            "text": sms.text,
            # Without a name SMS Aero refuses; this one it lends to everybody.
            "sign": sms.sender or "SMS Aero",
        }
        reply = self._call_api("sms/send", payload | ({"callbackUrl": sms.report_url} if sms.report_url else {}))
        self._check_reply(reply)
        price = reply.number("data.cost")
        return Accepted(ref=reply.need("data.id"), price=price, currency="" if price is None else "RUB")

    def read_reports(self, call: Call) -> list[Report]:
        """Read a form, or JSON if the account is set so."""
        body: object = {"id": call.value("id"), "status": call.value("status")}
        if call.body and not call.form:
            body = call.json()
        ref, word = value_at(body, "id"), value_at(body, "status")
        if not isinstance(ref, str | int) or not isinstance(word, str | int) or "" in {ref, word}:
            return []
        return [self.report(str(word), ref=str(ref))]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self._call_api("sms/status", {"id": ref})
            if _fault_code(reply) in {"id", "404"}:
                continue
            self._check_reply(reply)
            found.append(self.report(ref=reply.need("data.id"), word=reply.need("data.status")))
        return found

    def check(self) -> Account:
        reply = self._call_api("balance", {})
        self._check_reply(reply)
        return Account(label=self.account["email"], balance=reply.number("data.balance"), currency="RUB")

    def senders(self) -> list[str]:
        reply = self._call_api("sign/list", {})
        self._check_reply(reply)
        rows = value_at(reply.json(), "data")
        names = (f"data.{row}" for row in rows) if isinstance(rows, dict) else ()
        approved = (name for name in names if reply.find(f"{name}.status") == _APPROVED)
        return [name for row in approved if (name := reply.find(f"{row}.name"))]

    def _call_api(self, path: str, form: Mapping[str, str]) -> Reply:
        auth = (self.account["email"], self.account["api_key"])
        return self.http.post(f"https://{self.account['host']}/v2/{path}", auth=auth, form=form)

    def _check_reply(self, reply: Reply) -> None:
        if reply.ok and reply.find("success") == "true":
            return
        if reply.ok and not reply.find("result"):
            reply.need("success")
        code = _fault_code(reply)
        words = reply.find("reason") or reply.find("message") or reply.find("result")
        fault = reply.find(f"data.{code}.0")
        raise reply.refusal(code, f"{words} {code}: {fault}" if fault else words, self.hints)


def _fault_code(reply: Reply) -> str:
    """Return the field at fault, else the result, else the HTTP status of a refusal.

    A field at fault comes as `{"data": {"number": ["incorrect"]}}`.
    """
    at_fault = (name for name in _FIELDS if reply.find(f"data.{name}.0"))
    return next(at_fault, "") or reply.find("result") or ("" if reply.ok else str(reply.status))
