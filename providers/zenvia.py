"""Zenvia (Brazil and Latin America).

API:     https://zenvia.github.io/zenvia-openapi-spec/v2/
Sandbox: https://app.zenvia.com/home/sandbox, to numbers that wrote to it in the last 24 hours
Checked: 2026-11-25 against the sources in docs/services/zenvia.md and the specification in zenvia/zenvia-openapi-spec
"""

import hmac
import re
from collections.abc import Mapping

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Call,
    Inbound,
    Proof,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Secret, Step
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import text_at, value_at
from providers.kit.segments import UCS_2, measure

STATUSES = {
    "accepted": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "clicked": Status.DELIVERED,
    "verified": Status.DELIVERED,
    "not_delivered": Status.UNDELIVERED,
    "rejected": Status.FAILED,
    "deleted": Status.FAILED,
}

_CODES: Mapping[str, tuple[Reason, str]] = {
    "AUTHENTICATION_ERROR": ("auth", advice.CREDENTIALS),
    "VALIDATION_ERROR": ("invalid_request", advice.SETTING),
    "VALIDATION_ERROR to": ("invalid_number", advice.NUMBER),
    "VALIDATION_ERROR from": ("invalid_request", advice.SENDER),
    "VALIDATION_ERROR contents": ("invalid_request", advice.TEXT),
    "NOT_FOUND": ("invalid_request", advice.SENDER),
    "DUPLICATED": ("duplicate", advice.REPEATED),
    "INTERNAL_ERROR": ("uncertain", advice.LOOK_THERE),
}

_TOKEN = _("In the Zenvia console under API, create a token and copy it.")
_HEADER = "X-Webhook-Secret"


class Zenvia(Provider):
    """Nothing is signed, but a webhook takes headers of our choice: one of them can be a secret."""

    code = "zenvia"
    title = "Zenvia"
    docs = "https://zenvia.github.io/zenvia-openapi-spec/v2/"
    countries = ("BR", "AR", "BO", "CL", "CO", "EC", "MX", "PE", "PY", "UY")
    listing = Listing(
        about=_("One platform for Latin America; its SMS channel comes with a sender ID."),
        sender_ids=SenderIds.ASSIGNED,
        mark=Mark(Colour.BLUE, "M3 3h7v6h5v6h6v6h-7v-6H9V9H3z"),
    )
    fields = (
        Secret("api_token", "API Token", help=_TOKEN),
        Secret(
            "webhook_secret",
            _("Webhook secret"),
            help=_(
                "Value of the X-Webhook-Secret header, if you set one on the webhook. Requests without it are rejected."
            ),
            required=False,
            advanced=True,
        ),
    )
    setup = (
        Step(advice.COPY, _TOKEN, "https://app.zenvia.com/home/api"),
        Step(
            advice.REPORTS,
            _("In Zenvia, subscribe to the MESSAGE_STATUS event of the SMS channel with this URL: {report_url}"),
            "https://zenvia.github.io/zenvia-openapi-spec/v2/#tag/Subscriptions",
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.KEYED
    identified_by = ("api_token",)
    statuses = STATUSES
    hints = {
        code: Hint(reason, text, "https://zenvia.github.io/zenvia-openapi-spec/v2/#section/Error-Handling")
        for code, (reason, text) in _CODES.items()
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        # Left to itself Zenvia may write accented letters without their accents.
        encoding = "MORE_CHARACTER_SUPPORT" if measure(sms.text).encoding == UCS_2 else "AUTO"
        payload = {
            "from": sms.sender.removeprefix("+"),
            "to": sms.to.removeprefix("+"),
            "externalId": sms.reference,
            "contents": [{"type": "text", "text": sms.text, "encodingStrategy": encoding}],
        }
        reply = self.http.post(self._api_url("channels/sms/messages"), json=payload, headers=self._auth_headers())
        return Accepted(ref=self._check_reply(reply).need("id"))

    def verify(self, call: Call) -> None:
        secret = self.account["webhook_secret"].encode()
        given = call.header(_HEADER).encode("utf-8", "replace")
        if secret and not hmac.compare_digest(secret, given):
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        body = call.json()
        ref = text_at(body, "message.id") or text_at(body, "messageId")
        word = text_at(body, "messageStatus.code").lower()
        if text_at(body, "type").upper() != "MESSAGE_STATUS" or not ref or not word:
            return []
        code = text_at(body, "messageStatus.causes.0.channelErrorCode")
        # Not `report`: the operator's codes are not those of `hints`.
        return [
            Report(
                ref=ref,
                reference=text_at(body, "message.externalId"),
                recipient=text_at(body, "message.to"),
                status=self.statuses.get(word),
                word=word,
                code=code if re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", code) else "",
            )
        ]

    def read_inbound(self, call: Call) -> list[Inbound]:
        body = call.json()
        sender, ref = text_at(body, "message.from"), text_at(body, "message.id")
        coming = text_at(body, "type").upper() == "MESSAGE" and text_at(body, "message.direction").upper() == "IN"
        contents = value_at(body, "message.contents")
        texts = [text_at(one, "text") for one in contents] if isinstance(contents, list) else []
        if not coming or not sender or not ref:
            return []
        text = "\n".join(one for one in texts if one)
        return [Inbound(sender=sender, recipient=text_at(body, "message.to"), text=text, ref=ref)]

    def check(self) -> Account:
        self._check_reply(self.http.get(self._api_url("subscriptions"), headers=self._auth_headers())).json()
        return Account()  # neither a name nor a balance is given

    def _api_url(self, path: str) -> str:
        return f"https://api.zenvia.com/v2/{path}"

    def _auth_headers(self) -> dict[str, str]:
        return {"X-API-TOKEN": self.account["api_token"]}

    def _check_reply(self, reply: Reply) -> Reply:
        code = reply.find("code")
        if reply.ok and (not code or reply.find("id")):
            return reply
        words = reply.find("message") or reply.find("description")
        details = reply.find("details.0.message")
        place = re.split(r"[.\[/]", reply.find("details.0.path").lstrip("./"))[0]
        known = f"{code} {place}" if f"{code} {place}" in _CODES else code
        error = reply.refusal(known, ": ".join(part for part in (words, details) if part), self.hints)
        error.code = code
        raise error
