"""Delete changes that are older than this installation keeps them, or those of a portal that is erased."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from b24app.audit.models import Change, ChangedMessage
from b24app.portals.models import Portal


def prune_changes(limit: int) -> int:
    """Delete those of the first `limit` changes that are older than KEEP_CHANGES_DAYS; return how many.

    Changes are stored in the order in which they happen, give or take a transaction, so the key finds the oldest.
    """
    before = timezone.now() - timedelta(days=settings.KEEP_CHANGES_DAYS)
    first = list(Change.objects.order_by("pk").values_list("pk", "at")[:limit])
    return Change.objects.filter(pk__in=[pk for pk, at in first if at < before]).delete()[0]


def erase_changes(portal: Portal, limit: int) -> int:
    """Delete at most `limit` changes of a portal; return how many."""
    batch = Change.objects.filter(portal=portal).order_by("at", "pk").values_list("pk", flat=True)[:limit]
    return Change.objects.filter(pk__in=list(batch)).delete()[0]


def forget_messages(message_ids: Sequence[int]) -> None:
    """Delete which deeds changed these messages. Runs inside the caller's transaction, with the messages' own end."""
    ChangedMessage.objects.filter(pk__in=list(message_ids)).delete()
