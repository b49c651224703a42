"""Permissions of the installed version that we use where they are there and do without where they are not."""

from collections.abc import Iterator
from contextlib import contextmanager

from b24app.portals import error_policy
from b24app.portals.models import Portal

MISSING_SCOPE = frozenset({"INSUFFICIENT_SCOPE", "INVALID_SCOPE"})


def has_scopes(portal: Portal, *names: str) -> bool:
    """Does the installed version have these permissions, as far as we know? Unknown counts as yes."""
    known = {name.strip() for name in portal.scope.split(",")} - {""}
    return not known or known.issuperset(names)


@contextmanager
def tolerate_missing_scope(portal: Portal) -> Iterator[None]:
    """What is done in here is no loss without its permission: the portal's row does not tell of the refusal."""
    before = portal.trouble
    try:
        yield
    finally:
        if portal.trouble != before and portal.trouble.partition(":")[0] in MISSING_SCOPE:
            error_policy.update_portal(portal, trouble=before)
