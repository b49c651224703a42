"""An application's lifecycle in a portal: install, finish, update and uninstall (docs/bitrix24.md A)."""

import secrets

from b24app.sandbox.events import posting, system_user
from b24app.sandbox.state import PortalState
from b24app.sandbox.world import World


def install_app(world: World, portal: PortalState) -> None:
    """Press Install: the application is present but not yet installed, its old tokens are revoked.

    Its application_token is new, unless `same_token`: Bitrix24 promises neither (A.6).
    """
    with world.lock:
        portal.tokens = {key: one for key, one in portal.tokens.items() if one.client_id in portal.removed_clients}
        portal.app.present = True
        portal.app.installed = False
        _renew_application_token(portal)
    world.touch()
    if portal.switches.system_user and portal.switches.system_user_early:
        system_user.announce_system_user(world, portal, _first_admin(portal))


def finish_install(world: World, portal: PortalState, installer: int) -> None:
    """Run installFinish: activate events and placements, and announce a system user that was not announced before."""
    with world.lock:
        portal.app.installed = True
    world.touch()
    data: dict[str, object] = {
        "VERSION": portal.app.version,
        "ACTIVE": "Y",
        "INSTALLED": "Y",
        "LANGUAGE_ID": portal.language,
    }
    posting.fire_event(world, portal, "ONAPPINSTALL", data, installer)
    if portal.switches.system_user and not portal.switches.system_user_early:
        system_user.announce_system_user(world, portal, installer)


def update_app(world: World, portal: PortalState) -> None:
    """Install a new version: not finished, handlers and placements gone, senders too where `update_wipes` is on.

    ONAPPUPDATE goes to the handlers of the version before, unless `update_silent` wiped them first (F.2).
    """
    with world.lock:
        is_heard = posting.sends_events(portal) and not portal.switches.update_silent
        bound, before = portal.unbind_all(), portal.app.version
        portal.app.version += 1
        _renew_application_token(portal)
        portal.app.installed = False
        if portal.switches.update_wipes:
            portal.senders.clear()
        data: dict[str, object] = {
            "VERSION": portal.app.version,
            "PREVIOUS_VERSION": before,
            "LANGUAGE_ID": portal.language,
        }
        posting.queue_event(world, portal, bound if is_heard else [], "ONAPPUPDATE", data, _first_admin(portal))
    world.touch()


def uninstall_app(world: World, portal: PortalState, *, clean: bool) -> None:
    """Remove the application: senders, then ONAPPUNINSTALL, then handlers and placements; tokens stop working.

    Nobody is told where the portal sends no events: while an installation or update is pending, and after the payment
    ran out (A.2, A.6).
    """
    with world.lock:
        system_user.dismiss_system_user(portal)
        portal.senders.clear()
        posting.fire_event(world, portal, "ONAPPUNINSTALL", {"LANGUAGE_ID": portal.language, "CLEAN": int(clean)})
        portal.unbind_all()
        if clean:
            portal.app_options.clear()
            portal.user_options.clear()
        portal.app.present = portal.app.installed = False
    world.touch()


def _renew_application_token(portal: PortalState) -> None:
    if not (portal.switches.same_token and portal.app.token):
        portal.app.token = secrets.token_hex(16)


def _first_admin(portal: PortalState) -> int:
    return next((one.id for one in portal.users.values() if one.admin and one.active and not one.system), 0)
