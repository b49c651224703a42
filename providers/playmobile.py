"""Play Mobile (smsxabar.uz), Uzbekistan.

API:     https://wiki.playmobile.uz, integration with the service, by HTTP
Sandbox: none; the test originator 3700 sends real messages
Checked: 2026-11-25 against the vendor's wiki (its beginning) and the sources in docs/services/playmobile.md
"""

from collections.abc import Mapping

from providers.kit import advice
from providers.kit.contract import Accepted, Call, Proof, Provider, Report, Reports, Scope, Sms, Status
from providers.kit.errors import Hint, Reason
from providers.kit.fields import Secret, Step, Text, Url
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark, SenderIds
from providers.kit.reply import rows_at, text_at

STATUSES = {
    "created": Status.QUEUED,
    "accepted": Status.QUEUED,
    "transmitted": Status.SENT,
    "delivered": Status.DELIVERED,
    "notdelivered": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
    "rejected": Status.FAILED,
    "failed": Status.FAILED,
}

_DOCS = (
    "https://wiki.playmobile.uz/doku.php/en/integration_with_the_service/"
    "%D0%B8%D0%BD%D1%82%D0%B5%D0%B3%D1%80%D0%B0%D1%86%D0%B8%D1%8F_%D0%BF%D0%BE_http"
)
_CODES: Mapping[str, tuple[Reason, str]] = {
    "100": ("uncertain", advice.LOOK_THERE),
    "101": ("invalid_request", advice.OURS),
    "102": ("auth", advice.SUSPENDED),
    "103": ("invalid_request", advice.OURS),  # no channel
    "104": ("invalid_request", advice.OURS),  # priority
    "105": ("invalid_request", advice.OURS),  # too many ids
    "202": ("invalid_number", advice.NUMBER),
    "204": ("invalid_request", advice.OURS),  # no e-mail address
    "205": ("invalid_request", advice.OURS),  # no message-id
    "206": ("invalid_request", advice.OURS),  # variables
    "301": ("invalid_request", advice.OURS),  # 301 to 306: timing, which we do not send
    "302": ("invalid_request", advice.OURS),
    "303": ("invalid_request", advice.OURS),
    "304": ("invalid_request", advice.OURS),
    "305": ("invalid_request", advice.OURS),
    "306": ("invalid_request", advice.OURS),
    "401": ("invalid_request", advice.SENDER),
    "402": ("invalid_request", advice.OURS),  # no application
    "403": ("invalid_request", advice.OURS),  # no ttl
    "404": ("invalid_request", advice.EMPTY),
    "405": ("invalid_request", advice.TEXT),
    "406": ("invalid_request", advice.TEXT),
    "407": ("invalid_request", advice.OURS),  # ttl
    "408": ("invalid_request", advice.OURS),  # attached files
    "410": ("invalid_request", advice.OURS),  # retry attempts
    "411": ("invalid_request", advice.OURS),  # retry timeout
}

TAKEN = "request is received"


class PlayMobile(Provider):
    """Our reference is the message's only name: the answer is three words without an id, and reports repeat it.

    It is not known to recognise a repeat: many send every message under one and the same id.
    """

    code = "playmobile"
    title = "Play Mobile"
    docs = _DOCS
    countries = ("UZ",)
    listing = Listing(
        about=_("Access by contract; its support turns on delivery reports for you."),
        other_names=("SMSXabar", "Плэй Мобайл"),
        sender_ids=SenderIds.ACCOUNT,
        mark=Mark(Colour.AMBER, "M4 3h4v18H4zM11 3a9 9 0 0 1 0 18z"),
    )
    fields = (
        Text("username", _("Username"), help=_("Play Mobile sends it after you sign the contract.")),
        Secret("password", _("Password"), help=_("Sent together with the username.")),
        Url(
            "base_url",
            _("Service URL"),
            help=_("The URL you received from Play Mobile, without /broker-api."),
            default="https://send.smsxabar.uz",
            advanced=True,
        ),
    )
    setup = (
        Step(advice.COPY, _("Copy the username and password from the Play Mobile email.")),
        Step(
            advice.REPORTS,
            _("Ask Play Mobile support to send delivery statuses to this URL: {report_url}"),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.ACCOUNT
    proof = Proof.ADDRESS
    identified_by = ("username", "base_url")
    statuses = STATUSES
    hints = {code: Hint(reason, text, _DOCS) for code, (reason, text) in _CODES.items()}
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        message = {
            "recipient": sms.to.removeprefix("+"),
            "message-id": sms.reference,
            "sms": {"originator": sms.sender, "content": {"text": sms.text}},
        }
        reply = self.http.post(
            f"{self.account['base_url'].rstrip('/')}/broker-api/send",
            auth=(self.account["username"], self.account["password"]),
            json={"messages": [message]},
        )
        # The wiki spells them with an underscore, the service with a hyphen.
        code = reply.find("error-code") or reply.find("error_code")
        if code or not reply.ok:
            raise reply.refusal(code, reply.find("error-description") or reply.find("error_description"), self.hints)
        if reply.text.strip().lower() != TAKEN:
            raise reply.unclear(_("The response is missing required data."))
        return Accepted()

    def read_reports(self, call: Call) -> list[Report]:
        pairs = [
            (text_at(row, "message-id"), text_at(row, "status").lower()) for row in rows_at(call.json(), "messages")
        ]
        return [self.report(word, reference=reference, code="") for reference, word in pairs if reference and word]
