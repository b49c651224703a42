"""Apprise: smaller SMS services through the plugins of that library.

API:     https://appriseit.com/services/
Sandbox: that of the service behind the address; httpSMS and SMSTunnel send through a phone of your own
Checked: 2026-11-25 against the source of apprise 2.3.0; none of its services was tried; see docs/services/apprise.md
"""

import inspect
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import util
from typing import Any
from urllib.parse import unquote, urlsplit

from apprise.asset import AppriseAsset
from apprise.plugins.base import NotifyBase

from providers.kit import advice
from providers.kit.contract import Accepted, Provider, Reports, Sms
from providers.kit.errors import Rejected, SmsError
from providers.kit.fields import BadField, Field, Secret, Step
from providers.kit.http import Http, Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Group, Listing, Mark, SenderIds
from providers.kit.reply import MAX_WORDS
from providers.kit.segments import UCS_2, measure

# Its plugins write texts and numbers to their log.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

# Scheme -> the plugin's module and the only hosts it may talk to. Services that have a file of their own here are left
# to it, as are plugins that ask for more than one request, for a host of the user's, or without TLS.
SERVICES: Mapping[str, tuple[str, frozenset[str]]] = {
    "bulksms": ("bulksms", frozenset({"api.bulksms.com"})),
    "bulkvs": ("bulkvs", frozenset({"portal.bulkvs.com"})),
    "burstsms": ("burstsms", frozenset({"api.transmitsms.com"})),
    "cm": ("cm", frozenset({"gw.messaging.cm.com"})),
    "d7sms": ("d7networks", frozenset({"api.d7networks.com"})),
    "eight00com": ("eight00com", frozenset({"api.800.com"})),
    "exotel": ("exotel", frozenset({"api.exotel.com", "api.in.exotel.com"})),
    "httpsms": ("httpsms", frozenset({"api.httpsms.com"})),
    "kaleyra": ("kaleyra", frozenset({"api.kaleyra.io", "api.in.kaleyra.io", "api.eu.kaleyra.io"})),
    "kudosity": ("burstsms", frozenset({"api.transmitsms.com"})),
    "mobilemessage": ("mobilemessage", frozenset({"api.mobilemessage.com.au"})),
    "notifyre": ("notifyre", frozenset({"api.notifyre.com"})),
    "octopush": ("octopush", frozenset({"api.octopush.com"})),
    "serwersms": ("serwersms", frozenset({"api2.serwersms.pl"})),
    "seven": ("seven", frozenset({"gateway.seven.io"})),
    "sfr": ("sfr", frozenset({"www.dmc.sfr-sh.fr"})),
    "smsmanager": ("smsmanager", frozenset({"http-api.smsmanager.cz"})),
    "smstunnel": ("smstunnel", frozenset({"smstunnel.io"})),
    "telesign": ("telesign", frozenset({"rest-ww.telesign.com"})),
    "voipms": ("voipms", frozenset({"voip.ms"})),
}
# Most plugins go by the HTTP status alone: a 2xx counts only with something in it, a sign-in page does not.
_JSON = re.compile(r'\s*[\[{].*"\s*:\s*(?:"[^"]|[-0-9tf])', re.DOTALL)
_RECEIPTS = {"exotel": re.compile(r".*<Sid>[^<]", re.DOTALL), "smsmanager": re.compile("OK")}

_UNREADABLE = _("Apprise can’t read this URL. Check the format in the Apprise documentation for the service.")
_NO_REQUEST = _("These settings and this message don’t form a valid request.")
_ASSET = AppriseAsset(app_id="Sendline")


@dataclass
class _Send:
    """One send: its way to the network, the hosts it may reach, and the last answer."""

    http: Http
    hosts: frozenset[str]
    reply: Reply | None = None


_current_send: ContextVar[_Send | None] = ContextVar("talk", default=None)


class _Answer:
    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.headers = reply.headers
        self.text = reply.text
        self.content = reply.text.encode()


class _Requests:
    """What a plugin takes for the library `requests`: all requests go through the `Http` of the current send.

    Its own timeouts, and whether it follows redirects or trusts any certificate, are ignored.
    """

    def __init__(self, original: Any) -> None:
        self.codes = original.codes
        self.RequestException = original.RequestException

    def get(self, url: str, **options: Any) -> _Answer:
        return _request_for_plugin("GET", url, **options)

    def post(self, url: str, **options: Any) -> _Answer:
        return _request_for_plugin("POST", url, **options)


def _request_for_plugin(  # noqa: PLR0913 (as many as requests has)
    method: str,
    url: str,
    *,
    data: Any = None,
    params: Any = None,
    headers: Any = None,
    auth: Any = None,
    verify: object = None,  # noqa: ARG001 (ignored)
    timeout: object = None,  # noqa: ARG001 (ignored)
    allow_redirects: object = None,  # noqa: ARG001 (ignored)
) -> _Answer:
    talk = _current_send.get()
    if talk is None:
        raise RuntimeError("A plugin asked the network outside of a send.")
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.netloc not in talk.hosts:
        raise Rejected(_NO_REQUEST, reason="invalid_request")
    is_form = isinstance(data, Mapping)
    talk.reply = talk.http.request(
        method,
        url,
        params=params,
        form=data if is_form else None,
        body=None if is_form else data,
        headers=headers,
        auth=auth,
    )
    return _Answer(talk.reply)


@cache
def _plugin_class(module: str) -> type[NotifyBase]:
    """Return the class of a plugin, from a copy of its module that only we hold; the other 150 are not even loaded."""
    spec = util.find_spec(f"apprise.plugins.{module}")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name=module)
    copy = util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    vars(copy)["requests"] = _Requests(vars(copy)["requests"])
    kinds = (one for one in vars(copy).values() if isinstance(one, type) and issubclass(one, NotifyBase))
    return next(one for one in kinds if one.__module__ == copy.__name__)


def _read_scheme(url: str) -> str:
    scheme, found, _rest = url.partition("://")
    return scheme.lower() if found else ""


def _parse_address(url: str) -> dict[str, Any]:
    """Return what a plugin reads in an address, {} where it fails to, in whatever way."""
    try:
        return _plugin_class(SERVICES[_read_scheme(url)][0]).parse_url(url) or {}
    except Exception:  # noqa: BLE001 (a plugin may raise anything)
        return {}


def _private_values(url: str) -> list[str]:
    """Return what its plugin calls private in an address, as it stands there and decoded."""
    parsed = _parse_address(url)
    if not parsed:
        return []
    kind = _plugin_class(SERVICES[_read_scheme(url)][0])
    tokens = (*kind.template_tokens.items(), *kind.template_args.items())
    names = {token.get("map_to", name) for name, token in tokens if token.get("private")}
    found = [parsed[name] for name in sorted(names) if isinstance(parsed.get(name), str) and parsed[name]]
    return list(dict.fromkeys((*found, *map(unquote, found))))


def _make_plugin(url: str, to: str, sender: str = "", text: str = "") -> NotifyBase | None:
    """Return a plugin for one message, None where it does not accept the address, the sender or the number."""
    parsed = _parse_address(url)
    if not parsed:
        return None
    kind = _plugin_class(SERVICES[_read_scheme(url)][0])
    takes = inspect.signature(kind).parameters
    parsed |= {"targets": [to], "asset": _ASSET}
    parsed |= {name: sender for name in ("source", "sender") if sender and name in takes}
    if "unicode" in takes:
        parsed["unicode"] = measure(text).encoding == UCS_2
    parsed.pop("mode", None)  # Notifyre would send a fax
    try:
        return kind(**parsed)
    except Exception:  # noqa: BLE001 (a plugin may raise anything)
        return None


def _send_through(plugin: NotifyBase, text: str, talk: _Send) -> bool:
    token = _current_send.set(talk)
    try:
        return bool(plugin.send(body=text))
    except SmsError:
        raise
    except Exception:  # noqa: BLE001 (a plugin may raise anything)
        return False
    finally:
        _current_send.reset(token)


@dataclass(frozen=True, slots=True)
class _Address(Secret):
    """An address of Apprise, of one of the services that we know."""

    def check(self, value: str) -> str:
        value = Field.check(self, value)
        if _read_scheme(value) not in SERVICES:
            raise BadField(_("The URL must start with one of the supported services."))
        if not _private_values(value) or _make_plugin(value, "+12025550100") is None:
            raise BadField(_UNREADABLE)
        return value


class Apprise(Provider):
    """Gives no ids, no reports and no codes, so it is for services without a file of their own.

    A plugin is used as it is, but for `requests`; which of its network calls we serve was read in its source, and the
    tests read it again when Apprise changes.
    """

    code = "apprise"
    title = "Apprise"
    docs = "https://appriseit.com/services/"
    listing = Listing(
        about=_("About 20 more SMS services, by an address in the notation of Apprise."),
        sender_ids=SenderIds.GATEWAY,
        group=Group.EQUIPMENT,
        mark=Mark(
            Colour.VIOLET,
            "M12 2a4 4 0 0 1 0 8 4 4 0 0 1 0-8zM12 14a4 4 0 0 1 0 8 4 4 0 0 1 0-8z"
            "M6 8a4 4 0 0 1 0 8 4 4 0 0 1 0-8zM18 8a4 4 0 0 1 0 8 4 4 0 0 1 0-8z",
        ),
    )
    fields = (
        _Address(
            "url",
            "Apprise URL",
            help=_("The URL format from the Apprise documentation for your service. Use any number as the recipient."),
            placeholder="bulksms://token-id:token-secret@+12025550199",
        ),
    )
    setup = (
        Step(
            _("Build the URL"),
            _("Open the Apprise documentation for your service and build the URL from your credentials."),
            docs,
        ),
        Step(_("Supported services"), ", ".join(f"{scheme}://" for scheme in sorted(SERVICES))),
        Step(
            advice.REPORTS,
            _("Not available: Apprise does not pass on delivery reports, so delivery can’t be confirmed."),
        ),
    )
    reports = Reports.NONE
    identified_by = ("url",)
    rate = 3.0
    concurrency = 4
    tested = "unverified"

    @classmethod
    def secrets(cls, account: Mapping[str, str]) -> tuple[str, ...]:
        return (account.get("url", ""), *_private_values(account.get("url", "")))

    def send(self, sms: Sms) -> Accepted:
        scheme = _read_scheme(self.account["url"])
        plugin = _make_plugin(self.account["url"], sms.to, sms.sender, sms.text)
        if plugin is None:
            raise Rejected(_NO_REQUEST, reason="invalid_request", hint=_UNREADABLE)
        talk = _Send(self.http, SERVICES[scheme][1])
        accepted = _send_through(plugin, sms.text, talk)
        reply = talk.reply
        if reply is None:
            raise Rejected(_NO_REQUEST, reason="invalid_request", hint=advice.SETTING)
        if reply.ok and accepted and _RECEIPTS.get(scheme, _JSON).match(reply.text):
            return Accepted()
        # Apprise says no more than no: what the service said is the only reason there is.
        words = "" if reply.text.lstrip().startswith("<") else reply.text
        if reply.ok:
            # A refusal inside a success, an answer that the plugin does not know, or none of them.
            raise reply.unclear(reply.strike(words)[:MAX_WORDS] or _("The response is missing required data."))
        raise reply.refusal("", words)
