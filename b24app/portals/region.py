"""A portal's time zone and country, from an administrator's profile, else from the portal's language.

Both can be changed in the settings; what was chosen there is never overwritten.
"""

from collections.abc import Mapping
from zoneinfo import available_timezones

from babel.core import get_global

from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import as_mapping

# Bitrix24's language codes (docs/bitrix24.md G.7) that point to one country; "la" and "ar" do not.
COUNTRY_OF_LANGUAGE: Mapping[str, str] = {
    "br": "BR", "de": "DE", "fr": "FR", "id": "ID", "in": "IN", "it": "IT", "ja": "JP", "kz": "KZ", "ms": "MY",
    "pl": "PL", "ru": "RU", "sc": "CN", "tc": "TW", "th": "TH", "tr": "TR", "ua": "UA", "vn": "VN",
}  # fmt: skip


def likely_country(portal: Portal, zone: str) -> str:
    """Return the country of a time zone, else of the portal's language; "" where neither has just one."""
    country = str(get_global("zone_territories").get(zone, "")) or COUNTRY_OF_LANGUAGE.get(portal.language, "")
    return country if len(country) == 2 else ""


def detect_region(portal: Portal) -> None:
    """Fill in the country and time zone where they are unset; raise what `PortalClient.call` raises."""
    if portal.has_region:
        return
    zone = str(as_mapping(PortalClient(portal).call("profile")).get("TIME_ZONE") or "")
    changes: dict[str, object] = {}
    if portal.time_zone == "UTC" and zone in available_timezones():
        changes["time_zone"] = zone
    country = likely_country(portal, zone)
    if not portal.country and country:
        changes["country"] = country
    if changes:
        error_policy.update_portal(portal, **changes)
