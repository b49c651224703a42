"""Which accounts only pretend to send. Their messages are left out of all figures, at the time of the query.

The tallies and breakdowns count them like all others, each by its sender: so nothing has to be rewritten, also not what
was counted long ago.
"""

from b24app.messaging.models import Connection, ConnectionState
from b24app.portals.models import Portal
from providers.kit import registry


def is_demo(service: str) -> bool:
    """Return whether a service only pretends to send."""
    found = registry.find(service)
    return found is not None and found.pretends


def demo_accounts(portal: Portal) -> list[int]:
    """Return the ids of a portal's accounts that only pretend to send, removed ones too."""
    accounts = Connection.objects.filter(portal=portal).values_list("pk", "service")
    return [pk for pk, service in accounts if is_demo(service)]


def has_only_demo(portal: Portal) -> bool:
    """Return whether a portal has accounts and none of them really sends: then there is nothing to count."""
    accounts = Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED)
    services = set(accounts.values_list("service", flat=True))
    return bool(services) and all(is_demo(service) for service in services)
