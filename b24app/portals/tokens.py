"""A portal's tokens: storing those of administrators, choosing one, and what the portal says of their owners."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from b24app.core import sealing
from b24app.core.monitoring import metrics
from b24app.portals.errors import NotNow, PortalGone
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest.responses import TokenPair

log = structlog.get_logger(__name__)

MAX_READ = 20  # tokens among which one is chosen
UNREADABLE_PAUSE = timedelta(minutes=5)  # for a portal all of whose tokens are sealed with a key we do not have


def usable_tokens(portal: Portal) -> QuerySet[PortalToken]:
    """Return the tokens worth trying: not dead, and either renewable or not yet expired."""
    return PortalToken.objects.filter(portal=portal, dead_reason="").filter(
        ~Q(refresh="") | Q(expires_at__gt=timezone.now())
    )


def choose_token(portal: Portal, tried: Collection[int] = ()) -> PortalToken | None:
    """Return the next token to try: administrators', freshest first, the system user's, then anybody's; else None.

    Without an administrator's token that can be renewed, note on the portal's row since when. Raise NotNow where no key
    opens those that are left.
    """
    tokens = usable_tokens(portal).exclude(pk__in=tried)
    admins = tokens.filter(is_admin=True).order_by("is_system", "-expires_at")
    best = next(filter(is_readable, admins[:MAX_READ]), None)
    if not tried and (best is None or not best.refresh):
        note_missing_token(portal)
    best = best or next(filter(is_readable, tokens.order_by("-expires_at")[:MAX_READ]), None)
    if best is None and tokens.exists():
        raise unreadable_error(portal)
    return best


def is_readable(token: PortalToken) -> bool:
    """Return whether the keys we have open the token."""
    return sealing.is_opened(token.access) and sealing.is_opened(token.refresh)


def unreadable_error(portal: Portal) -> NotNow:
    """Return the error of a call for which there are tokens that no key opens: an operator has to put one back."""
    log.error("tokens_cannot_be_opened", portal=portal.pk)
    return NotNow("SEALED_TOKENS", until=timezone.now() + UNREADABLE_PAUSE)


def lasting_tokens() -> QuerySet[PortalToken]:
    """Return administrators' tokens that can be renewed and are not dead: with one of them a portal can be called."""
    return PortalToken.objects.filter(is_admin=True, dead_reason="").exclude(refresh="")


def note_missing_token(portal: Portal) -> None:
    """Write on the portal's row since when it has no working administrator's token, unless one was stored meanwhile."""
    if portal.no_token_since is not None:
        return
    row = Portal.objects.filter(pk=portal.pk)
    without = row.filter(~Exists(lasting_tokens().filter(portal=OuterRef("pk"))), no_token_since=None)
    if without.update(no_token_since=timezone.now()):
        log.warning("portal_without_token", portal=portal.pk)
    portal.no_token_since = row.values_list("no_token_since", flat=True).first()  # or since when another process says


def note_working_token(portal: Portal) -> None:
    """Note that an administrator's token can be used for the portal; what waited for one is pushed at once."""
    waiting = Portal.objects.filter(Q(no_token_since__isnull=False) | Q(push_failures__gt=0), pk=portal.pk)
    if waiting.update(no_token_since=None, push_after=None):
        portal.push_after = None
    portal.no_token_since = None


def confirm_token(portal: Portal, token: PortalToken, *, is_admin: bool) -> None:
    """Note that the portal has accepted this token; `is_admin`: for a call that only administrators may make.

    That ends an earlier demotion. An author's token lives for an hour, so it does not end the lack of one.
    """
    if is_admin and not token.is_admin:
        same = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
        same.update(is_admin=True, demoted_at=None)
        token.is_admin, token.demoted_at = True, None
        log.info("token_is_admin_again", portal=portal.pk, user=token.user_id)
    if portal.no_token_since is not None and token.is_admin and token.refresh:
        note_working_token(portal)


def store_token(portal: Portal, pair: TokenPair, *, is_system: bool = False) -> PortalToken:
    """Store an administrator's (or the system user's) verified pair in that user's row, and touch no other."""
    token = _store_pair(portal, pair, is_admin=True, demoted_at=None, is_system=is_system)
    note_working_token(portal)
    return token


def store_unproven_token(portal: Portal, pair: TokenPair) -> PortalToken:
    """Store the system user's pair while the portal cannot say whether that user is an administrator.

    It is handed over once (docs/bitrix24.md F.7). It is used after administrators', until a call proves that it is one.
    """
    return _store_pair(portal, pair, is_system=True)


def _store_pair(portal: Portal, pair: TokenPair, **rights: object) -> PortalToken:
    values = {
        "application_id": portal.application_id,
        "access": pair.access,
        "refresh": pair.refresh,
        "expires_at": pair.expires_at,
        "lease_until": None,
        "refreshed_at": timezone.now(),
        "dead_reason": "",
        **rights,
    }
    rows = PortalToken.objects.filter(portal=portal, user_id=pair.user_id)
    # The generation moves on, so that a refresh of the old pair that is under way does not overwrite this one.
    if not rows.update(**values, generation=F("generation") + 1):
        PortalToken.objects.bulk_create(
            [PortalToken(portal=portal, user_id=pair.user_id, **values)], ignore_conflicts=True
        )
    return rows.get()


def store_author_token(portal: Portal, user_id: int, access: str, expires: datetime) -> None:
    """Store the token of a message's author, which lives an hour, while there is no lasting administrator's token.

    It comes with a handler call, and never replaces a token that can be renewed. An administrator who writes herself
    stays one, for she is who can end the lack.
    """
    if lasting_tokens().filter(portal=portal).exists():
        return
    values = {"access": access, "expires_at": expires, "refresh": "", "dead_reason": "", "lease_until": None}
    values["application_id"] = portal.application_id
    replaceable = PortalToken.objects.filter(portal=portal, user_id=user_id).filter(Q(refresh="") | ~Q(dead_reason=""))
    if not replaceable.update(**values, generation=F("generation") + 1):
        PortalToken.objects.bulk_create([PortalToken(portal=portal, user_id=user_id, **values)], ignore_conflicts=True)


def former_administrators(portal: Portal) -> list[int]:
    """Return user ids of people who were administrators, the latest first, and of whoever installed us.

    Not of those whom the portal has dismissed.
    """
    rows = PortalToken.objects.filter(portal=portal, is_system=False, is_admin=False, demoted_at__isnull=False)
    rows = rows.exclude(dead_reason="authorization_error").order_by("-demoted_at")
    people = [*rows.values_list("user_id", flat=True), portal.installed_by]
    return list(dict.fromkeys(one for one in people if one is not None))


def mark_dead(token: PortalToken, reason: str) -> None:
    """Mark the pair as unusable; a newer pair of the same user is left alone."""
    same = PortalToken.objects.filter(pk=token.pk, generation=token.generation)
    if same.update(dead_reason=reason[:60], lease_until=None):
        metrics.TOKENS_DEAD.inc()
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


def uninstalled_error(portal: Portal) -> PortalGone | None:
    """Return PortalGone if the portal was uninstalled meanwhile, which removes its tokens at once; else None."""
    portal.refresh_from_db(fields=["uninstalled_at"])
    return PortalGone("UNINSTALLED") if portal.uninstalled_at is not None else None
