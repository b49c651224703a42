"""Calls to a portal: the right token, renewed where needed, the next one where the first is refused, one try each.

Waiting is the caller's business: a limit or a lapse is written into the portal's row and raised. What each error leads
to is listed in docs/bitrix24.md K.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from b24app.portals import identity, tokens
from b24app.portals.errors import InDoubt, NoToken, PortalError, PortalRefused, Postponed
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, error_policy, exchange_records, operating_limit, token_renewal
from b24app.portals.rest.responses import ErrorResponse, MethodResult, NoResponse, Redirect, https_host

MAX_COMMANDS = 50
MAX_TOKENS = 6  # tried in one call
OWNER_LOST = frozenset({"AUTHORIZATION_ERROR", "USER_ACCESS_ERROR"})
STALE_TOKEN = frozenset({"EXPIRED_TOKEN", "INVALID_TOKEN", "NO_AUTH_FOUND"})
# Methods whose ACCESS_DENIED says that the user is no administrator (docs/bitrix24.md B.7).
ADMIN_ONLY = "messageservice."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchCommand:
    """One method of a batch. No user text in `params`: a batch reads `$result[…]` in it (docs/bitrix24.md C.5)."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one command, or why it was refused (`Postponed`: repeat it later)."""

    result: Any = None
    error: PortalRefused | None = None


class _OwnerRefused(Exception):
    """The portal refuses this token's owner, who lacks rights or is gone; another's token may do."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.code)
        self.response = response


class PortalClient:
    """Calls one portal, in one thread, never from inside a transaction.

    `token` is used instead of the portal's own choice, and then no other is tried.
    """

    _in_use: PortalToken

    def __init__(self, portal: Portal, *, token: PortalToken | None = None) -> None:
        self._portal = portal
        self._given_token = token
        self._record = exchange_records.exchange_recorder(portal)

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call one method and return its `result`. Raise PortalRefused, NotNow, InDoubt, NoToken, PortalGone."""
        answer = self._send(lambda: self._request_method(method, params or {}), admin_only=_is_admin_only(method))
        operating_limit.store_reset_time(self._portal, method, answer.reset_at)
        error_policy.clear_suspension(self._portal)
        return answer.result

    def batch(self, commands: Sequence[BatchCommand]) -> list[BatchResult]:
        """Call at most 50 methods in one request that does not halt, and return their results in the same order.

        Raise what `call` raises where it concerns all of them, and InDoubt also when the portal left one out. Commands
        refused for lack of rights are repeated, they alone, with the next token.
        """
        if len(commands) > MAX_COMMANDS:
            raise ValueError(f"A batch holds {MAX_COMMANDS} commands at most")
        if not commands:
            return []
        results: dict[int, BatchResult] = {}
        admin_only = all(_is_admin_only(command.method) for command in commands)
        try:
            self._send(lambda: self._request_batch(commands, results), admin_only=admin_only)
        except (NoToken, PortalRefused) as error:
            if not results:
                raise
            refused = BatchResult(error=PortalRefused(error.code, error.message))
            return [results.get(index, refused) for index in range(len(commands))]
        if not any(isinstance(result.error, Postponed) for result in results.values()):
            error_policy.clear_suspension(self._portal)
        return [results[index] for index in range(len(commands))]

    # -- one request with the token in use -----------------------------------------------------------------------------

    def _request_method(self, method: str, params: Mapping[str, Any]) -> MethodResult:
        try:
            return bitrix.call_method(self._portal.rest_host, self._in_use.access, method, params, self._record)
        except ErrorResponse as response:
            raise self._error_for(response, method) from None

    def _request_batch(self, commands: Sequence[BatchCommand], results: dict[int, BatchResult]) -> None:
        """Send the commands without a result; raise _OwnerRefused when some of them lack only the rights."""
        waiting = [index for index in range(len(commands)) if index not in results]
        pairs = [(commands[index].method, commands[index].params) for index in waiting]
        try:
            entries = bitrix.call_batch(self._portal.rest_host, self._in_use.access, pairs, self._record)
        except ErrorResponse as response:
            raise self._error_for(response, "batch") from None
        if None in entries:
            raise NoResponse("the portal left a command out")
        denied: _OwnerRefused | None = None
        errors: dict[tuple[str, str], Exception] = {}  # each updates the portal's row once, however often it comes
        for index, entry in zip(waiting, entries, strict=True):
            method = commands[index].method
            if isinstance(entry, MethodResult):
                operating_limit.store_reset_time(self._portal, method, entry.reset_at)
                results[index] = BatchResult(entry.result)
            elif entry is not None:
                key = (entry.code, method)
                if key not in errors:
                    errors[key] = self._error_for(entry, method)
                error = errors[key]
                if isinstance(error, _OwnerRefused):
                    denied = error
                else:
                    refusal = error if isinstance(error, PortalRefused) else Postponed(entry.code, entry.message)
                    results[index] = BatchResult(error=refusal)
        if denied:
            raise denied

    def _error_for(self, response: ErrorResponse, method: str) -> Exception:
        """Return the exception to raise: about the token, or else one that is also written to the portal's row."""
        if response.code in STALE_TOKEN:
            return response
        is_denied = response.code == "ACCESS_DENIED" and not error_policy.plan_has_lapsed(response)
        if is_denied or response.code in OWNER_LOST:
            return _OwnerRefused(response)
        return error_policy.apply_error(self._portal, response, operating_limit.reset_time(self._portal, method))

    # -- which token ---------------------------------------------------------------------------------------------------

    def _send(self, request: Callable[[], T], *, admin_only: bool) -> T:
        """Send with one token after another until one is not refused on account of its owner."""
        error_policy.check_callable(self._portal)
        refusal: ErrorResponse | None = None
        for token in self._candidate_tokens():
            try:
                return self._send_with(token, request)
            except token_renewal.DeadToken:
                continue
            except _OwnerRefused as refused:
                refusal = refused.response
                _demote(token, refusal, admin_only=admin_only)
        raise self._out_of_tokens(refusal, admin_only=admin_only)

    def _candidate_tokens(self) -> Iterator[PortalToken]:
        if self._given_token:
            yield self._given_token
            return
        tried: set[int] = set()
        while len(tried) < MAX_TOKENS and (token := tokens.choose_token(self._portal, tried)):
            tried.add(token.pk)
            yield token

    def _send_with(self, token: PortalToken, request: Callable[[], T]) -> T:
        """Send, and once more with the token renewed if it proves stale; raise DeadToken when that does not help."""
        self._in_use = token_renewal.fresh_token(self._portal, token)
        try:
            return self._follow_move(request)
        except ErrorResponse:
            self._in_use = token_renewal.renew_token(self._portal, self._in_use)
        try:
            return self._follow_move(request)
        except ErrorResponse as response:
            tokens.mark_dead(self._in_use, response.code.lower())
            raise token_renewal.DeadToken from None

    def _out_of_tokens(self, refusal: ErrorResponse | None, *, admin_only: bool) -> PortalError:
        gone = tokens.uninstalled_error(self._portal)
        if gone:
            return gone
        if refusal and refusal.code == "ACCESS_DENIED" and not admin_only:
            return PortalRefused(refusal.code, refusal.message)
        if self._given_token is None:
            tokens.note_missing_token(self._portal)
        return NoToken(refusal.code, refusal.message) if refusal else NoToken("NO_TOKEN")

    # -- which address -------------------------------------------------------------------------------------------------

    def _follow_move(self, request: Callable[[], T]) -> T:
        """Send, and once more at the new address if the portal has moved and the OAuth server confirms it."""
        try:
            return _doubt_silence(request)
        except Redirect as redirect:
            host = redirect.host
        self._adopt_address(host)
        try:
            return _doubt_silence(request)
        except Redirect:
            raise InDoubt("REDIRECTED") from None

    def _adopt_address(self, host: str) -> None:
        """Store a portal's new address if the OAuth server names the very host of the redirect; else raise InDoubt."""
        try:
            owner = bitrix.app_info(self._portal.oauth_host, self._in_use.access, self._record)
        except ErrorResponse as response:
            # The OAuth server calls a token it does not know an invalid client (docs/bitrix24.md B.2).
            if response.code in STALE_TOKEN or response.code == "INVALID_CLIENT":
                raise ErrorResponse("INVALID_TOKEN", response.message) from None
            raise InDoubt("REDIRECTED", response.message) from None
        except (NoResponse, Redirect):
            raise InDoubt("REDIRECTED") from None
        is_confirmed = identity.belongs_to(self._portal, owner) and https_host(owner.client_endpoint) == host
        if not (is_confirmed and identity.is_supported_endpoint(owner.client_endpoint)):
            raise InDoubt("REDIRECTED")
        error_policy.update_portal(self._portal, client_endpoint=owner.client_endpoint, domain=owner.domain)


def _is_admin_only(method: str) -> bool:
    return method.startswith(ADMIN_ONLY)


def _demote(token: PortalToken, refusal: ErrorResponse, *, admin_only: bool) -> None:
    if refusal.code in OWNER_LOST:
        tokens.demote_token(token)
        tokens.mark_dead(token, refusal.code.lower())
    elif admin_only and token.is_admin:
        # "Application context required" has the same code and says nothing of the user (docs/bitrix24.md D).
        tokens.demote_token(token, by_rights="application context" not in refusal.message.lower())


def _doubt_silence(request: Callable[[], T]) -> T:
    try:
        return request()
    except NoResponse as silence:
        raise InDoubt("NO_ANSWER", silence.message) from None
