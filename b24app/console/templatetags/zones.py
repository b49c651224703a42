"""Template filters that write a time zone as the reader knows it."""

from datetime import tzinfo
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone

from b24app.console.formats import time_zones

register = template.Library()


@register.filter
def zone_city(zone: tzinfo) -> str:
    """Return the city of a time zone: Almaty."""
    return time_zones.city_name(_zone_id(zone))


@register.filter
def zone_offset(zone: tzinfo) -> str:
    """Return the offset of a time zone now: UTC+5."""
    return time_zones.utc_offset(_zone_id(zone), timezone.now())


def _zone_id(zone: tzinfo) -> str:
    return zone.key if isinstance(zone, ZoneInfo) else str(zone)
