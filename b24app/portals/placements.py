"""Our tab on the cards of leads, deals, contacts and companies."""

import structlog
from django.utils import timezone

from b24app.core import signed_urls
from b24app.portals import scopes
from b24app.portals.crm_cards import TABS
from b24app.portals.languages import FRAME_CODES
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import BatchCommand, BatchResult, PortalClient

log = structlog.get_logger(__name__)

TITLE = "Sendline"
UNAVAILABLE = scopes.MISSING_SCOPE | {"ERROR_METHOD_NOT_FOUND", "ERROR_PLACEMENT_NOT_FOUND"}


def bind_tabs(portal: Portal) -> list[str]:
    """Bind our tabs in one call; "already bound" is success, and tabs a portal cannot have are skipped.

    Return the names of those that were refused (the next call tries them again); raise what `PortalClient.batch`
    raises. The portal itself removes them when the application is uninstalled.
    """
    refused: list[str] = []
    if scopes.has_scopes(portal, "placement", "crm"):
        with scopes.tolerate_missing_scope(portal):
            results = PortalClient(portal).batch([BatchCommand("placement.bind", _tab_params(place)) for place in TABS])
        refused = [place for place, result in zip(TABS, results, strict=True) if not _is_done(result)]
    if refused:
        log.warning("tabs_refused", portal=portal.pk, places=refused)
    else:
        error_policy.update_portal(portal, tabs_bound_at=timezone.now())
    return refused


def _tab_params(place: str) -> dict[str, object]:
    return {
        "PLACEMENT": place,
        "HANDLER": signed_urls.public_url("/card/"),
        "TITLE": TITLE,
        # A portal shows the title in the user's language, and the application's name where that is not listed.
        "LANG_ALL": {language: {"TITLE": TITLE} for language in FRAME_CODES},
    }


def _is_done(result: BatchResult) -> bool:
    if result.error is None:
        return result.result is not False
    return result.error.code in UNAVAILABLE or result.error.is_already_bound
