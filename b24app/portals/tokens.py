"""Whose token is used next, and how it is renewed: one refresh at a time per token, however many processes want it.

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
from b24app.portals import bitrix, error_policy, exchange_records
from b24app.portals.errors import InDoubt, PortalError, PortalGone
from b24app.portals.models import Portal, PortalToken
from b24app.portals.responses import ErrorResponse, NoResponse, Redirect, TokenPair

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # longer than connecting and the whole answer may take
WAIT_SECONDS = 30.0  # a loser waits so long for the winner
POLL_SECONDS = 0.1
EXPIRY_MARGIN = timedelta(seconds=5)
KEEP_ALIVE_AFTER = timedelta(days=120)  # a refresh token lives 180 days
SPOOL_KIND = "tokens"


class DeadToken(Exception):
    """This token will not work again; its row says why."""


def usable_tokens(portal: Portal) -> QuerySet[PortalToken]:
    """Tokens with which one may try: not dead, and either renewable or not yet expired."""
    return PortalToken.objects.filter(portal=portal, dead_reason="").filter(
        ~Q(refresh="") | Q(expires_at__gt=timezone.now())
    )


def choose_token(portal: Portal, tried: Collection[int] = ()) -> PortalToken | None:
    """The next token to try: administrators', freshest first, the system user's, then anybody's; None after the last.

    Notes on the portal's row since when it has no administrator's.
    """
    tokens = usable_tokens(portal).exclude(pk__in=tried)
    best = tokens.filter(is_admin=True).order_by("is_system", "-expires_at").first()
    if best is None and not tried:
        note_missing_token(portal)
    return best or tokens.order_by("-expires_at").first()


def note_missing_token(portal: Portal) -> None:
    """Note since when the portal has no administrator's token that works."""
    if portal.no_token_since is None:
        error_policy.update_portal(portal, no_token_since=timezone.now())
        log.warning("portal_without_token", portal=portal.pk)


def store_token(portal: Portal, pair: TokenPair, *, is_system: bool = False) -> PortalToken:
    """Keep an administrator's (or the system user's) verified pair in that user's own row, and touch no other's."""
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
    """Keep the token of a message's author, which lives an hour, only while no administrator's token lives.

    Call it with what a handler call brought; it never replaces a token that can be renewed.
    """
    if usable_tokens(portal).filter(is_admin=True).exists():
        return
    values = {"access": access, "expires_at": expires, "refresh": "", "dead_reason": "", "lease_until": None}
    replaceable = PortalToken.objects.filter(portal=portal, user_id=user_id).filter(Q(refresh="") | ~Q(dead_reason=""))
    if not replaceable.update(**values, is_admin=False, generation=F("generation") + 1):
        PortalToken.objects.bulk_create([PortalToken(portal=portal, user_id=user_id, **values)], ignore_conflicts=True)


def mark_dead(token: PortalToken, reason: str) -> None:
    """Never try this pair again; a newer pair of the same user is left alone."""
    alike = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
    if alike.update(dead_reason=reason[:60], lease_until=None):
        log.warning("token_dead", portal=token.portal_id, user=token.user_id, reason=reason)


def demote_token(token: PortalToken, *, by_rights: bool = True) -> None:
    """Try this token after administrators' from now on; `by_rights`: the portal says that its user is none (any more).

    Then the user's earlier page tickets are an employee's.
    """
    same = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
    same.update(is_admin=False, **({"demoted_at": timezone.now()} if by_rights else {}))
    log.warning("token_not_admin", portal=token.portal_id, user=token.user_id)


def demote_user(portal: Portal, user_id: int) -> None:
    """The portal says of a user who opened us that this is no administrator; one whose token we have was one."""
    theirs = PortalToken.objects.filter(portal=portal, user_id=user_id, is_admin=True)
    if theirs.update(is_admin=False, demoted_at=timezone.now()):
        log.warning("token_not_admin", portal=portal.pk, user=user_id)


def was_demoted_since(portal: Portal, user_id: int, moment: datetime) -> bool:
    """Have we heard since then that this user is no administrator?"""
    return PortalToken.objects.filter(portal=portal, user_id=user_id, demoted_at__gt=moment).exists()


def fresh_token(portal: Portal, token: PortalToken) -> PortalToken:
    """The token, renewed first where our own clock says that it has expired; see `renew` for what is raised."""
    return token if token.expires_at > timezone.now() + EXPIRY_MARGIN else renew_token(portal, token)


def renew_token(portal: Portal, token: PortalToken) -> PortalToken:
    """Exchange the pair for a new one, or wait for whoever is doing so, and return the row as it is then.

    Raises Dead, InDoubt (the OAuth server did not answer), NotNow, PortalGone, Refused.
    """
    known, until = token.generation, time.monotonic() + wait_limit.shorten_timeout(WAIT_SECONDS)
    while True:
        try:
            token.refresh_from_db()
        except PortalToken.DoesNotExist:
            raise DeadToken from None  # uninstalled meanwhile
        if token.generation != known and not token.dead_reason:
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
    """Replay of the spool's kind "tokens": write back a pair that was renewed while the database was away."""
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
    """Tokens that nobody has renewed for four months, oldest first, of portals that may be called."""
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
    """Renew what `due_for_keep_alive` names; answers how many were. Troubles are on the rows afterwards.

    A token whose renewal raises anything else goes to `set_aside`, and the others are renewed all the same.
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
    """What the holder of the lease does. The exchange is written down last: the new pair comes first."""
    said: list[Exchange] = []
    try:
        return _store_renewed(portal, token, bitrix.refresh_token(portal.oauth_host, token.refresh, said.append))
    except ErrorResponse as answer:
        if answer.code in {"INVALID_GRANT", "INVALID_REQUEST"}:
            mark_dead(token, answer.code.lower())
            raise DeadToken from None
        _release_lease(token)
        raise error_policy.apply_error(portal, answer) from None
    except (NoResponse, Redirect) as silence:
        _release_lease(token)
        raise InDoubt("OAUTH_SILENT", getattr(silence, "message", "redirected")) from None
    finally:
        for exchange in said:
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
        log.critical("renewed_token_not_kept", portal=portal.pk, user=token.user_id)
    token.access, token.refresh, token.expires_at = pair.access, pair.refresh, pair.expires_at
    token.generation += 1
    return token


def uninstalled_error(portal: Portal) -> PortalGone | None:
    """Was the portal uninstalled while we were at it? Uninstalling removes the tokens at once."""
    portal.refresh_from_db(fields=["uninstalled_at"])
    return PortalGone("UNINSTALLED") if portal.uninstalled_at is not None else None
