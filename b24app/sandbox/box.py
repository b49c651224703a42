"""The sandbox as one object: its portals and its SMS service, started and stopped together."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from b24app.sandbox import sites
from b24app.sandbox.portal import Portal
from b24app.sandbox.runtime import certificates
from b24app.sandbox.runtime.snapshots import SnapshotWriter
from b24app.sandbox.runtime.web import Server
from b24app.sandbox.sms import site
from b24app.sandbox.sms.state import Ledger
from b24app.sandbox.world import World


class Sandbox:
    """Bitrix24 portals and an SMS service on this machine.

    `state` is a folder that is kept between two starts, None for a temporary one; port 0 takes any free port.
    """

    def __init__(
        self,
        state: Path | None = None,
        app_url: str = "http://127.0.0.1:8000",
        client_id: str = "sandbox.app",
        client_secret: str = "sandbox-secret",  # noqa: S107 - not a secret
        ports: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.world = World(app_url, client_id, client_secret)
        self.sms = Ledger()
        self._exit = ExitStack()
        self._state = state
        self._ports = ports
        self._servers: list[Server] = []

    def start(self) -> None:
        """Open the three ports (portal pages, TLS, SMS) and serve; raise OSError when a port is taken."""
        folder = self._state or Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        folder.mkdir(parents=True, exist_ok=True)
        ca_file, context = certificates.load_or_create(folder)
        certificates.distrust_hosts(context, self.world.is_foreign)
        self.world.ca_file = self.sms.ca_file = str(ca_file)
        apps = (
            partial(sites.serve_http, self.world),
            partial(sites.serve_https, self.world),
            partial(site.serve_sms, self.sms),
        )
        for port, app, tls in zip(self._ports, apps, (None, context, None), strict=True):
            server = Server(port, app, tls)
            self._exit.callback(server.stop)
            self._servers.append(server)
        self.sms.refuse_connections = self._servers[2].refuse_connections
        self.world.http_port, self.world.tls_port = self._servers[0].port, self._servers[1].port
        self.world.sms_url = f"http://127.0.0.1:{self._servers[2].port}"
        if self._state:
            self._persist_state(folder)
        for background in (self.world.background, self.sms.background):
            background.start()
            self._exit.callback(background.stop)
        for server in self._servers:
            server.start()

    def stop(self) -> None:
        """Close the ports and write the state."""
        self._exit.close()
        self._servers.clear()

    def portal(self, key: str) -> Portal:
        """Return the portal `key`; raise KeyError if there is none."""
        return Portal(self.world, self.world.portals[key])

    def wait_until(self, happened: Callable[[], object], timeout: float = 10.0) -> bool:
        """Wait until `happened()` is true, checking after each change; return False after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not happened():
            if time.monotonic() >= end:
                return False
            with self.world.changed:
                self.world.changed.wait(0.02)
        return True

    @property
    def app_url(self) -> str:
        """Where the application answers; may be set after the start."""
        return self.world.app_url

    @app_url.setter
    def app_url(self, value: str) -> None:
        self.world.app_url = value.rstrip("/")

    @property
    def ca_file(self) -> str:
        """PEM file of the authority behind the TLS port."""
        return self.world.ca_file

    @property
    def http_url(self) -> str:
        """The first portal's pages."""
        return f"http://localhost:{self.world.http_port}"

    @property
    def tls_url(self) -> str:
        """The first portal's REST host."""
        return f"https://localhost:{self.world.tls_port}"

    @property
    def oauth_url(self) -> str:
        """The OAuth server."""
        return f"https://{self.world.oauth_host}"

    @property
    def sms_url(self) -> str:
        """The SMS service."""
        return self.world.sms_url

    def _persist_state(self, folder: Path) -> None:
        world_writer = SnapshotWriter(folder / "portals.json", self.world.snapshot)
        sms_writer = SnapshotWriter(folder / "sms.json", self.sms.snapshot)
        saved = world_writer.read()
        if saved:
            self.world.restore(saved)
        saved = sms_writer.read()
        if saved:
            self.sms.restore(saved)
        self.world.on_change, self.sms.on_change = world_writer.touch, sms_writer.touch
        for writer in (world_writer, sms_writer):
            writer.start()
            self._exit.callback(writer.stop)
