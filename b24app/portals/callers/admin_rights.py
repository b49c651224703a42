"""Whether a user administers the portal, by its own answer to an administrator-only call (docs/bitrix24.md B.7).

Only a "no" is remembered, in Redis: an employee's pages would otherwise cost the portal a refused call each. It can
give nobody rights, and whoever holds an administrator's token here is asked about every time. A remembered "no" is
asked about again after twelve hours, for a few employees of a portal an hour, and at once for somebody who says that
they have become an administrator.
"""

import time
from dataclasses import dataclass

import structlog
from django.utils.translation import gettext as _
from redis import RedisError

from b24app.core.redis import redis_client
from b24app.portals.errors import Busy, InDoubt, PortalError
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

log = structlog.get_logger(__name__)

ADMIN_ONLY = "messageservice.sender.list"
NOT_ADMIN = frozenset({"ACCESS_DENIED", "USER_ACCESS_ERROR", "AUTHORIZATION_ERROR"})
PASSES_SOON = frozenset({"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"})

REMEMBERED_FOR = 7 * 86_400  # seconds
ASKED_AGAIN_AFTER = 12 * 3_600  # seconds
ASKED_AGAIN_PER_HOUR = 5  # of a portal's employees
AT_ONCE_EVERY = 60  # seconds; for one user


@dataclass(frozen=True, slots=True)
class AdminRight:
    """Whether a user is an administrator; `is_fresh` if the portal has just said so itself."""

    is_admin: bool
    is_fresh: bool


def find_right(portal: Portal, user_id: int, access: str, *, at_once: bool = False) -> AdminRight:
    """Return the portal's answer about the owner of this token, or the last one known where it does not answer.

    `at_once`: rely on a remembered "no" for a minute only. Raise Busy, or what else keeps the portal from answering,
    about somebody who was never asked about: a guess would take an administrator for an employee.
    """
    stored = PortalToken.objects.filter(portal=portal, user_id=user_id).first()
    was_admin = stored is not None and stored.is_admin
    denied_at = None if was_admin else _denied_at(portal, user_id)
    if denied_at is not None and _may_rely_on(denied_at, portal, at_once=at_once):
        return AdminRight(is_admin=False, is_fresh=False)
    answer = _ask_portal(portal, access)
    if isinstance(answer, bool):
        if answer and not was_admin:
            _forget_denial(portal, user_id)
        elif not answer:
            _remember_denial(portal, user_id)
        return AdminRight(is_admin=answer, is_fresh=True)
    was_denied = denied_at is not None or (stored is not None and stored.demoted_at is not None)
    if was_admin or was_denied:
        return AdminRight(is_admin=was_admin, is_fresh=False)
    raise answer


def ask_again(portal: Portal, user_id: int) -> bool:
    """Forget a "no", so that the user's next page asks the portal; return False if it was asked a minute ago."""
    denied_at = _denied_at(portal, user_id)
    if denied_at is not None and time.time() - denied_at < AT_ONCE_EVERY:
        return False
    _forget_denial(portal, user_id)
    return True


def _ask_portal(portal: Portal, access: str) -> bool | PortalError:
    """Return the portal's answer, or why there is none."""
    try:
        bitrix.call_method(portal.rest_host, access, ADMIN_ONLY, {}, exchange_records.exchange_recorder(portal))
    except (NoResponse, Redirect):
        return InDoubt("PORTAL_SILENT", _("Your Bitrix24 is not responding. Try again."))
    except ErrorResponse as response:
        if response.code in NOT_ADMIN and not error_policy.plan_has_lapsed(response):
            return False
        failure = error_policy.apply_error(portal, response)
        is_busy = response.code in PASSES_SOON
        return Busy("BUSY", _("Sendline is busy right now. Try again in a few seconds.")) if is_busy else failure
    return True


def _may_rely_on(denied_at: float, portal: Portal, *, at_once: bool) -> bool:
    """Return whether a "no" of that time is good enough. A suspended portal may have come back: it is asked sooner."""
    age = time.time() - denied_at
    if at_once:
        return age < AT_ONCE_EVERY
    if age < ASKED_AGAIN_AFTER and not portal.suspension:
        return True
    return not _may_ask_again(portal)


def _denied_at(portal: Portal, user_id: int) -> float | None:
    try:
        found = redis_client().get(_denial_key(portal, user_id))
    except RedisError:
        log.warning("redis_unavailable", kind="admin_right")
        return None
    return float(found) if isinstance(found, bytes) else None


def _remember_denial(portal: Portal, user_id: int) -> None:
    try:
        redis_client().set(_denial_key(portal, user_id), str(time.time()), ex=REMEMBERED_FOR)
    except RedisError:
        log.warning("redis_unavailable", kind="admin_right")


def _forget_denial(portal: Portal, user_id: int) -> None:
    try:
        redis_client().delete(_denial_key(portal, user_id))
    except RedisError:
        log.warning("redis_unavailable", kind="admin_right")


def _may_ask_again(portal: Portal) -> bool:
    """Count one more employee of this hour who is asked about again; return False once there were enough."""
    key = f"admin-asked:{portal.pk}:{int(time.time() // 3_600)}"
    try:
        pipeline = redis_client().pipeline()
        pipeline.incr(key)
        pipeline.expire(key, 3_600)
        count, _is_set = pipeline.execute()
    except RedisError:
        log.warning("redis_unavailable", kind="admin_right")
        return False
    return bool(count <= ASKED_AGAIN_PER_HOUR)


def _denial_key(portal: Portal, user_id: int) -> str:
    return f"not-admin:{portal.pk}:{user_id}"
