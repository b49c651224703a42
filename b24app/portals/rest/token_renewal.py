"""Renewing a portal's tokens: one refresh at a time per token, however many processes want it.

A refresh token can be used once (docs/bitrix24.md B.1): a pair that is lost costs a human. So the lease is taken and
committed, then the OAuth server is asked, then the new pair is committed alone and before anything else.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from b24app.core import spool, wait_limit
from b24app.exchange_log.models import Exchange
from b24app.portals.applications.credentials import token_credentials
from b24app.portals.errors import InDoubt, PortalGone
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, error_policy, exchange_records, portal_address
from b24app.portals.rest.oauth_servers import ask_in_turn
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, TokenPair
from b24app.portals.tokens import is_readable, lasting_tokens, mark_dead, unreadable_error

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # longer than connecting and the whole answer may take
WAIT_SECONDS = 30.0  # for another process that holds the lease
POLL_SECONDS = 0.1
EXPIRY_MARGIN = timedelta(seconds=5)
KEEP_ALIVE_AFTER = timedelta(days=120)  # a refresh token lives 180 days
SPOOL_KIND = "tokens"


class DeadToken(Exception):
    """This token will not work again; its row says why."""


def fresh_token(portal: Portal, token: PortalToken) -> PortalToken:
    """Return the token, renewed first where our clock says that it has expired; raise what `renew_token` raises."""
    return token if token.expires_at > timezone.now() + EXPIRY_MARGIN else renew_token(portal, token)


def renew_token(portal: Portal, token: PortalToken) -> PortalToken:
    """Exchange the pair for a new one, or wait for the process that is doing so; return the row as it is then.

    Raise DeadToken, InDoubt (the OAuth server did not answer), NotNow, PortalGone, PortalRefused.
    """
    old_generation, until = token.generation, time.monotonic() + wait_limit.shorten_timeout(WAIT_SECONDS)
    while True:
        try:
            token.refresh_from_db()
        except PortalToken.DoesNotExist:
            raise DeadToken from None  # uninstalled meanwhile
        if token.generation != old_generation and not token.dead_reason:
            return token
        if not is_readable(token):
            raise unreadable_error(portal)
        if token.dead_reason or not token.refresh:
            mark_dead(token, token.dead_reason or "expired")
            raise DeadToken
        if token.application_id != portal.application_id:
            _check_application(portal, token)
        if _acquire_lease(token):
            return _renew_leased(portal, token)
        if time.monotonic() > until:
            raise InDoubt("REFRESH_UNDER_WAY")
        time.sleep(POLL_SECONDS)


def note_answer(portal: Portal, pair: TokenPair, host: str, record: bitrix.Record) -> None:
    """Follow the portal where a new pair says that it is, and remember which server issued the pair.

    What fails here is found out by the call that needs the token, or the next time: the pair must not be lost for it.
    """
    with suppress(DatabaseError, ErrorResponse, NoResponse, Redirect):
        error_policy.forget_client_refusals(portal)
        if portal.oauth_host != host:
            error_policy.update_portal(portal, oauth_host=host)
        if pair.client_endpoint != portal.client_endpoint:
            owner = portal_address.find_address(portal, pair.access, record)
            if owner is not None:
                portal_address.store_address(portal, owner)


def replay_renewed_token(record: Mapping[str, Any]) -> None:
    """Store a pair from the spool (kind "tokens") that was renewed while the database was unavailable."""
    same = PortalToken.objects.filter(pk=record["pk"], generation=record["generation"])
    stored = same.update(
        access=record["access"],
        refresh=record["refresh"],
        expires_at=parse_datetime(record["expires_at"]),
        generation=record["generation"] + 1,
        lease_until=None,
        refreshed_at=timezone.now(),
        dead_reason="",
    )
    if stored:  # somebody may have tried the spent pair, and noted that the portal has no token
        shut_out = Portal.objects.filter(no_token_since__isnull=False)
        shut_out.filter(Exists(lasting_tokens().filter(portal=OuterRef("pk"), pk=record["pk"]))).update(
            no_token_since=None
        )


def keep_alive(portal: Portal) -> int:
    """Renew the portal's tokens that were not renewed for four months; return how many were renewed.

    Raise InDoubt, NotNow, PortalGone and PortalRefused.
    """
    old = PortalToken.objects.filter(portal=portal, refreshed_at__lt=timezone.now() - KEEP_ALIVE_AFTER)
    return sum(
        _renew_if_alive(portal, token) for token in old.filter(is_admin=True, dead_reason="").exclude(refresh="")
    )


def _renew_if_alive(portal: Portal, token: PortalToken) -> bool:
    with suppress(DeadToken):
        renew_token(portal, token)
        return True
    return False


def _check_application(portal: Portal, token: PortalToken) -> None:
    """Raise DeadToken for a token of an application that the portal has no more; another of ours took its place."""
    portal.refresh_from_db(fields=["application"])
    if token.application_id != portal.application_id:
        mark_dead(token, "another_application")
        raise DeadToken


def _acquire_lease(token: PortalToken) -> bool:
    now = timezone.now()
    free = PortalToken.objects.filter(pk=token.pk, generation=token.generation, dead_reason="").filter(
        Q(lease_until=None) | Q(lease_until__lte=now)
    )
    return free.update(lease_until=now + LEASE) == 1


def _release_lease(token: PortalToken) -> None:
    PortalToken.objects.filter(pk=token.pk, generation=token.generation).update(lease_until=None)


def _renew_leased(portal: Portal, token: PortalToken) -> PortalToken:
    """Refresh the token under its lease. The new pair is stored first and the exchange recorded last."""
    exchanges: list[Exchange] = []
    try:
        application = token_credentials(token)
        pair, host = ask_in_turn(
            portal, lambda host: bitrix.refresh_token(host, application, token.refresh, exchanges.append)
        )
        renewed = _store_renewed(portal, token, pair)
        note_answer(portal, pair, host, exchanges.append)
        return renewed
    except PortalGone:
        _release_lease(token)
        raise
    except ErrorResponse as response:
        if response.code in {"INVALID_GRANT", "INVALID_REQUEST"}:
            mark_dead(token, response.code.lower())
            raise DeadToken from None
        _release_lease(token)
        raise error_policy.apply_error(portal, response) from None
    except (NoResponse, Redirect) as silence:
        _release_lease(token)
        raise InDoubt("OAUTH_SILENT", getattr(silence, "message", "redirected")) from None
    finally:
        for exchange in exchanges:
            exchange_records.record_exchange(portal, exchange)


def _store_renewed(portal: Portal, token: PortalToken, pair: TokenPair) -> PortalToken:
    if pair.member_id != portal.member_id:
        raise NoResponse("the new pair belongs to another portal")
    record = {
        "pk": token.pk,
        "generation": token.generation,
        "access": pair.access,
        "refresh": pair.refresh,
        "expires_at": pair.expires_at.isoformat(),
    }
    try:
        spool.write_or_spool(SPOOL_KIND, record, lambda: replay_renewed_token(record))
    except spool.SpoolFull:
        log.critical("renewed_token_lost", portal=portal.pk, user=token.user_id)
    token.access, token.refresh, token.expires_at = pair.access, pair.refresh, pair.expires_at
    token.generation += 1
    return token
