"""State that all parts of the sandbox share: portals, the lock, addresses and background work."""

import dataclasses
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from b24app.sandbox.runtime.background import Background
from b24app.sandbox.runtime.snapshots import restore_dataclass
from b24app.sandbox.state import Bucket, OAuthCall, PortalState, RestCall, starting_portals

LOG_LENGTH, OAUTH_LOG_LENGTH = 5000, 20_000
SECOND_OAUTH = "127.0.0.20"  # no portal lives there
SAVED_MESSAGES = 500


@dataclass
class PortalRuntime:
    """A portal's state that is lost on stop: REST log, bucket, and operating time by method and minute."""

    rest_log: deque[RestCall] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    bucket: Bucket = field(default_factory=Bucket)
    operating: dict[str, dict[int, float]] = field(default_factory=dict)


@dataclass
class Lane:
    """How the event server calls one host of the application: `interval` seconds apart, 0 as it pleases."""

    interval: float = 0.0
    last_at: float = 0.0

    def take_turn(self, now: float) -> float:
        """Return the seconds until the next turn, which is taken."""
        self.last_at = max(now, self.last_at + self.interval)
        return self.last_at - now


class World:
    """Holds the portals. Read and change them only under `lock`; call `touch` after a change."""

    def __init__(self, app_url: str, client_id: str, client_secret: str) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.background = Background()
        self.app_url = app_url.rstrip("/")
        self.client_id = client_id
        self.client_secret = client_secret
        self.http_port = 0
        self.tls_port = 0
        self.ca_file = ""
        self.sms_url = ""
        self.oauth_delay = 0.0  # seconds before the OAuth servers respond
        self.oauth_down: set[str] = set()  # those of them that close the connection instead
        self.oauth_log: deque[OAuthCall] = deque(maxlen=OAUTH_LOG_LENGTH)
        self.portals: dict[str, PortalState] = {portal.key: portal for portal in starting_portals()}
        self.running: dict[str, PortalRuntime] = {key: PortalRuntime() for key in self.portals}
        self.lanes: dict[str, Lane] = defaultdict(Lane)  # of the event server, by host of the application
        self.on_change: Callable[[], None] | None = None
        self.on_request: Callable[[Request], None] | None = None  # is shown each call of REST and OAuth, first of all

    def touch(self) -> None:
        """Wake waiters and schedule a write."""
        with self.lock:
            self.changed.notify_all()
        if self.on_change:
            self.on_change()

    def add_portal(self, portal: PortalState) -> None:
        """Add a portal."""
        with self.lock:
            self.portals[portal.key] = portal
            self.running[portal.key] = PortalRuntime()
        self.touch()

    def client_of(self, portal: PortalState) -> str:
        """Return the client_id of the application that is used in a portal."""
        return portal.client_id or self.client_id

    def secret_of(self, client_id: str) -> str | None:
        """Return the secret of an application, None where there is no such application."""
        with self.lock:
            local = {one.client_id: one.client_secret for one in self.portals.values() if one.client_id}
        return ({self.client_id: self.client_secret} | local).get(client_id)

    def find_by_host(self, host: str) -> PortalState | None:
        """Return the portal at this host (without port); a former host is a portal's until another moves in."""
        current = next((portal for portal in self.portals.values() if host == portal.host), None)
        return current or next((portal for portal in self.portals.values() if host in portal.former_hosts), None)

    def is_foreign(self, host: str) -> bool:
        """Return whether this host's certificate is from an authority that only its owner knows."""
        portal = self.find_by_host(host)
        return portal is not None and portal.switches.foreign_ca

    @property
    def oauth_host(self) -> str:
        """Host and port of the OAuth server; no portal lives on 127.0.0.1."""
        return f"127.0.0.1:{self.tls_port}"

    @property
    def oauth_hosts(self) -> tuple[str, str]:
        """Both OAuth servers; the second one knows every portal, the first one all but those that are elsewhere."""
        return self.oauth_host, f"{SECOND_OAUTH}:{self.tls_port}"

    @property
    def server_endpoint(self) -> str:
        """The `server_endpoint` of portals that the first OAuth server knows."""
        return f"https://{self.oauth_host}/rest/"

    def server_endpoint_of(self, portal: PortalState) -> str:
        """Return what this portal calls `server_endpoint`."""
        return f"https://{self.oauth_hosts[portal.switches.oauth_elsewhere]}/rest/"

    def is_known_to(self, oauth_host: str, portal: PortalState) -> bool:
        """Return whether this OAuth server knows the portal's tokens."""
        return oauth_host != self.oauth_host or not portal.switches.oauth_elsewhere

    def domain(self, portal: PortalState) -> str:
        """Return what the portal posts as DOMAIN: without the port where it is the usual one."""
        return portal.host if portal.switches.default_port else urlsplit(self.page_url(portal)).netloc

    def page_url(self, portal: PortalState) -> str:
        """Return where the portal's pages really are, without a slash at the end."""
        if portal.switches.https_pages:
            return f"https://{portal.host}:{self.tls_port}"
        return f"http://{portal.host}:{self.http_port}"

    def origin(self, portal: PortalState) -> str:
        """Return the origin that the portal's pages say they have."""
        return f"{urlsplit(self.page_url(portal)).scheme}://{self.domain(portal)}"

    def client_endpoint(self, portal: PortalState) -> str:
        """Return the REST address of the portal, ending in `/rest/`."""
        if portal.switches.http_rest:
            return f"http://{portal.host}:{self.http_port}/rest/"
        return f"https://{portal.host}:{self.tls_port}/rest/"

    def as_registered(self, portal: PortalState) -> PortalState:
        """Return the portal as the OAuth servers know it: late after a move (`name_lag`), a copy as its original."""
        portal = self.portals.get(portal.clone_of, portal)
        is_late = portal.moved_from and time.time() < portal.moved_at + portal.switches.name_lag
        return dataclasses.replace(portal, host=portal.moved_from) if is_late else portal

    def snapshot(self) -> dict[str, Any]:
        """Return what is kept between two starts."""
        with self.lock:
            saved = [dataclasses.replace(p, messages=p.messages[-SAVED_MESSAGES:]) for p in self.portals.values()]
            return {"portals": [dataclasses.asdict(portal) for portal in saved]}

    def restore(self, data: Any) -> None:
        """Load a snapshot."""
        for item in data["portals"]:
            self.add_portal(restore_dataclass(PortalState, item))
