"""H2, H3, H4: strangers without any account: bodies that cost, clients that are slow, tokens that nobody issued."""

import random
import re
from urllib.parse import urlencode, urljoin, urlsplit

from b24app.operations.local import visitor
from tests.attack.scene import Outcome, Scene, fields_of
from tests.attack.victim import post
from tests.attack.wires import hold

# A body that is refused by its length costs little, so there are some that are let in.
FOUR_MB, CALL, FORM, LAUNCH = 4 * 1024 * 1024, 1024 * 1024, 64 * 1024, 16 * 1024
MOST_BODIES = 200
BODIES_AT_ONCE, LANES = 16, 32
FAR = 0.3  # seconds to the OAuth server and back, as over the internet


def percent_signs(scene: Scene) -> Outcome:
    """Post percent signs where anybody may post, and in the console: four megabytes, and what is let in."""
    return _bodies(scene, b"%")


def escaped_letters(scene: Scene) -> Outcome:
    """Post escapes there: four megabytes, and what is let in."""
    return _bodies(scene, b"%41")


def _bodies(scene: Scene, piece: bytes) -> Outcome:
    bodies = [b"AUTH_ID=" + piece * ((size - 200) // len(piece)) for size in (FOUR_MB, FORM, LAUNCH)]
    console = scene.console(scene.alpha)
    urls = [f"{scene.app}/session/", f"{scene.app}/app/", f"{scene.app}/install/", urljoin(console.home, "settings/")]
    scene.ready()

    def send(rng: random.Random) -> object:
        return post(rng.choice(urls), rng.choice(bodies), scene.left() + 1, console.headers)

    return Outcome(scene.hammer(BODIES_AT_ONCE, send, most=MOST_BODIES))


def nested_json(scene: Scene) -> Outcome:
    """Post JSON in JSON, and percent signs, to a handler's good address: four megabytes, and as much as is let in."""
    code = scene.own_gateway()
    address = scene.handler(code)
    deep = b"[" * 400 + b"]" * 400
    kinds = [
        (body, kind)
        for size in (FOUR_MB, CALL)
        for body, kind in (
            (b'{"properties": [' + b",".join([deep] * (size // 801 - 2)) + b"]}", "application/json"),
            (b"message_id=1&message_body=" + b"%" * (size - 200), "application/x-www-form-urlencoded"),
        )
    ]
    scene.ready()

    def send(rng: random.Random) -> object:
        body, kind = rng.choice(kinds)
        return post(address, body, scene.left() + 1, {"Content-Type": kind})

    return Outcome(scene.hammer(BODIES_AT_ONCE, send, most=MOST_BODIES))


def unfinished_heads(scene: Scene) -> Outcome:
    """Begin requests and never come to the end of their heads."""
    scene.ready()
    return Outcome(hold(scene.hosts, LANES, b"POST /app/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", scene.left))


def unfinished_bodies(scene: Scene) -> Outcome:
    """Announce bodies, and send a few bytes of them."""
    said = (
        b"POST /app/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 60000\r\n\r\nAUTH_ID="
    )
    scene.ready()
    return Outcome(hold(scene.hosts, LANES, said, scene.left))


def unread_answers(scene: Scene) -> Outcome:
    """Ask for a file a thousand times and read nothing."""
    action, fields = fields_of(scene.alpha, 1)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    page = visitor.fetch_page("POST", action, body=urlencode(fields).encode(), headers=headers).expect_status(200)
    files = re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css))"', page.text)
    asked = f"GET {files[0]} HTTP/1.1\r\nHost: {urlsplit(scene.app).netloc}\r\n\r\n".encode() * 1500
    scene.ready()
    return Outcome({"file": files[0].rpartition("/")[2], **hold(scene.hosts, LANES, asked, scene.left)})


def invented_tokens(scene: Scene) -> Outcome:
    """Open the application with tokens that nobody issued, in the victim's name."""
    member = str(scene.beta.state()["member_id"])
    rows = "SELECT count(*) FROM journal_exchange"
    before = scene.beta.sql(rows)[0][0]
    mine = "SELECT count(*) FROM journal_exchange e JOIN portals_portal p ON p.id = e.portal_id WHERE p.member_id = %s"
    own = scene.beta.sql(f"{mine} AND e.peer = 'oauth'", member)[0][0]
    scene.oauth_delay(FAR)
    scene.ready()
    try:
        seen = scene.hammer(LANES if scene.brief else 10 * LANES, lambda rng: _launch(scene, rng, member))
    finally:
        scene.oauth_delay(0)
    written = scene.beta.sql(rows)[0][0] - before
    under = scene.beta.sql(f"{mine} AND e.peer = 'oauth'", member)[0][0] - own
    said = [f"{under} exchanges of strangers stand in the victim's record"] if under > 5 else []
    return Outcome({**seen, "exchange rows": written, "in the victim's record": under}, said)


def _launch(scene: Scene, rng: random.Random, member: str) -> int | None:
    token = rng.randbytes(35).hex()
    domain = urlsplit(scene.beta.run.portal).netloc
    if rng.random() < 0.3:
        event = {"event": "ONAPPINSTALL", "auth[access_token]": token, "auth[member_id]": member}
        return post(f"{scene.app}/install/", urlencode(event).encode(), scene.left() + 1)
    fields = {"AUTH_ID": token, "member_id": member, "AUTH_EXPIRES": "3600", "PLACEMENT": "DEFAULT"}
    url = f"{scene.app}/app/?{urlencode({'DOMAIN': domain, 'PROTOCOL': '0', 'LANG': 'en'})}"
    return post(url, urlencode(fields).encode(), scene.left() + 1)
