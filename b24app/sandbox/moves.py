"""What becomes of a portal as a whole: another name, a copy of a box, a new registration (docs/bitrix24.md B.4)."""

import dataclasses
import secrets
import time

from b24app.sandbox.runtime.snapshots import restore_dataclass
from b24app.sandbox.state import PortalState
from b24app.sandbox.world import World


def move_portal(world: World, portal: PortalState, host: str, *, redirects: bool) -> None:
    """Move to another host; the old one `redirects` with 302, or knows nothing of the portal any more."""
    with world.lock:
        portal.moved_from, portal.moved_at = portal.host, time.time()
        former = [*portal.former_hosts, portal.host] if redirects else portal.former_hosts
        portal.former_hosts = [old for old in former if old != host]
        portal.host = host
    world.touch()


def clone_portal(world: World, portal: PortalState, key: str, host: str) -> PortalState:
    """Add a restored copy of a box: everything is the same, the member_id and all tokens too, but the host."""
    with world.lock:
        copy: PortalState = restore_dataclass(PortalState, dataclasses.asdict(portal))
        copy.key, copy.host, copy.former_hosts, copy.clone_of = key, host, [], portal.key
        world.add_portal(copy)
    return copy


def register_again(world: World, portal: PortalState) -> None:
    """Register the box at the OAuth server anew: its member_id is another one, and no token of before is good."""
    with world.lock:
        portal.member_id = secrets.token_hex(16)
        portal.tokens.clear()
        portal.codes.clear()
        portal.app.token = secrets.token_hex(16)
    world.touch()
