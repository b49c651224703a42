"""Other addresses that call themselves by a portal's member_id: a restored copy of a box, a second name, a move.

The OAuth server knows one address of a portal. A call that names another one is not sent before that server names it
too (a move), or an administrator has said that it is theirs.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from b24app.portals.models import CopyState, Portal, PortalCopy
from b24app.portals.rest.responses import https_host

HOST = re.compile(r"[a-z0-9_.-]{1,249}(:[0-9]{1,5})?")
MAX_COPIES = 10  # of a portal; the messages of further ones are held all the same


def named_host(auth: Any) -> str:
    """Return the host[:port] that a call says it comes from, "" where its `auth` names none.

    `domain` may be the OAuth server's (docs/bitrix24.md E.4); then the REST address counts.
    """
    if not isinstance(auth, Mapping):
        return ""
    domain = _text(auth, "domain")
    servers = {*settings.B24_OAUTH_HOSTS, https_host(_text(auth, "server_endpoint"))}
    is_servers = domain in servers or domain.startswith("oauth.")
    host = https_host(_text(auth, "client_endpoint")) if is_servers or not domain else domain
    return host if HOST.fullmatch(host) and host not in servers else ""


def is_among(host: str, known: Iterable[str]) -> bool:
    """Return whether a host[:port] is one of these; a port that only one of the two names makes no difference."""
    return any(_is_same(host, one) for one in known if one)


def own_hosts(portal: Portal) -> tuple[str, str]:
    """Return the hosts that the OAuth server names: of the portal's pages, and of its REST."""
    return portal.domain, portal.rest_host


def notice_copy(portal_id: int, host: str) -> None:
    """Store that a host which is not the portal's uses its member_id; it is looked into at once."""
    if PortalCopy.objects.filter(portal_id=portal_id)[:MAX_COPIES].count() < MAX_COPIES:
        new = PortalCopy(portal_id=portal_id, host=host, due_at=timezone.now())
        PortalCopy.objects.bulk_create([new], ignore_conflicts=True)


def is_allowed(portal: Portal, host: str) -> bool:
    """Return whether an administrator has said that this address is the portal's too."""
    allowed = PortalCopy.objects.filter(portal=portal, state=CopyState.ALLOWED)
    return is_among(host, allowed.values_list("host", flat=True))


def make_confirmed_due(portal: Portal) -> bool:
    """Make due what was noticed under an address that the OAuth server names by now; return whether there is any."""
    noticed = PortalCopy.objects.filter(portal=portal, state=CopyState.NOTICED).values_list("pk", "host")
    confirmed = [pk for pk, host in noticed if is_among(host, own_hosts(portal))]
    return bool(confirmed and PortalCopy.objects.filter(pk__in=confirmed).update(due_at=timezone.now()))


def _is_same(one: str, other: str) -> bool:
    first, second = one.partition(":"), other.partition(":")
    return first[0] == second[0] and (first[2] == second[2] or not (first[2] and second[2]))


def _text(auth: Mapping[str, Any], name: str) -> str:
    value = auth.get(name)
    return value.strip().lower() if isinstance(value, str) else ""
