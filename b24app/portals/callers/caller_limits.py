"""Limits on what unverified callers may cost: few questions to the OAuth server at once, and no row in the database.

Anybody can write a token and a portal's member_id into a form. A caller who also brings the portal's application_token,
or a token that was confirmed before, has been shown a page by that portal: such callers have slots that no stranger can
take. Strangers who name a portal have other slots than those who name none, among whom are portals just installing.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from django.utils.translation import gettext as _

from b24app.core import concurrency_limit
from b24app.core.concurrency_limit import ConcurrencyLimit
from b24app.core.ttl_cache import TtlCache
from b24app.core.wait_limit import limit_waiting
from b24app.portals.errors import Busy, NotOurs
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

VOUCHED_SLOTS = ConcurrencyLimit(in_all=6, per_tenant=3)  # questions at once in this process
PORTAL_SLOTS = ConcurrencyLimit(in_all=3, per_tenant=2)
ANONYMOUS_SLOTS = ConcurrencyLimit(in_all=2, per_tenant=2)
REFUSED_SECONDS, MAX_REFUSED = 60.0, 10_000  # seconds, tokens
CONFIRMED_SECONDS, MAX_CONFIRMED = 3600.0, 20_000  # seconds: the lifetime of a token
REFUSALS_AT_ONCE, REFUSALS_PER_SECOND = 30, 1.0  # of strangers with a portal's name, and of those with none
ANSWER_SECONDS, TOTAL_SECONDS = 5.0, 8.0  # to wait for one server, and for all of them
LOG_INTERVAL = 60.0  # seconds

_refused = TtlCache[bytes, float](REFUSED_SECONDS, MAX_REFUSED)
_confirmed = TtlCache[bytes, float](CONFIRMED_SECONDS, MAX_CONFIRMED)


class _TurnedAwayCounter:
    """Counts callers turned away, and logs at most one line a minute however many they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turned_away = 0
        self._log_at = 0.0

    def add(self, reason: str) -> None:
        with self._lock:
            self._turned_away += 1
            if time.monotonic() < self._log_at:
                return
            count, self._turned_away, self._log_at = self._turned_away, 0, time.monotonic() + LOG_INTERVAL
        log.warning("strangers_turned_away", count=count, latest=reason)


count_turned_away = _TurnedAwayCounter().add


class RefusalBudget:
    """Bounds how many questions about strangers may end in a refusal, however quickly they are answered.

    Only refusals count, so any number of portals may install us at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget what was spent."""
        self._spent, self._at = 0.0, time.monotonic()

    def is_spent(self) -> bool:
        """Return whether nothing is left for now."""
        with self._lock:
            self._refill()
            return self._spent > REFUSALS_AT_ONCE - 1

    def spend(self) -> None:
        """Count a refusal."""
        with self._lock:
            self._refill()
            self._spent += 1

    def _refill(self) -> None:
        now = time.monotonic()
        self._spent = max(0.0, self._spent - (now - self._at) * REFUSALS_PER_SECOND)
        self._at = now


portal_refusals, anonymous_refusals = RefusalBudget(), RefusalBudget()


@contextmanager
def hold_slot(portal: Portal | None, application_token: str, access: str = "") -> Iterator[None]:
    """Hold a slot for one question about a caller who names this portal; raise Busy at once where none is free.

    The block waits for an answer no longer than a person would, because a slot takes a thread.
    """
    budget: RefusalBudget | None
    if portal is None:
        limit, tenant, budget = ANONYMOUS_SLOTS, "", anonymous_refusals
    elif _is_vouched(portal, application_token, access):
        limit, tenant, budget = VOUCHED_SLOTS, portal.member_id, None
    else:
        limit, tenant, budget = PORTAL_SLOTS, portal.member_id, portal_refusals
    with ExitStack() as held:
        try:
            if budget is not None and budget.is_spent():
                raise concurrency_limit.Busy
            held.enter_context(limit.hold(tenant))
        except concurrency_limit.Busy:
            count_turned_away("busy")
            raise Busy("BUSY", _("Sendline is busy right now. Try again in a few seconds.")) from None
        held.enter_context(limit_waiting(each=ANSWER_SECONDS, total=TOTAL_SECONDS))
        try:
            yield
        except NotOurs:
            if budget is not None:
                budget.spend()
            raise


def _is_vouched(portal: Portal, application_token: str, access: str) -> bool:
    is_confirmed = _confirmed.get(_hash_parts(access, portal.member_id)) is not None
    return is_confirmed or portal.has_application_token(application_token)


def cache_refused_token(access: str) -> None:
    """Cache that the OAuth server does not know this token, so that it is not asked again for a minute."""
    _refused.put(_hash_parts(access), time.monotonic())


def was_token_refused(access: str) -> bool:
    """Return whether the OAuth server refused this token within the last minute."""
    return _refused.get(_hash_parts(access)) is not None


def cache_confirmed_token(access: str, member_id: str) -> None:
    """Cache that this is a token of that portal, whose bearer is no stranger when the page asks again."""
    _confirmed.put(_hash_parts(access, member_id), time.monotonic())


def _hash_parts(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
