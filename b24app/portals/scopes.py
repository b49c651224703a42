"""The permissions of the application; optional ones are used where the installed version has them."""

from collections.abc import Iterator
from contextlib import contextmanager

from b24app.portals.models import Portal
from b24app.portals.rest import error_policy, paused_methods

# What the version in the market asks for; docs/market/scopes.md gives the reason of each.
REQUIRED = ("messageservice",)
OPTIONAL = ("placement", "crm", "im", "user_brief")

MISSING_SCOPE = paused_methods.MISSING_SCOPE


def has_scopes(portal: Portal, *names: str) -> bool:
    """Return whether the installed version has these permissions; True where that is unknown."""
    granted = {name.strip() for name in portal.scope.split(",")} - {""}
    return not granted or granted.issuperset(names)


@contextmanager
def tolerate_missing_scope(portal: Portal) -> Iterator[None]:
    """Keep a missing permission out of the portal's row: what the block does is optional."""
    before = portal.trouble
    try:
        yield
    finally:
        if portal.trouble != before and portal.trouble.partition(":")[0] in MISSING_SCOPE:
            error_policy.update_portal(portal, trouble=before)
