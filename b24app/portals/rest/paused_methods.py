"""Methods that a portal cannot run for now: it has not got them, has not granted them, or they took too much time.

They are not called before the time on their row, and no other method suffers (docs/bitrix24.md K12, K14, K18).
"""

from collections.abc import Mapping, Set
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from b24app.portals.errors import MethodPaused, PortalError, PortalRefused
from b24app.portals.models import PausedMethod, Portal
from b24app.portals.rest.responses import ErrorResponse

log = structlog.get_logger(__name__)

BATCH = "batch"
OVER_LIMIT = "OPERATION_TIME_LIMIT"
MISSING_SCOPE = frozenset({"INSUFFICIENT_SCOPE", "INVALID_SCOPE"})
REFUSALS = MISSING_SCOPE | {"ERROR_METHOD_NOT_FOUND"}
ASK_AGAIN = (timedelta(hours=1), timedelta(days=7))  # after as long as it has been refused, within these limits
LIMIT_PAUSE = (timedelta(seconds=10), timedelta(minutes=10))  # shortest and longest
DEFAULT_LIMIT_PAUSE = timedelta(minutes=1)  # no result has said when the method is free again
# A person waits for the one, and a status that the other refuses is lost: a refusal of theirs is not believed for long.
ALWAYS_ASKED = frozenset({"messageservice.sender.add", "messageservice.message.status.update"})

Pauses = Mapping[str, PausedMethod]


def find_pauses(portal: Portal) -> Pauses:
    """Return what is known of the methods that this portal has refused as a whole, by method."""
    return {row.method: row for row in PausedMethod.objects.filter(portal=portal)}


def refusal(portal: Portal, pauses: Pauses, method: str) -> PortalError | None:
    """Return what to raise instead of calling this method now; None where it may be called."""
    row = pauses.get(method)
    if row is None or row.ask_at <= timezone.now():
        return None
    if row.code == OVER_LIMIT:
        return MethodPaused(row.code, row.message, row.ask_at)
    if method in ALWAYS_ASKED or (row.code in MISSING_SCOPE and row.scope != portal.scope):
        return None
    return PortalRefused(row.code, row.message)


def pause_method(portal: Portal, method: str, response: ErrorResponse, reset_at: datetime | None) -> datetime | None:
    """Store that the portal refuses this method, if the response says so; return until when it is not called.

    `reset_at` is when its operating time begins to be free again, where a result has said so.
    """
    now = timezone.now()
    if response.code == OVER_LIMIT:
        since, until = now, _within(LIMIT_PAUSE, reset_at or now + DEFAULT_LIMIT_PAUSE, now)
    elif response.code in REFUSALS and method != BATCH:  # which every portal has
        before = PausedMethod.objects.filter(portal=portal, method=method, code=response.code).first()
        since = before.since if before else now
        until = _within(ASK_AGAIN, now + (now - since), now)
    else:
        return None
    values = {"code": response.code, "message": response.message, "scope": portal.scope, "since": since}
    PausedMethod.objects.update_or_create(portal=portal, method=method[:100], defaults={**values, "ask_at": until})
    log.warning("method_paused", portal=portal.pk, method=method, code=response.code)
    return until


def resume_methods(portal: Portal, pauses: Pauses, succeeded: Set[str]) -> None:
    """Forget what the success of these has disproved: their own pauses, and missing permissions of their families."""
    families = {_family(method) for method in succeeded}
    over = [
        row.pk
        for row in pauses.values()
        if row.method in succeeded or (row.code in MISSING_SCOPE and _family(row.method) in families)
    ]
    if over:
        PausedMethod.objects.filter(portal=portal, pk__in=over).delete()


def forget_refusals(portal: Portal) -> None:
    """Ask for everything again: an administrator has changed something."""
    PausedMethod.objects.filter(portal=portal).exclude(code=OVER_LIMIT).delete()


def _family(method: str) -> str:
    return method.partition(".")[0]


def _within(limits: tuple[timedelta, timedelta], moment: datetime, now: datetime) -> datetime:
    shortest, longest = limits
    return min(max(moment, now + shortest), now + longest)
