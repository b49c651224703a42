"""Your own gateway: any service that takes a message in one HTTP request, described by templates.

API:     the gateway's own; shapes in docs/services/http.md
Sandbox: any web server that shows what it was asked
Checked: 2026-11-23 against the shapes of that page
"""

from collections.abc import Mapping
from datetime import timedelta

from providers.kit import advice
from providers.kit.answer_template import StatusTable, read_field, read_status_table, text_at_star
from providers.kit.contract import Accepted, Call, Proof, Provider, Report, Reports, Scope, Sms
from providers.kit.errors import AccountBlocked, Forged
from providers.kit.fields import BadField, Choice, Secret, Step, Text
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Group, Listing, Mark, SenderIds
from providers.kit.outline import find_key, written_words
from providers.kit.request_template import (
    BodyTemplate,
    HeadersTemplate,
    UrlTemplate,
    build_request,
    outline_request,
    written_parts,
    written_values,
)

MOST_VALUES = 40  # are searched for in every writing; the words of all are struck besides
_MOVE_IT = _(
    "“{key}” looks like a password or key. Put it into the field “Password or API key” and write {{password}} here: "
    "only that field is kept encrypted and never shown."
)
_REQUEST, _SIGN_IN, _RESPONSE, _REPORTS = _("Request"), _("Sign-in"), _("Response"), _("Delivery reports")


class OwnGateway(Provider):
    """What goes on the wire is what the administrator wrote, with each placeholder escaped for its place."""

    code = "http"
    title = _("Custom HTTP gateway")
    docs = "https://en.wikipedia.org/wiki/SMS_gateway"
    listing = Listing(
        about=_("Any service with an HTTP API: you describe its request and response."),
        other_names=("HTTP", "API", "webhook"),
        sender_ids=SenderIds.GATEWAY,
        group=Group.EQUIPMENT,
        mark=Mark(Colour.BLUE, "M8 5l-7 7 7 7 2-2-5-5 5-5zM16 5l7 7-7 7-2-2 5-5-5-5z"),
    )
    fields = (
        Choice(
            "method",
            _("Method"),
            choices=(("POST", "POST"), ("GET", "GET"), ("PUT", "PUT")),
            default="POST",
            group=_REQUEST,
        ),
        UrlTemplate(
            "url",
            _("URL"),
            help=_("You can use {to}, {text} and other placeholders, for example https://…/send?phone={to_digits}"),
            placeholder="https://gateway.example.com/send",
            plain=True,
            group=_REQUEST,
        ),
        HeadersTemplate(
            "headers",
            _("Headers"),
            help=_("One per line."),
            placeholder="X-Api-Key: {password}",
            required=False,
            multiline=True,
            directs=True,
            group=_REQUEST,
        ),
        Choice(
            "content",
            _("Body"),
            choices=(("form", _("Form data")), ("json", "JSON"), ("xml", "XML"), ("text", _("Plain text"))),
            default="form",
            group=_REQUEST,
        ),
        BodyTemplate(
            "body",
            _("Body template"),
            help=_(
                "Placeholders: {to} – number with +, {to_digits} – digits only, {text} – message, {sender} – "
                "sender ID, {reference} – Sendline message ID, {report_url} – delivery report URL. Form data: "
                "name=value, one per line."
            ),
            required=False,
            multiline=True,
            default="to={to}\ntext={text}\nfrom={sender}",
            directs=True,
            group=_REQUEST,
        ),
        Choice(
            "login",
            _("Authentication"),
            choices=(
                ("template", _("Custom: I use {username} and {password} in the template")),
                ("basic", _("HTTP Basic: username and password")),
                ("bearer", _("Bearer token: the password")),
            ),
            default="template",
            group=_SIGN_IN,
        ),
        Text("username", _("Username"), required=False, group=_SIGN_IN),
        Secret(
            "password",
            _("Password or API key"),
            help=_("Use {password} in the URL, headers or body. The value is stored encrypted."),
            required=False,
            group=_SIGN_IN,
        ),
        Text(
            "success_text",
            _("Success text"),
            help=_("If your gateway returns 200 even on errors: text that appears only in successful responses."),
            required=False,
            group=_RESPONSE,
        ),
        Choice(
            "id_from",
            _("Message ID in the response"),
            choices=(
                ("none", _("None")),
                ("json", _("JSON path, for example messages.0.id")),
                ("text", _("Text pattern with * for the ID, for example OK: *")),
            ),
            default="none",
            group=_RESPONSE,
        ),
        Text("id_path", _("JSON path or text pattern"), required=False, group=_RESPONSE),
        Choice(
            "recognises",
            _("If {reference} is repeated"),
            choices=(
                ("0", _("it is sent again as a new message")),
                ("1", _("the gateway ignores repeats for an hour")),
                ("24", _("the gateway ignores repeats for a day")),
            ),
            help=_("Only if your gateway guarantees it. Lets Sendline retry safely after a lost connection."),
            default="0",
            advanced=True,
            group=_RESPONSE,
        ),
        Text(
            "report_status",
            _("Status field in reports"),
            help=_("Field name or JSON path. Leave empty if your gateway sends no reports."),
            required=False,
            group=_REPORTS,
        ),
        Text("report_id", _("Message ID field in reports"), required=False, group=_REPORTS),
        StatusTable(
            "report_words",
            _("Status mapping"),
            help=_(
                "One per line, for example DELIVRD=delivered. Allowed: queued, sent, delivered, undelivered, failed."
            ),
            required=False,
            multiline=True,
            default="DELIVRD=delivered\nDELIVERED=delivered\nUNDELIV=undelivered\nEXPIRED=undelivered\nREJECTD=failed",
            group=_REPORTS,
        ),
    )
    setup = (
        Step(
            _("Describe the request"),
            _(
                "Fill in the URL, headers and body from your gateway’s documentation. The preview shows the "
                "resulting request."
            ),
        ),
        Step(
            advice.REPORTS,
            _("Use {report_url} in the request where your gateway expects the delivery report URL."),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    proof = Proof.ADDRESS
    tested = "contract"

    @classmethod
    def secrets(cls, account: Mapping[str, str]) -> tuple[str, ...]:
        """Return the password, the user name and what is written out in the templates: the whole account is secret."""
        named = (account.get("username", ""), *written_values(account)[:MOST_VALUES])
        return (*super().secrets(account), *filter(None, named))

    @classmethod
    def private_words(cls, account: Mapping[str, str]) -> frozenset[str]:
        """Return every word that is written out in the templates, except the usual ones of such requests."""
        return frozenset(written_words(written_parts(account)))

    @classmethod
    def mistakes(cls, account: Mapping[str, str]) -> Mapping[str, BadField]:
        """Return where a key seems to be written out instead of {password}, which alone is kept encrypted."""
        templates = {name: account.get(name, "") for name in ("url", "headers", "body")}
        filled_in = account.get("login", "template") != "template" or "{password}" in "".join(templates.values())
        found = {name: find_key(template, alone=not filled_in) for name, template in templates.items()}
        return {name: BadField(_MOVE_IT, key=f"{key[:3]}…") for name, key in found.items() if key}

    @classmethod
    def preview(cls, account: Mapping[str, str], sms: Sms) -> str:
        """Return the exact request that would be sent, the password as dots; raise `BadField` or `Rejected`."""
        values = {field.name: field.default for field in cls.fields} | dict(account)
        request = build_request(values, sms, hidden=True)
        lines = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers.items())]
        return "\n".join(lines if request.body is None else [*lines, "", request.body])

    @classmethod
    def recognises_for(cls, account: Mapping[str, str]) -> timedelta:
        """Return what the administrator read in the gateway's description."""
        return timedelta(hours=int(account.get("recognises") or 0))

    def send(self, sms: Sms) -> Accepted:
        try:
            request = build_request(self.account, sms, hidden=False)
        except BadField as bad:
            trouble = bad.words
        else:
            return self._read_answer(
                self.http.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    body=request.body,
                    record_as=outline_request(self.account),
                )
            )
        raise AccountBlocked(trouble, hint=_("Fix the request template. The preview shows the resulting request."))

    def verify(self, call: Call) -> None:  # noqa: ARG002 (see below)
        # The path of a report address carries a MAC of ours, which was checked before: nothing else can be asked of a
        # gateway we know nothing about. Where no reports were agreed on, any call is forged.
        if not self.account["report_status"]:
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        word = read_field(call, self.account["report_status"])
        if not word:
            return []
        known = dict(read_status_table(self.account["report_words"]))
        ref = read_field(call, self.account["report_id"])
        return [Report(ref=ref, status=known.get(word.lower()), word=word)]

    def _read_answer(self, reply: Reply) -> Accepted:
        expected = self.account["success_text"]
        if not reply.ok or expected not in reply.text:
            raise reply.refusal("", reply.text)
        path = self.account["id_path"]
        match self.account["id_from"]:
            case "json":
                return Accepted(ref=reply.need(path))
            case "text":
                found = text_at_star(reply.text, path)
                if not found:
                    raise reply.unclear(_("The response is missing required data."))
                return Accepted(ref=found)
            case _:
                return Accepted()
