"""Your own gateway: any service that takes a message in one HTTP request, described by templates.

API:     the gateway's own; shapes in docs/services/http.md
Sandbox: any web server that shows what it was asked
Checked: 2026-11-23 against the shapes of that page
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit
from xml.sax.saxutils import escape as escape_xml

from providers.kit.contract import Accepted, Call, Proof, Provider, Report, Reports, Scope, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected
from providers.kit.fields import BadField, Choice, Secret, Step, Text, Url
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.outline import HIDDEN, PLACEHOLDER, find_key, is_usual, outline_path, outline_template, written_words
from providers.kit.reply import value_at

NAMES = ("to", "to_digits", "text", "sender", "reference", "report_url", "username", "password")
DOTS = "••••••"
SHORTEST_SECRET = 3
MOST_VALUES = 40  # are searched for in every writing; the words of all are struck besides
_MOVE_IT = _(
    "“{key}” looks like a password or key. Put it into the field “Password or API key” and write {{password}} here: "
    "only that field is kept encrypted and never shown."
)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_LOOKS_LIKE_ONE = re.compile(r"\{([A-Za-z_][^{}\s\"',:]*)\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
_TYPES = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
_HARMLESS_TYPES = {*_TYPES.values(), "application/xml", "text/xml", "text/plain", "text/csv", "application/soap+xml"}


def _check_names(template: str) -> None:
    for found in _LOOKS_LIKE_ONE.finditer(template):
        if found[1] not in NAMES:
            known = ", ".join(f"{{{name}}}" for name in NAMES)
            raise BadField(_("There is no {name} here. You can write {known}."), name=found[0], known=known)


class _UrlTemplate(Url):
    def check(self, value: str) -> str:
        _check_names(value)
        return Url.check(self, value)


class _BodyTemplate(Text):
    def check(self, value: str) -> str:
        _check_names(value)
        return Text.check(self, value)


class _HeadersTemplate(Text):
    def check(self, value: str) -> str:
        value = Text.check(self, value)
        _check_names(value)
        for line in filter(None, map(str.strip, value.split("\n"))):
            name, colon, _content = line.partition(":")
            if not colon or not _HEADER_NAME.fullmatch(name.strip()):
                raise BadField(_("Write one header per line, as in Name: value."))
            if name.strip().lower() in _OURS:
                raise BadField(_("The header {name} is set by the connection itself."), name=name.strip())
        return value


class _WordTable(Text):
    def check(self, value: str) -> str:
        value = Text.check(self, value)
        for line in filter(None, map(str.strip, value.split("\n"))):
            word, equals, status = line.rpartition("=")
            if not equals or not word.strip() or status.strip().lower() not in set(Status):
                known = ", ".join(Status)
                raise BadField(_("Write one word per line, as in DELIVRD=delivered. Ours are {known}."), known=known)
        return value


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


class OwnGateway(Provider):
    """What goes on the wire is what the administrator wrote, with each placeholder escaped for its place."""

    code = "http"
    title = _("Your own gateway")
    docs = "https://en.wikipedia.org/wiki/SMS_gateway"
    fields = (
        Choice("method", _("Method"), choices=(("POST", "POST"), ("GET", "GET"), ("PUT", "PUT")), default="POST"),
        _UrlTemplate(
            "url",
            _("Address"),
            help=_("May hold {to}, {text} and the other placeholders, as in https://…/send?phone={to_digits}."),
            placeholder="https://gateway.example.com/send",
            plain=True,
        ),
        Choice(
            "login",
            _("Logging in"),
            choices=(
                ("template", _("I write {username} and {password} where they belong")),
                ("basic", _("HTTP Basic: user name and password")),
                ("bearer", _("Authorization: Bearer and the password")),
            ),
            default="template",
        ),
        Text("username", _("User name"), required=False),
        Secret(
            "password",
            _("Password or API key"),
            help=_("Write {password} in the address, headers or body: what stands here is kept encrypted."),
            required=False,
        ),
        _HeadersTemplate(
            "headers",
            _("Headers"),
            help=_("One per line."),
            placeholder="X-Api-Key: {password}",
            required=False,
            multiline=True,
            directs=True,
        ),
        Choice(
            "content",
            _("Body"),
            choices=(("form", _("Form")), ("json", "JSON"), ("xml", "XML"), ("text", _("Text of my own"))),
            default="form",
        ),
        _BodyTemplate(
            "body",
            _("Body template"),
            help=_(
                "{to} is the number with +, {to_digits} without, {text} the message, {sender} the sender, {reference} "
                "our id, {report_url} where to send delivery reports. Form: name=value, one per line."
            ),
            required=False,
            multiline=True,
            default="to={to}\ntext={text}\nfrom={sender}",
            directs=True,
        ),
        Text(
            "success_text",
            _("Text of success"),
            help=_("If the gateway answers 200 even when it refuses: a text that stands in good answers only."),
            required=False,
        ),
        Choice(
            "id_from",
            _("Message id in the answer"),
            choices=(
                ("none", _("There is none")),
                ("json", _("At a JSON path, as in messages.0.id")),
                ("text", _("In the text, where the star stands, as in OK: *")),
            ),
            default="none",
        ),
        Text("id_path", _("Path or text of the id"), required=False),
        Text(
            "report_status",
            _("Status field of a report"),
            help=_("The name of the field, or its JSON path. Empty: the gateway sends no reports."),
            required=False,
        ),
        Text("report_id", _("Id field of a report"), required=False, advanced=True),
        Choice(
            "recognises",
            _("A repeated {reference}"),
            choices=(
                ("0", _("is a new message to the gateway")),
                ("1", _("is recognised for an hour and not sent twice")),
                ("24", _("is recognised for a day and not sent twice")),
            ),
            help=_("Only if the gateway's description promises it: after a broken connection we then try again."),
            default="0",
            advanced=True,
        ),
        _WordTable(
            "report_words",
            _("Words of the reports"),
            help=_("One per line, as in DELIVRD=delivered. Ours are queued, sent, delivered, undelivered, failed."),
            required=False,
            multiline=True,
            default="DELIVRD=delivered\nDELIVERED=delivered\nUNDELIV=undelivered\nEXPIRED=undelivered\nREJECTD=failed",
        ),
    )
    setup = (
        Step(
            _("Describe the request"),
            _("Fill in address, headers and body as the gateway's description says. The preview shows the result."),
        ),
        Step(
            _("Delivery reports"),
            _("Put {report_url} into the request where the gateway wants the address for reports."),
        ),
    )
    reports = Reports.PUSHED
    report_scope = Scope.MESSAGE
    proof = Proof.ADDRESS
    tested = "contract"

    @classmethod
    def secrets(cls, account: Mapping[str, str]) -> tuple[str, ...]:
        """The whole account is secret: besides the password the user name and what is written out in the templates."""
        named = (account.get("username", ""), *_written_out(account)[:MOST_VALUES])
        return (*super().secrets(account), *filter(None, named))

    @classmethod
    def private_words(cls, account: Mapping[str, str]) -> frozenset[str]:
        """Every word that is written out, but for those of the trade."""
        return frozenset(written_words(_templates(account)))

    @classmethod
    def mistakes(cls, account: Mapping[str, str]) -> Mapping[str, BadField]:
        """Where a key seems to be written out instead of {password}, which alone is kept encrypted."""
        templates = {name: account.get(name, "") for name in ("url", "headers", "body")}
        filled_in = account.get("login", "template") != "template" or "{password}" in "".join(templates.values())
        found = {name: find_key(template, alone=not filled_in) for name, template in templates.items()}
        return {name: BadField(_MOVE_IT, key=f"{key[:3]}…") for name, key in found.items() if key}

    @classmethod
    def preview(cls, account: Mapping[str, str], sms: Sms) -> str:
        """Return the exact request that would be sent, the password as dots; raise `BadField` or `Rejected`."""
        values = {field.name: field.default for field in cls.fields} | dict(account)
        request = _build(values, sms, hidden=True)
        lines = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers.items())]
        return "\n".join(lines if request.body is None else [*lines, "", request.body])

    @classmethod
    def recognises_for(cls, account: Mapping[str, str]) -> timedelta:
        """What the administrator read in the gateway's description."""
        return timedelta(hours=int(account.get("recognises") or 0))

    def send(self, sms: Sms) -> Accepted:
        try:
            request = _build(self.account, sms, hidden=False)
        except BadField as bad:
            trouble = bad.words
        else:
            return self._receipt(
                self.http.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    body=request.body,
                    record_as=_outline(self.account),
                )
            )
        raise AccountBlocked(trouble, hint=_("Mend the templates of this gateway; the preview shows the request."))

    def verify(self, call: Call) -> None:  # noqa: ARG002 (see below)
        # The path of a report address carries a MAC of ours, which the door has checked: there is nothing else to ask
        # of a gateway we know nothing about. Where no report was agreed on, any call is a stranger's.
        if not self.account["report_status"]:
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        word = _report_value(call, self.account["report_status"])
        if not word:
            return []
        known = dict(_table(self.account["report_words"]))
        ref = _report_value(call, self.account["report_id"])
        return [Report(ref=ref, status=known.get(word.lower()), word=word)]

    def _receipt(self, reply: Reply) -> Accepted:
        wanted = self.account["success_text"]
        if not reply.ok or wanted not in reply.text:
            raise reply.refusal("", reply.text)
        path = self.account["id_path"]
        match self.account["id_from"]:
            case "json":
                return Accepted(ref=reply.need(path))
            case "text":
                found = _at_star(reply.text, path)
                if not found:
                    raise reply.unclear(_("The answer lacks what it should hold."))
                return Accepted(ref=found)
            case _:
                return Accepted()


def _build(account: Mapping[str, str], sms: Sms, *, hidden: bool) -> _Request:
    """Fill the templates; raise `BadField` where they do not fit together, `Rejected` where the message does not."""
    values = {
        "to": sms.to,
        "to_digits": sms.to.removeprefix("+"),
        "text": sms.text,
        "sender": sms.sender,
        "reference": sms.reference,
        "report_url": sms.report_url,
        "username": account["username"],
        "password": account["password"],
    }
    dots = {"password": DOTS} if hidden and account["password"] else {}

    def fill(template: str, escape: Callable[[str], str]) -> str:
        return _PLACEHOLDER.sub(lambda found: dots.get(found[1]) or escape(_sound(values[found[1]])), template)

    headers = _headers(account, fill, dots)
    body = None
    if account["method"] != "GET":
        body = _body(account["content"], account["body"], fill)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = _TYPES[account["content"]]
    url = fill(account["url"], lambda value: quote(value, safe=""))
    return _Request(account["method"], url, MappingProxyType(headers), body)


Fill = Callable[[str, Callable[[str], str]], str]


def _sound(value: str) -> str:
    """Half a surrogate pair has no UTF-8, and no escape either."""
    return value.encode("utf-8", "replace").decode()


def _headers(account: Mapping[str, str], fill: Fill, dots: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    for line in filter(None, map(str.strip, account["headers"].split("\n"))):
        name, _colon, template = line.partition(":")
        headers[name.strip()] = fill(template.strip(), _for_header)
    password = account["password"]
    if account["login"] == "basic":
        pair = base64.b64encode(f"{account['username']}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {dots.get('password') or pair}"
    elif account["login"] == "bearer":
        headers["Authorization"] = f"Bearer {dots.get('password') or _for_header(password)}"
    return headers


def _for_header(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise Rejected(_("A line break cannot stand in a header."), reason="invalid_request")
    return value


def _body(content: str, template: str, fill: Fill) -> str:
    match content:
        case "form":
            joined = "&".join(line.strip().strip("&") for line in template.split("\n") if line.strip())
            return "&".join(
                f"{quote_plus(name)}={fill(quote_plus(value, safe='{}'), quote_plus)}"
                for name, value in parse_qsl(joined, keep_blank_values=True)
            )
        case "json":
            body = fill(template, lambda value: json.dumps(value, ensure_ascii=False)[1:-1])
            try:
                json.loads(body)
            except ValueError:
                raise BadField(_("The body is not JSON: look at quotes and commas.")) from None
            return body
        case "xml":
            return fill(template, lambda value: escape_xml(_NOT_XML.sub("", value), {'"': "&quot;", "'": "&apos;"}))
        case _:
            return fill(template, str)


def _templates(account: Mapping[str, str]) -> tuple[str, ...]:
    """What goes on the wire as it is written, but for the host."""
    parts = urlsplit(account.get("url", ""))
    return (parts.path, parts.query, parts.fragment, account.get("headers", ""), account.get("body", ""))


def _outline(account: Mapping[str, str]) -> str:
    """The request as the record may have it: the shape of the templates, and nothing that was written out."""
    parts = urlsplit(account["url"])
    query = f"?{outline_template(parts.query)}" if parts.query else ""
    lines = [f"{account['method']} {outline_path(parts.path)}{query}"]
    for line in filter(None, map(str.strip, account["headers"].split("\n"))):
        name, _colon, value = line.partition(":")
        shown = value.strip() if value.strip().lower() in _HARMLESS_TYPES else outline_template(value.strip())
        lines.append(f"{name.strip() if is_usual(name.strip()) else HIDDEN}: {shown}")
    if account["login"] != "template":
        lines.append(f"Authorization: {account['login'].capitalize()} {HIDDEN}")
    if account["method"] == "GET":
        return "\n".join(lines)
    if "content-type:" not in account["headers"].lower():
        lines.append(f"Content-Type: {_TYPES[account['content']]}")
    return "\n".join([*lines, "", outline_template(account["body"])])


def _written_out(account: Mapping[str, str]) -> list[str]:
    """Return the constant values of the templates, which may be keys."""
    found = [value for _name, value in parse_qsl(urlsplit(account.get("url", "")).query)]
    for line in account.get("headers", "").split("\n"):
        _name, _colon, value = line.partition(":")
        if value.strip().lower() not in _HARMLESS_TYPES:
            found += [value.strip(), *value.split()]
    body = account.get("body", "")
    found += [value for line in body.split("\n") for _name, value in parse_qsl(line.strip())]
    found += re.findall(r'"([^"\\]+)"\s*[,}\]]', body) + re.findall(r">([^<>]+)</", body)
    return [value for value in found if len(value) >= SHORTEST_SECRET and not PLACEHOLDER.search(value)]


def _at_star(text: str, pattern: str) -> str:
    """Return what stands in a text where the star stands in the pattern.

    Not a regular expression: one written by a tenant could keep a worker busy for ever.
    """
    before, _star, after = pattern.partition("*")
    _head, found, rest = text.partition(before) if before else ("", "*", text)
    if not found:
        return ""
    if after.strip():
        rest, closed, _tail = rest.partition(after)
        return rest.strip() if closed else ""
    words = rest.split()
    return words[0] if words else ""


def _table(lines: str) -> list[tuple[str, Status]]:
    rows = (line.rpartition("=") for line in lines.split("\n") if line.strip())
    return [(word.strip().lower(), Status(status.strip().lower())) for word, _equals, status in rows]


def _report_value(call: Call, name: str) -> str:
    if not name:
        return ""
    plain = call.value(name)
    if plain or not call.body or call.form:
        return plain
    try:
        found = value_at(call.json(), name)
    except Unreadable:
        return ""
    return str(found) if isinstance(found, str | int | float) else ""
