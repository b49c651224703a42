"""Deleting old exchanges. The market requires three days, support prefers thirty, and each portal chooses."""

from datetime import datetime

from django.db import transaction

from b24app.exchange_log.models import Exchange


def prune_exchanges(portal_id: int | None, before: datetime, limit: int) -> int:
    """Delete at most `limit` exchanges older than `before`, of a portal or of none; return how many."""
    old = Exchange.objects.filter(portal_id=portal_id, at__lt=before).order_by("at")
    with transaction.atomic():
        batch = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        Exchange.objects.filter(pk__in=batch).delete()
    return len(batch)
