"""Delete changes that are older than this installation keeps them, or those of a portal that is erased."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from b24app.audit.models import Change, ChangedMessage
from b24app.portals.models import Portal


def prune_changes(limit: int) -> int:
    """Delete at most `limit` changes older than KEEP_CHANGES_DAYS; return how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_CHANGES_DAYS)
    old = Change.objects.filter(at__lt=before).order_by("at")
    with transaction.atomic():
        batch = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        return Change.objects.filter(pk__in=batch).delete()[0]


def erase_changes(portal: Portal, limit: int) -> int:
    """Delete at most `limit` changes of a portal; return how many."""
    batch = Change.objects.filter(portal=portal).order_by("at", "pk").values_list("pk", flat=True)[:limit]
    return Change.objects.filter(pk__in=list(batch)).delete()[0]


def forget_messages(message_ids: Sequence[int]) -> None:
    """Delete which deeds changed these messages. Runs inside the caller's transaction, with the messages' own end."""
    ChangedMessage.objects.filter(pk__in=list(message_ids)).delete()
