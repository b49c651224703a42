"""How long exchanges are kept: the market asks for three days, the support desk likes thirty."""

from datetime import timedelta

from django.utils import timezone

from b24app.journal.models import Exchange

KEEP = timedelta(days=30)


def prune(limit: int = 5000) -> int:
    """Remove at most `limit` exchanges that are older than 30 days; answers how many went."""
    old = Exchange.objects.filter(at__lt=timezone.now() - KEEP).order_by("at").values("pk")[:limit]
    return Exchange.objects.filter(pk__in=old).delete()[0]
