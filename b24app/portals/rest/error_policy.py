"""What an error of Bitrix24 means for the whole portal: how long it is not called, and what is raised.

Decided by the error's code, never by the HTTP status (docs/bitrix24.md B.2, B.3, C.3 and K).
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db.models import Case, F, QuerySet, When
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.monitoring import metrics
from b24app.portals.errors import ConfirmationRequired, InDoubt, NotNow, PortalError, PortalGone, PortalRefused
from b24app.portals.models import Portal, Suspension
from b24app.portals.rest.responses import MAX_MESSAGE, ErrorResponse

log = structlog.get_logger(__name__)

PROBE_AFTER = timedelta(days=1)
# What seems to be gone may only be closed for a while: it is probed after as long as it has been away.
FIRST_PROBE_AFTER = timedelta(minutes=5)
DELETED_FOR_GOOD = timedelta(days=30)
PROBE_DELETED_AFTER = timedelta(days=7)  # once that has passed
OVERLOAD_PAUSE = timedelta(hours=4)
MISCONFIGURED_PAUSE = timedelta(minutes=10)
METHOD_PAUSE = timedelta(minutes=1)
# So many portals whose refreshes are refused because of our client, one after another: it is our secret that is wrong.
OUR_FAULT_FROM = 3
OUR_FAULT_WITHIN = timedelta(minutes=15)
REPEATED_WITHIN = timedelta(seconds=10)

TRANSIENT = frozenset({"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "CONNECTION_ERROR", "WRONG_ENCODING"})
AWAY = frozenset({Suspension.GONE, Suspension.DELETED})
LIMITS = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT"})

Reaction = Callable[[Portal, ErrorResponse, datetime], PortalError]


def plan_has_lapsed(response: ErrorResponse) -> bool:
    """Return whether this is the ACCESS_DENIED about the portal's plan, the other being about rights (B.3)."""
    return response.code == "ACCESS_DENIED" and "commercial plan" in response.message.lower()


def apply_error(portal: Portal, response: ErrorResponse) -> PortalError:
    """Update the portal's row as the error demands and return the exception for the caller to raise.

    What concerns one method alone is the business of `paused_methods`.
    """
    now = timezone.now()
    if plan_has_lapsed(response):
        return _suspend_portal(portal, Suspension.PLAN, response, now + PROBE_AFTER)
    reaction = _REACTIONS.get(response.code)
    if reaction is not None:
        return reaction(portal, response, now)
    kind = InDoubt if response.code in TRANSIENT else PortalRefused
    return kind(response.code, response.message)


def check_callable(portal: Portal) -> None:
    """Raise PortalGone or NotNow where the portal may not be called; an expired suspension lets one probe through."""
    now = timezone.now()
    if portal.may_be_called(now):
        return
    if portal.uninstalled_at is not None:
        raise PortalGone("UNINSTALLED")
    if portal.rest_after is not None and portal.rest_after > now:
        raise NotNow("WAIT", until=portal.rest_after)
    if portal.suspension in AWAY:
        raise PortalGone(portal.suspension.upper(), portal.trouble, is_suspected=not portal.seems_uninstalled)
    raise NotNow(portal.suspension.upper(), portal.trouble, portal.suspended_until)


def clear_suspension(portal: Portal) -> None:
    """End a suspension: a call has succeeded."""
    if portal.suspension:
        update_portal(portal, suspension=Suspension.NONE, suspended_until=None, trouble="")


def update_portal(portal: Portal, **values: object) -> None:
    """Write only these columns, and set them on the instance too."""
    Portal.objects.filter(pk=portal.pk).update(**values)
    for name, value in values.items():
        setattr(portal, name, value)


@retry_on_deadlock
def forget_client_refusals(portal: Portal) -> None:
    """Note that the OAuth server accepts the client of this portal's application.

    Portals of that application are probed at once that were suspended since it last did.

    If it is about the portals themselves that they were refused, the probe costs each of them one request.
    """
    probe_at = Case(When(suspension=Suspension.GONE, then=timezone.now()), default=F("suspended_until"))
    refused = Portal.objects.filter(client_refused_at__isnull=False, application=portal.application_id)
    refused.update(client_refused_at=None, suspended_until=probe_at)


def _suspend_portal(portal: Portal, kind: Suspension, response: ErrorResponse, until: datetime) -> PortalError:
    trouble = response.message or response.code
    since = _suspended_since(portal, kind) or timezone.now()
    values = {"suspension": kind, "suspended_since": since, "suspended_until": until}
    update_portal(portal, **values, trouble=trouble[:MAX_MESSAGE])
    metrics.PORTALS_SUSPENDED.labels(kind.value).inc()
    log.warning("portal_suspended", portal=portal.pk, suspension=kind.value, code=response.code)
    if kind in AWAY:
        return PortalGone(response.code, response.message, is_suspected=not portal.seems_uninstalled)
    return NotNow(response.code, response.message, until)


def _suspended_since(portal: Portal, kind: Suspension) -> datetime | None:
    """Return since when the portal has been suspended for this reason without a break; None if it is not."""
    return portal.suspended_since if portal.suspension == kind else None


def _suspend_away(portal: Portal, kind: Suspension, response: ErrorResponse, now: datetime) -> PortalError:
    age = now - (_suspended_since(portal, kind) or now)
    wait = min(max(age, FIRST_PROBE_AFTER), PROBE_AFTER)
    if kind == Suspension.DELETED and age >= DELETED_FOR_GOOD:
        wait = PROBE_DELETED_AFTER
    return _suspend_portal(portal, kind, response, now + wait)


def _postpone_calls(portal: Portal, response: ErrorResponse, until: datetime) -> NotNow:
    update_portal(portal, rest_after=until)
    return NotNow(response.code, response.message, until)


def _apply_query_limit(portal: Portal, response: ErrorResponse, now: datetime) -> NotNow:
    is_repeated = portal.rest_after is not None and now - portal.rest_after < REPEATED_WITHIN
    seconds = (2.0 if is_repeated else 1.0) * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, not a secret
    return _postpone_calls(portal, response, now + timedelta(seconds=seconds))


def _suspend_overloaded(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    log.error("portal_blocked_by_bitrix24", portal=portal.pk)
    return _suspend_portal(portal, Suspension.OVERLOAD, response, now + OVERLOAD_PAUSE)


def _suspend_unpaid(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    return _suspend_portal(portal, Suspension.PAYMENT, response, now + PROBE_AFTER)


def _suspend_deleted(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    return _suspend_away(portal, Suspension.DELETED, response, now)


def _suspend_gone(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    return _suspend_away(portal, Suspension.GONE, response, now)


def _suspect_client(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    """Take the refusal of our client for an uninstallation, unless other portals' refreshes are refused as well.

    Then our secret is wrong: none of them is suspended for it. A portal that is suspended already is no evidence, and
    one with another application is none either, for that has a secret of its own.
    """
    if portal.suspension == Suspension.GONE:
        return _suspend_gone(portal, response, now)
    update_portal(portal, client_refused_at=now)
    refused = Portal.objects.filter(client_refused_at__gt=now - OUR_FAULT_WITHIN, application=portal.application_id)
    if refused.count() < OUR_FAULT_FROM:
        if portal.application_id:  # it has one portal, so there is nothing to compare it with
            log.error("local_application_refused", portal=portal.pk, application=portal.application_id)
        return _suspend_gone(portal, response, now)
    log.error("client_refused_by_oauth_server")
    until = now + MISCONFIGURED_PAUSE
    _lift_suspicion(refused, until)
    portal.refresh_from_db(fields=["suspension", "suspended_until", "trouble", "rest_after"])
    return _postpone_calls(portal, response, until)


@retry_on_deadlock
def _lift_suspicion(refused: QuerySet[Portal], until: datetime) -> None:
    """End the suspensions of the portals whose refreshes were refused only because of our client."""
    gone = refused.filter(suspension=Suspension.GONE)
    gone.update(suspension=Suspension.NONE, suspended_until=None, trouble="", rest_after=until)


def _pause_caller(_portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    # It concerns one method, which `paused_methods` pauses where a method was called for the portal.
    return NotNow(response.code, response.message, now + METHOD_PAUSE)


def _require_confirmation(_portal: Portal, response: ErrorResponse, _now: datetime) -> PortalError:
    return ConfirmationRequired(response.code, response.message)


def _note_missing_scope(portal: Portal, response: ErrorResponse, _now: datetime) -> PortalError:
    # The installed version lacks a permission: an administrator has to update the application.
    update_portal(portal, trouble=f"{response.code}: {response.message}"[:MAX_MESSAGE])
    return PortalRefused(response.code, response.message)


def _pause_misconfigured(portal: Portal, response: ErrorResponse, now: datetime) -> PortalError:
    # The OAuth server does not know our client_id: our fault, so no portal is suspended for it.
    log.error("client_id_unknown_to_oauth_server", application=portal.application_id)
    return _postpone_calls(portal, response, now + MISCONFIGURED_PAUSE)


_REACTIONS: dict[str, Reaction] = {
    "QUERY_LIMIT_EXCEEDED": _apply_query_limit,
    "OVERLOAD_LIMIT": _suspend_overloaded,
    "PAYMENT_REQUIRED": _suspend_unpaid,
    "PORTAL_DELETED": _suspend_deleted,
    "INSUFFICIENT_SCOPE": _note_missing_scope,
    "INVALID_SCOPE": _note_missing_scope,
    "WRONG_CLIENT": _pause_misconfigured,
    "INVALID_CLIENT": _suspect_client,
    "APPLICATION_NOT_FOUND": _suspend_gone,
    "ERROR_OAUTH": _suspend_gone,
    "NOT_INSTALLED": _suspend_gone,
    "OPERATION_TIME_LIMIT": _pause_caller,
    "METHOD_CONFIRM_WAITING": _require_confirmation,
    "METHOD_CONFIRM_DENIED": _require_confirmation,
}
