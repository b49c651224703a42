"""Infobip: SMS API, version 3.

API:     https://www.infobip.com/docs/api/channels/sms
Sandbox: a free trial account, which sends to the number it was opened with
Checked: 2026-11-25 against the vendor's OpenAPI file 3.210.0, its Java and Python clients and its list of status
         codes; read again 2026-11-25; see docs/services/infobip.md
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import AccountBlocked, Hint, Reason
from providers.kit.fields import Secret, Step, Text, Url
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import rows_at, text_at, value_at
from providers.kit.screens import Screen, copy_value, press_button

GROUPS = {
    "0": Status.SENT,
    "1": Status.SENT,
    "2": Status.UNDELIVERED,
    "3": Status.DELIVERED,
    "4": Status.UNDELIVERED,
    "5": Status.FAILED,
}
# Where one status of a group means something else than the group.
IDS = {"2": Status.SENT, "26": Status.QUEUED}
DUPLICATE = "23"
_TAKEN = {"0", "1", "3"}

_ADDRESS = _("Infobip does not recognize this URL. Copy the base URL from the Infobip portal home page.")
_FRAUD = _("Infobip blocked the message as suspected fraud. Trust the number under Signals in the Infobip portal.")

_HTTP: dict[str, tuple[Reason, str]] = {
    "E400": ("invalid_request", advice.SETTING),
    "BAD_REQUEST": ("invalid_request", advice.SETTING),
    "E401": ("auth", advice.CREDENTIALS),
    "UNAUTHORIZED": ("auth", advice.CREDENTIALS),
    "E403": ("auth", advice.RIGHTS),
    "FORBIDDEN": ("auth", advice.RIGHTS),
    "E404": ("auth", _ADDRESS),
    "NOT_FOUND": ("auth", _ADDRESS),
    "E429": ("throttled", advice.SLOW_DOWN),
    "TOO_MANY_REQUESTS": ("throttled", advice.SLOW_DOWN),
    "E500": ("uncertain", advice.LOOK_THERE),
    "GENERAL_ERROR": ("uncertain", advice.LOOK_THERE),
}
_STATUSES: dict[str, tuple[Reason, str]] = {
    "4": ("rejected", advice.OPERATOR),
    "6": ("blocked", advice.NO_ROUTE),
    "8": ("invalid_number", advice.NUMBER),
    "9": ("rejected", advice.NO_REASON),
    "10": ("opt_out", advice.OPT_OUT),
    "11": ("blocked", advice.REGISTER_SENDER),
    "12": ("balance", advice.TOP_UP),
    "13": ("blocked", _("The sender is on the blocklist of your Infobip account. Remove it there.")),
    "14": ("blocked", advice.STOP_LIST),
    "15": ("", advice.EXPIRED),
    "17": ("balance", advice.TOP_UP),
    "18": ("blocked", advice.TRIAL),
    "19": ("blocked", advice.NO_ROUTE),
    "20": ("blocked", advice.NUMBER_LIMIT),
    "21": ("unreachable", advice.NO_REASON),
    "23": ("duplicate", advice.REPEATED),
    "24": ("invalid_request", advice.OURS),
    "25": ("invalid_request", advice.TOO_LONG),
    "29": ("", advice.NO_REASON),
    "31": ("rejected", advice.STOPPED),
    "51": ("invalid_number", advice.NUMBER),
    "52": ("invalid_number", advice.NUMBER),
    "87": ("blocked", _FRAUD),
    "100": ("invalid_request", advice.SETTING),
}
# The `error` of a report has ids of its own, so its name is part of the code.
_ERRORS: Sequence[tuple[Reason, str, str]] = (
    ("invalid_number", advice.NOT_IN_USE, "1 5 3041"),
    ("invalid_number", advice.NUMBER, "351 352"),
    ("invalid_number", advice.CANNOT, "11 568 629"),
    ("", advice.CANNOT, "7 8 12 13 21 257 258 262 565 569 581 598"),
    ("", advice.OFF, "2 6 24 27 31 628 1031"),
    ("", advice.FULL, "256"),
    ("", advice.EXPIRED, "811 4098 4100 4101"),
    ("opt_out", advice.OPT_OUT, "573 603 2050"),
    ("blocked", advice.STOP_LIST, "604 2049 2052"),
    ("blocked", advice.SENDER, "368 375 564 574 2053"),
    ("blocked", advice.REGISTER_SENDER, "488 562 563 571 572 594 601"),
    ("blocked", advice.OPERATOR, "9 15 560 561 566 632"),
    ("blocked", advice.NO_ROUTE, "10 345 592 597 4097"),
    ("blocked", advice.SPAM, "607"),
    ("blocked", _FRAUD, "608"),
    ("blocked", advice.TEXT, "2051"),
    ("blocked", advice.DAY_LIMIT, "541 542 609 4202"),
    ("blocked", advice.NUMBER_LIMIT, "4103 4104"),
    ("blocked", advice.TRIAL, "577 578 579 580"),
    ("auth", advice.SUSPENDED, "433"),
    ("balance", advice.TOP_UP, "4099"),
    ("invalid_request", advice.TOO_LONG, "355"),
    ("invalid_request", advice.OURS, "71 323 4096"),
    ("duplicate", advice.REPEATED, "5492"),
    ("", advice.NO_REASON, "20 32 33 34 35 36 51 255 259 260 261 500 501 502 503 504 507 508 509 630 631 633 810 815"),
    ("", advice.NO_REASON, "1024 1025 1026 1027 1028 1029 1030 1152 1153 1154 1155 1156 1157 1158 1159 1160 1161 1162"),
    ("", advice.NO_REASON, "1163 1164 1165 1166 1281 1282 1283 1284 1536 1537 1538 1539 1540 1541 1792 1793 1794 1795"),
    ("", advice.NO_REASON, "1796 2048 4102"),
)
_PAGE = "https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes"
_INDIA = _("India only: as registered on DLT.")
LOGS_AT_ONCE = 60
"""`messageId` of a question for logs takes at most 2,048 characters."""


class Infobip(Provider):
    """Our reference is the message's id there, so a repeat is refused; a refusal comes as a status inside a 200."""

    code = "infobip"
    title = "Infobip"
    docs = "https://www.infobip.com/docs/sms"
    listing = Listing(
        about=_("A base URL for each account; retries are recognized for 48 hours."),
        mark=Mark(Colour.RUST, "M3 14h4v7H3zM10 9h4v12h-4zM17 3h4v18h-4z"),
    )
    fields = (
        Url(
            "base_url",
            _("Service URL"),
            help=_("Your base URL, shown on the Infobip portal home page."),
            default="https://api.infobip.com",
        ),
        Secret(
            "api_key",
            _("API key"),
            help=_("Infobip portal > API keys. Required scopes: sms:manage and account-management:manage."),
            required=False,
        ),
        Text("username", _("Username"), help=_("Alternative to an API key."), required=False, advanced=True),
        Secret("password", _("Password"), help=_("Alternative to an API key."), required=False, advanced=True),
    )
    sender_fields = (
        Text("entity_id", "Principal entity ID", help=_INDIA, required=False, advanced=True),
        Text("content_id", "Content template ID", help=_INDIA, required=False, advanced=True),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the Infobip portal, create an API key and copy the base URL and API key."),
            "https://portal.infobip.com/dev/api-keys",
            Screen(
                ("Developer tools", "API keys"),
                (
                    copy_value("Base URL", "base_url", "xxxxx.api.infobip.com"),
                    press_button("Create API key"),
                    copy_value("API key", "api_key"),
                ),
            ),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.ADDRESS
    identified_by = ("base_url", "api_key", "username")
    # The page above: "rejected due to a duplicate message ID", without an end; logs and reports are kept for 48 hours.
    repeat_window = timedelta(hours=48)
    known_by_reference = True
    hints = {code: Hint(*meaning, _PAGE) for code, meaning in (_HTTP | _STATUSES).items()} | {
        f"error {one}": Hint(reason, text, _PAGE) for reason, text, ids in _ERRORS for one in ids.split()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        message: dict[str, object] = {
            "destinations": [{"to": sms.to.removeprefix("+"), "messageId": sms.reference}],
            "content": {"text": sms.text},
        }
        if sms.sender:
            message["sender"] = sms.sender.removeprefix("+")
        if sms.report_url:
            message["webhooks"] = {"delivery": {"url": sms.report_url}, "contentType": "application/json"}
        if entity := sms.options.get("entity_id", ""):
            registered = {"principalEntityId": entity, "contentTemplateId": sms.options.get("content_id", "")}
            message["options"] = {
                "regional": {"indiaDlt": {name: value for name, value in registered.items() if value}}
            }
        payload = {"messages": [message], "options": {"includeSmsCountInResponse": True}}
        reply = self._call_api("POST", "/sms/3/messages", json=payload)
        group, code = reply.need("messages.0.status.groupId"), reply.need("messages.0.status.id")
        if group not in _TAKEN:
            self._refuse_what_failed(reply, code, sms.reference)
            words = reply.find("messages.0.status.description") or reply.find("messages.0.status.name")
            raise reply.refusal(code, words, self.hints)
        parts = reply.find("messages.0.details.messageCount")
        return Accepted(
            ref=reply.need("messages.0.messageId"),
            parts=int(parts) if parts.isdecimal() and int(parts) else None,
        )

    def read_reports(self, call: Call) -> list[Report]:
        return _read_results(call.json())

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for first in range(0, len(refs), LOGS_AT_ONCE):
            params = {"messageId": ",".join(refs[first : first + LOGS_AT_ONCE]), "limit": "1000"}
            found += _read_results(self._call_api("GET", "/sms/3/logs", params=params).json())
        return found

    def check(self) -> Account:
        reply = self._call_api("GET", "/account/1/balance")
        reply.need("balance")
        return Account(balance=reply.number("balance"), currency=reply.find("currency").upper())

    def senders(self) -> list[str]:
        rows = rows_at(self._call_api("GET", "/numbers/1/numbers", params={"limit": "1000"}).json(), "numbers")
        numbers = [text_at(row, "number") for row in rows if "SMS" in str(row.get("capabilities"))]
        return [number for number in numbers if number]

    def _refuse_what_failed(self, reply: Reply, code: str, reference: str) -> None:
        """Raise the refusal of an earlier try that used the id up, for lack of money for example."""
        try:
            known = self.look_up([reference]) if code == DUPLICATE else []
        except AccountBlocked:
            return  # a key that may only send, and the sending was not refused for it
        for earlier in known:
            if earlier.status in {Status.FAILED, Status.UNDELIVERED}:
                raise reply.refusal(earlier.code, earlier.word)

    def _call_api(
        self, method: str, path: str, *, json: object = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        key, login = self.account["api_key"], (self.account["username"], self.account["password"])
        reply = self.http.request(
            method,
            self.account["base_url"].rstrip("/") + path,
            json=json,
            params=params,
            headers={"Authorization": f"App {key}"} if key else None,
            auth=None if key else login,
        )
        if reply.ok:
            return reply
        old = "requestError.serviceException"
        words = [reply.find(f"violations.0.{name}") for name in ("property", "violation")]
        raise reply.refusal(
            reply.find("errorCode") or reply.find(f"{old}.messageId"),
            ": ".join(filter(None, words)) or reply.find("description") or reply.find(f"{old}.text"),
            self.hints,
        )


def _read_results(body: object) -> list[Report]:
    return [report for report in map(_read_result, rows_at(body, "results")) if report]


def _read_result(row: object) -> Report | None:
    ref, group, code = text_at(row, "messageId"), text_at(row, "status.groupId"), text_at(row, "status.id")
    # A refused repeat has the id of the message that was taken, and says nothing of its status.
    if not ref or not group or code == DUPLICATE:
        return None
    error = f"error {text_at(row, 'error.id')}"
    if error in Infobip.hints or (code not in Infobip.hints and error not in {"error ", "error 0"}):
        code = error
    hint = Infobip.hints.get(code)
    price, currency = _read_price(row)
    return Report(
        ref=ref,
        reference=ref,
        recipient=text_at(row, "to") or text_at(row, "destination"),
        status=IDS.get(text_at(row, "status.id"), GROUPS.get(group)),
        word=text_at(row, "status.name") or text_at(row, "status.groupName"),
        code=code if hint or code == error else "",
        reason=hint.reason if hint else "",
        price=price,
        currency=currency,
    )


def _read_price(row: object) -> tuple[Decimal | None, str]:
    """Return price and currency of the whole message; Infobip gives the price of a part."""
    price, parts = value_at(row, "price.pricePerMessage"), value_at(row, "messageCount")
    price = None if price is True else price  # which is an int, too
    if not isinstance(price, int | float) or not 0 < price < 1_000_000 or not isinstance(parts, int):
        return None, ""
    return Decimal(str(price)) * parts, text_at(row, "price.currency").upper()
