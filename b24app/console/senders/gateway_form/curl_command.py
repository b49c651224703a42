"""A curl command, as descriptions of gateways show them and browsers copy them, read as the request it would make."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from urllib.parse import quote_plus, unquote, urlsplit, urlunsplit

from django.utils.translation import gettext as _

from b24app.console.senders.gateway_form.shell_words import BadCommand, split_words

METHODS = ("GET", "POST", "PUT")

_LONG_NAMES = {
    "-X": "--request", "-H": "--header", "-d": "--data", "-u": "--user", "-G": "--get", "-A": "--user-agent",
    "-e": "--referer", "-b": "--cookie", "-F": "--form", "-T": "--upload-file", "-I": "--head", "-o": "--output",
    "-m": "--max-time", "-w": "--write-out", "-c": "--cookie-jar", "-x": "--proxy", "-E": "--cert", "-K": "--config",
    "-r": "--range", "-s": "--silent", "-S": "--show-error", "-v": "--verbose", "-i": "--include", "-L": "--location",
    "-f": "--fail", "-g": "--globoff", "-k": "--insecure", "-0": "--http1.0", "-4": "--ipv4", "-6": "--ipv6",
    "-#": "--progress-bar", "-N": "--no-buffer", "-O": "--remote-name", "-J": "--remote-header-name",
}  # fmt: skip
_WITHOUT_VALUE = {
    "--silent", "--show-error", "--verbose", "--include", "--location", "--fail", "--globoff", "--insecure",
    "--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3", "--ipv4", "--ipv6", "--progress-bar",
    "--no-buffer", "--compressed", "--fail-with-body", "--ssl-reqd", "--tlsv1.2", "--tlsv1.3", "--tcp-nodelay",
    "--no-keepalive", "--path-as-is", "--location-trusted", "--anyauth", "--basic", "--no-progress-meter",
    "--remote-name", "--remote-header-name", "--show-headers",
}  # fmt: skip
_IGNORED_VALUE = {
    "--output", "--max-time", "--write-out", "--cookie-jar", "--connect-timeout", "--retry", "--retry-delay",
    "--retry-max-time", "--cacert", "--capath", "--ciphers", "--referer", "--limit-rate", "--keepalive-time",
    "--max-redirs", "--interface", "--dns-servers", "--trace", "--trace-ascii", "--stderr",
}  # fmt: skip
_DATA = {"--data", "--data-ascii", "--data-raw", "--data-binary"}
_USED_VALUE = {"--request", "--header", "--user", "--user-agent", "--url", "--data-urlencode", "--json",
               "--oauth2-bearer", *_DATA}  # fmt: skip


@dataclass(slots=True)
class CurlRequest:
    """The request of a command; `body` is None where it sends none, `user` and `password` are those of HTTP Basic."""

    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None
    user: str = ""
    password: str = ""

    def header(self, name: str) -> str:
        """Return the value of a header, "" if it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def read_command(command: str) -> CurlRequest:
    """Return the request that a command would make; raise BadCommand where it cannot be described by templates."""
    words = split_words(command)
    while words and words[0] in {"$", ">", "%"}:
        words = words[1:]
    if not words or words[0].rsplit("/", 1)[-1].lower() not in {"curl", "curl.exe"}:
        raise BadCommand(_("The command must begin with “curl”."))
    return _Parser(words[1:]).parse()


class _Parser:
    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.found = CurlRequest()
        self.data: list[str] = []
        self.is_query = self.is_json = False

    def parse(self) -> CurlRequest:
        only_operands = False
        while self.words:
            word = self.words.pop(0)
            if word == "--" and not only_operands:
                only_operands = True
            elif only_operands or not word.startswith("-") or word == "-":
                self._set_url(word)
            elif word.startswith("--"):
                self._long_option(word)
            else:
                self._short_options(word[1:])
        return self._finish()

    def _short_options(self, letters: str) -> None:
        """Read -sSL, -XPOST and -H "…": a letter that takes a value takes the rest of its word, or the next word."""
        while letters:
            letter, letters = letters[0], letters[1:]
            name = _LONG_NAMES.get(f"-{letter}", f"-{letter}")
            if name in _USED_VALUE | _IGNORED_VALUE and letters:
                self.words.insert(0, letters)
                letters = ""
            self._option(name, f"-{letter}")

    def _long_option(self, word: str) -> None:
        name, equals, value = word.partition("=")
        if equals:
            self.words.insert(0, value)
        self._option(name, name)

    def _option(self, name: str, written: str) -> None:
        if name in _WITHOUT_VALUE:
            return
        if name in _IGNORED_VALUE:
            self._value_of(written)
        elif name == "--get":
            self.is_query = True
        elif name in _USED_VALUE:
            self._use(name, self._value_of(written))
        elif name in {"--form", "--form-string", "--upload-file"}:
            raise BadCommand(_("This command sends a file or a multipart form, which a message template cannot do."))
        elif name in {"--cookie", "--cert", "--key", "--digest", "--ntlm", "--negotiate", "--aws-sigv4"}:
            raise BadCommand(_("{option} is a way to sign in that templates cannot describe.").format(option=written))
        else:
            raise BadCommand(_("The option {option} is not supported here.").format(option=written[:40]))

    def _value_of(self, option: str) -> str:
        if not self.words:
            raise BadCommand(_("The option {option} has no value. Copy the whole command.").format(option=option))
        return self.words.pop(0)

    def _use(self, name: str, value: str) -> None:
        match name:
            case "--request":
                self.found.method = value.upper()
            case "--url":
                self._set_url(value)
            case "--header":
                self._add_header(value)
            case "--user-agent":
                self.found.headers.append(("User-Agent", value))
            case "--user":
                self.found.user, _colon, self.found.password = value.partition(":")
            case "--oauth2-bearer":
                self.found.headers.append(("Authorization", f"Bearer {value}"))
            case _:
                self._add_data(name, value)

    def _add_data(self, name: str, value: str) -> None:
        self.is_json = self.is_json or name == "--json"
        if name == "--data-urlencode":
            value = _encode_pair(value)
        elif name != "--data-raw":
            _refuse_file(value)
        self.data.append(value)

    def _set_url(self, value: str) -> None:
        if self.found.url:
            raise BadCommand(_("Paste one request at a time: this command has several URLs."))
        self.found.url = value

    def _add_header(self, line: str) -> None:
        if line.startswith("@"):
            _refuse_file(line)
        name, colon, value = line.partition(":")
        if colon and value.strip():  # curl takes away its own header of that name where no value is given
            self.found.headers.append((name.strip(), value.strip()))

    def _finish(self) -> CurlRequest:
        found = self.found
        if not found.url:
            raise BadCommand(_("The command has no URL. Copy the whole command."))
        if "://" not in found.url:
            found.url = f"https://{found.url}"
        separator = "" if self.is_json else "&"
        data = separator.join(self.data) if self.data else None
        if self.is_query and data is not None:
            found.url = _add_query(found.url, data)
        else:
            found.body = data
        found.method = found.method or ("GET" if found.body is None else "POST")
        if found.method not in METHODS:
            raise BadCommand(_("The method must be GET, POST or PUT, not {method}.").format(method=found.method[:20]))
        if found.method == "GET" and found.body is not None:
            raise BadCommand(_("A GET request cannot have a body here. Use POST, or put the data into the address."))
        if self.is_json and not found.header("content-type"):
            found.headers.append(("Content-Type", "application/json"))
        self._move_sign_in()
        return found

    def _move_sign_in(self) -> None:
        """Take user name and password out of the address and out of the header that HTTP Basic makes of them."""
        found = self.found
        try:
            parts = urlsplit(found.url)
        except ValueError:
            raise BadCommand(_("The URL in this command is not valid.")) from None
        if "@" in parts.netloc:
            who, _at, host = parts.netloc.rpartition("@")
            user, _colon, password = who.partition(":")
            found.url = urlunsplit(parts._replace(netloc=host))
            found.user, found.password = found.user or unquote(user), found.password or unquote(password)
        scheme, _blank, pair = found.header("authorization").partition(" ")
        if scheme.lower() == "basic" and (opened := _open_basic(pair)):
            found.user, found.password = opened
            found.headers = [one for one in found.headers if one[0].lower() != "authorization"]


def _open_basic(pair: str) -> tuple[str, str] | None:
    try:
        opened = base64.b64decode(pair.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = opened.partition(":")
    return (user, password) if colon else None


def _encode_pair(value: str) -> str:
    """Return what --data-urlencode sends: of `name=content` the content encoded, `=content` without the sign."""
    name, equals, content = value.partition("=")
    if "@" in (name if equals else value):
        _refuse_file("@")
    if not equals:
        return quote_plus(value)
    return f"{name}={quote_plus(content)}" if name else quote_plus(content)


def _refuse_file(value: str) -> None:
    if value.startswith("@"):
        raise BadCommand(_("This command reads a file. Put the contents of the file into the command."))


def _add_query(url: str, data: str) -> str:
    address, hash_sign, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{data}{hash_sign}{fragment}"


def is_json(text: str) -> bool:
    """Return whether a body is a JSON object or list."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
