"""Balances are asked for once a day, and after a refusal for lack of money; never while something is being sent."""

from datetime import timedelta

import structlog
from django.db.models import F, Q
from django.utils import timezone

from b24app.core import shutdown
from b24app.core.isolation import work_each
from b24app.messaging import dead_letters
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.models.dead_letters import Kind
from providers.kit import registry
from providers.kit.errors import SmsError

log = structlog.get_logger(__name__)

ROUND = 20.0  # seconds
AT_ONCE = 50
EVERY = timedelta(days=1)


def refresh_balances(seconds: float = ROUND) -> int:
    """Ask for some balances that are a day old, for about so long at most; answers how many were learnt."""
    return sum(work_each(shutdown.in_time(_due(), seconds), _refresh, _set_aside))


def _refresh(connection: Connection) -> bool:
    return _claim(connection) and _ask(connection)


def _set_aside(connection: Connection, error: Exception) -> None:
    """It was asked for, so it is due again only tomorrow."""
    dead_letters.note(Kind.BALANCE, connection.pk, error, portal=connection.portal_id, retry=True)


def _due() -> list[Connection]:
    """Accounts whose service has told a balance before, the longest unasked first."""
    now = timezone.now()
    old = Q(balance_asked_at=None, checked_at__lt=now - EVERY) | Q(balance_asked_at__lt=now - EVERY)
    refused = Q(blocked_reason="balance", state=ConnectionState.BLOCKED)
    refused &= Q(balance_asked_at=None) | Q(balance_asked_at__lt=F("blocked_since"))
    rows = Connection.objects.filter(old | refused, balance__isnull=False, portal__uninstalled_at=None)
    rows = rows.filter(state__in=[ConnectionState.ACTIVE, ConnectionState.BLOCKED]).select_related("portal")
    return list(rows.order_by(F("balance_asked_at").asc(nulls_first=True), "pk")[:AT_ONCE])


def _claim(connection: Connection) -> bool:
    """Asked once, whatever becomes of it, and by one process."""
    mine = Connection.objects.filter(pk=connection.pk, balance_asked_at=connection.balance_asked_at)
    return mine.update(balance_asked_at=timezone.now()) == 1


def _ask(connection: Connection) -> bool:
    try:
        found = lifecycle.check_account(connection.service, connection.account, connection.portal)
    except (SmsError, registry.Unavailable) as error:
        log.info("balance_not_told", connection=connection.pk, error=type(error).__name__)
        return False
    known = lifecycle.account_facts(found)
    if known["balance"] is None:
        return False
    # Not where the credentials were changed meanwhile: they may be of another account.
    same = Connection.objects.filter(pk=connection.pk, checked_at=connection.checked_at)
    return same.update(balance=known["balance"], currency=known["currency"]) == 1
