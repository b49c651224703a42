"""Installing, updating, reinstalling and uninstalling the application in a portal.

Nothing is enqueued here: the caller does that, by the `InstallationChange` that is returned.
"""

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog
from django.db import transaction
from django.utils import timezone

from b24app.portals.callers import token_candidates
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest import author_tokens, error_policy

if TYPE_CHECKING:  # who is identified may have to be uninstalled first
    from b24app.portals.identity import Launch

log = structlog.get_logger(__name__)

# The OAuth server refuses tokens for these: once it confirms one, of whichever user, they are over.
ENDED_BY_CONFIRMED_TOKEN = frozenset({Suspension.GONE, Suspension.DELETED, Suspension.PAYMENT})
GRACE_PERIOD = timedelta(days=30)  # in which a portal that comes back finds everything as it was


class InstallationChange(StrEnum):
    """What an opening or an event changed about a portal."""

    NOTHING = "nothing"
    INSTALLED = "installed"
    UPDATED = "updated"
    RESUMED = "resumed"
    ALLOWED = "allowed"  # a method that it refused until an administrator would confirm it
    PROBE = "probe"  # nothing yet: the portal has to be asked
    UNINSTALLED = "uninstalled"

    @property
    def wants_check(self) -> bool:
        """Whether what the portal has of ours must be compared with our rows now."""
        return self not in {InstallationChange.NOTHING, InstallationChange.UNINSTALLED}


def record_opening(launch: "Launch", *, at_installer: bool = False) -> InstallationChange:
    """Note that our page was opened: lift a suspension this disproves, and notice a reinstallation or an update.

    Only a portal that has answered about the visitor disproves one: the opening itself may just have brought it about.

    The portal shows the installer's address after an installation and after each update (docs/bitrix24.md A.2, A.6), so
    `at_installer` means that events have to be bound and the installation finished (again). An employee's opening
    proves only what the OAuth server said: it starts no installation and ends no waiting time.
    """
    portal = launch.portal
    at_installer = at_installer and launch.is_admin
    changes: dict[str, object] = {}
    change = InstallationChange.NOTHING
    is_disproved = launch.is_admin or portal.suspension in ENDED_BY_CONFIRMED_TOKEN
    if portal.suspension and launch.has_answered and is_disproved:
        changes |= {"suspension": Suspension.NONE, "suspended_until": None, "trouble": ""}
        changes |= {"rest_after": None} if launch.is_admin else {}
        change = InstallationChange.RESUMED
    if launch.version != portal.version or (at_installer and portal.installed_at is not None):
        changes |= {"version": launch.version[:20], "events_bound_at": None, "tabs_bound_at": None}
        changes |= {"trouble": ""} if launch.has_answered else {}
        change = InstallationChange.UPDATED if portal.installed_at else InstallationChange.INSTALLED
    if portal.installed_by is None and launch.is_admin and (at_installer or launch.first_time):
        changes["installed_by"] = launch.user_id
    if at_installer:
        changes |= {"installed_at": None, "events_bound_at": None, "tabs_bound_at": None}
    if portal.uninstalled_at is not None and launch.is_admin:
        changes |= reinstallation_columns(portal)
        change = InstallationChange.INSTALLED
    if changes:
        error_policy.update_portal(portal, **changes)
    return change


def reinstallation_columns(portal: Portal) -> dict[str, object]:
    """Return the columns of a portal installed again; `generation` makes the old installation's addresses known."""
    return {
        "generation": portal.generation + 1,
        "left_at": portal.uninstalled_at,
        "uninstalled_at": None,
        "installed_at": None,
        "events_bound_at": None,
        "tabs_bound_at": None,
        "senders_checked_at": None,
        "erase_at": None,
    }


def record_finish(portal: Portal) -> bool:
    """Record that installFinish is about to be called; return True to one caller only, who then calls it."""
    now = timezone.now()
    is_first = Portal.objects.filter(pk=portal.pk, installed_at=None).update(installed_at=now) == 1
    if is_first:
        portal.installed_at = now
    return is_first


def uninstall_portal(portal: Portal, *, clean: bool) -> None:
    """Delete the portal's tokens at once. Its data are erased now with `clean`, else after `GRACE_PERIOD`.

    Nothing brings back what is to be erased now: a portal that installs us again begins anew.
    """
    now = timezone.now()
    with transaction.atomic():
        PortalToken.objects.filter(portal=portal).delete()
        error_policy.update_portal(
            portal,
            uninstalled_at=now,
            installed_at=None,
            events_bound_at=None,
            tabs_bound_at=None,
            application_token="",
            reconnect_nonce="",
            no_token_since=None,
            suspension=Suspension.NONE,
            suspended_until=None,
            trouble="",
            erase_at=now if clean else now + GRACE_PERIOD,
        )
        if clean:
            forget_identity(portal)
    author_tokens.forget_tokens(portal)
    token_candidates.forget_candidate(portal)
    log.info("portal_uninstalled", portal=portal.pk, clean=clean)


def forget_identity(portal: Portal) -> None:
    """Take the portal's member_id away, by which alone it could be found and come back."""
    error_policy.update_portal(portal, member_id=f"erased-{portal.uuid.hex}")
