"""Events of the application's life that a portal sends.

Installed, updated, paid, a method allowed, the system user ready, uninstalled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.utils import timezone

from b24app.portals import identity, installation
from b24app.portals.callers import claims, portal_copies
from b24app.portals.callers.claims import ClaimedIdentity
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalGone
from b24app.portals.installation import InstallationChange
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest import error_policy, exchange_records
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import as_mapping

log = structlog.get_logger(__name__)

CLOCK_SKEW_SECONDS = 2.0  # between the portal's clock and ours, which do not count

Payload = Mapping[str, Any]
EventOutcome = tuple[InstallationChange, str]  # what changed, and why nothing did
UNVERIFIED: EventOutcome = (InstallationChange.NOTHING, "not verified")
OF_ANOTHER_ADDRESS: EventOutcome = (InstallationChange.NOTHING, "of another address")


def find_named_portal(payload: Payload) -> Portal | None:
    """Return the portal that an event names, if it is one of ours."""
    member_ids = [claim.member_id for claim in _claims_of(payload)]
    return Portal.objects.filter(member_id__in=member_ids).first() if member_ids else None


def find_event_portal(payload: Payload) -> Portal | None:
    """Return the portal an event at the installer's address is about; create a new one once it is confirmed.

    Raise NotOurs and InDoubt.
    """
    portal = find_named_portal(payload)
    if portal is not None:
        return portal
    claim = next((claim for claim in _claims_of(payload) if claim.access), None)
    return identity.save_portal(claims.confirm_claim(claim)) if claim else None


@dataclass(frozen=True, slots=True)
class PortalEvent:
    """An event that names this portal; `signed`: it came to the signed address that we bound."""

    portal: Portal
    payload: Payload
    signed: bool

    @property
    def auth(self) -> Payload:
        return as_mapping(self.payload.get("auth"))

    @property
    def data(self) -> Payload:
        return as_mapping(self.payload.get("data"))

    @property
    def has_proof(self) -> bool:
        """Whether the portal's application_token comes with it, at an address where that proves something.

        The portal writes the token into the page of every user who opens us (docs/bitrix24.md A.3), so employees know
        it. Only the portal knows the address we bound, and so does a restored copy of it, which is somewhere else.
        """
        known = self.signed and self.portal.has_application_token(_text_field(self.auth, "application_token"))
        return known and not self.is_from_elsewhere

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether it says that it comes from an address that is neither the portal's nor allowed as another of it."""
        host = portal_copies.named_host(self.auth)
        is_own = not host or portal_copies.is_among(host, portal_copies.own_hosts(self.portal))
        return not is_own and not portal_copies.is_allowed(self.portal, host)


def handle_event(portal: Portal, event: str, payload: Payload, *, signed: bool = True) -> InstallationChange:
    """Act on an event of this portal once it is verified; an unverified one has no effect. Safe to run twice.

    Events are recorded if they came to the signed address or had an effect, so that strangers cannot fill the log.
    Raise InDoubt or NotNow where nobody could say whether it is genuine: it has to be tried again.
    """
    name = event.upper()
    change, note = _apply_event(name, PortalEvent(portal, payload, signed))
    if signed or not note:
        exchange_records.record_event(portal, name, note)
    if note:
        log.warning("event_without_effect", portal=portal.pk, event_name=name if name in _EVENT_HANDLERS else "unknown")
    return change


def _apply_event(name: str, event: PortalEvent) -> EventOutcome:
    handler = _EVENT_HANDLERS.get(name)
    if handler is None:
        return InstallationChange.NOTHING, "not one of ours"
    if _text_field(event.auth, "member_id") != event.portal.member_id:
        return InstallationChange.NOTHING, "another portal's"
    try:
        return handler(event)
    except (InDoubt, NotNow):
        raise
    except PortalError as error:
        return InstallationChange.NOTHING, str(error)


def _on_installed(event: PortalEvent) -> EventOutcome:
    if not _is_verified(event):
        return UNVERIFIED
    if event.portal.uninstalled_at is not None:
        error_policy.update_portal(event.portal, **installation.reinstallation_columns(event.portal))
    return InstallationChange.INSTALLED, ""


def _on_updated(event: PortalEvent) -> EventOutcome:
    if not _is_verified(event):
        return UNVERIFIED
    portal, version = event.portal, _text_field(event.data, "VERSION")[:20]
    changes: dict[str, object] = {"version": version or portal.version, "events_bound_at": None, "tabs_bound_at": None}
    # Events come late and in any order: the installer may have finished for this version already.
    if portal.installed_at is not None and not _was_finished_since(portal.installed_at, event, version):
        changes["installed_at"] = None
    error_policy.update_portal(portal, **changes)
    return InstallationChange.UPDATED, ""


def _was_finished_since(installed_at: datetime, event: PortalEvent, version: str) -> bool:
    sent_at = _sent_at(event)
    was_later = sent_at is not None and installed_at.timestamp() > sent_at + CLOCK_SKEW_SECONDS
    return was_later or (bool(version) and version == event.portal.version)


def _on_payment(event: PortalEvent) -> EventOutcome:
    portal = event.portal
    is_suspended_for_it = portal.suspension in {Suspension.PAYMENT, Suspension.PLAN}
    is_paid = is_suspended_for_it and _text_field(event.data, "PAYMENT_EXPIRED") != "Y"
    if not _is_verified(event):
        # It may come without the application_token (docs/bitrix24.md F.2). Asking the portal does no harm.
        if event.signed and is_paid:
            error_policy.update_portal(portal, suspended_until=timezone.now())
            return InstallationChange.PROBE, "not verified: the portal is asked"
        return UNVERIFIED
    error_policy.update_portal(portal, licence=_text_field(event.data, "STATUS")[:10] or portal.licence)
    if not is_paid:
        return InstallationChange.NOTHING, ""
    error_policy.update_portal(portal, suspension=Suspension.NONE, suspended_until=None, trouble="")
    return InstallationChange.RESUMED, ""


def _on_method_confirmed(event: PortalEvent) -> EventOutcome:
    """Call a method again that an administrator had to allow, or has not: then nothing changes (K21)."""
    if not _is_verified(event):
        return UNVERIFIED
    if _text_field(event.data, "CONFIRMED") not in {"1", "Y"}:
        return InstallationChange.NOTHING, ""
    if event.portal.push_failures:
        error_policy.update_portal(event.portal, push_after=None)
    return InstallationChange.ALLOWED, ""


def _on_user_ready(event: PortalEvent) -> EventOutcome:
    """Store the system user's tokens from `data`; `auth` has those of the user who installed (docs/bitrix24.md F.7)."""
    is_stored = _store_tokens(event.portal, event.data, is_system=True)
    return (InstallationChange.INSTALLED, "") if _is_verified(event) or is_stored else UNVERIFIED


def _on_uninstalled(event: PortalEvent) -> EventOutcome:
    if not event.has_proof:
        if event.signed and event.portal.uninstalled_at is None and _is_gone(event.portal):
            installation.uninstall_portal(event.portal, clean=False)
            return InstallationChange.UNINSTALLED, ""
        return OF_ANOTHER_ADDRESS if event.is_from_elsewhere else UNVERIFIED
    if _was_reinstalled_after(event):
        return InstallationChange.NOTHING, "older than the installation"
    installation.uninstall_portal(event.portal, clean=_text_field(event.data, "CLEAN") in {"1", "Y"})
    return InstallationChange.UNINSTALLED, ""


_EVENT_HANDLERS: Mapping[str, Callable[[PortalEvent], EventOutcome]] = {
    "ONAPPINSTALL": _on_installed,
    "ONAPPUPDATE": _on_updated,
    "ONAPPPAYMENT": _on_payment,
    "ONAPPMETHODCONFIRM": _on_method_confirmed,
    "ONAPPUSERREADY": _on_user_ready,
    "ONAPPUNINSTALL": _on_uninstalled,
}


def _is_verified(event: PortalEvent) -> bool:
    """Return whether the application_token or an administrator's token proves the sender; store renewable tokens."""
    if event.has_proof and not _text_field(event.auth, "refresh_token"):
        return True
    return _store_tokens(event.portal, event.auth) or event.has_proof


def _store_tokens(portal: Portal, fields: Payload, *, is_system: bool = False) -> bool:
    """Store these tokens if they are confirmed as an administrator's of this portal; return whether they are."""
    claim = _claimed_identity(fields)
    if not claim.access or claim.member_id != portal.member_id:
        return False
    try:
        confirmed = claims.confirm_claim(claim)
        store = identity.store_system_tokens if is_system else identity.store_admin_tokens
        return store(portal, confirmed, claim)
    except (InDoubt, NotNow):
        raise
    except PortalError as error:
        log.info("event_tokens_not_stored", portal=portal.pk, code=error.code)
        return False


def _was_reinstalled_after(event: PortalEvent) -> bool:
    """Return whether the application was installed again after an uninstallation.

    Where it may have been, the portal is asked. Raise InDoubt and NotNow where it does not say.
    """
    refreshed = PortalToken.objects.filter(portal=event.portal).values_list("refreshed_at", flat=True)
    latest = refreshed.order_by("-refreshed_at").first()
    sent_at = _sent_at(event)
    if latest is None or sent_at is None or sent_at + CLOCK_SKEW_SECONDS >= latest.timestamp():
        return False
    return not _is_gone(event.portal, without_token=True)


def _is_gone(portal: Portal, *, without_token: bool = False) -> bool:
    """Ask the portal whether the application is uninstalled; `without_token` is returned where nothing can be asked.

    Raise InDoubt and NotNow.
    """
    try:
        PortalClient(portal).call("app.info")
    except PortalGone:
        return True
    except NoToken:
        return without_token
    except (InDoubt, NotNow):
        raise
    except PortalError:
        return False
    return False


def _sent_at(event: PortalEvent) -> int | None:
    """Return when the portal says that it sent the event, in seconds since 1970."""
    ts = _text_field(event.payload, "ts")
    return int(ts[:12]) if ts.isascii() and ts.isdecimal() else None


def _claims_of(payload: Payload) -> list[ClaimedIdentity]:
    found = [_claimed_identity(as_mapping(payload.get(part))) for part in ("auth", "data")]
    return [claim for claim in found if claims.MEMBER_ID.fullmatch(claim.member_id)]


def _claimed_identity(fields: Payload) -> ClaimedIdentity:
    return ClaimedIdentity(
        access=_text_field(fields, "access_token"),
        refresh=_text_field(fields, "refresh_token"),
        expires_in=_text_field(fields, "expires_in"),
        member_id=_text_field(fields, "member_id"),
        server_endpoint=_text_field(fields, "server_endpoint"),
        application_token=_text_field(fields, "application_token"),
    )


def _text_field(fields: Payload, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
