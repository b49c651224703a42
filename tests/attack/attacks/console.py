"""H1: one tenant keeps the console busy: checks that never end, a portal that dawdles, long files in and out."""

import threading
import time
from contextlib import suppress
from urllib.parse import urlencode, urljoin, urlsplit

from b24app.operations.local import visitor
from tests.attack.rows import stop_numbers
from tests.attack.scene import Outcome, Scene, fields_of
from tests.attack.victim import post
from tests.attack.wires import hold, silent_server

LANES = 24
FILE_LINES = 100_000
STOPPED = 40_000  # with their notes, eight megabytes
DAWDLES = 25.0  # seconds, as long as the application may wait for a portal
BOUNDARY = "attack0boundary"


def checks(scene: Scene) -> Outcome:
    """Have accounts checked at a service that never answers."""
    with silent_server() as port:
        account = {
            "account-account_sid": "AC" + "a" * 32,
            "account-auth_token": "token",
            "account-base_url": f"http://127.0.0.1:{port}",
        }
        console = scene.console(scene.alpha)
        scene.ready()
        return Outcome(
            scene.hammer(LANES, lambda _: console.post("senders/connect/twilio/", account, scene.left() + 1))
        )


def dawdling_portal(scene: Scene) -> Outcome:
    """Open the application as an employee while the portal's REST takes half a minute."""
    action, fields = fields_of(scene.alpha, 7)
    body = urlencode(fields).encode()
    scene.ready()
    scene.portal_switches(slow=DAWDLES)
    try:
        return Outcome(scene.hammer(LANES, lambda _: post(action, body, scene.left() + 1)))
    finally:
        scene.portal_switches(slow=0)


def long_files(scene: Scene) -> Outcome:
    """Show stop lists of a hundred thousand lines."""
    lines = "".join(f"+1202{number:07d}\r\n" for number in range(FILE_LINES))
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="n.csv"\r\nContent-Type: text/csv\r\n'
    )
    body = f"{head}\r\n{lines}\r\n--{BOUNDARY}--\r\n".encode()
    console = scene.console(scene.alpha)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    scene.ready()
    return Outcome(scene.hammer(20, lambda _: console.send("stop-list/import/", body, kind, scene.left() + 1)))


def unread_files(scene: Scene) -> Outcome:
    """Ask for long files and read nothing of them."""
    stop_numbers(scene.alpha, STOPPED)
    request = _download(scene)
    scene.ready()
    found = hold(scene.hosts[:1], LANES, request, scene.left)
    return Outcome(found)


def read_files(scene: Scene) -> Outcome:
    """Take many long files at once, as fast as they come."""
    stop_numbers(scene.alpha, STOPPED)
    request = _download(scene)
    scene.ready()
    threads = [threading.Thread(target=_read, args=(scene, request), daemon=True) for _ in range(LANES)]
    for thread in threads:
        thread.start()
    time.sleep(scene.left())
    return Outcome({"lanes": LANES})


def _read(scene: Scene, request: bytes) -> None:
    while scene.left():
        with suppress(OSError), scene.wire(scene.hosts[0]) as wire:
            wire.sendall(request)
            while scene.left() and wire.recv(1 << 16):
                pass


def _download(scene: Scene) -> bytes:
    """Return the request for the stop list's file, whose address is good for a minute."""
    console = scene.console(scene.alpha)
    page = visitor.fetch_page("GET", urljoin(console.home, "stop-list/export/"), headers=console.headers).expect_status(
        200
    )
    path = urlsplit(page.headers["HX-Redirect"]).path
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(scene.app).netloc}\r\nConnection: close\r\n\r\n".encode()
