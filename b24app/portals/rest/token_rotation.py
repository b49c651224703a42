"""Sending a request with one of a portal's tokens: renewed where needed, the next one where the first is refused.

What becomes of a token is decided here (docs/bitrix24.md K6 to K9), and whether a portal is followed to a new address.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalRefused
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, portal_address, token_renewal
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, https_host

MAX_TOKENS = 6  # tried in one call
OWNER_LOST = frozenset({"AUTHORIZATION_ERROR", "USER_ACCESS_ERROR"})
STALE_TOKEN = frozenset({"EXPIRED_TOKEN", "INVALID_TOKEN", "NO_AUTH_FOUND"})

T = TypeVar("T")


class OwnerRefused(Exception):
    """The portal refuses this token's owner, who lacks rights or is gone; another's token may do."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.code)
        self.response = response


class TokenRotation:
    """Sends requests with the portal's tokens in turn, or with the given one alone."""

    def __init__(self, portal: Portal, given: PortalToken | None, record: bitrix.Record) -> None:
        self._portal = portal
        self._given_token = given
        self._record = record

    def send(self, request: Callable[[PortalToken], T], *, admin_only: bool) -> T:
        """Send with one token after another until one is not refused on account of its owner.

        A request that is refused on account of its token raises ErrorResponse or OwnerRefused. Raise what
        `PortalClient.call` raises.
        """
        refusal: ErrorResponse | None = None
        for token in self._candidate_tokens():
            try:
                return self._send_with(token, request)
            except token_renewal.DeadToken:
                continue
            except OwnerRefused as refused:
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

    def _send_with(self, token: PortalToken, request: Callable[[PortalToken], T]) -> T:
        """Send, and once more with the token renewed if it proves stale; raise DeadToken when that does not help."""
        token = token_renewal.fresh_token(self._portal, token)
        try:
            return self._follow_move(token, request)
        except ErrorResponse:
            token = token_renewal.renew_token(self._portal, token)
        try:
            return self._follow_move(token, request)
        except ErrorResponse as response:
            stale = response
        if self._has_moved(token):
            try:
                return self._follow_move(token, request)
            except ErrorResponse as response:
                stale = response
        tokens.mark_dead(token, stale.code.lower())
        raise token_renewal.DeadToken

    def _out_of_tokens(self, refusal: ErrorResponse | None, *, admin_only: bool) -> PortalError:
        gone = tokens.uninstalled_error(self._portal)
        if gone:
            return gone
        if refusal and refusal.code == "ACCESS_DENIED" and not admin_only:
            return PortalRefused(refusal.code, refusal.message)
        if self._given_token is None:
            if tokens.lasting_tokens().filter(portal=self._portal).exists():  # of more administrators than were tried
                return NotNow("NEXT_TOKEN", until=timezone.now())
            tokens.note_missing_token(self._portal)
        return NoToken(refusal.code, refusal.message) if refusal else NoToken("NO_TOKEN")

    def _follow_move(self, token: PortalToken, request: Callable[[PortalToken], T]) -> T:
        """Send, and once more at the new address if the portal has moved and the OAuth server confirms it."""
        try:
            return _doubt_silence(token, request)
        except Redirect as redirect:
            host = redirect.host
        self._adopt_address(token, host)
        try:
            return _doubt_silence(token, request)
        except Redirect:
            raise InDoubt("REDIRECTED") from None

    def _adopt_address(self, token: PortalToken, host: str) -> None:
        """Store a portal's new address if the OAuth server names the very host of the redirect; else raise InDoubt."""
        try:
            owner = portal_address.find_address(self._portal, token.access, self._record)
        except ErrorResponse as response:
            # The OAuth server calls a token it does not know an invalid client (docs/bitrix24.md B.2).
            if response.code in STALE_TOKEN or response.code == "INVALID_CLIENT":
                raise ErrorResponse("INVALID_TOKEN", response.message) from None
            raise InDoubt("REDIRECTED", response.message) from None
        except (NoResponse, Redirect):
            raise InDoubt("REDIRECTED") from None
        if owner is None or https_host(owner.client_endpoint) != host:
            raise InDoubt("REDIRECTED")
        portal_address.store_address(self._portal, owner)

    def _has_moved(self, token: PortalToken) -> bool:
        """Ask the OAuth server whether the portal is somewhere else by now, and store where; raise InDoubt.

        Its old name may belong to another portal, which does not know the token.
        """
        try:
            owner = portal_address.find_address(self._portal, token.access, self._record)
        except ErrorResponse:
            return False
        except (NoResponse, Redirect):
            raise InDoubt("OAUTH_SILENT") from None
        return owner is not None and portal_address.store_address(self._portal, owner)


def _demote(token: PortalToken, refusal: ErrorResponse, *, admin_only: bool) -> None:
    if refusal.code in OWNER_LOST:
        tokens.demote_token(token)
        tokens.mark_dead(token, refusal.code.lower())
    elif admin_only and token.is_admin:
        # "Application context required" has the same code and says nothing of the user (docs/bitrix24.md D).
        tokens.demote_token(token, by_rights="application context" not in refusal.message.lower())


def _doubt_silence(token: PortalToken, request: Callable[[PortalToken], T]) -> T:
    try:
        return request(token)
    except NoResponse as silence:
        raise InDoubt("NO_ANSWER", silence.message) from None
