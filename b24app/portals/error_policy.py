"""What an answer of Bitrix24 means for the whole portal: how long it is left alone, and how the caller is told.

Decided by the error's code, never by the HTTP status (docs/bitrix24.md B.2, B.3, C.3 and K).
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from b24app.portals.errors import InDoubt, NotNow, PortalError, PortalGone, PortalRefused
from b24app.portals.models import Portal, Suspension
from b24app.portals.responses import MAX_MESSAGE, ErrorResponse

log = structlog.get_logger(__name__)

PROBE_AFTER = timedelta(days=1)
OVERLOAD_PAUSE = timedelta(hours=4)
MISCONFIGURED_PAUSE = timedelta(minutes=10)
LIMIT_PAUSE = (timedelta(seconds=10), timedelta(minutes=10))  # least and most, for the operating limit
DEFAULT_LIMIT_PAUSE = timedelta(minutes=1)  # no good answer has told when the method is free again
REPEATED_WITHIN = timedelta(seconds=10)

TRANSIENT = frozenset({"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "CONNECTION_ERROR", "WRONG_ENCODING"})
GONE = frozenset({"APPLICATION_NOT_FOUND", "ERROR_OAUTH", "NOT_INSTALLED", "INVALID_CLIENT"})
LIMITS = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT"})

Reaction = Callable[[Portal, ErrorResponse, datetime], PortalError]


def plan_has_lapsed(answer: ErrorResponse) -> bool:
    """ACCESS_DENIED has two meanings; this is the one about the portal's plan (docs/bitrix24.md B.3)."""
    return answer.code == "ACCESS_DENIED" and "commercial plan" in answer.message.lower()


def apply_error(portal: Portal, answer: ErrorResponse, free_at: datetime | None = None) -> PortalError:
    """Change the portal's row as the answer demands and return the error for the caller.

    `free_at` is when the method's operating time begins to be free again, where a good answer has told.
    """
    now = timezone.now()
    if answer.code == "OPERATION_TIME_LIMIT":
        return _apply_operating_limit(portal, answer, now, free_at)
    if plan_has_lapsed(answer):
        return _suspend_portal(portal, Suspension.PLAN, answer, now + PROBE_AFTER)
    if answer.code in GONE:
        return _suspend_portal(portal, Suspension.GONE, answer, now + PROBE_AFTER)
    reaction = _REACTIONS.get(answer.code)
    if reaction is not None:
        return reaction(portal, answer, now)
    kind = InDoubt if answer.code in TRANSIENT else PortalRefused
    return kind(answer.code, answer.message)


def check_callable(portal: Portal) -> None:
    """Raise what stands in the way of calling this portal now; a suspension that has run out lets a probe through."""
    now = timezone.now()
    if portal.may_be_called(now):
        return
    if portal.uninstalled_at is not None:
        raise PortalGone("UNINSTALLED")
    if portal.rest_after is not None and portal.rest_after > now:
        raise NotNow("WAIT", until=portal.rest_after)
    if portal.suspension in {Suspension.GONE, Suspension.DELETED}:
        raise PortalGone(portal.suspension.upper(), portal.trouble)
    raise NotNow(portal.suspension.upper(), portal.trouble, portal.suspended_until)


def clear_suspension(portal: Portal) -> None:
    """A call brought a good answer: whatever had suspended the portal is over."""
    if portal.suspension:
        update_portal(portal, suspension=Suspension.NONE, suspended_until=None, trouble="")


def update_portal(portal: Portal, **values: object) -> None:
    """Write these columns alone, and show them on the instance in hand."""
    Portal.objects.filter(pk=portal.pk).update(**values)
    for name, value in values.items():
        setattr(portal, name, value)


def _suspend_portal(portal: Portal, kind: Suspension, answer: ErrorResponse, until: datetime) -> PortalError:
    words = answer.message or answer.code
    update_portal(portal, suspension=kind, suspended_until=until, trouble=words[:MAX_MESSAGE])
    log.warning("portal_suspended", portal=portal.pk, suspension=kind.value, code=answer.code)
    if kind in {Suspension.GONE, Suspension.DELETED}:
        return PortalGone(answer.code, answer.message)
    return NotNow(answer.code, answer.message, until)


def _postpone_calls(portal: Portal, answer: ErrorResponse, until: datetime) -> NotNow:
    update_portal(portal, rest_after=until)
    return NotNow(answer.code, answer.message, until)


def _apply_operating_limit(portal: Portal, answer: ErrorResponse, now: datetime, free_at: datetime | None) -> NotNow:
    least, most = LIMIT_PAUSE
    return _postpone_calls(portal, answer, min(max(free_at or now + DEFAULT_LIMIT_PAUSE, now + least), now + most))


def _apply_query_limit(portal: Portal, answer: ErrorResponse, now: datetime) -> NotNow:
    again = portal.rest_after is not None and now - portal.rest_after < REPEATED_WITHIN
    seconds = (2.0 if again else 1.0) * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, not a secret
    return _postpone_calls(portal, answer, now + timedelta(seconds=seconds))


def _suspend_overloaded(portal: Portal, answer: ErrorResponse, now: datetime) -> PortalError:
    log.error("portal_blocked_by_bitrix24", portal=portal.pk)
    return _suspend_portal(portal, Suspension.OVERLOAD, answer, now + OVERLOAD_PAUSE)


def _suspend_unpaid(portal: Portal, answer: ErrorResponse, now: datetime) -> PortalError:
    return _suspend_portal(portal, Suspension.PAYMENT, answer, now + PROBE_AFTER)


def _suspend_deleted(portal: Portal, answer: ErrorResponse, now: datetime) -> PortalError:
    return _suspend_portal(portal, Suspension.DELETED, answer, now + PROBE_AFTER)


def _note_missing_scope(portal: Portal, answer: ErrorResponse, _now: datetime) -> PortalError:
    # The installed version lacks a permission: an administrator has to update the application.
    update_portal(portal, trouble=f"{answer.code}: {answer.message}"[:MAX_MESSAGE])
    return PortalRefused(answer.code, answer.message)


def _pause_misconfigured(_portal: Portal, answer: ErrorResponse, now: datetime) -> PortalError:
    # Our own client_id is not known there: no portal is to blame, and none must suffer for it.
    log.error("client_id_unknown_to_oauth_server")
    return NotNow(answer.code, answer.message, now + MISCONFIGURED_PAUSE)


_REACTIONS: dict[str, Reaction] = {
    "QUERY_LIMIT_EXCEEDED": _apply_query_limit,
    "OVERLOAD_LIMIT": _suspend_overloaded,
    "PAYMENT_REQUIRED": _suspend_unpaid,
    "PORTAL_DELETED": _suspend_deleted,
    "INSUFFICIENT_SCOPE": _note_missing_scope,
    "INVALID_SCOPE": _note_missing_scope,
    "WRONG_CLIENT": _pause_misconfigured,
}
