"""Confirming what a page or an event says about its sender, by the OAuth server alone (docs/bitrix24.md A.5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from b24app.exchange_log.models import Exchange
from b24app.portals.applications import matching
from b24app.portals.applications.models import LocalApplication
from b24app.portals.callers import caller_limits
from b24app.portals.errors import InDoubt, NotNow, NotOurs, PortalError, PortalGone
from b24app.portals.models import Portal
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.portal_address import is_supported_endpoint
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, TokenOwner, https_host

log = structlog.get_logger(__name__)

# Errors of the server's own, which say nothing about the token.
TRANSIENT_ERRORS = error_policy.TRANSIENT | error_policy.LIMITS
# Errors about the whole portal, not about the token.
NOT_SERVED: Mapping[str, type[PortalError]] = {"PAYMENT_REQUIRED": NotNow, "NOT_INSTALLED": PortalGone}
NOT_KNOWN = "INVALID_CLIENT"  # to `app.info` of an OAuth server (docs/bitrix24.md B.2)
MEMBER_ID = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class ClaimedIdentity:
    """What a page or an event says about its sender, before any of it is verified."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: str
    member_id: str
    server_endpoint: str
    application_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConfirmedClaim:
    """Whose token a caller has brought, by the OAuth server at `host`, and for which of our applications it is."""

    owner: TokenOwner
    host: str
    application: LocalApplication | None


def confirm_claim(claim: ClaimedIdentity) -> ConfirmedClaim:
    """Ask the OAuth server, once however many applications we have, whose token this is.

    Raise NotOurs where it is not a token of one of our applications at the claimed portal, InDoubt where no server
    answers, and its subclass Busy where too many callers wait. Nothing is recorded then.
    """
    if not MEMBER_ID.fullmatch(claim.member_id):
        raise foreign_caller(None, "member_id")
    if caller_limits.was_token_refused(claim.access):
        caller_limits.count_turned_away("refused before")
        raise _unknown_session()
    portal = Portal.objects.filter(member_id=claim.member_id).first()
    exchanges: list[Exchange] = []
    with caller_limits.hold_slot(portal, claim.application_token, claim.access):
        owner, host = _find_owner(claim, portal, exchanges.append)
        if owner.member_id != claim.member_id:
            raise foreign_caller(portal, "member_id")
        try:
            application = matching.find_application(portal, owner)
        except matching.UnknownApplication:
            raise foreign_caller(portal, "client_id") from None
    if not is_supported_endpoint(owner.client_endpoint):
        raise NotOurs("BOX_NOT_SUPPORTED", _("The REST API of this Bitrix24 must be reachable at https://…/rest/."))
    caller_limits.cache_confirmed_token(claim.access, owner.member_id)
    for exchange in exchanges:  # only now: under a merely claimed portal strangers could fill the log
        exchange_records.record_exchange(portal, exchange)
    return ConfirmedClaim(owner, host, application)


def foreign_caller(portal: Portal | None, field: str) -> NotOurs:
    """Return the refusal of a caller whose claim differs in this field from what was confirmed."""
    caller_limits.count_turned_away(field)
    log.info("foreign_launch", portal=portal.pk if portal else None, differs=field)
    return NotOurs("FOREIGN", _("This request does not match the application or the Bitrix24 it names."))


def _find_owner(claim: ClaimedIdentity, portal: Portal | None, record: bitrix.Record) -> tuple[TokenOwner, str]:
    """Ask the servers in turn until one answers; one more is asked where the first does not know the token.

    It may not know the portal (docs/bitrix24.md L8). Where the page itself names a server, that one's word is final.
    """
    hosts, has_refused = _candidate_hosts(claim.server_endpoint, portal), False
    while hosts:
        host = hosts.pop(0)
        try:
            return bitrix.app_info(host, claim.access, record), host
        except (NoResponse, Redirect):
            log.warning("oauth_server_silent", host=host)
        except ErrorResponse as response:
            if response.code in TRANSIENT_ERRORS:
                continue
            if response.code in NOT_SERVED:
                raise NOT_SERVED[response.code](response.code, response.message) from None
            is_named = host == https_host(claim.server_endpoint)
            if response.code == NOT_KNOWN and hosts and not (is_named or has_refused):
                has_refused, hosts = True, hosts[:1]
                continue
            caller_limits.cache_refused_token(claim.access)
            caller_limits.count_turned_away(response.code)
            raise _unknown_session() from None
    raise InDoubt("OAUTH_SILENT", _("The Bitrix24 authorization server is not responding."))


def _unknown_session() -> NotOurs:
    return NotOurs("INVALID_TOKEN", _("Your Bitrix24 session is no longer valid. Open Sendline again."))


def _candidate_hosts(server_endpoint: str, portal: Portal | None) -> list[str]:
    """Return the allowed OAuth servers, likeliest first; a posted one counts only where it is allowed."""
    allowed = list(settings.B24_OAUTH_HOSTS)
    likely = [https_host(server_endpoint), portal.oauth_host if portal else ""]
    return list(dict.fromkeys([host for host in likely if host in allowed] + allowed))
