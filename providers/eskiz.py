"""Eskiz, Uzbekistan.

API:     https://documenter.getpostman.com/view/663428/RzfmES4z
Sandbox: sender 4546 with the text "This is test from Eskiz", to any number, before the contract is signed
Checked: 2026-11-25 against the Postman collection of the vendor and the sources in docs/services/eskiz.md
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import EMAIL, NO_EMAIL, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.login import Login
from providers.kit.phones import read_number
from providers.kit.reply import text_at
from providers.kit.segments import UCS_2, measure

STATUSES = {
    "waiting": Status.QUEUED,
    "new": Status.QUEUED,
    "stored": Status.QUEUED,
    "accepted": Status.SENT,  # "handed to the operator, which has not answered yet"
    "enroute": Status.SENT,
    "transmtd": Status.SENT,
    "partdelivered": Status.SENT,
    "delivrd": Status.DELIVERED,
    "delivered": Status.DELIVERED,
    "undeliv": Status.UNDELIVERED,
    "undeliverable": Status.UNDELIVERED,
    "notdelivered": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "rejectd": Status.FAILED,
    "rejected": Status.FAILED,
    "deleted": Status.FAILED,
    "failed": Status.FAILED,
}

_BARRED = _("Usually the operator has suspended this phone for non-payment. Try again later.")
_DOCS = "https://documenter.getpostman.com/view/663428/RzfmES4z"
_KEY = "https://my.eskiz.uz/sms/settings"
_TEMPLATES = "https://my.eskiz.uz/sms/template"

# Eskiz has no codes. For a refusal these names are ours, for a report they are the status words it is explained by.
_CODES: Mapping[str, tuple[Reason, str, str]] = {
    "login": ("auth", advice.CREDENTIALS, _KEY),
    "balance": ("balance", advice.TOP_UP, "https://my.eskiz.uz/sms"),
    "template": ("blocked", advice.TEMPLATE, _TEMPLATES),
    "mobile_phone": ("invalid_number", advice.NUMBER, _DOCS),
    "undeliv": ("", _BARRED, _DOCS),
    "undeliverable": ("", _BARRED, _DOCS),
    "notdelivered": ("", advice.NO_REASON, _DOCS),
    "expired": ("", advice.EXPIRED, _DOCS),
    "rejectd": ("blocked", advice.STOP_LIST, _DOCS),
    "rejected": ("blocked", advice.STOP_LIST, _DOCS),
    "deleted": ("invalid_request", advice.SENDER, _DOCS),
}
# What stands in the words of a refusal, which are Russian, Uzbek or English.
_SIGNS = {
    "template": ("для теста можно", "модерац", "шаблон", "moderat", "template", "shablon"),
    "balance": ("баланс", "недостаточно средств", "balance", "balans"),
}

BASE = "https://notify.eskiz.uz/api"
TOKEN_LIVES = 29 * 86_400.0
"""Seconds; the vendor says 30 days."""


class Eskiz(Provider):
    """Logs in for a token; numbers abroad have an endpoint of their own; refuses with words, often inside a 200."""

    code = "eskiz"
    title = "Eskiz"
    docs = _DOCS
    countries = ("UZ",)
    listing = Listing(
        about=_("Sends texts that Eskiz has approved as templates."),
        other_names=("Эскиз", "Eskiz.uz"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.GREEN, "M3 3h15L3 18zM21 6v15H6z"),
    )
    fields = (
        Text(
            "email",
            _("Email"),
            help=_("Your login email at my.eskiz.uz."),
            placeholder="name@example.com",
            pattern=EMAIL,
            pattern_help=NO_EMAIL,
        ),
        Secret(
            "password",
            _("Password"),
            help=_("At my.eskiz.uz under SMS > SMS gateway. Not your login password."),
        ),
    )
    setup = (
        Step(advice.COPY, _("At my.eskiz.uz, go to SMS > SMS gateway and copy the email and secret key."), _KEY),
        Step(
            _("Get your texts approved"),
            _("Eskiz sends approved texts only. Submit each text under SMS > Templates."),
            _TEMPLATES,
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("email",)
    statuses = STATUSES
    hints = {code: Hint(reason, text, link) for code, (reason, text, link) in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "mobile_phone": sms.to.removeprefix("+"),
            "message": sms.text,
            "user_sms_id": sms.reference,
            "callback_url": sms.report_url,
        }
        if sms.to.startswith("+998"):
            path = "message/sms/send"
            payload["from"] = sms.sender
        else:
            path = "message/sms/send-global"
            payload["country_code"] = read_number(sms.to).region
            payload["unicode"] = "1" if measure(sms.text).encoding == UCS_2 else "0"
        form = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(self._call_api("POST", path, form))
        reply.need("status")
        return Accepted(ref=reply.need("id"))

    def read_reports(self, call: Call) -> list[Report]:
        body = {name: call.value(name) for name in call.form} if call.form else call.json()
        # `message_id` is the operator's; ours from `send` comes back as `request_id`.
        ref, number, word = (text_at(body, name) for name in ("request_id", "phone_number", "status"))
        return [self.report(word.lower(), ref=ref, recipient=number)] if word else []

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self._call_api("GET", f"message/sms/status_by_id/{quote(ref, safe='')}")
            if reply.status == 404:
                continue
            self._check_reply(reply)
            word, number = reply.need("data.status").lower(), reply.find("data.to")
            price = reply.number("data.total_price") or None
            found.append(self.report(word, ref=ref, recipient=number, price=price, currency="UZS"))
        return found

    def check(self) -> Account:
        user = self._check_reply(self._call_api("GET", "auth/user"))
        label = user.find("data.name") or user.need("data.email")
        balance = self._check_reply(self._call_api("GET", "user/get-limit"))
        return Account(label=label, balance=balance.number("data.balance"), currency="UZS")

    def senders(self) -> list[str]:
        names = self._check_reply(self._call_api("GET", "nick/me")).json()
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def _call_api(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Reply:
        def ask(token: str) -> Reply:
            headers = {"Authorization": f"Bearer {token}"}
            return self.http.request(method, f"{BASE}/{path}", headers=headers, form=form)

        return Login(self.memo, (self.account["email"], self.account["password"]), self._log_in).use(ask)

    def _log_in(self) -> tuple[str, float]:
        form = {"email": self.account["email"], "password": self.account["password"]}
        reply = self.http.post(f"{BASE}/auth/login", form=form, record_bodies=False)
        if 400 <= reply.status < 500:
            raise reply.refusal("login", reply.find("message"), self.hints)
        return reply.expect().need("data.token"), TOKEN_LIVES

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok and reply.find("status") != "error":
            return reply
        # Struck first: a text that is repeated in the words must not decide what they mean.
        words = reply.strike(reply.find("message") or reply.find("message.mobile_phone.0"))
        raise reply.refusal(_error_code(reply, words.lower()) if reply.status < 500 else "", words, self.hints)


def _error_code(reply: Reply, words: str) -> str:
    if reply.status == 401:
        return "login"
    if reply.find("message.mobile_phone.0") or "mobile_phone" in words:
        return "mobile_phone"
    return next((code for code, signs in _SIGNS.items() if any(sign in words for sign in signs)), "")
