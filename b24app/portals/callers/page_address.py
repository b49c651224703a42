"""Whether the address that a page says it is at is one of its portal's."""

from django.utils.translation import gettext as _

from b24app.portals.callers import admin_rights, portal_copies
from b24app.portals.errors import NotOurs, PortalError
from b24app.portals.models import Portal
from b24app.portals.rest.responses import TokenOwner, https_host


def is_accepted(domain: str, owner: TokenOwner, access: str) -> bool:
    """Return whether a page at this host[:port] is the portal's, by the OAuth server's or an administrator's word.

    Raise NotOurs with both addresses for a page that an administrator opened elsewhere, which is noticed as a copy.
    """
    if is_same_host(domain, owner):
        return True
    portal = Portal.objects.filter(member_id=owner.member_id).first()
    if portal is None or not portal_copies.HOST.fullmatch(domain):
        return False
    if portal_copies.is_allowed(portal, domain):
        return True
    if not _is_known_admin(portal, owner.user_id, access):
        return False
    portal_copies.notice_copy(portal.pk, domain)
    text = _(
        "Sendline is connected to %(domain)s, but this page was opened from %(other)s. An administrator can allow this "
        "address in Sendline on %(domain)s."
    )
    raise NotOurs("OTHER_ADDRESS", text % {"domain": portal.domain, "other": domain})


def is_same_host(posted: str, owner: TokenOwner) -> bool:
    """Return whether the posted DOMAIN is the portal's; just after a move the new name may be known only as REST's.

    Where the OAuth server names no port, the page may have any.
    """
    names = {owner.domain, https_host(owner.client_endpoint)}
    return posted in names or (bool(portal_copies.HOST.fullmatch(posted)) and without_port(posted) in names)


def without_port(domain: str) -> str:
    """Return the host of a host[:port]."""
    return domain.partition(":")[0]


def _is_known_admin(portal: Portal, user_id: int, access: str) -> bool:
    try:
        return admin_rights.find_right(portal, user_id, access).is_admin
    except PortalError:
        return False
