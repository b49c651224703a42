"""The application's system user, whose tokens ONAPPUSERREADY brings (docs/bitrix24.md A.4, B.5, F.7)."""

from urllib.parse import urlsplit

from b24app.sandbox.events import posting
from b24app.sandbox.state import EventHandler, PortalState, User
from b24app.sandbox.world import World


def announce_system_user(world: World, portal: PortalState, installer: int) -> None:
    """Create or reactivate the system user, and send ONAPPUSERREADY to the installer's address, which needs no binding.

    Whether it is an administrator is stated nowhere (B.5).
    """
    with world.lock:
        user = next((item for item in portal.users.values() if item.system), None)
        if user is None:
            user = User(max(portal.users) + 1000, portal.app.title, "", system=True)
            portal.users[user.id] = user
        user.active, user.admin = True, portal.switches.system_user_admin
        handler = EventHandler(portal.next_id(), "ONAPPUSERREADY", f"{world.app_url}/install/")
    data = posting.token_fields(world, portal, user.id, with_refresh=True) | {
        "domain": urlsplit(world.server_endpoint_of(portal)).netloc,
        "server_endpoint": world.server_endpoint_of(portal),
        "client_endpoint": world.client_endpoint(portal),
        "member_id": portal.member_id,
        "client_id": world.client_of(portal),
        "LANGUAGE_ID": portal.language,
    }
    posting.post_event(world, portal, handler, data, posting.event_auth(world, portal, "ONAPPINSTALL", installer))


def dismiss_system_user(portal: PortalState) -> None:
    """Deactivate the system user, as an uninstallation does first (A.6)."""
    for user in portal.users.values():
        user.active = user.active and not user.system
