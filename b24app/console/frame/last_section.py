"""Which section somebody looked at last, so that a reload of the portal's page does not lose the place.

The portal reloads the frame at the application's main URL, and a frame has no storage of its own. In Redis, for half an
hour: who comes back later begins at Home, and no row is written with each click.
"""

from datetime import timedelta

import redis
from django.urls import reverse

from b24app.console.frame.navigation import SECTIONS
from b24app.core.redis import redis_client
from b24app.portals.models import Portal

KEPT = timedelta(minutes=30)
HOME = "home"


def remember_section(portal: Portal, user_id: int, path: str) -> None:
    """Keep the name of the section that `path` lies in, and nothing else of it."""
    name = _section_of(portal, path)
    if name is None:
        return
    try:
        redis_client().set(_key(portal, user_id), name, ex=KEPT)
    except redis.RedisError:
        return


def last_section(portal: Portal, user_id: int, *, is_admin: bool) -> str:
    """Return the URL name of the section to begin with."""
    try:
        kept = redis_client().get(_key(portal, user_id))
    except redis.RedisError:
        return HOME
    name = kept.decode() if isinstance(kept, bytes) else HOME
    allowed = {section.name for section in SECTIONS if section.for_employees or is_admin}
    return name if name in allowed else HOME


def _section_of(portal: Portal, path: str) -> str | None:
    addresses = {section.name: reverse(section.name, kwargs={"key": portal.uuid.hex}) for section in SECTIONS}
    if path == addresses[HOME]:
        return HOME
    return next((name for name, start in addresses.items() if name != HOME and path.startswith(start)), None)


def _key(portal: Portal, user_id: int) -> str:
    return f"section:{portal.uuid.hex}:{user_id}"
