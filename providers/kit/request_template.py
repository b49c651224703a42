"""A request for a message, described by templates: their fields, the request they make, and its outline for the record.

Each placeholder is escaped for its place. What people write out in a template may be a key, so nothing of it is kept.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit
from xml.sax.saxutils import escape as escape_xml

from providers.kit.contract import Sms
from providers.kit.errors import Rejected
from providers.kit.fields import BadField, Text, Url
from providers.kit.i18n import _
from providers.kit.outline import HIDDEN, PLACEHOLDER, is_usual, outline_path, outline_template

NAMES = ("to", "to_digits", "text", "sender", "reference", "report_url", "username", "password")
DOTS = "••••••"
SHORTEST_SECRET = 3
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_LOOKS_LIKE_ONE = re.compile(r"\{([A-Za-z_][^{}\s\"',:]*)\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SET_BY_CONNECTION = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
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
            raise BadField(_("Unknown placeholder {name}. Available: {known}."), name=found[0], known=known)


class UrlTemplate(Url):
    """An address with placeholders."""

    def check(self, value: str) -> str:
        _check_names(value)
        return Url.check(self, value)


class BodyTemplate(Text):
    """A body with placeholders."""

    def check(self, value: str) -> str:
        _check_names(value)
        return Text.check(self, value)


class HeadersTemplate(Text):
    """Headers with placeholders, one per line."""

    def check(self, value: str) -> str:
        value = Text.check(self, value)
        _check_names(value)
        for line in filter(None, map(str.strip, value.split("\n"))):
            name, colon, _content = line.partition(":")
            if not colon or not _HEADER_NAME.fullmatch(name.strip()):
                raise BadField(_("Enter one header per line, for example Name: value."))
            if name.strip().lower() in _SET_BY_CONNECTION:
                raise BadField(_("The header {name} is set automatically."), name=name.strip())
        return value


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose placeholders are filled; `body` is None where the method has none."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


def build_request(account: Mapping[str, str], sms: Sms, *, hidden: bool) -> Request:
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
        return _PLACEHOLDER.sub(
            lambda found: dots.get(found[1]) or escape(_replace_surrogates(values[found[1]])), template
        )

    headers = _build_headers(account, fill, dots)
    body = None
    if account["method"] != "GET":
        body = _build_body(account["content"], account["body"], fill)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = _TYPES[account["content"]]
    url = fill(account["url"], lambda value: quote(value, safe=""))
    return Request(account["method"], url, MappingProxyType(headers), body)


Fill = Callable[[str, Callable[[str], str]], str]


def _replace_surrogates(value: str) -> str:
    """Return a value without halves of surrogate pairs, which have neither UTF-8 nor an escape."""
    return value.encode("utf-8", "replace").decode()


def _build_headers(account: Mapping[str, str], fill: Fill, dots: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    for line in filter(None, map(str.strip, account["headers"].split("\n"))):
        name, _colon, template = line.partition(":")
        headers[name.strip()] = fill(template.strip(), _check_header_value)
    password = account["password"]
    if account["login"] == "basic":
        pair = base64.b64encode(f"{account['username']}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {dots.get('password') or pair}"
    elif account["login"] == "bearer":
        headers["Authorization"] = f"Bearer {dots.get('password') or _check_header_value(password)}"
    return headers


def _check_header_value(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise Rejected(_("Headers can’t contain line breaks."), reason="invalid_request")
    return value


def _build_body(content: str, template: str, fill: Fill) -> str:
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
                raise BadField(_("The body is not valid JSON. Check quotes and commas.")) from None
            return body
        case "xml":
            return fill(template, lambda value: escape_xml(_NOT_XML.sub("", value), {'"': "&quot;", "'": "&apos;"}))
        case _:
            return fill(template, str)


def written_parts(account: Mapping[str, str]) -> tuple[str, ...]:
    """Return the templates that go on the wire as they are written, without the host."""
    parts = urlsplit(account.get("url", ""))
    return (parts.path, parts.query, parts.fragment, account.get("headers", ""), account.get("body", ""))


def outline_request(account: Mapping[str, str]) -> str:
    """Return the request as the record may have it: the shape of the templates, and nothing that was written out."""
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


def written_values(account: Mapping[str, str]) -> list[str]:
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
