"""ClickSend, API v3.

API:     https://developers.clicksend.com/docs/messaging/sms
Sandbox: test numbers such as +61 411 111 111, which send nothing and cost nothing
Checked: 2026-11-25 against the vendor's SDKs, n8n node, error code pages and the sources in
         docs/services/clicksend.md
"""

from collections.abc import Mapping, Sequence

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import AccountBlocked, Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import text_at, value_at
from providers.kit.screens import Screen, copy_value

STATUSES = {
    # Status codes of reports.
    "200": Status.SENT,
    "201": Status.DELIVERED,
    "300": Status.SENT,  # a failure that is tried again
    "301": Status.UNDELIVERED,
    # Words that say more than 200 does, or stand alone in the history.
    "queued": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "waitapproval": Status.QUEUED,
    "sent": Status.SENT,
    "failed": Status.FAILED,
    "cancelled": Status.FAILED,
    "cancelledafterreview": Status.FAILED,
}

_NETWORK = _("The operator had a network problem. Try again later.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "MISSING_CREDENTIALS": ("auth", advice.CREDENTIALS),
    "INVALID_CREDENTIALS": ("auth", advice.CREDENTIALS),
    "UNAUTHORIZED": ("auth", advice.CREDENTIALS),
    "FORBIDDEN": ("auth", advice.RIGHTS),
    "ACCOUNT_NOT_ACTIVATED": (
        "auth",
        _("Your ClickSend account is not activated yet. Activate it in the ClickSend dashboard."),
    ),
    "INSUFFICIENT_CREDIT": ("balance", advice.TOP_UP),
    "INVALID_RECIPIENT": ("invalid_number", advice.NUMBER),
    "OPTED_OUT": ("opt_out", advice.OPT_OUT),
    "UNSUBSCRIBED": ("opt_out", advice.OPT_OUT),
    "COUNTRY_NOT_ENABLED": ("blocked", advice.COUNTRY),
    "REGISTRATION_NEEDED": ("blocked", advice.REGISTER_SENDER),
    "BLOCKED": ("blocked", _("ClickSend blocked the message. Links require approval: contact ClickSend support.")),
    # It does not ask to slow down: "identical message recently sent to the same recipient".
    "THROTTLED": ("duplicate", advice.REPEATED),
    "TOO_MANY_REQUESTS": ("throttled", advice.SLOW_DOWN),
    "INVALID_SENDER_ID": ("invalid_request", advice.SENDER),
    "EMPTY_MESSAGE": ("invalid_request", advice.EMPTY),
    "BAD_REQUEST": ("invalid_request", advice.SETTING),
    "MISSING_REQUIRED_FIELDS": ("invalid_request", advice.SETTING),
    "ALREADY_EXISTS": ("invalid_request", advice.OURS),
    "TOO_MANY_RECIPIENTS": ("invalid_request", advice.OURS),
    "INVALID_SCHEDULE": ("invalid_request", advice.OURS),
    "NOT_ENOUGH_PERMISSION_TO_LIST_ID": ("invalid_request", advice.OURS),
    "INVALID_LANG": ("invalid_request", advice.OURS),
    "INVALID_VOICE": ("invalid_request", advice.OURS),
    "SUBJECT_REQUIRED": ("invalid_request", advice.OURS),
    "INVALID_MEDIA_FILE": ("invalid_request", advice.OURS),
    "INTERNAL_ERROR": ("uncertain", advice.LOOK_THERE),
    "SOMETHING_IS_WRONG": ("uncertain", advice.LOOK_THERE),
    # In reports.
    "5": ("rejected", advice.STOPPED),
    "7": ("", advice.NO_REASON),
    "8": ("invalid_number", advice.NOT_IN_USE),
    "9": ("invalid_number", advice.NUMBER),
    "10": ("blocked", advice.OPERATOR),
    "11": ("invalid_number", advice.CANNOT),
    "12": ("", advice.OFF),
    "13": ("", advice.FULL),
    "14": ("", _NETWORK),
    "15": ("blocked", advice.OPERATOR),
    "16": ("", _NETWORK),
    "17": ("", _NETWORK),
    "18": ("rejected", advice.NO_ROUTE),
    "19": ("blocked", advice.SPAM),
    "20": ("", advice.EXPIRED),
}

_WORDS_PAGE = "https://developers.clicksend.com/docs/#application-status-codes"
_CODES_PAGE = "https://help.clicksend.com/en/articles/42318-sms-error-codes"
_CREDENTIALS = _("ClickSend dashboard > Developers > API Credentials.")
NAMES = ("message_id", "custom_string", "to", "status", "status_code", "error_code")
BASE = "https://rest.clicksend.com/v3"


class ClickSend(Provider):
    """Answers 200 to all that can be read: whether a message was taken stands in its own status."""

    code = "clicksend"
    title = "ClickSend"
    docs = "https://developers.clicksend.com/docs/"
    listing = Listing(
        about=_("Sign-in with a username and API key; delivery reports come by a rule in its dashboard."),
        sender_ids=SenderIds.ACCOUNT,
        mark=Mark(Colour.BLUE, "M3 3h18v18H3zM12 6l-6 6 6 6 6-6z"),
    )
    fields = (
        Text("username", _("Username"), help=_CREDENTIALS),
        Secret("api_key", _("API key"), help=_CREDENTIALS),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the ClickSend dashboard, go to Developers > API Credentials and copy the username and API key."),
            "https://dashboard.clicksend.com/",
            Screen(
                ("Developers", "API Credentials"),
                (copy_value("Username", "username", "you@example.com"), copy_value("API key", "api_key")),
            ),
        ),
        Step(
            advice.REPORTS,
            _("In the ClickSend dashboard, add an SMS delivery report rule with this URL as the action: {report_url}"),
            "https://dashboard.clicksend.com/",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.ADDRESS
    identified_by = ("username",)
    max_text = 1224
    statuses = STATUSES
    hints = {
        code: Hint(reason, text, _CODES_PAGE if code.isdecimal() else _WORDS_PAGE)
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "to": sms.to,
            "body": sms.text,
            "from": sms.sender,
            "source": "Sendline",
            "custom_string": sms.reference,
        }
        message = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(
            self.http.post(f"{BASE}/sms/send", auth=self._basic_auth(), json={"messages": [message]})
        )
        status = reply.find("data.messages.0.status")
        if not status and reply.find("data.blocked_count") not in {"", "0"}:
            status = "BLOCKED"
        if status not in {"", "SUCCESS"}:
            raise reply.refusal(status, "", self.hints)
        reply.need("data.messages.0.status")
        parts, price = reply.find("data.messages.0.message_parts"), reply.number("data.messages.0.message_price")
        return Accepted(
            ref=reply.need("data.messages.0.message_id"),
            parts=int(parts) if parts.isdecimal() else None,
            price=price or None,
            currency=reply.find("data._currency.currency_name_short") if price else "",
        )

    def read_reports(self, call: Call) -> list[Report]:
        # By the rule a form, a query or JSON, all with the same names.
        body = call.json() if call.body and not call.form else None
        return self._read_status({name: text_at(body, name) or call.value(name) for name in NAMES})

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        """Look into the history, which needs no rule; single receipts are kept only where a rule polls for them."""
        found: list[Report] = []
        for ref in refs:
            params = {"q": f"message_id:{ref}"}
            reply = self._check_reply(self.http.get(f"{BASE}/sms/history", auth=self._basic_auth(), params=params))
            for row in _read_rows(reply, "data.data"):
                if value_at(row, "message_id") == ref:
                    found += self._read_status({name: text_at(row, name) for name in NAMES})
        return found

    def _read_status(self, fields: Mapping[str, str]) -> list[Report]:
        """Return the report of a receipt or a row of the history, by its fields; none where it lacks word or id."""
        status = fields["status"].lower()
        word = status if STATUSES.get(status) is Status.QUEUED else fields["status_code"] or status
        if not word or not fields["message_id"]:
            return []
        report = self.report(
            word,
            ref=fields["message_id"],
            reference=fields["custom_string"],
            recipient=fields["to"],
            code=fields["error_code"],
        )
        return [report]

    def check(self) -> Account:
        # The answer repeats the key.
        reply = self._check_reply(self.http.get(f"{BASE}/account", auth=self._basic_auth(), record_bodies=False))
        label = reply.find("data.account_name") or reply.need("data.username")
        if reply.find("data.banned") in {"1", "true"}:
            raise AccountBlocked(hint=advice.SUSPENDED)
        return Account(
            label=label,
            balance=reply.number("data.balance"),
            currency=reply.find("data._currency.currency_name_short"),
        )

    def senders(self) -> list[str]:
        numbers = self._list_rows("numbers", "data.data")
        own = self._list_rows("own-numbers", "own_numbers")
        names = [row for row in self._list_rows("alpha-tags", "alpha_tags") if value_at(row, "status") == "APPROVED"]
        found = [value_at(row, "dedicated_number") for row in numbers]
        found += [value_at(row, "phone_number") for row in own]
        found += [value_at(row, "alpha_tag") for row in names]
        return [one for one in found if isinstance(one, str) and one]

    def _list_rows(self, path: str, where: str) -> list[object]:
        reply = self.http.get(f"{BASE}/{path}", auth=self._basic_auth(), params={"limit": "100"})
        return _read_rows(self._check_reply(reply), where)

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["username"], self.account["api_key"]

    def _check_reply(self, reply: Reply) -> Reply:
        code = reply.find("response_code")
        if reply.ok and code in {"", "SUCCESS"}:
            return reply
        raise reply.refusal(code if reply.status < 500 else "", reply.find("response_msg"), self.hints)


def _read_rows(reply: Reply, where: str) -> list[object]:
    rows = value_at(reply.json(), where)
    return rows if isinstance(rows, list) else []
