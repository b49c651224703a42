"""The fields of an account or a sender, declared as data: the console draws the form, the kit cleans the values."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from providers.kit.i18n import _
from providers.kit.screens import Screen

UNENCRYPTED = _("With http://, the credentials and the texts are sent unencrypted. Use https:// where you can.")
"""What the form says beside an address for which http:// is usual."""
EMAIL = r"[^@\s]+@[^@\s]+"
NO_EMAIL = _("Enter an email address.")
"""The form of a login that is an email address, and what is said of anything else."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.IGNORECASE)


class BadField(ValueError):
    """A value that cannot be used. `template` is a text for the translators with `{names}`, `values` fill them."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.values = values
        self.words = str(self)


@dataclass(frozen=True, slots=True)
class Field:
    """One value a person types in. `advanced` fields are folded away; an empty value takes `default`.

    `directs` says that it decides where the secrets of the account go, or whether they go unencrypted: whoever changes
    it has to enter them again (see `find_redirection`). `group` is the heading under which fields of the same group
    stand together in a long form.
    """

    name: str
    label: str
    _: KW_ONLY
    help: str = ""
    required: bool = True
    placeholder: str = ""
    default: str = ""
    advanced: bool = False
    directs: bool = False
    group: str = ""

    max_length: ClassVar[int] = 500

    def clean(self, value: str) -> str:
        """Return the value to keep, `""` for an optional one left empty; raise `BadField`."""
        value = value.strip() or self.default
        if not value:
            if self.required:
                raise BadField(_("This field is required."))
            return ""
        if len(value) > self.max_length:
            raise BadField(_("Maximum {limit} characters."), limit=self.max_length)
        return self.check(value)

    def check(self, value: str) -> str:
        """Return the cleaned form of a value that is not empty; raise `BadField`. For subclasses."""
        if _CONTROL.search(value):
            raise BadField(_("Line breaks and control characters are not allowed."))
        return value


@dataclass(frozen=True, slots=True)
class Text(Field):
    """A line or, when `multiline`, several lines of text; `pattern` must match the whole."""

    multiline: bool = False
    pattern: str = ""
    pattern_help: str = ""

    max_length: ClassVar[int] = 5000

    def check(self, value: str) -> str:
        if self.multiline:
            value = value.replace("\r\n", "\n").replace("\r", "\n")
            if _CONTROL_BUT_LINES.search(value):
                raise BadField(_("Control characters are not allowed."))
        else:
            value = Field.check(
                self, value
            )  # no super(): a slotted dataclass is rebuilt, and super() looks for the first
        _require_pattern(self, value)
        return value


@dataclass(frozen=True, slots=True)
class Secret(Field):
    """A password box, a value encrypted at rest, and a string struck out of every exchange.

    `pattern` must match the whole; only where the service publishes the form, for a wrong one locks customers out.
    """

    pattern: str = ""
    pattern_help: str = ""

    max_length: ClassVar[int] = 5000

    def check(self, value: str) -> str:
        value = Field.check(self, value)
        _require_pattern(self, value)
        return value


@dataclass(frozen=True, slots=True)
class Choice(Field):
    """One of several values; each choice is `(value, label)`."""

    choices: tuple[tuple[str, str], ...] = ()

    def check(self, value: str) -> str:
        if value not in {known for known, _label in self.choices}:
            raise BadField(_("Select an option from the list."))
        return value


@dataclass(frozen=True, slots=True)
class Number(Field):
    """A whole number, kept as digits."""

    min: int | None = None
    max: int | None = None

    def check(self, value: str) -> str:
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise BadField(_("Enter a whole number."))
        number = int(value)
        if self.min is not None and number < self.min:
            raise BadField(_("Enter {limit} or more."), limit=self.min)
        if self.max is not None and number > self.max:
            raise BadField(_("Enter {limit} or less."), limit=self.max)
        return str(number)


@dataclass(frozen=True, slots=True)
class Url(Field):
    """An http or https address. Whether its host may be reached is judged at the socket, not here: names change.

    `plain` says that http:// is usual there, as with gateways that companies run in their own network.
    """

    directs: bool = True
    plain: bool = False

    max_length: ClassVar[int] = 2000

    def check(self, value: str) -> str:
        value = Field.check(self, value)
        if re.search(r"\s", value):
            raise BadField(_("URLs can’t contain spaces."))
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            raise BadField(_("Enter a valid URL.")) from None
        if parts.scheme not in {"http", "https"}:
            raise BadField(_("The URL must start with https:// or http://."))
        if "@" in parts.netloc:
            raise BadField(_("Remove the username and password from the URL. Use the separate fields."))
        if not _is_host(host):
            raise BadField(_("The host name in the URL is not valid."))
        if {".", ".."} & set(parts.path.split("/")):
            raise BadField(_("Write the path without “.” and “..” between slashes."))
        return value


@dataclass(frozen=True, slots=True)
class Host(Field):
    """A host name or IP address with an optional port, without `https://` and path."""

    directs: bool = True

    max_length: ClassVar[int] = 260

    def check(self, value: str) -> str:
        value = value.lower()
        try:
            parts = urlsplit(f"//{value}")
            host, _port = parts.hostname or "", parts.port
        except ValueError:
            raise BadField(_("Enter a valid host name.")) from None
        if parts.netloc != value or "@" in value or not _is_host(host):
            raise BadField(_("Enter the host name only, without https:// or a path."))
        return value


@dataclass(frozen=True, slots=True)
class Step:
    """A set-up instruction; the console fills `{report_url}` in text and url.

    `screen` is a schematic picture of where at the service it is done.
    """

    title: str
    text: str
    url: str = ""
    screen: Screen | None = None


def _require_pattern(field: Text | Secret, value: str) -> None:
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise BadField(field.pattern_help or _("Invalid value."))


def find_redirection(fields: Sequence[Field], kept: Mapping[str, str], given: Mapping[str, str]) -> Field | None:
    """Return a field whose change would send the secrets of a kept account to another place, None if they may stay.

    A secret was entered for one place. Whoever changes that place must show that they know the secret: else the
    console, which never shows it, would hand it to any host that is typed in. Values are compared as cleaned.
    """
    moved = (one for one in fields if one.directs and given.get(one.name) != kept.get(one.name, one.default))
    return next(moved, None)


def require_encryption(field: Field, value: str, private_networks: Sequence[str]) -> None:
    """Raise `BadField` for an http:// address where the service's own is https, but for one in a private network."""
    if not isinstance(field, Url) or field.plain or urlsplit(value).scheme != "http":
        return
    try:
        address = ipaddress.ip_address(urlsplit(value).hostname or "")
    except ValueError:
        inside = False
    else:
        inside = any(address in ipaddress.ip_network(network) for network in private_networks)
    if not inside:
        raise BadField(_("Use https:// here. With http://, the credentials would be sent unencrypted."))


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # International names are checked in the form the wire uses.
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return False
        return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None
    return True
