"""Twilio Programmable Messaging, and services that speak its dialect under their own address.

API:     https://www.twilio.com/docs/messaging/api/message-resource
Sandbox: test credentials of the account, with the magic numbers +1 500 555 00xx; or Sendline's own
Checked: 2026-11-23 against the sources in docs/services/twilio.md; read again 2026-11-25 against the vendor's list of
         error codes
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Answer,
    Call,
    Inbound,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
)
from providers.kit.errors import AccountBlocked, Forged, Hint, Reason
from providers.kit.fields import BadField, Secret, Step, Text, Url
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import rows_at, value_at
from providers.kit.screens import Screen, copy_value, turn_on

STATUSES = {
    "accepted": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "queued": Status.QUEUED,
    "sending": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "partially_delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}

_CREDENTIALS = _("Check the Account SID and Auth Token (or API key) in the Twilio Console.")
_SUSPENDED = _("Your Twilio account is not active. Check its balance and notices in the Twilio Console.")
_TOO_FAST = _(
    "The sender’s rate limit was exceeded. We retry automatically; lower the sending rate if this happens often."
)
_SENDER = _("Twilio rejected this sender ID. Choose a number from this account or set a Messaging Service.")
_SETTING = _("Twilio rejected a value in the request. Check the sender and the Messaging Service.")
_NUMBER = _("The number can’t receive SMS. Check it in the CRM: it must be a mobile number with a country code.")

_SID_PREFIXES = {"account_sid": "AC", "messaging_service_sid": "MG", "api_key_sid": "SK"}
_NO_SID = _("Not a valid SID: it must be {prefix} followed by 32 digits or letters a to f. Copy it again.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    **dict.fromkeys(("20429", "14107", "63018", "30022"), ("throttled", _TOO_FAST)),
    "63038": ("throttled", advice.DAY_LIMIT),
    "21611": ("throttled", _("The queue of this sender at Twilio is full. We retry automatically.")),
    "30410": (
        "uncertain",
        _("Twilio timed out waiting for another system. Check the message in the Twilio Console."),
    ),
    "20003": ("auth", _CREDENTIALS),
    "20005": ("auth", _SUSPENDED),
    "20006": ("auth", _("This key lacks permission. Use the Auth Token or a key with full access.")),
    "20008": ("auth", advice.RIGHTS),
    "10001": ("auth", _SUSPENDED),
    "30002": ("auth", _SUSPENDED),
    "20404": ("auth", _("Twilio does not recognize this account. Check the Account SID and the service URL.")),
    **dict.fromkeys(("21211", "21214", "21217", "21265", "21266", "21604", "63024"), ("invalid_number", _NUMBER)),
    "21612": ("invalid_number", _("Twilio cannot reach this number from this sender. Try another sender.")),
    "21614": ("invalid_number", advice.NOT_MOBILE),
    "21635": ("invalid_number", advice.NOT_MOBILE),
    "21610": ("opt_out", _("The recipient replied STOP. Only they can opt in again by replying START.")),
    "21408": (
        "blocked",
        _("Enable this country in the Twilio Console under Messaging > Settings > Geo permissions."),
    ),
    "21608": (
        "blocked",
        _("Trial accounts can send to verified numbers only. Verify the number or upgrade the account."),
    ),
    "30004": ("blocked", _("The phone or its operator blocks messages from this sender.")),
    "30007": ("blocked", advice.SPAM),
    "30023": ("blocked", _("The daily limit for this brand was reached. It resets tomorrow.")),
    "30027": ("blocked", _("The operator’s daily limit was reached. It resets tomorrow.")),
    **dict.fromkeys(("30018", "30024", "30033", "30034"), ("blocked", advice.REGISTER_SENDER)),
    **dict.fromkeys(("30035", "30040", "30041", "30042"), ("blocked", advice.REGISTER_SENDER)),
    "30032": ("blocked", _("This toll-free number is not verified yet. Verify it in the Twilio console.")),
    **dict.fromkeys(("30037", "30039", "30450"), ("blocked", advice.STOPPED)),
    "30454": ("blocked", advice.DAY_LIMIT),
    "30038": ("blocked", advice.TEXT),
    "21212": ("invalid_request", _SENDER),
    **dict.fromkeys(("21210", "21267", "21601", "21607", "21616"), ("invalid_request", _SENDER)),
    **dict.fromkeys(("21657", "21659", "21660", "21661", "21709", "21910"), ("invalid_request", _SENDER)),
    "21603": ("invalid_request", _("No sender ID selected. Choose one or set a Messaging Service.")),
    "21606": ("invalid_request", _SENDER),
    "21703": ("invalid_request", _("The Messaging Service has no sender. Add one in the Twilio console.")),
    "21704": (
        "invalid_request",
        _("The Messaging Service has no sender for this country. Add one in the Twilio Console."),
    ),
    "21705": ("invalid_request", _("Messaging Service not found. Check its SID.")),
    **dict.fromkeys(("21701", "21702"), ("invalid_request", _SETTING)),
    "21602": ("invalid_request", advice.EMPTY),
    "21618": ("invalid_request", advice.TEXT),
    "21619": ("invalid_request", advice.EMPTY),
    "30019": ("invalid_request", advice.TOO_LONG),
    "30044": ("invalid_request", advice.TOO_LONG),
    "21617": ("invalid_request", _("The text is longer than 1600 characters.")),
    "21609": ("invalid_request", _("Twilio rejected our delivery report URL. Contact Sendline support.")),
    "21620": ("invalid_request", _SETTING),
    "30010": ("rejected", _("The message exceeds the price limit you set.")),
    # Only in reports: they explain a status, and the application does nothing.
    "30001": ("", _("The message waited too long in the Twilio queue. Lower the sending rate or add senders.")),
    "30003": ("", _("The phone is turned off or out of coverage.")),
    "30005": ("invalid_number", _("The number is no longer in service.")),
    "30006": ("invalid_number", _("The number is a landline, or its operator is unreachable.")),
    "30017": ("", _("The operator had a network problem. Try again later.")),
    "30036": ("", advice.EXPIRED),
    **dict.fromkeys(("30453", "30485"), ("", advice.NO_REASON)),
    "30500": ("", advice.LOOK_THERE),
    "30008": ("", _("The operator gave no reason. Try again later.")),
}


class Twilio(Provider):
    """One call per message; our reference travels in the callback's path, so reports carry the sid only."""

    code = "twilio"
    title = "Twilio"
    docs = "https://www.twilio.com/docs/messaging"
    billing = "https://console.twilio.com/us1/billing/manage-billing/billing-overview"
    listing = Listing(
        about=_("Numbers, short codes and Messaging Services; also for services that use Twilio’s API."),
        other_names=("SignalWire",),
        mark=Mark(Colour.ROSE, "M12 2l9 5v10l-9 5-9-5V7zm0 4.5L7 9.3v5.4l5 2.8 5-2.8V9.3z"),
    )
    fields = (
        Text("account_sid", "Account SID", help=_("On the Twilio Console home page. Starts with AC.")),
        Secret("auth_token", "Auth Token", help=_("Next to the Account SID. Used to verify delivery reports.")),
        Text(
            "messaging_service_sid",
            "Messaging Service SID",
            help=_("To let Twilio choose the sender: Messaging > Services. Starts with MG."),
            required=False,
        ),
        Text(
            "api_key_sid",
            "API Key SID",
            help=_("To use an API key instead of the Auth Token: Account > API keys. Starts with SK."),
            required=False,
            advanced=True,
        ),
        Secret("api_key_secret", "API Key Secret", required=False, advanced=True),
        Url(
            "base_url",
            _("Service URL"),
            help=_("For another region, or a Twilio-compatible service."),
            default="https://api.twilio.com",
            advanced=True,
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _("Open the Twilio Console and copy the Account SID and Auth Token."),
            "https://console.twilio.com/",
            Screen(
                ("Account Dashboard", "Account Info"),
                (
                    copy_value("Account SID", "account_sid", "AC0123456789abcdef…"),
                    copy_value("Auth Token", "auth_token"),
                ),
            ),
        ),
        Step(
            _("Enable countries"),
            _("Enable the countries you send to under Messaging > Settings > Geo permissions."),
            "https://console.twilio.com/us1/develop/sms/settings/geo-permissions",
            Screen(("Messaging", "Settings", "Geo permissions"), (turn_on("United States"), turn_on("Germany"))),
        ),
        Step(advice.REPORTS, advice.REPORTS_COME),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    identified_by = ("account_sid", "base_url")
    statuses = STATUSES
    hints = {
        code: Hint(reason, text, f"https://www.twilio.com/docs/api/errors/{code}")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    @classmethod
    def mistakes(cls, account: Mapping[str, str]) -> Mapping[str, BadField]:
        """Check the SIDs by the form that Twilio publishes; services that speak its dialect have forms of their own."""
        host = urlsplit(account.get("base_url", "")).hostname or ""
        if not f".{host}".endswith(".twilio.com"):
            return {}
        given = {name: account.get(name, "") for name in _SID_PREFIXES}
        wrong = [name for name, sid in given.items() if sid and not _is_sid(sid, _SID_PREFIXES[name])]
        return {name: BadField(_NO_SID, prefix=_SID_PREFIXES[name]) for name in wrong}

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "To": sms.to,
            "From": sms.sender,
            "MessagingServiceSid": self.account["messaging_service_sid"],
            "Body": sms.text,
            "StatusCallback": sms.report_url,
        }
        # Twilio reads an empty field as a wrong one, and tells better than we could when both senders are missing.
        form = {name: value for name, value in payload.items() if value}
        reply = self.http.post(self._account_url("Messages.json"), auth=self._basic_auth(), form=form)
        self._check_reply(reply)
        parts = reply.find("num_segments")
        price = reply.number("price")
        return Accepted(
            ref=reply.need("sid"),
            # With a Messaging Service the sender, and so the count, is not known yet: Twilio says "0".
            parts=int(parts) if parts.isdecimal() and int(parts) else None,
            price=abs(price) if price is not None else None,  # Twilio's prices are negative
            currency=reply.find("price_unit").upper() if price is not None else "",
        )

    def verify(self, call: Call) -> None:
        """Check the HMAC-SHA1 of address and sorted form with the Auth Token, by the SDK's `request_validator.py`."""
        body_digest = (call.query.get("bodySHA256") or [""])[0].lower().encode()
        if body_digest and not call.form:
            fields = ""  # the address is signed alone, and the body through its digest in the address
            whole = hmac.compare_digest(hashlib.sha256(call.body).hexdigest().encode(), body_digest)
        else:
            fields = "".join(name + value for name in sorted(call.form) for value in sorted(set(call.form[name])))
            whole = True
        given = call.header("X-Twilio-Signature").encode("utf-8", "replace")
        # All are computed and compared, so that time tells nothing.
        matches = [
            hmac.compare_digest(self._compute_signature(url + fields), given)
            for url in _with_and_without_port(call.url)
        ]
        if not (whole and any(matches)):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        ref = call.value("MessageSid") or call.value("SmsSid")
        word = call.value("MessageStatus") or call.value("SmsStatus")
        if not ref or not word:
            return []
        return [self.report(word.lower(), ref=ref, recipient=call.value("To"), code=call.value("ErrorCode"))]

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 (the same for every call)
        return Answer(body="<Response/>", content_type="text/xml")

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        found = []
        for ref in refs:
            reply = self.http.get(self._account_url(f"Messages/{quote(ref, safe='')}.json"), auth=self._basic_auth())
            if reply.status == 404:
                continue
            self._check_reply(reply)
            price = reply.number("price")
            report = self.report(
                ref=reply.need("sid"),
                word=reply.need("status").lower(),
                recipient=reply.find("to"),
                code=reply.find("error_code"),
                detail=reply.strike(reply.find("error_message")),
                price=None if price is None else abs(price),
                currency=reply.find("price_unit").upper(),
            )
            found.append(report)
        return found

    def read_inbound(self, call: Call) -> list[Inbound]:
        ref = call.value("MessageSid") or call.value("SmsSid")
        if not ref or not call.value("From"):
            return []
        return [Inbound(sender=call.value("From"), recipient=call.value("To"), text=call.value("Body"), ref=ref)]

    def check(self) -> Account:
        sid = quote(self.account["account_sid"], safe="")
        # With the Auth Token: an API key may not read the account, and reports are signed with the token in any case.
        token = (self.account["account_sid"], self.account["auth_token"])
        account = self._check_reply(self.http.get(f"{self._accounts_url()}/{sid}.json", auth=token))
        found = account.need("sid")
        if account.find("status") in {"suspended", "closed"}:
            raise AccountBlocked(code="30002", hint=_SUSPENDED)
        balance = self.http.get(self._account_url("Balance.json"), auth=self._basic_auth())
        if balance.status != 404:  # a subaccount has none: its parent pays
            self._check_reply(balance)
        return Account(
            label=account.find("friendly_name") or found,
            balance=balance.number("balance"),
            currency=balance.find("currency").upper(),
        )

    def senders(self) -> list[str]:
        numbers = self._list_rows("IncomingPhoneNumbers.json", "incoming_phone_numbers")
        codes = self._list_rows("SMS/ShortCodes.json", "short_codes")
        found = [one.get("phone_number") for one in numbers if value_at(one, "capabilities.sms")]
        found += [one.get("short_code") for one in codes]
        return [str(one) for one in found if one]

    def _list_rows(self, path: str, name: str) -> list[Mapping[str, object]]:
        reply = self._check_reply(
            self.http.get(self._account_url(path), auth=self._basic_auth(), params={"PageSize": "1000"})
        )
        return rows_at(reply.json(), name)

    def _accounts_url(self) -> str:
        return f"{self.account['base_url'].rstrip('/')}/2010-04-01/Accounts"

    def _account_url(self, path: str) -> str:
        return f"{self._accounts_url()}/{quote(self.account['account_sid'], safe='')}/{path}"

    def _basic_auth(self) -> tuple[str, str]:
        key = (self.account["api_key_sid"], self.account["api_key_secret"])
        return key if all(key) else (self.account["account_sid"], self.account["auth_token"])

    def _check_reply(self, reply: Reply) -> Reply:
        return reply.expect(self.hints, code="code", words="message")

    def _compute_signature(self, signed: str) -> bytes:
        key = self.account["auth_token"].encode()
        return base64.b64encode(hmac.new(key, signed.encode("utf-8", "replace"), hashlib.sha1).digest())


def _is_sid(value: str, prefix: str) -> bool:
    return re.fullmatch(f"{prefix}[0-9a-fA-F]{{32}}", value) is not None


def _with_and_without_port(url: str) -> list[str]:
    """Return an address with and without its port, since Twilio signs either; the rest stays as it was called."""
    parts = urlsplit(url)
    bare = parts.netloc.removesuffix(f":{parts.port}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url.replace(parts.netloc, netloc, 1) for netloc in (parts.netloc, bare, f"{bare}:{port}")]
