"""Ask services for balances once a day, and after a refusal for lack of money; never as part of a send."""

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

ROUND_SECONDS = 20.0  # seconds
BATCH_SIZE = 50
REFRESH_EVERY = timedelta(days=1)


def refresh_balances(seconds: float = ROUND_SECONDS) -> int:
    """Ask for balances that are a day old, for about `seconds` at most; return how many were stored."""
    return sum(work_each(shutdown.in_time(_due_connections(), seconds), _refresh_balance, _set_aside_balance))


def _refresh_balance(connection: Connection) -> bool:
    return _claim_check(connection) and _fetch_balance(connection)


def _set_aside_balance(connection: Connection, error: Exception) -> None:
    """Leave it for a day: the claim was written, so the balance is due again only tomorrow."""
    dead_letters.note(Kind.BALANCE, connection.pk, error, portal=connection.portal_id, retry=True)


def _due_connections() -> list[Connection]:
    """Return accounts that have reported a balance before and are due, those not asked for longest first."""
    now = timezone.now()
    old = Q(balance_asked_at=None, checked_at__lt=now - REFRESH_EVERY) | Q(balance_asked_at__lt=now - REFRESH_EVERY)
    refused = Q(blocked_reason="balance", state=ConnectionState.BLOCKED)
    refused &= Q(balance_asked_at=None) | Q(balance_asked_at__lt=F("blocked_since"))
    rows = Connection.objects.filter(old | refused, balance__isnull=False, portal__uninstalled_at=None)
    rows = rows.filter(state__in=[ConnectionState.ACTIVE, ConnectionState.BLOCKED]).select_related("portal")
    return list(rows.order_by(F("balance_asked_at").asc(nulls_first=True), "pk")[:BATCH_SIZE])


def _claim_check(connection: Connection) -> bool:
    """Return whether this process may ask: one process asks once, whether or not that succeeds."""
    unchanged = Connection.objects.filter(pk=connection.pk, balance_asked_at=connection.balance_asked_at)
    return unchanged.update(balance_asked_at=timezone.now()) == 1


def _fetch_balance(connection: Connection) -> bool:
    try:
        found = lifecycle.check_account(connection.service, connection.account, connection.portal)
    except (SmsError, registry.Unavailable) as error:
        log.info("balance_check_failed", connection=connection.pk, error=type(error).__name__)
        return False
    columns = lifecycle.account_columns(found)
    if columns["balance"] is None:
        return False
    # Not if the credentials were changed in the meantime: they may be another account's.
    unchanged = Connection.objects.filter(pk=connection.pk, checked_at=connection.checked_at)
    return unchanged.update(balance=columns["balance"], currency=columns["currency"]) == 1
