"""Identifying callers: which portal and which user, as only the OAuth server can tell (docs/bitrix24.md A.5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from b24app.portals import tokens
from b24app.portals.applications import matching
from b24app.portals.applications.models import LocalApplication
from b24app.portals.callers import admin_rights, claims, page_address
from b24app.portals.callers.admin_rights import AdminRight
from b24app.portals.callers.claims import ClaimedIdentity, ConfirmedClaim
from b24app.portals.callers.page_address import without_port
from b24app.portals.errors import InDoubt, NotNow, NotOurs
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.responses import TokenOwner, TokenPair

ACCESS_LIFETIME = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Launch:
    """A verified opening of our page. `first_time`: the installation is not finished yet.

    `version` is the application's version as the OAuth server knows it. `has_answered`: the portal itself was asked
    about the user, and answered. `origin` is that of the page around ours, which may have a port that the OAuth server
    leaves out.
    """

    portal: Portal
    user_id: int
    is_admin: bool
    language: str
    placement: str
    placement_options: Mapping[str, Any]
    first_time: bool
    version: str = ""
    has_answered: bool = False
    origin: str = ""


def verify_launch(query: Mapping[str, str], form: Mapping[str, str], *, at_installer: bool = False) -> Launch:
    """Verify who opened our page with this query and form (docs/bitrix24.md A.3), and store an administrator's tokens.

    What the page says about the portal is trusted from an administrator only; otherwise the OAuth server's word counts.
    Raise NotOurs for a forged, foreign or unsupported caller, InDoubt when the OAuth server does not answer, and what
    keeps the portal from answering about a user it was never asked about. No token is stored then.

    `at_installer`: somebody may just have become an administrator, so a "no" is not remembered for long.
    """
    claim = ClaimedIdentity(
        access=form.get("AUTH_ID", ""),
        refresh=form.get("REFRESH_ID", ""),
        expires_in=form.get("AUTH_EXPIRES", ""),
        member_id=form.get("member_id", ""),
        server_endpoint=form.get("SERVER_ENDPOINT", ""),
        application_token=form.get("APPLICATION_TOKEN", ""),
    )
    if not claim.access:
        raise NotOurs("NO_TOKEN", _("Open Sendline from the Bitrix24 menu."))
    confirmed = claims.confirm_claim(claim)
    owner = confirmed.owner
    domain = query.get("DOMAIN", "").lower()
    if not page_address.is_accepted(domain, owner, claim.access):
        raise claims.foreign_caller(None, "domain")
    portal = save_portal(confirmed, language=query.get("LANG", ""))
    right = admin_rights.find_right(portal, owner.user_id, claim.access, at_once=at_installer)
    _store_by_right(portal, _claimed_pair(owner, claim), right, confirmed.application)
    if right.is_admin:
        _adopt_application_token(portal, claim)
        _update_changed(portal, {"oauth_host": confirmed.host, **_pages_columns(query, domain, owner)})
        if right.is_fresh and not portal.suspension:
            _update_changed(portal, {"trouble": ""})
    elif portal.uninstalled_at is not None:
        raise NotOurs("NOT_INSTALLED", _("An administrator must open Sendline first to finish the installation."))
    return Launch(
        portal=portal,
        user_id=owner.user_id,
        is_admin=right.is_admin,
        language=query.get("LANG", "")[:8] or portal.language,
        placement=form.get("PLACEMENT", "")[:100] or "DEFAULT",
        placement_options=_parse_options(form.get("PLACEMENT_OPTIONS", "")),
        first_time=portal.installed_at is None or portal.uninstalled_at is not None,
        version=owner.version,
        has_answered=right.is_fresh,
        origin=portal.origin_of(domain),
    )


def save_portal(confirmed: ConfirmedClaim, *, language: str = "") -> Portal:
    """Create or update the row of a portal the OAuth server confirmed, and return it.

    That server's host, the application and `language` are stored at the first time only: they are the caller's choice.
    """
    owner = confirmed.owner
    columns: dict[str, Any] = {
        "domain": owner.domain[:255],
        "client_endpoint": owner.client_endpoint,
        "scope": owner.scope[:500],
        "licence": owner.status[:10],
    }
    first = columns | {"oauth_host": confirmed.host, "language": language[:8] or "en"}
    first["application"] = confirmed.application
    portal, _is_new = Portal.objects.get_or_create(member_id=owner.member_id, defaults=first)
    if without_port(portal.domain) == owner.domain:
        columns.pop("domain")  # an administrator's page has named the port
    _update_changed(portal, columns)
    return portal


def _pages_columns(query: Mapping[str, str], domain: str, owner: TokenOwner) -> dict[str, Any]:
    """Return what an administrator's page says about the portal's pages: a port that is not known, and the protocol.

    A page at an address that was only allowed says nothing about the portal's own.
    """
    if not page_address.is_same_host(domain, owner):
        return {}
    pages = domain if without_port(domain) == owner.domain else owner.domain
    secure = {"secure": query["PROTOCOL"] != "0"} if "PROTOCOL" in query else {}
    return {"domain": pages[:255], **secure}


def _update_changed(portal: Portal, columns: Mapping[str, Any]) -> None:
    changed = {name: value for name, value in columns.items() if getattr(portal, name) != value}
    if changed:
        error_policy.update_portal(portal, **changed)


def store_admin_tokens(
    portal: Portal, confirmed: ConfirmedClaim, claim: ClaimedIdentity, *, is_system: bool = False
) -> bool:
    """Store confirmed tokens and the application_token if they are an administrator's; return whether they are.

    An employee's tokens are not stored; while a page is open, `visitor_tokens` keeps the access token apart.
    """
    pair = _claimed_pair(confirmed.owner, claim)
    right = admin_rights.find_right(portal, pair.user_id, pair.access, at_once=True)
    _store_by_right(portal, pair, right, confirmed.application, is_system=is_system)
    if not right.is_admin:
        return False
    _adopt_application_token(portal, claim)
    return True


def store_system_tokens(portal: Portal, confirmed: ConfirmedClaim, claim: ClaimedIdentity) -> bool:
    """Store the system user's confirmed tokens; return whether the portal says that it is an administrator.

    They are handed over once, so they are stored even where the portal cannot say, which is raised then.
    """
    try:
        return store_admin_tokens(portal, confirmed, claim, is_system=True)
    except (InDoubt, NotNow):
        if claim.refresh and matching.is_installed(portal, confirmed.application):
            tokens.store_unproven_token(portal, _claimed_pair(confirmed.owner, claim))
        raise


def store_if_admin(portal: Portal, pair: TokenPair) -> bool:
    """Store a pair that was issued for the portal's application, if its user is an administrator; return whether."""
    right = admin_rights.find_right(portal, pair.user_id, pair.access, at_once=True)
    _store_by_right(portal, pair, right, portal.application)
    return right.is_admin


def _store_by_right(
    portal: Portal,
    pair: TokenPair,
    right: AdminRight,
    application: LocalApplication | None,
    *,
    is_system: bool = False,
) -> None:
    if right.is_admin:
        matching.adopt_application(portal, application)
    if right.is_admin and pair.refresh:
        tokens.store_token(portal, pair, is_system=is_system)
    elif right.is_fresh and not right.is_admin:
        tokens.demote_user(portal, pair.user_id)


def _adopt_application_token(portal: Portal, claim: ClaimedIdentity) -> None:
    if claim.application_token and not portal.has_application_token(claim.application_token):
        error_policy.update_portal(portal, application_token=claim.application_token)


def _claimed_pair(owner: TokenOwner, claim: ClaimedIdentity) -> TokenPair:
    return TokenPair(
        access=claim.access,
        refresh=claim.refresh,
        expires_at=_claimed_expiry(claim.expires_in),
        member_id=owner.member_id,
        user_id=owner.user_id,
        client_endpoint=owner.client_endpoint,
    )


def _claimed_expiry(seconds: str) -> datetime:
    lifetime = int(seconds) if seconds.isdecimal() and len(seconds) < 6 else ACCESS_LIFETIME
    return timezone.now() + timedelta(seconds=min(lifetime, ACCESS_LIFETIME))


def _parse_options(text: str) -> Mapping[str, Any]:
    try:
        options = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}
