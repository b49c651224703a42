"""The guard at the socket: resolves a name, refuses addresses inside our walls, connects to exactly what it checked.

Checking the name before the request would not do: a name may resolve to something else a moment later (rebinding).
"""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from providers.kit.special import BLOCKED_PORTS, GIVEN_OUT, SPECIAL

MAX_IDLE = 20.0
"""Seconds after which a pooled connection is not used again; services close idle ones after 30 to 75 s."""
MAX_ADDRESSES = 3
"""Addresses of one name that are tried, so that the time to connect stays bounded."""
MAX_LOOKUPS = 64
"""Names that are looked up in threads of their own at once; a name server that is not ours may leave each waiting."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_current = threading.local()
_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)

# urllib3 writes whole addresses to its log, with the secrets in their queries; an exchange says the same, struck.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


# None of these four is an OSError: urllib3 and requests would catch that and wrap it beyond recognition.
class NotConnected(Exception):
    """No connection came about, so surely nothing was taken. The words hold no address."""


class AddressRefused(Exception):
    """The name leads to an address that must not be reached from here."""


class PortRefused(AddressRefused):
    """At this port no SMS service answers, but something else might."""


def _embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _is_public(address: Address) -> bool:
    """Return whether an address is public; Python's own opinion counts too, for what a registry may list one day."""
    if isinstance(address, ipaddress.IPv6Address) and address not in GIVEN_OUT:
        return False
    special = any(address in network for network in SPECIAL)
    return address.is_global and not special and not (address.is_multicast or address.is_reserved)


class TimedOut(Exception):
    """The request left, and no whole answer came in time."""


class Broken(Exception):
    """The request left, and the connection broke before the answer was whole."""


class Guard:
    """Says what may be reached: public addresses but for some ports, and whatever is in `private_networks` (CIDR)."""

    def __init__(self, private_networks: Sequence[str] = ()) -> None:
        self.networks = tuple(ipaddress.ip_network(network) for network in private_networks)

    def allows(self, raw: str) -> bool:
        """Whether an IP address may be reached."""
        return self._is_opened(raw) or _is_public(_embedded_ipv4(ipaddress.ip_address(raw)))

    def resolve(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Return `getaddrinfo` rows to connect to; raise `AddressRefused` if a single one is not allowed."""
        rows: list[tuple[Any, ...]] = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        if not rows:
            raise NotConnected("the host name has no address")
        if not all(self.allows(str(row[4][0])) for row in rows):
            raise AddressRefused
        if port in BLOCKED_PORTS and not all(self._is_opened(str(row[4][0])) for row in rows):
            raise PortRefused
        return rows[:MAX_ADDRESSES]

    def _is_opened(self, raw: str) -> bool:
        """Whether an IP address lies in a network that the operator has opened."""
        address = _embedded_ipv4(ipaddress.ip_address(raw))
        return any(address in network for network in self.networks)

    def connect(self, host: str, port: int, timeout: float | None, options: Any) -> socket.socket:
        """Return a socket connected to an address that was checked; raise OSError, `AddressRefused`, `NotConnected`."""
        return self._connect_first(self.resolve(host, port), lambda: timeout, options)

    def connect_by(self, host: str, port: int, end: float) -> socket.socket:
        """Connect as `connect` does, but before `end` by the monotonic clock, also where the name server is slow."""
        rows = _resolve_by(end, lambda: self.resolve(host, port))
        return self._connect_first(rows, lambda: max(0.01, end - time.monotonic()), None)

    def _connect_first(
        self, rows: Sequence[tuple[Any, ...]], timeout: Callable[[], float | None], options: Any
    ) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _name, address in rows:
            connecting = socket.socket(family, kind, protocol)
            try:
                connecting.settimeout(timeout())
                for option in options or ():
                    connecting.setsockopt(*option)
                connecting.connect(address)
            except OSError as error:
                connecting.close()
                failure = error
            else:
                return connecting
        raise failure or NotConnected("no address answered")


class Deadline:
    """Cuts the wire when an answer takes longer, all in all: a read timeout alone is renewed by every dripping byte."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut_connection)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _current.deadline = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _current.deadline = None

    def start(self, wire: socket.socket) -> None:
        """Cut this socket when the time is up; it runs from here, as connecting has a timeout of its own."""
        self._socket = wire
        self._timer.start()

    def _cut_connection(self) -> None:
        self.passed = True
        if self._socket is not None:
            try:
                # The plain shutdown also for TLS: SSLSocket's own drops its state under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return  # closed already


def _resolve_by(end: float, ask: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Return what `ask` returns before `end`; raise what it raises, else TimeoutError.

    The resolver has no timeout that could be set for one question, so a slow one is left to itself, in a thread.
    """
    if not _lookups.acquire(timeout=max(0.0, end - time.monotonic())):
        raise TimeoutError
    answer: Future[list[tuple[Any, ...]]] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001 - whoever waits for it has to judge
            answer.set_exception(error)
        finally:
            _lookups.release()

    try:
        threading.Thread(target=run, name="resolve", daemon=True).start()
    except RuntimeError:
        _lookups.release()
        raise
    return answer.result(max(0.0, end - time.monotonic()))


def describe_connect_error(error: Exception) -> str:
    """Return why a connection did not come about, without an address."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host name is not known"
    if isinstance(error, TimeoutError):
        return "no answer to the attempt to connect"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if "CERTIFICATE" in str(error).upper():
        return "the certificate is not valid"
    return "the connection failed"


class _Guarded:
    """What our plain and TLS connections have in common; mixed in before urllib3's classes."""

    guard: Guard
    host: str
    port: int
    timeout: Any
    socket_options: Any
    sock: Any
    _dns_host: str
    _used_at = 0.0

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        return self.guard.connect(self._dns_host.strip("[]"), self.port, timeout, self.socket_options)

    def connect(self) -> None:
        # Whatever fails in here fails before the request is written: the one place that can say "not taken".
        why = ""
        try:
            super().connect()  # type: ignore[misc]  # urllib3's, behind us in the order
        except (OSError, HTTPException, HTTPError, UnicodeError) as error:
            why = describe_connect_error(error)
        if why:
            raise NotConnected(why)
        self._used_at = time.monotonic()

    def getresponse(self) -> HTTPResponse:
        deadline: Deadline | None = getattr(_current, "deadline", None)
        if deadline is not None and self.sock is not None:
            deadline.start(self.sock)
        self._used_at = time.monotonic()
        return super().getresponse()  # type: ignore[misc,no-any-return]  # as above

    @property
    def is_connected(self) -> bool:
        """Return whether urllib3 may take this connection from the pool; it opens a new one on no."""
        fresh = time.monotonic() - self._used_at < MAX_IDLE
        return fresh and bool(super().is_connected)  # type: ignore[misc]  # as above


def pool_classes(guard: Guard) -> dict[str, type[HTTPConnectionPool]]:
    """Return connection pools for urllib3's `pool_classes_by_scheme` whose every socket passes the guard."""
    plain = type("GuardedConnection", (_Guarded, HTTPConnection), {"guard": guard})
    secure = type("GuardedTLSConnection", (_Guarded, HTTPSConnection), {"guard": guard})
    return {
        "http": type("GuardedPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedTLSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
