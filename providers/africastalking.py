"""Africa's Talking.

API:     https://developers.africastalking.com/docs/sms/overview
Sandbox: user name "sandbox" with the key of the sandbox app; messages arrive in the simulator
Checked: 2026-11-25 against the sources in docs/services/africastalking.md, africastalking-python and
         docs.africastalking.com
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import value_at

STATUSES = {
    "buffered": Status.QUEUED,
    "sent": Status.SENT,
    "submitted": Status.SENT,
    "success": Status.DELIVERED,
    "absentsubscriber": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "rejected": Status.FAILED,
}
TAKEN = {"100", "101", "102"}
# Of a failed message: it reached the operator, but not the phone.
_NOT_REACHED = ("AbsentSubscriber", "DeliveryFailure", "UserMemoryCapacityExceeded")

# Answers have the number, or only the name where they refuse everybody; reports have the name as the reason of failure.
_NAMES = {
    "401": "RiskHold",
    "402": "InvalidSenderId",
    "403": "InvalidPhoneNumber",
    "404": "UnsupportedNumberType",
    "405": "InsufficientBalance",
    "406": "UserInBlackList",
    "407": "CouldNotRoute",
    "409": "DoNotDisturbRejection",
    "500": "InternalServerError",
    "501": "GatewayError",
    "502": "RejectedByGateway",
}
_MEANINGS: Mapping[str, tuple[Reason, str]] = {
    "RiskHold": ("blocked", _("Africa's Talking blocked this message as risky. Contact their support.")),
    "InvalidSenderId": ("invalid_request", advice.SENDER),
    "InvalidPhoneNumber": ("invalid_number", advice.NUMBER),
    "UnsupportedNumberType": ("invalid_number", advice.NOT_MOBILE),
    "InsufficientBalance": ("balance", advice.TOP_UP),
    "UserInBlackList": ("opt_out", advice.OPT_OUT),
    "CouldNotRoute": ("rejected", advice.NO_ROUTE),
    "DoNotDisturbRejection": ("blocked", advice.OPT_OUT),
    "InternalServerError": ("uncertain", advice.LOOK_THERE),
    "GatewayError": ("uncertain", advice.LOOK_THERE),
    "RejectedByGateway": ("rejected", advice.OPERATOR),
    # Only in reports.
    "UserIsInactive": ("invalid_number", advice.NOT_IN_USE),
    "UserAccountSuspended": ("invalid_number", advice.NOT_IN_USE),
    "UserDoesNotExist": ("invalid_number", advice.NOT_IN_USE),
    "NotNetworkSubscriber": ("rejected", advice.NO_ROUTE),
    "UserNotSubscribedToProduct": ("rejected", advice.SENDER),
    "InvalidLinkId": ("invalid_request", advice.OURS),
    "InsufficientCredit": ("rejected", advice.CANNOT),
    "AbsentSubscriber": ("", advice.OFF),
    "UserMemoryCapacityExceeded": ("", advice.FULL),
    "DeliveryFailure": ("", advice.NO_REASON),
}
_SPELT = {name.lower(): name for name in _MEANINGS} | {"notnetworksubcriber": "NotNetworkSubscriber"}

_CREDENTIALS = _("In the Africa's Talking dashboard: your app name, and the key under Settings > API key.")


class AfricasTalking(Provider):
    """One recipient per call; each recipient has a status of its own within the success."""

    code = "africastalking"
    title = "Africa's Talking"
    docs = "https://developers.africastalking.com/docs/sms/overview"
    countries = ("CI", "ET", "GH", "KE", "MW", "NG", "RW", "SN", "TZ", "UG", "ZA", "ZM")
    listing = Listing(
        about=_("Short codes and names across Africa, with a sandbox for trying it out."),
        other_names=("AfricasTalking",),
        sender_ids=SenderIds.SHARED,
        mark=Mark(Colour.RUST, "M12 3h9l-9 9zM21 12v9l-9-9zM12 21H3l9-9zM3 12V3l9 9z"),
    )
    fields = (
        Text(
            "username", _("Username"), help=_("Your app name. For the sandbox, enter “sandbox”."), pattern=r"[^\s/?#]+"
        ),
        Secret("api_key", _("API key"), help=_CREDENTIALS),
    )
    setup = (
        Step(advice.COPY, _CREDENTIALS, "https://account.africastalking.com/"),
        Step(
            advice.REPORTS,
            _("In the dashboard, go to SMS > SMS callback URLs > Delivery reports and paste this URL: {report_url}"),
            "https://developers.africastalking.com/docs/sms/notifications",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.ADDRESS
    identified_by = ("username",)
    statuses = STATUSES
    failure_statuses = dict.fromkeys(_NOT_REACHED, Status.UNDELIVERED)
    hints = {
        key: Hint(*_MEANINGS[name], "https://developers.africastalking.com/docs/sms/notifications")
        for key, name in (_NAMES | {name: name for name in _MEANINGS}).items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        form = {"username": self.account["username"], "to": sms.to, "message": sms.text, "bulkSMSMode": "1"}
        if sms.sender:
            form["from"] = sms.sender
        reply = self._check_reply(self.http.post(self._api_url("messaging"), form=form, headers=self._auth_headers()))
        summary = reply.need("SMSMessageData.Message")
        if value_at(reply.json(), "SMSMessageData.Recipients.0") is None:
            raise reply.refusal(_SPELT.get(summary.lower(), ""), summary, self.hints)
        status = reply.need("SMSMessageData.Recipients.0.statusCode")
        if status not in TAKEN:
            raise reply.refusal(status, reply.find("SMSMessageData.Recipients.0.status"), self.hints)
        ref = reply.need("SMSMessageData.Recipients.0.messageId")
        if ref == "None":
            raise reply.unclear(_("The response is missing required data."))
        price, currency = _read_money(reply.find("SMSMessageData.Recipients.0.cost"))
        parts = re.search(r"Message parts: ([0-9]{1,3})", summary)
        return Accepted(ref=ref, parts=int(parts[1]) if parts else None, price=price, currency=currency)

    def read_reports(self, call: Call) -> list[Report]:
        ref, word = call.value("id"), call.value("status").lower()
        if not ref or not word:
            return []
        code = _SPELT.get(call.value("failureReason").lower(), "")
        return [self.report(word, ref=ref, recipient=call.value("phoneNumber"), code=code)]

    def check(self) -> Account:
        params = {"username": self.account["username"]}
        reply = self._check_reply(self.http.get(self._api_url("user"), params=params, headers=self._auth_headers()))
        balance, currency = _read_money(reply.need("UserData.balance"))
        return Account(label=self.account["username"], balance=balance, currency=currency)

    def _api_url(self, path: str) -> str:
        host = "api.sandbox" if self.account["username"] == "sandbox" else "api"
        return f"https://{host}.africastalking.com/version1/{path}"

    def _auth_headers(self) -> dict[str, str]:
        return {"apiKey": self.account["api_key"], "Accept": "application/json"}

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        # Refusals of a whole request are one line of text.
        raise reply.refusal("", "" if "<" in reply.text else reply.text.strip())


def _read_money(text: str) -> tuple[Decimal | None, str]:
    found = re.fullmatch(r"([A-Z]{3}) (-?[0-9]{1,12}(?:\.[0-9]{1,10})?)", text.strip())
    return (Decimal(found[2]), found[1]) if found else (None, "")
