"""The only way to the network: timeouts, the guard at the socket, and a redacted record of every exchange."""

import base64
import copy
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self, Unpack
from urllib.parse import unquote, urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, ReadTimeoutError

from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.exchange import Exchange, Options, format_part
from providers.kit.i18n import _
from providers.kit.redaction import Redactor
from providers.kit.reply import Reply
from providers.kit.ssrf_guard import (
    AddressRefused,
    Broken,
    Deadline,
    Guard,
    NotConnected,
    PortRefused,
    TimedOut,
    pool_classes,
)

__all__ = ["Exchange", "Http", "Options", "Reply"]

MAX_ANSWER = 1_000_000
"""Bytes of an answer we read."""
MAX_KEPT = 4096
"""Characters of a request or an answer that an exchange keeps, cut after striking."""
NOT_KEPT = "[not kept]"
POOL = 64  # connections that are kept to one host


class _GuardedAdapter(HTTPAdapter):
    """requests' adapter over guarded pools; a proxy is the operator's own, so its address passes."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        super().__init__(pool_maxsize=POOL, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self.guard)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = pool_classes(Guard(["0.0.0.0/0", "::/0"]))
        return manager


class Http:
    """Talks to services. Made once per connection and shared by its threads; `hiding` gives a clone for one message.

    `record` is called with every `Exchange`; `words` are single words in lower case that are struck from answers.
    One request takes at most 4 × `connect_timeout` to connect (three addresses and TLS), as long again to write, and
    `read_timeout` to the last byte of the answer. Behind an egress `proxy` the name is checked here, but the proxy
    resolves it again and must refuse inner addresses too.
    """

    def __init__(  # noqa: PLR0913 (one way to the network, made in one place)
        self,
        record: Callable[[Exchange], None],
        *,
        secrets: Iterable[str] = (),
        words: frozenset[str] = frozenset(),
        private_networks: Sequence[str] = (),
        proxy: str = "",
        verify: str | bool = True,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
    ) -> None:
        if isinstance(verify, str) and not Path(verify).exists():
            raise ValueError(f"There is no certificate bundle at {verify}")
        self._record = record
        self._redactor = Redactor({"secret": secrets}, words=words)
        self._guard = Guard(private_networks)
        self._adapter = _GuardedAdapter(self._guard)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify = verify
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._until: float | None = None

    def hiding(self, **values: str | Iterable[str]) -> Self:
        """Return a clone that shares the connections and strikes these values too, each replaced by `[name]`."""
        clone = copy.copy(self)
        clone._redactor = self._redactor.also(
            {name: [value] if isinstance(value, str) else value for name, value in values.items()}
        )
        return clone

    def recording(self, record: Callable[[Exchange], None]) -> Self:
        """Return a clone that shares the connections and has its exchanges recorded elsewhere."""
        clone = copy.copy(self)
        clone._record = record
        return clone

    def ending_within(self, seconds: float) -> Self:
        """Return a clone that shares the connections and whose requests end, all together, about so long from now."""
        clone = copy.copy(self)
        clone._until = time.monotonic() + seconds
        return clone

    def strike(self, text: str) -> str:
        """Return what a service answered without secrets and what else this clone hides, cut to `MAX_KEPT`."""
        return self._redactor.strike_echo(text, MAX_KEPT)

    def note(self, exchange: Exchange) -> None:
        """Record an exchange over another protocol, redacted like all others."""
        request, response, error = (self.strike(text) for text in (exchange.request, exchange.response, exchange.error))
        self._record(replace(exchange, request=request, response=response, error=error))

    def dial(self, host: str, port: int, seconds: float, *, tls: bool) -> socket.socket:
        """Return a socket for a protocol that is not HTTP, connected to an address that passed the guard.

        The name, the connection and TLS take `seconds` at most, all in all. Raises `AccountBlocked` where the address
        is a private one, `Unreachable` where a proxy is in between, else OSError, UnicodeError or
        `NotConnected`.
        """
        if self._proxies:
            raise Unreachable(_("This protocol can’t be used through the proxy of this installation."))
        end = time.monotonic() + self._time_left(seconds)
        try:
            connected = self._guard.connect_by(host, port, end)
        except AddressRefused as refusal:
            raise _make_blocked_error(f"{host}:{port}", refusal) from None
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not tls:
            return connected
        trusted = self._verify if isinstance(self._verify, str) else certifi.where()
        connected.settimeout(max(0.01, end - time.monotonic()))  # of the handshake as a whole
        try:
            return ssl.create_default_context(cafile=trusted).wrap_socket(connected, server_hostname=host)
        except OSError:
            connected.close()
            raise

    def _time_left(self, seconds: float) -> float:
        """Return how much of so many seconds is left to wait; never 0, which would be no limit at all."""
        return seconds if self._until is None else max(0.1, min(seconds, self._until - time.monotonic()))

    def close(self) -> None:
        """Close the pooled connections, for all clones."""
        self._adapter.close()

    def get(self, url: str, **options: Unpack[Options]) -> Reply:
        """See `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> Reply:
        """See `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> Reply:
        """See `request`."""
        return self.request("PUT", url, **options)

    def request(self, method: str, url: str, **options: Unpack[Options]) -> Reply:
        """Ask, record, and return the answer whatever its status; redirects are answers.

        Raises `Unreachable` where no connection came about, `Uncertain` where the request left and no whole answer
        came, `AccountBlocked` where the address lies inside our walls, `Rejected` where no request can be made of this.
        """
        prepared = self._prepare_request(method, url, options)
        parts = urlsplit(prepared.url or "")
        described = options.get("record_as")
        host = self._redactor.strike(parts.netloc.rpartition("@")[2])
        path = self._redactor.strike(parts.path) if described is None else ""
        where = f"{method} {host}{path}"
        timeout = self._time_left(options.get("timeout") or self._read_timeout)
        at, started = datetime.now(UTC), time.monotonic()
        status, headers, text, failure = self._try_transfer(prepared, timeout, where)
        keep = options.get("record_bodies", True)
        response = self.strike(format_part(f"HTTP {status}", headers, text if keep else NOT_KEPT)) if status else ""
        self._record(
            Exchange(
                at=at,
                method=method,
                host=host,
                path=path,
                status=status,
                ms=round((time.monotonic() - started) * 1000),
                request=self._kept_request(prepared, keep=keep) if described is None else described[:MAX_KEPT],
                response=response,
                error=str(failure) if failure else "",
            )
        )
        if failure is not None:
            # Raised here, outside any except block: no exception of requests hangs on it, with addresses in its words.
            raise failure
        return Reply(status=status, headers=headers, text=text, where=where, strike=self.strike)

    def _prepare_request(self, method: str, url: str, options: Options) -> requests.PreparedRequest:
        headers = {"User-Agent": "Sendline", "Accept": "*/*", "Accept-Encoding": "identity"} | dict(
            options.get("headers") or {}
        )
        auth = options.get("auth")
        if auth is not None:
            # Not left to requests: it writes Basic in Latin-1, and a password may hold any letter.
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        body = options.get("body")
        try:
            data = body.encode() if isinstance(body, str) else body if body is not None else options.get("form")
            prepared = requests.Request(
                method, url, params=options.get("params"), data=data, json=options.get("json"), headers=headers
            ).prepare()
            "".join(prepared.headers.values()).encode("latin-1")  # or the wire would find out, too late to say so
            parts = urlsplit(prepared.url or "")
            if parts.scheme in {"http", "https"} and parts.hostname and not _has_dot_segment(urlsplit(url).path):
                return prepared
        except (ValueError, requests.RequestException, HTTPError):
            pass  # all of these print the address
        raise Rejected(_("These settings and this message don’t form a valid request."), reason="invalid_request")

    def _try_transfer(
        self, prepared: requests.PreparedRequest, timeout: float, where: str
    ) -> tuple[int, Mapping[str, str], str, SmsError | None]:
        """Return status, headers, text and, where there is no answer to use, the error in their place."""
        failure: SmsError
        try:
            status, headers, body = self._send_request(prepared, timeout)
        except AddressRefused as refusal:
            failure = _make_blocked_error(where, refusal)
        except NotConnected as error:
            failure = Unreachable(f"{where}: {error}")
        except TimedOut:
            failure = Uncertain(f"{where}: no answer within {timeout:.2g} s")
        except Broken:
            failure = Uncertain(f"{where}: the connection broke before the answer was complete")
        else:
            text = body[:MAX_ANSWER].decode("utf-8", "replace")
            if len(body) > MAX_ANSWER:
                return status, headers, text, Uncertain(f"{where}: the answer is longer than {MAX_ANSWER} bytes")
            return status, headers, text, None
        return 0, {}, "", failure

    def _send_request(self, prepared: requests.PreparedRequest, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
        """Put the request on the wire; raise one of the four exceptions of `guard`. `testing.FakeHttp` replaces it."""
        if self._proxies:
            self._check_before_proxy(prepared.url or "")
        with Deadline(timeout) as deadline:
            try:
                answer = self._adapter.send(
                    prepared,
                    stream=True,
                    timeout=(self._time_left(4 * self._connect_timeout) / 4, timeout),
                    verify=self._verify,
                    proxies=self._proxies,
                )
                try:
                    body = answer.raw.read(MAX_ANSWER + 1, decode_content=True)
                finally:
                    answer.close()
            except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
                late = deadline.passed or isinstance(error, requests.Timeout | ReadTimeoutError)
                raise (TimedOut if late else Broken) from None
            if deadline.passed:
                raise TimedOut
        return answer.status_code, CaseInsensitiveDict(answer.headers), body

    def _check_before_proxy(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            self._guard.resolve(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        except socket.gaierror:
            return  # where only the proxy has a resolver, only the proxy can judge

    def _kept_request(self, prepared: requests.PreparedRequest, *, keep: bool) -> str:
        parts, body = urlsplit(prepared.url or ""), prepared.body
        if isinstance(body, bytes):
            body = body.decode("utf-8", "replace")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        written = format_part(f"{prepared.method} {target}", prepared.headers, (body or "") if keep else NOT_KEPT)
        return self._redactor.strike(written)[:MAX_KEPT]


def _make_blocked_error(where: str, refusal: AddressRefused) -> AccountBlocked:
    hint = _("This host name points to a private or reserved address. Use the public address of the service.")
    if isinstance(refusal, PortRefused):
        hint = _("SMS services don’t use this port. Compare the address with the service’s documentation.")
    return AccountBlocked(_("{where}: this address is not allowed.").format(where=where), hint=hint)


def _has_dot_segment(path: str) -> bool:
    """Whether a segment of a path takes itself or the one before it away; a quoted dot is the same dot everywhere."""
    return any(unquote(segment) in {".", ".."} for segment in path.split("/"))
