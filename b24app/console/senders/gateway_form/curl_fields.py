"""A curl command made into the fields of a custom HTTP gateway: examples become placeholders, keys the secret field."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from django.utils.translation import gettext as _

from b24app.console.senders.gateway_form.curl_command import CurlRequest, is_json, read_command
from b24app.console.senders.gateway_form.shell_words import BadCommand
from providers.kit.outline import find_key

_ROLES = {
    "to": "to phone phones msisdn recipient recipients number numbers mobile destination destinations dest dst "
    "receiver receivers phonenumber tonumber tel telephone mobileno",
    "text": "text message msg body content sms smstext messagetext messagebody messagecontent txt",
    "sender": "from sender senderid sendername source src originator fromnumber alphaname",
    "report_url": "callback callbackurl statuscallback dlrurl dlr notifyurl webhook webhookurl deliveryreporturl "
    "reporturl notificationurl statusurl pushurl",
    "reference": "reference clientref clientreference externalid customid clientmessageid foreignid customerref",
    "username": "username user login account userid apiuser userlogin",
}  # names as written without signs between the words, in lower case
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names.split()}
_PHONE = re.compile(r"\+?[\d ().-]{6,24}")
_EXAMPLE = re.compile(
    r"""\$\{?\w+\}?|\$env:\w+|<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}?\}|%\w+%|x{3,}|\*{3,}|\.{3}|…"""
    r"""|(your|my)[-_ ][\w -]*|(your)?(api|access|auth)?[-_ ]?(key|token|password|secret)""",
    re.IGNORECASE,
)  # what stands in examples where a value belongs
_SCHEMES = {"basic", "bearer", "token", "key", "apikey", "app", "accesskey", "api-key"}
_OF_CONNECTION = {
    "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "cookie",
    "accept-encoding", "accept-language", "origin", "referer", "priority", "dnt", "pragma", "cache-control",
    "upgrade-insecure-requests",
}  # fmt: skip
_CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")
_XML_LEAF = re.compile(r"(<(?P<name>[\w:.-]+)(?:\s[^<>]*)?>)(?P<value>[^<>]*)(</)")


@dataclass(slots=True)
class FilledFields:
    """Values by the name of a gateway's field, and sentences on what to look at."""

    values: dict[str, str]
    notes: list[str] = field(default_factory=list)


def fill_fields(command: str) -> FilledFields:
    """Return the fields that describe the request of a command; raise BadCommand."""
    try:
        filled = _Filler(read_command(command)).fill()
    except RecursionError:
        raise BadCommand(_("The body of this command is nested too deeply.")) from None
    # Halves of surrogate pairs, which JSON can spell and no page can hold.
    filled.values = {name: value.encode(errors="replace").decode() for name, value in filled.values.items()}
    return filled


class _Filler:
    def __init__(self, request: CurlRequest) -> None:
        self.request = request
        self.secrets: dict[str, str] = {}  # the field of each value that is filled in by its name
        self.found: set[str] = set()  # placeholders that were written
        self.has_unnamed_secret = False

    def fill(self) -> FilledFields:
        request = self.request
        login = self._read_sign_in()
        headers = [line for name, value in request.headers if (line := self._header(name, value))]
        content, body = self._body(request.body) if request.body is not None else ("form", "")
        values = {
            "method": request.method,
            "url": self._url(request.url),
            "login": login,
            "headers": "\n".join(
                one for one in headers if one.lower() != f"content-type: {_CONTENT_TYPES.get(content)}"
            ),
            "content": content,
            "body": body,
            "username": "",
            "password": "",
        }
        values |= {name: secret for secret, name in self.secrets.items()}
        return FilledFields(values, self._notes())

    def _read_sign_in(self) -> str:
        request = self.request
        if request.user or request.password:
            self._keep("username", request.user)
            self._keep("password", request.password)
            return "basic"
        scheme, _blank, token = request.header("authorization").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            self._keep("password", token.strip())
            request.headers = [one for one in request.headers if one[0].lower() != "authorization"]
            return "bearer"
        return "template"

    def _keep(self, name: str, secret: str) -> None:
        """Put a secret into a field; an example of one leaves it empty."""
        if _EXAMPLE.fullmatch(secret):
            self.has_unnamed_secret = True
        elif secret:
            self.secrets.setdefault(secret, name)

    def _header(self, name: str, value: str) -> str:
        lower = name.lower()
        if lower in _OF_CONNECTION or lower.startswith("sec-") or (lower == "user-agent" and "/" in value):
            return ""
        scheme, blank, rest = value.rpartition(" ")
        if blank and scheme.lower() in _SCHEMES and find_key(f"{name}: {value}", alone=False):
            return f"{name}: {scheme} {self._secret(rest)}"
        return f"{name}: {self._replace(name, value, quote=str)}"

    def _url(self, url: str) -> str:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = "&".join(f"{quote_plus(name)}={self._replace(name, value, quote_plus)}" for name, value in pairs)
        return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")

    def _body(self, body: str) -> tuple[str, str]:
        declared = self.request.header("content-type").lower()
        if "json" in declared or is_json(body):
            return "json", self._json(body) if is_json(body) else body
        if "xml" in declared or body.lstrip().startswith("<"):
            return "xml", _XML_LEAF.sub(
                lambda leaf: f"{leaf[1]}{self._replace(leaf['name'].rpartition(':')[2], leaf['value'], str)}{leaf[4]}",
                body,
            )
        pairs = parse_qsl(body, keep_blank_values=True) if "=" in body else []
        if "text/plain" in declared or not pairs:
            return "text", body
        lines = (f"{_quote_pair(name)}={self._replace(name, value, _quote_pair)}" for name, value in pairs)
        return "form", "\n".join(lines)

    def _json(self, body: str) -> str:
        written = json.dumps(self._json_value("", json.loads(body)), ensure_ascii=False, indent=2)
        return re.sub(r'"\ue000(\{[a-z_]+\})"', r"\1", written)

    def _json_value(self, name: str, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._json_value(str(key), one) for key, one in value.items()}
            case list():
                return [self._json_value(name, one) for one in value]
            case str():
                return self._replace(name, value, str)
            case int() if not isinstance(value, bool) and _ROLE_OF.get(_bare(name)) == "to" and value > 99_999:
                self.found.add("to_digits")
                return "\ue000{to_digits}"  # a placeholder that stands without quotes
            case _:
                return value

    def _replace(self, name: str, value: str, quote: Callable[[str], str]) -> str:
        """Return a value as a template: its placeholder where its name says what it is, else itself."""
        if _PLACEHOLDER.fullmatch(value):
            return value
        if value in self.secrets or (value and _is_secret_name(name)):
            return self._secret(value)
        placeholder = self._placeholder_for(_ROLE_OF.get(_bare(name), ""), value)
        return placeholder or quote(value)

    def _placeholder_for(self, role: str, value: str) -> str:
        """Return the placeholder for an example of the recipient, the text and so on, "" where it is none."""
        is_example = bool(_EXAMPLE.fullmatch(value.strip()))
        match role:
            case "to" if is_example or _PHONE.fullmatch(value.strip()):
                has_plus = value.startswith(("+", " "))  # a plus that nobody encoded is read as a blank
                return self._placeholder("to" if has_plus else "to_digits")
            case "report_url" if is_example or value.startswith("http"):
                return self._placeholder("report_url")
            case "text" | "sender" | "reference" if value:
                return self._placeholder(role)
            case "username" if value and "username" not in self.secrets.values():
                self._keep("username", value)
                return self._placeholder("username")
            case _:
                return ""

    def _secret(self, value: str) -> str:
        if value not in self.secrets:
            taken = set(self.secrets.values())
            free = next((one for one in ("password", "username") if one not in taken), "")
            if not free or _EXAMPLE.fullmatch(value):
                self.has_unnamed_secret = True
                return self._placeholder("password")
            self._keep(free, value)
        return self._placeholder(self.secrets[value])

    def _placeholder(self, name: str) -> str:
        self.found.add(name)
        return f"{{{name}}}"

    def _notes(self) -> list[str]:
        notes = []
        if not self.found & {"to", "to_digits"}:
            notes.append(_("Write {to} or {to_digits} where the recipient’s number belongs."))
        if "text" not in self.found:
            notes.append(_("Write {text} where the message text belongs."))
        if self.has_unnamed_secret:
            notes.append(_("The command has an example instead of a key. Enter your own in “Password or API key”."))
        return notes


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition("[")[2].lower() if name.endswith("]") else name.lower())


def _is_secret_name(name: str) -> bool:
    return bool(find_key(f"{name}=1234567890", alone=False))


def _quote_pair(value: str) -> str:
    """Return a value for a line of the form template, with only those signs encoded that mean something there."""
    return (
        quote(value, safe=" {}/:,@!$'()*[]?.~-_\"")
        if value.isascii()
        else re.sub(r"[%&=+#;\r\n]", lambda sign: f"%{ord(sign[0]):02X}", value)
    )
