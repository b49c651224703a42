"""Whether addresses signed with a key are still called, in words for the operator."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.models import AddressKeyUse
from b24app.messaging.models.maintenance import AddressKind

# Bitrix24 may hold a call back for an hour; services report on a message for as long as they try to deliver it.
HOUR, DAYS = timedelta(hours=1), timedelta(days=3)
QUIET: Mapping[str, timedelta] = {
    AddressKind.HANDLER: HOUR,
    AddressKind.EVENTS: HOUR,
    AddressKind.REPORT: DAYS,
    AddressKind.ACCOUNT: DAYS,
}


def describe_calls(key: int) -> Iterator[str]:
    """Yield a line for each kind of address that was called with the key in this place."""
    uses = {use.kind: use for use in AddressKeyUse.objects.filter(address_id=signed_urls.address_id(key))}
    for kind in AddressKind:
        if use := uses.get(kind.value):
            since = f"{use.first_at:%Y-%m-%d %H:%M}"
            yield f"called for {kind.label}: {use.calls} times since {since} UTC, last {_ago(use)} ago"


def why_not_yet(key: int) -> str:
    """Return why the key in this place has to stay although nothing is registered with it; "" where it need not."""
    now = timezone.now()
    for use in AddressKeyUse.objects.filter(address_id=signed_urls.address_id(key)).order_by("-last_at"):
        quiet = QUIET[use.kind]
        if now - use.last_at < quiet:
            hours = quiet.total_seconds() / 3600
            label = AddressKind(use.kind).label
            return f"it was called for {label} {_ago(use)} ago, and calls may be on their way for {hours:.0f} h"
    return ""


def _ago(use: AddressKeyUse) -> str:
    seconds = (timezone.now() - use.last_at).total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
