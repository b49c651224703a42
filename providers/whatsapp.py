"""WhatsApp Cloud API of Meta.

API:     https://developers.facebook.com/docs/whatsapp/cloud-api
Sandbox: the test number of a Meta app, which writes to five confirmed numbers
Checked: 2026-11-25 against the sources in docs/services/whatsapp.md and Meta's error codes as developers.kaleyra.io
         and help.verloop.io keep them; Meta's own pages could not be read; read again 2026-11-25
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from urllib.parse import quote

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
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at, text_at
from providers.kit.screens import Box, Deed, Screen, copy_value, paste_address, turn_on

STATUSES = {
    "accepted": Status.QUEUED,
    "held_for_quality": Status.QUEUED,
    "held_for_quality_assessment": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "failed": Status.FAILED,
}
UNDELIVERABLE = "131026"

_MANAGER = _("Meta has restricted this number or account. Check both in WhatsApp Manager.")
_NO_WHATSAPP = _("The number has no WhatsApp account or can’t receive this message.")
_WINDOW = _("More than 24 hours since the recipient’s last message. Choose a template for this sender.")
_TEMPLATE = _("Meta rejected this template or its variables. Compare the sender with WhatsApp Manager.")
# Code 100 is a wrong parameter, but with this subcode the address: no such number, or not one that the token may use.
_NO_SUCH_OBJECT = "33"
_NUMBER_ID = _("Meta app > WhatsApp > API setup, below the sending number.")

_CODES: Mapping[str, tuple[Reason, str]] = {
    **dict.fromkeys(("4", "80007", "130429", "131056", "133016"), ("throttled", advice.SLOW_DOWN)),
    **dict.fromkeys(("131048", "131057"), ("throttled", _MANAGER)),
    **dict.fromkeys(("1", "2", "131000", "131016", "133004"), ("uncertain", advice.LOOK_THERE)),
    **dict.fromkeys(("0", "190"), ("auth", advice.CREDENTIALS)),
    **dict.fromkeys(("3", "10", "131005", *map(str, range(200, 300))), ("auth", advice.RIGHTS)),
    **dict.fromkeys(("33", "131031", "131037", "131045", "133010", "133015"), ("auth", _MANAGER)),
    **dict.fromkeys(("131042", "134011"), ("balance", advice.TOP_UP)),
    **dict.fromkeys((UNDELIVERABLE, "131021"), ("invalid_number", _NO_WHATSAPP)),
    "131030": ("invalid_number", advice.TRIAL),
    "368": ("blocked", _MANAGER),
    "130497": ("blocked", advice.COUNTRY),
    "131047": ("blocked", _WINDOW),
    **dict.fromkeys(("130472", "131049"), ("blocked", advice.NUMBER_LIMIT)),
    "131050": ("opt_out", advice.OPT_OUT),
    **dict.fromkeys(
        ("132000", "132001", "132007", "132012", "132015", "132016", "132018", "132068", "132069"),
        ("invalid_request", _TEMPLATE),
    ),
    "132005": ("invalid_request", advice.TOO_LONG),
    **dict.fromkeys(("100", "131008", "131009", "135000"), ("invalid_request", advice.SETTING)),
    **dict.fromkeys(("131051", "131052", "131053", "131055"), ("invalid_request", advice.OURS)),
}


class WhatsApp(Provider):
    """Plain text reaches only who wrote in the last 24 hours; to all others a sender speaks through a template."""

    code = "whatsapp"
    title = "WhatsApp"
    docs = "https://developers.facebook.com/docs/whatsapp/cloud-api"
    listing = Listing(
        about=_("WhatsApp messages from your business number, with templates approved by Meta."),
        other_names=("Meta", "Facebook", "Cloud API"),
        sender_ids=SenderIds.ASSIGNED,
        channel="WhatsApp",
        mark=Mark(Colour.GREEN, "M8 2h8l6 6v8l-6 6H8l-6-6V8zm4 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8z"),
    )
    fields = (
        Secret(
            "access_token", "Access Token", help=_("Token of a system user: Meta Business > Settings > System users.")
        ),
        Text(
            "phone_number_id",
            "Phone number ID",
            help=_NUMBER_ID,
            pattern="[0-9]{5,20}",
            placeholder="106540352242922",
        ),
        Secret("app_secret", "App Secret", help=_("Meta app > Settings > Basic. Used to verify delivery reports.")),
        Secret(
            "verify_token",
            "Verify Token",
            help=_("Choose any token and enter the same value in the Meta app next to the URL."),
        ),
        Text("version", "Graph API", pattern=r"v[0-9]{1,3}\.[0-9]", default="v25.0", advanced=True),
    )
    sender_fields = (
        Text(
            "template",
            _("Template"),
            help=_(
                "Template name in WhatsApp Manager. Without a template, you can only reach people who wrote to "
                "you in the last 24 hours."
            ),
            required=False,
        ),
        Text("language", _("Template language"), placeholder="en_US", default="en_US", required=False),
        Choice(
            "variables",
            _("How the text is used"),
            choices=(
                ("text", _("One variable with the whole text")),
                ("lines", _("Each line fills one variable")),
                ("none", _("Template without variables")),
            ),
            default="text",
        ),
    )
    setup = (
        Step(
            advice.COPY,
            _NUMBER_ID,
            "https://developers.facebook.com/apps/",
            Screen(
                ("WhatsApp", "API setup"),
                (
                    copy_value("Access token", "access_token"),
                    copy_value("Phone number ID", "phone_number_id", "106540352242922"),
                ),
            ),
        ),
        Step(
            advice.REPORTS,
            _("In the Meta app under WhatsApp > Configuration, enter this URL and subscribe to messages: {report_url}"),
            "https://developers.facebook.com/docs/whatsapp/cloud-api/guides/set-up-webhooks",
            Screen(
                ("WhatsApp", "Configuration"),
                (paste_address("Callback URL"), Box("Verify token", Deed.PASTE, "verify_token"), turn_on("messages")),
            ),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    identified_by = ("phone_number_id",)
    rate = 80.0
    max_text = 4096
    statuses = STATUSES
    failure_statuses = {UNDELIVERABLE: Status.UNDELIVERED}
    hints = {
        code: Hint(reason, text, "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        payload = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": sms.to.removeprefix("+"),
            "biz_opaque_callback_data": sms.reference,
            **(_template_body(sms) if sms.options.get("template") else _text_body(sms)),
        }
        reply = self.http.post(self._api_url("/messages"), json=payload, headers=self._auth_headers())
        return Accepted(ref=self._check_reply(reply).need("messages.0.id"))

    def verify(self, call: Call) -> None:
        """Check our verify token in a GET, by which Meta tries the address, and the signature of the body otherwise."""
        if call.method == "GET":
            given, expected = call.value("hub.verify_token"), self.account["verify_token"]
            good = call.value("hub.mode") == "subscribe"
        else:
            digest = hmac.new(self.account["app_secret"].encode(), call.body, hashlib.sha256).hexdigest()
            given, expected, good = call.header("X-Hub-Signature-256"), f"sha256={digest}", True
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")) or not good:
            raise Forged

    def answer(self, call: Call) -> Answer:
        return Answer(body=call.value("hub.challenge") if call.method == "GET" else "")

    def read_reports(self, call: Call) -> list[Report]:
        found = (_read_status(row) for value in self._own_values(call) for row in rows_at(value, "statuses"))
        return [one for one in found if one.ref and one.word]

    def read_inbound(self, call: Call) -> list[Inbound]:
        found = (
            Inbound(
                sender=text_at(row, "from"),
                recipient=text_at(value, "metadata.display_phone_number"),
                text=_message_text(row),
                ref=text_at(row, "id"),
            )
            for value in self._own_values(call)
            for row in rows_at(value, "messages")
            if not row.get("group_id")
        )
        return [one for one in found if one.sender and one.text and one.ref]

    def check(self) -> Account:
        number = self._fetch_number()
        name = number.find("verified_name")
        return Account(label=f"{name} {number.need('display_phone_number')}".strip())

    def senders(self) -> list[str]:
        return [self._fetch_number().need("display_phone_number")]

    def _fetch_number(self) -> Reply:
        params = {"fields": "display_phone_number,verified_name"}
        return self._check_reply(self.http.get(self._api_url(""), params=params, headers=self._auth_headers()))

    def _own_values(self, call: Call) -> Iterator[Mapping[str, object]]:
        """Yield what speaks of our own number: one address serves all numbers of a Meta app."""
        for entry in rows_at(call.json(), "entry") if call.method != "GET" else ():
            for change in rows_at(entry, "changes"):
                value = change.get("value")
                ours = text_at(value, "metadata.phone_number_id") == self.account["phone_number_id"]
                if ours and isinstance(value, dict):
                    yield value

    def _api_url(self, path: str) -> str:
        number = quote(self.account["phone_number_id"], safe="")
        return f"https://graph.facebook.com/{self.account['version']}/{number}{path}"

    def _auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account['access_token']}"}

    def _check_reply(self, reply: Reply) -> Reply:
        if reply.ok:
            return reply
        words = (reply.find("error.message"), reply.find("error.error_data.details"))
        code, hints = reply.find("error.code"), self.hints
        if code == "100" and reply.find("error.error_subcode") == _NO_SUCH_OBJECT:
            hints = {**hints, code: hints["190"]}
        raise reply.refusal(code, ": ".join(part for part in words if part), hints)


def _text_body(sms: Sms) -> dict[str, object]:
    linked = "http://" in sms.text or "https://" in sms.text
    return {"type": "text", "text": {"body": sms.text, "preview_url": linked}}


def _template_body(sms: Sms) -> dict[str, object]:
    way = sms.options.get("variables", "text")
    lines = {"text": [sms.text], "lines": sms.text.splitlines()}.get(way, [])
    # Meta takes no line breaks, tabs or rows of blanks in a variable, and no empty one.
    values = [value for value in (" ".join(line.split()) for line in lines) if value]
    template: dict[str, object] = {
        "name": sms.options["template"],
        "language": {"policy": "deterministic", "code": sms.options.get("language") or "en_US"},
    }
    if values:
        template["components"] = [{"type": "body", "parameters": [{"type": "text", "text": one} for one in values]}]
    return {"type": "template", "template": template}


def _read_status(row: Mapping[str, object]) -> Report:
    return WhatsApp.report(
        text_at(row, "status").lower(),
        ref=text_at(row, "id"),
        reference=text_at(row, "biz_opaque_callback_data"),
        recipient=text_at(row, "recipient_id"),
        code=text_at(row, "errors.0.code"),
    )


def _message_text(row: Mapping[str, object]) -> str:
    """Return what a person wrote, tapped or wrote under a picture; "" for what has no words."""
    kind = text_at(row, "type")
    paths = (
        f"{kind}.body",
        f"{kind}.text",
        f"{kind}.caption",
        f"{kind}.button_reply.title",
        f"{kind}.list_reply.title",
    )
    return next((text for text in (text_at(row, path) for path in paths) if text), "")
