"""MSG91 (India).

API:     https://docs.msg91.com/sms/send-sms
Sandbox: none; use Sendline's own
Checked: 2026-11-25 against the sources in docs/services/msg91.md, msg91.com/help and the error table in
         tesark/msg91-php
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at
from providers.kit.screens import Screen, copy_value, paste_address, turn_on

# The numbers that https://msg91.com/help/webhooks explains, by the words it gives them; others stay unknown.
NUMBERS = {"1": "delivered", "2": "failed", "9": "ndnc", "16": "rejected", "25": "rejected", "17": "blocked number"}
STATUSES = {
    "delivered": Status.DELIVERED,
    "failed": Status.UNDELIVERED,
    "ndnc": Status.FAILED,
    "rejected": Status.FAILED,
    "blocked number": Status.FAILED,
}

_AUTHKEY = _("MSG91 panel > Authkey. Add our IP addresses there, or turn off IP security.")
_TEMPLATE = _("MSG91 rejected this template. Check the template ID and variables of the sender.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    "001": ("uncertain", advice.LOOK_THERE),
    "002": ("uncertain", advice.LOOK_THERE),
    "601": ("uncertain", advice.LOOK_THERE),
    "106": ("auth", advice.CREDENTIALS),
    "201": ("auth", advice.CREDENTIALS),
    "207": ("auth", advice.CREDENTIALS),
    "208": ("auth", advice.OUR_ADDRESS),
    "418": ("auth", advice.OUR_ADDRESS),
    "302": ("auth", advice.SUSPENDED),
    "303": ("auth", advice.SUSPENDED),
    "301": ("balance", advice.TOP_UP),
    "101": ("invalid_number", advice.NUMBER),
    "202": ("invalid_number", advice.NUMBER),
    "102": ("invalid_request", advice.EMPTY),
    "103": ("invalid_request", advice.SENDER),
    "203": ("invalid_request", advice.SENDER),
    "104": ("invalid_request", advice.OURS),
    "105": ("invalid_request", advice.OURS),
    "107": ("invalid_request", advice.OURS),
    "307": ("invalid_request", advice.OURS),
    "308": ("invalid_request", advice.OURS),
    "205": ("invalid_request", advice.SETTING),
    "309": ("invalid_request", advice.SETTING),
    "211": ("invalid_request", _TEMPLATE),
    "310": ("invalid_request", advice.TOO_LONG),
    "311": ("duplicate", advice.REPEATED),
    "209": ("rejected", advice.NO_ROUTE),
    "210": ("rejected", advice.NO_ROUTE),
    "306": ("blocked", _("This MSG91 route is open from 9:00 to 21:00 India time only.")),
    "505": ("blocked", advice.TRIAL),
    "506": ("blocked", advice.DAY_LIMIT),
}
# Newer answers often have words and no code; these pieces of them stand in for it. What can be at fault in a message
# comes first: "This template is not of this authkey" is no reason to stop the account.
_SAYINGS: Mapping[str, tuple[Reason, str]] = {
    "mobile": ("invalid_number", advice.NUMBER),
    "template": ("invalid_request", _TEMPLATE),
    "flow": ("invalid_request", _TEMPLATE),
    "sender": ("invalid_request", advice.SENDER),
    "whitelist": ("auth", advice.OUR_ADDRESS),
    "authkey": ("auth", advice.CREDENTIALS),
    "authentication": ("auth", advice.CREDENTIALS),
    "balance": ("balance", advice.TOP_UP),
}
# Only in reports: statuses, and the reasons of failure at https://msg91.com/help/delivery-report.
_REPORTED: Mapping[str, tuple[Reason, str]] = {
    "2": ("", advice.NO_REASON),
    "9": ("blocked", advice.OPT_OUT),  # of advertising only: what a person has ordered still goes to the same number
    "16": ("rejected", advice.OPERATOR),
    "25": ("rejected", advice.OPERATOR),
    "17": ("blocked", advice.STOP_LIST),
    "EXP ABSSUBS": ("", advice.OFF),
    "ABSENT SUBSCRIBER": ("", advice.OFF),
    "NUMBER TEMPORARILY UNAVAILABLE": ("", advice.OFF),
    "SUBSCRIBER BUSY FOR MT SMS": ("", advice.OFF),
    "EXP SMSTMOUT": ("", advice.EXPIRED),
    "HLR/ MSC TIMEOUT": ("", advice.EXPIRED),
    "EXP MEMEXCD": ("", advice.FULL),
    "INBOX CAPACITY EXCEEDED": ("", advice.FULL),
    "EXP NWFAIL": ("", advice.NO_REASON),
    "RESOURCE UNAVAILABLE": ("", advice.NO_REASON),
    "SYSTEM FAILURE": ("", advice.NO_REASON),
    "CALL BARRED": ("", advice.CANNOT),
    "SERVICES TEMPORARILY BLOCKED": ("", advice.CANNOT),
    "MESSAGE SERVICE NOT SUPPORTED": ("", advice.CANNOT),
    "TELESERVICE NOT PROVISIONED": ("", advice.CANNOT),
}


class Msg91(Provider):
    """India takes approved templates only: the text of a message fills the variables of the sender's template."""

    code = "msg91"
    title = "MSG91"
    docs = "https://docs.msg91.com/sms"
    countries = ("IN",)
    listing = Listing(
        about=_("Sends texts from templates that are approved on DLT."),
        other_names=("MSG 91", "DLT"),
        sender_ids=SenderIds.REGISTERED,
        mark=Mark(Colour.VIOLET, "M12 2l9 8v5l-9-8-9 8v-5zM12 12l9 8v2H3v-2z"),
    )
    fields = (Secret("authkey", "Authkey", help=_AUTHKEY),)
    sender_fields = (
        Text("template_id", _("Template ID"), help=_("MSG91 panel > SMS > Templates.")),
        Text(
            "variables",
            _("Template variables"),
            help=_(
                "In order, separated by commas. A single variable takes the whole text; several take one line each."
            ),
            default="VAR1",
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _AUTHKEY,
            "https://control.msg91.com/",
            Screen(("Authkey",), (copy_value("Authkey", "authkey"),)),
        ),
        Step(
            advice.REPORTS,
            _("In the MSG91 panel, go to SMS > Webhook, choose version v2 and paste this URL: {report_url}"),
            "https://msg91.com/help/webhooks/how-can-i-get-the-delivery-reports-on-my-webhook-url",
            Screen(("SMS", "Webhook"), (turn_on("v2"), paste_address("Webhook"))),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.ADDRESS
    identified_by = ("authkey",)
    statuses = STATUSES
    hints = {
        **{
            code: Hint(reason, text, "https://msg91.com/help/api")
            for code, (reason, text) in {**_CODES, **_SAYINGS}.items()
        },
        **{
            code: Hint(reason, text, "https://msg91.com/help/delivery-report")
            for code, (reason, text) in _REPORTED.items()
        },
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        names = [name.strip() for name in (sms.options.get("variables") or "VAR1").split(",") if name.strip()]
        values = dict(zip(names, sms.text.split("\n", max(len(names) - 1, 0)), strict=False))
        # Whose the reference is, the recipient's or the request's, hangs on how MSG91 reads a list of one:
        # https://msg91.com/help/text-sms/custom-metadata-parameters-for-tracking-sms-requests
        ours = {"CRQID": sms.reference}
        payload = {
            "template_id": sms.options.get("template_id", ""),
            **({"sender": sms.sender} if sms.sender else {}),
            **ours,
            "recipients": [{**values, "mobiles": sms.to.removeprefix("+"), **ours}],
        }
        url = "https://control.msg91.com/api/v5/flow/"
        reply = self._check_reply(self.http.post(url, json=payload, headers={"authkey": self.account["authkey"]}))
        if reply.need("type") != "success":
            raise reply.unclear(_("The response is missing required data."))
        return Accepted(ref=reply.find("request_id") or reply.need("message"))

    def read_reports(self, call: Call) -> list[Report]:
        data = call.value("data")  # version v2 puts the JSON into a form
        body = (replace(call, body=data.encode("utf-8", "replace")) if data else call).json()
        found = []
        for row in body if isinstance(body, list) else [body]:
            if isinstance(row, dict):
                parts = row.get("report")
                found += [_read_row({**row, **part}) for part in rows_at(row, "report")] if parts else [_read_row(row)]
        return [one for one in found if one]

    def check(self) -> Account:
        url = "https://control.msg91.com/api/balance.php"
        reply = self._check_reply(self.http.get(url, params={"authkey": self.account["authkey"], "type": "4"}))
        text = reply.text.strip().strip('"')
        if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,10})?", text):
            raise reply.unclear(_("The response is missing required data."))
        return Account(balance=Decimal(text))  # in the account's currency, which is not given

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok and "error" not in {reply.find("type"), reply.find("msg_type")}:
            return reply
        words = reply.find("message") or reply.find("msg")
        code = reply.find("code") or ("418" if reply.status == 418 else "")
        known_saying = next((saying for saying in _SAYINGS if saying in words.lower()), code)
        error = reply.refusal(code if code in _CODES else known_saying, words, self.hints)
        error.code = code
        raise error


def _first_text(row: Mapping[str, object], *names: str) -> str:
    values = (row.get(name) for name in names)
    return next((str(value).strip() for value in values if isinstance(value, str | int) and value), "")


def _read_row(row: Mapping[str, object]) -> Report | None:
    status = _first_text(row, "status").lower()
    ref, reference = _first_text(row, "requestId"), _first_text(row, "CRQID")
    if not status or not (ref or reference):
        return None
    failure = " ".join(_first_text(row, "failedReason", "failureReason").upper().split())
    return Msg91.report(
        NUMBERS.get(status, status),
        ref=ref,
        reference="" if reference == "0" else reference,
        recipient=_first_text(row, "number", "telNum"),
        code=failure if failure in _REPORTED else status if status in _REPORTED else "",
    )
