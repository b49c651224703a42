"""Choosing and renewing a portal's tokens: one refresh at a time per token, however many processes want it.

A refresh token can be used once (docs/bitrix24.md B.1): a pair that is lost costs a human. So the lease is taken and
committed, then the OAuth server is asked, then the new pair is committed alone and before anything else.
"""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from b24app.core import spool, wait_limit
from b24app.core.isolation import SetAside, work_each
from b24app.exchange_log.models import Exchange
from b24app.portals.errors import InDoubt, PortalError, PortalGone
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, TokenPair

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # longer than connecting and the whole answer may take
WAIT_SECONDS = 30.0  # for another process that holds the lease
POLL_SECONDS = 0.1
EXPIRY_MARGIN = timedelta(seconds=5)
KEEP_ALIVE_AFTER = timedelta(days=120)  # a refresh token lives 180 days
SPOOL_KIND = "tokens"


class DeadToken(Exception):
    """This token will not work again; its row says why."""


def usable_tokens(portal: Portal) -> QuerySet[PortalToken]:
    """Return the tokens worth trying: not dead, and either renewable or not yet expired."""
    return PortalToken.objects.filter(portal=portal, dead_reason="").filter(
        ~Q(refresh="") | Q(expires_at__gt=timezone.now())
    )


def choose_token(portal: Portal, tried: Collection[int] = ()) -> PortalToken | None:
    """Return the next token to try: administrators', freshest first, the system user's, then anybody's; else None.

    Without an administrator's token, note on the portal's row since when.
    """
    tokens = usable_tokens(portal).exclude(pk__in=tried)
    best = tokens.filter(is_admin=True).order_by("is_system", "-expires_at").first()
    if best is None and not tried:
        note_missing_token(portal)
    return best or tokens.order_by("-expires_at").first()


def note_missing_token(portal: Portal) -> None:
    """Write on the portal's row since when it has no working administrator's token."""
    if portal.no_token_since is None:
        error_policy.update_portal(portal, no_token_since=timezone.now())
        log.warning("portal_without_token", portal=portal.pk)


def store_token(portal: Portal, pair: TokenPair, *, is_system: bool = False) -> PortalToken:
    """Store an administrator's (or the system user's) verified pair in that user's row, and touch no other."""
    values = {
        "access": pair.access,
        "refresh": pair.refresh,
        "expires_at": pair.expires_at,
        "is_admin": True,
        "demoted_at": None,
        "is_system": is_system,
        "lease_until": None,
        "refreshed_at": timezone.now(),
        "dead_reason": "",
    }
    rows = PortalToken.objects.filter(portal=portal, user_id=pair.user_id)
    # The generation moves on, so that a refresh of the old pair that is under way does not overwrite this one.
    if not rows.update(**values, generation=F("generation") + 1):
        PortalToken.objects.bulk_create(
            [PortalToken(portal=portal, user_id=pair.user_id, **values)], ignore_conflicts=True
        )
    if portal.no_token_since is not None:
        error_policy.update_portal(portal, no_token_since=None)
    return rows.get()


def store_author_token(portal: Portal, user_id: int, access: str, expires: datetime) -> None:
    """Store the token of a message's author, which lives an hour, while there is no usable administrator's token.

    It comes with a handler call, and never replaces a token that can be renewed.
    """
    if usable_tokens(portal).filter(is_admin=True).exists():
        return
    values = {"access": access, "expires_at": expires, "refresh": "", "dead_reason": "", "lease_until": None}
    replaceable = PortalToken.objects.filter(portal=portal, user_id=user_id).filter(Q(refresh="") | ~Q(dead_reason=""))
    if not replaceable.update(**values, is_admin=False, generation=F("generation") + 1):
        PortalToken.objects.bulk_create([PortalToken(portal=portal, user_id=user_id, **values)], ignore_conflicts=True)


def mark_dead(token: PortalToken, reason: str) -> None:
    """Mark the pair as unusable; a newer pair of the same user is left alone."""
    same = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
    if same.update(dead_reason=reason[:60], lease_until=None):
        log.warning("token_dead", portal=token.portal_id, user=token.user_id, reason=reason)


def demote_token(token: PortalToken, *, by_rights: bool = True) -> None:
    """Try this token only after administrators' from now on.

    `by_rights`: the portal says that its user is no administrator, so the user's earlier page tickets count as an
    employee's.
    """
    same = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
    same.update(is_admin=False, **({"demoted_at": timezone.now()} if by_rights else {}))
    log.warning("token_not_admin", portal=token.portal_id, user=token.user_id)


def demote_user(portal: Portal, user_id: int) -> None:
    """Demote the token of a user who, by the portal's answer, is no administrator any more."""
    theirs = PortalToken.objects.filter(portal=portal, user_id=user_id, is_admin=True)
    if theirs.update(is_admin=False, demoted_at=timezone.now()):
        log.warning("token_not_admin", portal=portal.pk, user=user_id)


def was_demoted_since(portal: Portal, user_id: int, moment: datetime) -> bool:
    """Return whether the portal has said since `moment` that this user is no administrator."""
    return PortalToken.objects.filter(portal=portal, user_id=user_id, demoted_at__gt=moment).exists()


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
        if token.dead_reason or not token.refresh:
            mark_dead(token, token.dead_reason or "expired")
            raise DeadToken
        if _acquire_lease(token):
            return _renew_leased(portal, token)
        if time.monotonic() > until:
            raise InDoubt("REFRESH_UNDER_WAY")
        time.sleep(POLL_SECONDS)


def replay_renewed_token(record: Mapping[str, Any]) -> None:
    """Store a pair from the spool (kind "tokens") that was renewed while the database was unavailable."""
    PortalToken.objects.filter(pk=record["pk"], generation=record["generation"]).update(
        access=record["access"],
        refresh=record["refresh"],
        expires_at=parse_datetime(record["expires_at"]),
        generation=record["generation"] + 1,
        lease_until=None,
        refreshed_at=timezone.now(),
        dead_reason="",
    )


def due_for_keep_alive(limit: int = 100, *, without: Collection[int] = ()) -> list[PortalToken]:
    """Return tokens not renewed for four months, oldest first, of portals that may be called."""
    now = timezone.now()
    return list(
        PortalToken.objects.filter(dead_reason="", is_admin=True, refreshed_at__lt=now - KEEP_ALIVE_AFTER)
        .exclude(refresh="")
        .exclude(pk__in=list(without))
        .filter(portal__uninstalled_at=None, portal__suspension="")
        .select_related("portal")
        .order_by("refreshed_at")[:limit]
    )


def keep_alive(set_aside: SetAside[PortalToken], *, without: Collection[int] = ()) -> int:
    """Renew what `due_for_keep_alive` returns; return how many were renewed. Failures are on the rows afterwards.

    A token whose renewal raises an unexpected error goes to `set_aside`, and the others are renewed all the same.
    """
    return sum(work_each(due_for_keep_alive(without=without), _keep_one_alive, set_aside))


def _keep_one_alive(token: PortalToken) -> bool:
    with suppress(PortalError, DeadToken):
        renew_token(token.portal, token)
        return True
    return False


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
        return _store_renewed(portal, token, bitrix.refresh_token(portal.oauth_host, token.refresh, exchanges.append))
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


def uninstalled_error(portal: Portal) -> PortalGone | None:
    """Return PortalGone if the portal was uninstalled meanwhile, which removes its tokens at once; else None."""
    portal.refresh_from_db(fields=["uninstalled_at"])
    return PortalGone("UNINSTALLED") if portal.uninstalled_at is not None else None
