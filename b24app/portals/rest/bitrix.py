"""The only file that imports b24pysdk: our types in, our errors out, one try a call, no automatic refresh or redirect.

The SDK's exceptions print addresses and answers with tokens in them, so none of them leaves this file, not even as the
context of another. Facts about the wire are in docs/bitrix24.md sections B and C.
"""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import certifi
import requests
from b24pysdk.api.requesters import BitrixAPIRequester, BitrixOAuthRequester
from b24pysdk.credentials import BitrixApp, BitrixToken
from b24pysdk.errors import (
    BitrixBaseAPIError,
    BitrixRequestError,
    BitrixRequestTimeout,
    BitrixResponseError,
    BitrixResponseJSONDecodeError,
)
from django.conf import settings
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from b24app.core import bulkhead, wait_limit
from b24app.exchange_log.models import Exchange
from b24app.portals.applications.credentials import NO_CREDENTIALS, Credentials
from b24app.portals.rest.responses import (
    ErrorResponse,
    MethodResult,
    NoResponse,
    Redirect,
    TokenOwner,
    TokenPair,
    as_mapping,
    describe_failure,
    read_batch_entry,
    read_error,
    read_non_json,
    read_reset_time,
    read_token_owner,
    read_token_pair,
    require_result,
    summarize_response,
)
from providers.kit.ssrf_guard import AddressRefused, Deadline, Guard, NotConnected, pool_classes

CONNECT_SECONDS, READ_SECONDS = 3, 20  # for workers; behind a request `wait_limit` says how long
REDEEM_PATH = "/oauth/token/"
MAX_RESPONSE = 8_000_000  # bytes

# The parameters that an exchange records; addresses, names and texts stay out of it.
RECORDED_PARAMS = frozenset({"CODE", "STATUS", "MESSAGE_ID", "TYPE", "EVENT", "PLACEMENT"})

Record = Callable[[Exchange], None]
Command = tuple[str, Mapping[str, Any]]
T = TypeVar("T")


def call_method(host: str, access: str, method: str, params: Mapping[str, Any], record: Record) -> MethodResult:
    """Call one REST method of the portal at `host`. Raise ErrorResponse, NoResponse, Redirect."""
    wire = _Token(host, access)
    notes = {key: str(value)[:128] for key, value in params.items() if key.upper() in RECORDED_PARAMS}
    recorded = _RecordedCall("bitrix24", "POST", host, f"/rest/{method}.json", notes, record, (access,))
    answer = recorded.run(wire, lambda: require_result(wire.call_method(method, dict(params))))
    return MethodResult(answer["result"], read_reset_time(answer.get("time")))


def call_batch(
    host: str, access: str, commands: Sequence[Command], record: Record
) -> list[MethodResult | ErrorResponse | None]:
    """Call at most 50 methods in one request that does not halt; None stands for an entry the portal left out."""
    wire = _Token(host, access)
    notes = {method: sum(one == method for one, _ in commands) for method in sorted({one for one, _ in commands})}
    recorded = _RecordedCall(
        "bitrix24", "POST", host, "/rest/batch.json", {"commands": len(commands), **notes}, record, (access,)
    )
    # Keys that are no numbers: PHP would turn 0…n-1 into a list, and some of them into an object.
    keyed = {f"c{index}": (method, dict(params)) for index, (method, params) in enumerate(commands)}
    answer = recorded.run(wire, lambda: require_result(wire.call_batch(keyed)))
    parts = as_mapping(answer.get("result"))
    results, errors, times = (as_mapping(parts.get(name)) for name in ("result", "result_error", "result_time"))
    return [read_batch_entry(key, results, errors, times, access) for key in keyed]


def app_info(host: str, access: str, record: Record) -> TokenOwner:
    """Ask the OAuth server at `host` who a token belongs to. Raise ErrorResponse, NoResponse, Redirect."""
    app = _OAuthApp(host)
    recorded = _RecordedCall("oauth", "GET", host, "/rest/app.info/", {}, record, (access,))
    return recorded.run(app, lambda: read_token_owner(app.wire.get_app_info(access)))


def refresh_token(host: str, application: Credentials, token: str, record: Record) -> TokenPair:
    """Exchange a refresh token for a new pair; the old one is spent. Raise ErrorResponse, NoResponse, Redirect."""
    app, secrets = _OAuthApp(host, application), (token, application.client_secret)
    recorded = _RecordedCall("oauth", "GET", host, REDEEM_PATH, {"grant_type": "refresh_token"}, record, secrets)
    return recorded.run(app, lambda: read_token_pair(app.wire.refresh_oauth_token(token)))


def redeem_code(host: str, application: Credentials, code: str, record: Record) -> TokenPair:
    """Exchange an authorization code (30 s, one time) for a pair. Raise ErrorResponse, NoResponse, Redirect."""
    app, secrets = _OAuthApp(host, application), (code, application.client_secret)
    recorded = _RecordedCall("oauth", "GET", host, REDEEM_PATH, {"grant_type": "authorization_code"}, record, secrets)
    return recorded.run(app, lambda: read_token_pair(app.wire.get_oauth_token(code)))


# -- the SDK, restrained -----------------------------------------------------------------------------------------------


class _Adapter(HTTPAdapter):
    """Connects only where the guard allows, and trusts certifi's authorities and those in EXTRA_CA_FILE."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=_ssl_context(settings.EXTRA_CA_FILE))
        self.poolmanager.pool_classes_by_scheme = pool_classes(Guard(settings.ALLOWED_PRIVATE_NETWORKS))

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        return super().proxy_manager_for(*args, **options, ssl_context=_ssl_context(settings.EXTRA_CA_FILE))

    def cert_verify(self, conn: Any, *_: Any) -> None:
        # requests would load the whole bundle again for each connection: forty milliseconds of CPU.
        conn.cert_reqs = "CERT_REQUIRED"


@cache
def _ssl_context(extra: str) -> ssl.SSLContext:
    """Return the trusted authorities, loaded once per process.

    They are not written to a combined file in /tmp: cleaners remove it under a long-lived worker.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    if extra:
        context.load_verify_locations(extra)
    return context


def _send_request(method: str, url: str, seconds: float, **options: Any) -> requests.Response:
    """Send one request on one connection, without redirects; ignore the environment's proxies, CA files and .netrc.

    `seconds` limit the response as a whole.
    """
    if seconds <= 0:
        raise requests.Timeout
    with requests.Session() as session, Deadline(seconds) as deadline:
        session.trust_env = False
        session.mount("https://", _Adapter(max_retries=0))
        if settings.EGRESS_PROXY:
            session.proxies = {"https": settings.EGRESS_PROXY}
        timeout = (min(CONNECT_SECONDS, seconds), seconds)
        try:
            response = session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **options)
        except requests.ConnectionError:
            if deadline.passed:  # which closed the connection
                raise requests.Timeout from None
            raise
        try:
            body = response.raw.read(MAX_RESPONSE + 1, decode_content=True)
        except HTTPError:
            raise requests.Timeout if deadline.passed else requests.ConnectionError from None
        if deadline.passed or len(body) > MAX_RESPONSE:
            raise requests.Timeout if deadline.passed else requests.ConnectionError
        response._content = body
    return response


class _MethodRequester(BitrixAPIRequester):  # type: ignore[misc]  # the SDK has no types
    status = 0

    def _request(self) -> requests.Response:
        seconds = wait_limit.shorten_timeout(READ_SECONDS)
        response = _send_request("POST", self._url, seconds, json=self._params, headers=self._headers)
        self.status = response.status_code
        bulkhead.note_answer()
        return response

    @classmethod
    def _parse_response(cls, response: requests.Response) -> Any:
        return _parse_object(super()._parse_response, response)


class _OAuthRequester(BitrixOAuthRequester):  # type: ignore[misc]  # the SDK has no types
    host = ""
    status = 0

    def _request(self, url: str, params: Mapping[str, Any]) -> requests.Response:
        # The SDK writes its one host into class attributes; the path is right.
        path = urlsplit(url).path
        # A pair or a code can be exchanged once: if we stop waiting for the response, it is lost.
        seconds = READ_SECONDS if path == REDEEM_PATH else wait_limit.shorten_timeout(READ_SECONDS)
        response = _send_request("GET", f"https://{self.host}{path}", seconds, params=params, headers=self._headers)
        self.status = response.status_code
        return response

    @classmethod
    def _parse_response(cls, response: requests.Response) -> Any:
        return _parse_object(super()._parse_response, response)


def _parse_object(parse: Callable[[requests.Response], Any], response: requests.Response) -> Any:
    """Return the response's JSON object; raise the SDK's JSON error for other JSON, over which the SDK stumbles."""
    try:
        parsed = parse(response)
    except (AttributeError, TypeError, KeyError):
        parsed = None
    if not isinstance(parsed, dict):
        raise BitrixResponseJSONDecodeError(response)
    return parsed


class _Token(BitrixToken):  # type: ignore[misc]  # the SDK has no types
    """A token that neither refreshes itself nor follows a renamed portal: `client.py` decides both."""

    _AUTO_REFRESH_EXPIRED_TOKEN = False
    _AUTO_CHANGED_DOMAIN = False

    def __init__(self, host: str, access: str) -> None:
        super().__init__(domain=host, auth_token=access, bitrix_app=_OAuthApp(""))
        self.status = 0

    def call_method(self, api_method: str, params: Mapping[str, Any] | None = None, **_: Any) -> Any:
        """Call a method through our own requester."""
        body = {**(params or {}), "auth": self.auth_token}
        wire = _MethodRequester(f"https://{self.domain}/rest/{api_method}.json", params=body, max_retries=1)
        try:
            return self._execute_with_retries(wire.call)
        finally:
            self.status = wire.status


class _OAuthApp(BitrixApp):  # type: ignore[misc]  # the SDK has no types
    """One of our applications at one OAuth server; none in particular where only a token is asked about."""

    def __init__(self, host: str, application: Credentials = NO_CREDENTIALS) -> None:
        super().__init__(client_id=application.client_id, client_secret=application.client_secret)
        self.wire = _OAuthRequester(self, max_retries=1)
        self.wire.host = host

    @property
    def status(self) -> int:
        """The HTTP status of the latest response, 0 before it."""
        return int(self.wire.status)


@dataclass(slots=True)
class _RecordedCall:
    """One request, recorded whatever comes of it."""

    peer: str
    method: str
    host: str
    path: str
    notes: Mapping[str, Any]
    record: Record
    secrets: tuple[str, ...]

    def run(self, wire: _Token | _OAuthApp, request: Callable[[], T]) -> T:
        at, started = timezone.now(), time.monotonic()
        result, failure = self._try_request(request)
        exchange = Exchange(
            at=at,
            peer=self.peer,
            method=self.method,
            host=self.host[:255],
            path=self.path[:500],
            status=wire.status,
            ms=round((time.monotonic() - started) * 1000),
            request=" ".join(f"{key}={value}" for key, value in self.notes.items()),
            response="" if failure else summarize_response(result),
            error=describe_failure(failure),
        )
        self.record(exchange)
        if failure:
            raise failure  # out here, so that no exception of the SDK hangs on it
        return result  # type: ignore[return-value]  # there is one where there is no failure

    def _try_request(self, request: Callable[[], T]) -> tuple[T | None, ErrorResponse | NoResponse | Redirect | None]:
        failure: ErrorResponse | NoResponse | Redirect
        try:
            return request(), None
        except BitrixBaseAPIError as error:
            failure = read_error(error.json_response, self.secrets)
        except BitrixResponseError as error:
            failure = read_non_json(error.response.status_code, error.response.headers.get("Location", ""))
        except BitrixRequestTimeout:
            failure = NoResponse("no answer in time")
        except BitrixRequestError:
            failure = NoResponse("the connection broke")
        except NotConnected as error:
            failure = NoResponse(str(error), reached=False)
        except AddressRefused:
            failure = NoResponse("the address lies in a network that may not be reached", reached=False)
        except (KeyError, ValueError, TypeError):
            failure = NoResponse("the answer lacks what it must have")
        return None, failure
