"""The life of a portal with us: opened, installed, updated, removed and come back; and what its events say about it.

Nothing here rings a bell: what happened is returned as a `Change`, and the caller rings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from b24app.core import signed_urls
from b24app.portals import error_policy, exchange_records, identity
from b24app.portals.client import BatchCommand, PortalClient
from b24app.portals.errors import Busy, NoToken, PortalError, PortalGone, PortalRefused
from b24app.portals.identity import ClaimedIdentity, Launch
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.responses import as_mapping

log = structlog.get_logger(__name__)

EVENTS = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPUNINSTALL")
# What the OAuth server refuses a token for: once it confirms one, whoever's, that is over.
ENDED_BY_CONFIRMED_TOKEN = frozenset({Suspension.GONE, Suspension.DELETED, Suspension.PAYMENT})
CLOCK_SKEW_SECONDS = 2.0  # seconds between the portal's clock and ours that do not count

Payload = Mapping[str, Any]


class InstallationChange(StrEnum):
    """What an opening or an event changed about a portal."""

    NOTHING = "nothing"
    INSTALLED = "installed"
    UPDATED = "updated"
    RESUMED = "resumed"
    UNINSTALLED = "uninstalled"

    @property
    def wants_reconcile(self) -> bool:
        """Should the portal's senders be made equal to ours now?"""
        return self in {InstallationChange.INSTALLED, InstallationChange.UPDATED, InstallationChange.RESUMED}


def record_opening(launch: Launch, *, at_installer: bool = False) -> InstallationChange:
    """Somebody opened our page: lift what that proves to be over, and notice a reinstallation or an update.

    The portal shows the installer's address after an installation and after each update (docs/bitrix24.md A.2, A.6), so
    `at_installer` means that events have to be bound and the installation finished (again). What an employee's
    opening proves is what the OAuth server said: it begins no installation and calls off no waiting.
    """
    portal = launch.portal
    at_installer = at_installer and launch.is_admin
    changes: dict[str, object] = {}
    change = InstallationChange.NOTHING
    if portal.suspension and (launch.is_admin or portal.suspension in ENDED_BY_CONFIRMED_TOKEN):
        changes |= {"suspension": Suspension.NONE, "suspended_until": None, "trouble": ""}
        changes |= {"rest_after": None} if launch.is_admin else {}
        change = InstallationChange.RESUMED
    if launch.version != portal.version or (at_installer and portal.installed_at is not None):
        changes |= {"version": launch.version[:20], "events_bound_at": None, "tabs_bound_at": None}
        changes["trouble"] = ""
        change = InstallationChange.UPDATED if portal.installed_at else InstallationChange.INSTALLED
    if at_installer:
        changes |= {"installed_at": None, "events_bound_at": None, "tabs_bound_at": None}
    if portal.uninstalled_at is not None and launch.is_admin:
        changes |= _reinstallation_columns(portal)
        change = InstallationChange.INSTALLED
    if changes:
        error_policy.update_portal(portal, **changes)
    return change


def _reinstallation_columns(portal: Portal) -> dict[str, object]:
    """Installed again. Addresses of the installation before this one are told by their generation."""
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
    """installFinish is about to be called; True for the first to say so, who is to call it (exactly once)."""
    now = timezone.now()
    first = Portal.objects.filter(pk=portal.pk, installed_at=None).update(installed_at=now) == 1
    if first:
        portal.installed_at = now
    return first


def bind_events(portal: Portal) -> list[str]:
    """Bind the events of our life in one call; "already bound" is success, and so is an event an old box lacks.

    Answers the names of those that were refused (tried again by the next call); raises what `rest.batch` raises.
    """
    handler = signed_urls.events_url(portal.uuid.hex, portal.generation)
    commands = [BatchCommand("event.bind", {"EVENT": event, "HANDLER": handler}) for event in EVENTS]
    answers = dict(zip(EVENTS, PortalClient(portal).batch(commands), strict=True))
    refused = [event for event, answer in answers.items() if not _is_bound(answer.error)]
    if not refused:
        error_policy.update_portal(portal, events_bound_at=timezone.now())
    return refused


def _is_bound(error: PortalRefused | None) -> bool:
    return error is None or error.is_already_bound or error.code == "ERROR_EVENT_NOT_FOUND"


def uninstall_portal(portal: Portal, *, clean: bool) -> None:
    """Forget how to speak to the portal, at once; with `clean` its data are marked for erasure."""
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
            erase_at=now if clean else portal.erase_at,
        )
    log.info("portal_uninstalled", portal=portal.pk, clean=clean)


def find_event_portal(payload: Payload) -> Portal | None:
    """The portal an event at the installer's address is about; one we do not know yet is confirmed and made.

    Raises NotOurs and InDoubt.
    """
    for part in ("auth", "data"):
        claim = _claimed_identity(as_mapping(payload.get(part)))
        if not identity.MEMBER_ID.fullmatch(claim.member_id):
            continue
        known = Portal.objects.filter(member_id=claim.member_id).first()
        if known is not None:
            return known
        if claim.access:
            return identity.save_portal(*identity.confirm_claim(claim))
    return None


@dataclass(frozen=True, slots=True)
class PortalEvent:
    """An event that names this portal; `signed`: it came to the address that we bound."""

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
    def brings_our_token(self) -> bool:
        """Is the portal's application_token with it, where that proves something?

        The portal writes the token into the page of everybody who opens us (docs/bitrix24.md A.3), so an employee knows
        it. The address we bound is told to nobody but the portal.
        """
        return self.signed and self.portal.has_application_token(_text_field(self.auth, "application_token"))


def handle_event(portal: Portal, event: str, payload: Payload, *, signed: bool = True) -> InstallationChange:
    """Act on an event of this portal, if it is truly the portal's; what cannot be verified has no effect.

    Kept in the record is what came to the signed address or had an effect: strangers must not fill it. Safe to run
    twice. Never raises PortalError but for Busy: then nothing was looked at, and it has to be tried again.
    """
    name = event.upper()
    change, note = _apply_event(name, PortalEvent(portal, payload, signed))
    if signed or not note:
        exchange_records.record_event(portal, name, note)
    if note:
        log.warning("event_without_effect", portal=portal.pk, event_name=name if name in _EVENT_HANDLERS else "unknown")
    return change


# -- the events --------------------------------------------------------------------------------------------------------

EventOutcome = tuple[InstallationChange, str]  # what changed, and why nothing did
UNVERIFIED: EventOutcome = (InstallationChange.NOTHING, "not verified")


def _apply_event(name: str, event: PortalEvent) -> EventOutcome:
    action = _EVENT_HANDLERS.get(name)
    if action is None:
        return InstallationChange.NOTHING, "not one of ours"
    if _text_field(event.auth, "member_id") != event.portal.member_id:
        return InstallationChange.NOTHING, "another portal's"
    try:
        return action(event)
    except Busy:
        raise
    except PortalError as error:
        return InstallationChange.NOTHING, str(error)


def _on_installed(event: PortalEvent) -> EventOutcome:
    if not _is_verified(event):
        return UNVERIFIED
    if event.portal.uninstalled_at is not None:
        error_policy.update_portal(event.portal, **_reinstallation_columns(event.portal))
    return InstallationChange.INSTALLED, ""


def _on_updated(event: PortalEvent) -> EventOutcome:
    if not _is_verified(event):
        return UNVERIFIED
    version = _text_field(event.data, "VERSION")[:20]
    changes = {"installed_at": None, "events_bound_at": None, "tabs_bound_at": None}
    error_policy.update_portal(event.portal, version=version or event.portal.version, **changes)
    return InstallationChange.UPDATED, ""


def _on_payment(event: PortalEvent) -> EventOutcome:
    if not _is_verified(event):
        return UNVERIFIED
    portal = event.portal
    error_policy.update_portal(portal, licence=_text_field(event.data, "STATUS")[:10] or portal.licence)
    stopped_for_it = portal.suspension in {Suspension.PAYMENT, Suspension.PLAN}
    if _text_field(event.data, "PAYMENT_EXPIRED") == "Y" or not stopped_for_it:
        return InstallationChange.NOTHING, ""
    error_policy.update_portal(portal, suspension=Suspension.NONE, suspended_until=None, trouble="")
    return InstallationChange.RESUMED, ""


def _on_user_ready(event: PortalEvent) -> EventOutcome:
    """`data` are the system user's tokens, `auth` those of the employee who installed (docs/bitrix24.md F.7)."""
    kept = _store_tokens(event.portal, event.data, is_system=True)
    return (InstallationChange.INSTALLED, "") if _is_verified(event) or kept else UNVERIFIED


def _on_uninstalled(event: PortalEvent) -> EventOutcome:
    if not event.brings_our_token:
        return UNVERIFIED
    if _was_reinstalled_after(event.portal, _text_field(event.payload, "ts")):
        return InstallationChange.NOTHING, "older than the installation"
    uninstall_portal(event.portal, clean=_text_field(event.data, "CLEAN") in {"1", "Y"})
    return InstallationChange.UNINSTALLED, ""


_EVENT_HANDLERS: Mapping[str, Callable[[PortalEvent], EventOutcome]] = {
    "ONAPPINSTALL": _on_installed,
    "ONAPPUPDATE": _on_updated,
    "ONAPPPAYMENT": _on_payment,
    "ONAPPUSERREADY": _on_user_ready,
    "ONAPPUNINSTALL": _on_uninstalled,
}


def _is_verified(event: PortalEvent) -> bool:
    """Does the application_token or an administrator's token prove who sent this? Renewable tokens are kept."""
    if event.brings_our_token and not _text_field(event.auth, "refresh_token"):
        return True
    return _store_tokens(event.portal, event.auth) or event.brings_our_token


def _store_tokens(portal: Portal, fields: Payload, *, is_system: bool = False) -> bool:
    """Were these tokens confirmed as an administrator's of this portal? Then they are kept."""
    claim = _claimed_identity(fields)
    if not claim.access or claim.member_id != portal.member_id:
        return False
    try:
        owner, _ = identity.confirm_claim(claim)
        return identity.store_admin_tokens(portal, owner, claim, is_system=is_system)
    except Busy:
        raise
    except PortalError as error:
        log.info("event_tokens_not_taken", portal=portal.pk, code=error.code)
        return False


def _was_reinstalled_after(portal: Portal, ts: str) -> bool:
    """Was the application installed after this moment? Where it may have been, the portal's own answer decides."""
    seen = PortalToken.objects.filter(portal=portal).order_by("-refreshed_at").values_list("refreshed_at", flat=True)
    latest = seen.first()
    if latest is None or not ts.isdecimal() or int(ts[:12]) + CLOCK_SKEW_SECONDS >= latest.timestamp():
        return False
    try:
        PortalClient(portal).call("app.info")
    except (PortalGone, NoToken):
        return False
    except PortalError:
        return True
    return True


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
