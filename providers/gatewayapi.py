"""GatewayAPI.

API:     https://gatewayapi.com/docs/apis/rest/
Sandbox: none; a new account has some credit
Checked: 2026-11-25 against the vendor's docs (onlinecity/gatewayapi-docs) and the sources in
         docs/services/gatewayapi.md; read again 2026-11-25
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import jwt

from providers.kit import advice
from providers.kit.contract import Accepted, Account, Call, Proof, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import text_at, value_at
from providers.kit.screens import Screen, copy_value
from providers.kit.segments import UCS_2, measure

STATUSES = {
    "unknown": Status.QUEUED,  # "messages start here"
    "scheduled": Status.QUEUED,
    "buffered": Status.QUEUED,
    "enroute": Status.SENT,
    "accepted": Status.SENT,  # by the network on the person's behalf; final, and no word of the phone
    "delivered": Status.DELIVERED,
    "undeliverable": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "rejected": Status.FAILED,
    "deleted": Status.FAILED,
    "skipped": Status.FAILED,
}

_NOT_ENABLED = _("SMS is not enabled for this account. Contact GatewayAPI to enable it.")
_API_CODES: Mapping[str, tuple[Reason, str]] = {
    "0210 0211 0221 0223 0224 0225 0226 0229": ("auth", advice.CREDENTIALS),
    "0212 0213": ("auth", advice.OUR_ADDRESS),
    "0214": ("duplicate", advice.REPEATED),
    "0215": ("blocked", advice.STOP_LIST),
    "0216": ("balance", advice.TOP_UP),
    "0217": ("blocked", advice.COUNTRY),
    "0218 021E 0311": ("invalid_request", advice.SETTING),
    "021D": ("auth", _NOT_ENABLED),
    "021F": ("blocked", advice.NO_ROUTE),
    "0219 021A 021B 021C 0220 0222 0227 0228 0310": ("invalid_request", advice.OURS),
    "022A": ("auth", advice.SUSPENDED),
    "0312": ("blocked", advice.TEXT),
}
# "Regardless of the origin, all codes that end in 00 to 0F have the same meaning."
_ENDINGS: Mapping[str, tuple[Reason, str]] = {
    "01 02 04 05 06 09": ("uncertain", advice.LOOK_THERE),
    "03 07": ("auth", advice.RIGHTS),
    "08": ("invalid_request", advice.SETTING),
}
# Only in reports.
_SMS_CODES: Mapping[str, tuple[Reason, str]] = {
    "1010 1020 1040 1049 1084": ("invalid_number", advice.NOT_IN_USE),
    "1048 1060 1061 1062 1063 1064": ("invalid_number", advice.NUMBER),
    "1011 1012 1014 1024 1025 1026 102B 102C 1041 1093": ("", advice.CANNOT),
    "1013 1019 1021 1022 1023": ("", advice.OFF),
    "1018 102A": ("", advice.FULL),
    "1033 1065 1066 1067": ("blocked", advice.SENDER),
    "1035 1086 1087": ("blocked", advice.TEXT),
    "1037": ("blocked", advice.NUMBER_LIMIT),
    "1030 1031 1032 1034 1036 1038 1039 103A 103B 103C 1068 1069 1092": ("blocked", advice.OPERATOR),
    "1050 1051 1052 1054 1055 1056 1057": ("", advice.NO_ROUTE),
    "1078 1085": ("", advice.TOO_LONG),
    "1074 1077 107C": ("", advice.SETTING),
    "106B 106C 106D 106E 106F 1070 1071 1072 1073 1075 1076 1079 107A 107B 107D 107F": ("", advice.OURS),
    "1015 1016 1017 101A 101B 1027 1028 1029 102D 102E 1042 1043 1044 1045 1046 1047 104A 1053 106A 107E 1080 1081 "
    "1082 1083 1090 1091 1094": ("", advice.NO_REASON),
}


def _make_hints() -> dict[str, Hint]:
    endings = {
        f"{origin}{ending}": meaning
        for endings, meaning in _ENDINGS.items()
        for ending in endings.split()
        for origin in ("01", "02", "03", "04", "05", "06", "07", "10")
    }
    link = "https://gatewayapi.com/docs/errors/"
    return {
        f"0x{code}": Hint(reason, text, link)
        for codes, (reason, text) in {**endings, **_API_CODES, **_SMS_CODES}.items()
        for code in codes.split()
    }


class GatewayApi(Provider):
    """The caller chooses the encoding; a call of a webhook that has a token is repeated in a JWT."""

    code = "gatewayapi"
    title = "GatewayAPI"
    docs = "https://gatewayapi.com/docs/"
    listing = Listing(
        about=_("Two separate installations, gatewayapi.com and gatewayapi.eu, with 3 message classes."),
        other_names=("Gateway API",),
        mark=Mark(Colour.TEAL, "M3 21v-9a9 9 0 0 1 18 0v9h-5v-9a4 4 0 0 0-8 0v9z"),
    )
    fields = (
        Secret("token", _("Token"), help=_("GatewayAPI dashboard > API > API Keys.")),
        Choice(
            "host",
            _("Service URL"),
            help=_("Where you log in. Accounts are not shared between the two."),
            choices=(("gatewayapi.com", "gatewayapi.com"), ("gatewayapi.eu", "gatewayapi.eu")),
            default="gatewayapi.com",
        ),
        Secret(
            "webhook_secret",
            _("Webhook authentication token"),
            help=_("Only if GatewayAPI signs its webhooks: the value from API > Web Hooks > Authentication."),
            required=False,
            advanced=True,
        ),
    )
    sender_fields = (
        Choice(
            "message_class",
            _("Message class"),
            help=_("Premium and secret cost more and must be enabled for your account."),
            choices=(("standard", "standard"), ("premium", "premium"), ("secret", "secret")),
            default="standard",
            advanced=True,
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("In the GatewayAPI dashboard, go to API > API Keys, create a key and copy its API token."),
            "https://gatewayapi.com/app/",
            Screen(("API", "API Keys"), (copy_value("API token", "token"),)),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    proof = Proof.KEYED
    identified_by = ("token", "host")
    statuses = STATUSES
    hints = _make_hints()
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "recipients": [{"msisdn": sms.to.removeprefix("+")}],
            "message": sms.text,
            "sender": sms.sender.removeprefix("+"),
            "encoding": "UCS2" if measure(sms.text).encoding == UCS_2 else "UTF8",
            "class": sms.options.get("message_class", "standard"),
            "userref": sms.reference,
            "callback_url": sms.report_url,
        }
        body = {name: value for name, value in payload.items() if value}
        reply = self._check_reply(self.http.post(self._api_url("mtsms"), auth=self._basic_auth(), json=body))
        ref = reply.need("ids.0")
        counts = value_at(reply.json(), "usage.countries")
        parts = sum(count for count in counts.values() if isinstance(count, int)) if isinstance(counts, dict) else 0
        price = reply.number("usage.total_cost")
        currency = "" if price is None else reply.find("usage.currency")
        return Accepted(ref=ref, parts=parts or None, price=price, currency=currency)

    def verify(self, call: Call) -> None:
        secret = self.account["webhook_secret"]
        if not secret:
            return  # the address carries a MAC of ours, which was checked before
        token = call.header("X-Gwapi-Signature").encode("utf-8", "replace")
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["id", "msisdn", "status"]})
        except jwt.PyJWTError:
            raise Forged from None
        # The token says all that the body says; a body beside another call's token is not the service's.
        body, names = call.json(), ("id", "msisdn", "status", "code", "userref", "time")
        if any(value_at(body, name) != claims.get(name) for name in names):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        body = call.json()
        ref, word, number = (text_at(body, name) for name in ("id", "status", "msisdn"))
        if not ref or not word:
            return []
        return [self.report(word.lower(), ref=ref, recipient=number, code=_read_code(value_at(body, "code")))]

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(self._api_url(f"mtsms/{quote(ref, safe='')}"), auth=self._basic_auth())
            if reply.status == 404:
                continue
            recipient = value_at(self._check_reply(reply).json(), "0.recipients.0")
            word = reply.find("0.recipients.0.dsnstatus")
            if word:
                report = self.report(
                    word.lower(),
                    ref=ref,
                    recipient=reply.find("0.recipients.0.msisdn"),
                    code=_read_code(value_at(recipient, "dsnerrorcode")),
                    detail=reply.strike(reply.find("0.recipients.0.dsnerror")),
                )
                found.append(report)
        return found

    def check(self) -> Account:
        reply = self._check_reply(self.http.get(self._api_url("me"), auth=self._basic_auth()))
        return Account(label=reply.need("id"), balance=reply.number("credit"), currency=reply.find("currency"))

    def _api_url(self, path: str) -> str:
        return f"https://{self.account['host']}/rest/{path}"

    def _basic_auth(self) -> tuple[str, str]:
        return self.account["token"], ""

    def _check_reply(self, reply: Reply) -> Reply:
        return reply.expect(self.hints, code="code", words="message")


def _read_code(given: object) -> str:
    """Return an error code in the spelling of `hints`; it comes as a number or in hexadecimal digits of either case."""
    code = f"0x{given:04X}" if isinstance(given, int) else given if isinstance(given, str) else ""
    return f"0x{code[2:].upper()}" if code.lower().startswith("0x") else code
