"""What callers whom nobody knows yet may cost: questions to the OAuth server at once, and not a row in the database.

Anybody can write a token and a portal's member_id into a form. Whoever brings the portal's application_token as well
has been shown a page by that portal, so portals' own people have places that no stranger can take; and strangers who
name a portal have other places than those who name none, among whom are the portals that just begin.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from django.utils.translation import gettext as _

from b24app.core import concurrency_limit
from b24app.core.concurrency_limit import ConcurrencyLimit
from b24app.core.remembered import Remembered
from b24app.portals.errors import Busy
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

SHOWN_A_PAGE = ConcurrencyLimit(in_all=6, per_tenant=3)  # questions at once in this process
NAMING_A_PORTAL = ConcurrencyLimit(in_all=3, per_tenant=2)
NAMING_NONE = ConcurrencyLimit(in_all=2, per_tenant=2)
REFUSED_FOR, MOST_REFUSED = 60.0, 10_000  # seconds, tokens
TELL_EVERY = 60.0  # seconds

_refused = Remembered[bytes, float](REFUSED_FOR, MOST_REFUSED)


class _Count:
    """How many callers were turned away; said in one line a minute, however many they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turned_away = 0
        self._tell_at = 0.0

    def add(self, why: str) -> None:
        with self._lock:
            self._turned_away += 1
            if time.monotonic() < self._tell_at:
                return
            count, self._turned_away, self._tell_at = self._turned_away, 0, time.monotonic() + TELL_EVERY
        log.warning("strangers_turned_away", count=count, latest=why)


count_turned_away = _Count().add


def knows_token_of(portal: Portal, application_token: str) -> bool:
    """Is this the application_token we know of the portal? Compared in constant time."""
    known, given = portal.application_token.encode(), application_token.encode("utf-8", "surrogatepass")
    return bool(known) and hmac.compare_digest(known, given)


@contextmanager
def hold_place(portal: Portal | None, application_token: str) -> Iterator[None]:
    """Hold a place for one question about a caller who names this portal; raise Busy at once where none is free."""
    if portal is None:
        limit, tenant = NAMING_NONE, ""
    else:
        limit = SHOWN_A_PAGE if knows_token_of(portal, application_token) else NAMING_A_PORTAL
        tenant = portal.member_id
    with ExitStack() as held:
        try:
            held.enter_context(limit.hold(tenant))
        except concurrency_limit.Busy:
            count_turned_away("busy")
            raise Busy("BUSY", _("Too many people are opening Sendline right now. Try again in a moment.")) from None
        yield


def remember_refused(access: str) -> None:
    """Note that the OAuth server does not know this token, so that it is not asked again for a minute."""
    _refused.put(_digest(access), time.monotonic())


def was_refused(access: str) -> bool:
    """Did the OAuth server refuse this token within the last minute?"""
    return _refused.get(_digest(access)) is not None


def _digest(access: str) -> bytes:
    return hashlib.sha256(access.encode("utf-8", "surrogatepass")).digest()
