"""The fuzz: requests that no honest client makes, at the machines' addresses and, with good tickets, in the console."""

import inspect
import json
import random
import re
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from psycopg import sql

from b24app.core import addresses, sealing
from b24app.operations.local.stack import ROOT
from providers.kit import registry
from providers.kit.contract import Provider
from tests.attack.fuzz.requests import Target, make
from tests.attack.rows import columns, portal_id
from tests.attack.scene import Outcome, Scene

LANES = 8
MACHINES = ("/h/", "/r/", "/e/")
BRIEF_DOORS, BRIEF_CONSOLE = 2000, 400
PATIENCE = 15.0  # seconds for one answer
SCREENS = ROOT / "b24app" / "console" / "screens"
ADDRESS = re.compile(r'\bpath\(\s*"([^"]*)"')
WORD = re.compile(r'"([A-Za-z][\w.-]{1,30})"')
OF_BITRIX = (
    "message_id", "message_to", "message_body", "module_id", "ts", "properties", "auth", "bindings", "code", "type",
    "workflow_id", "document_id", "document_type", "event", "data", "event_handler_id", "AUTH_ID", "REFRESH_ID",
    "AUTH_EXPIRES", "member_id", "DOMAIN", "PROTOCOL", "LANG", "APP_SID", "PLACEMENT", "PLACEMENT_OPTIONS",
    "SERVER_ENDPOINT", "APPLICATION_TOKEN", "access_token", "application_token", "user_id", "expires",
    "OWNER_TYPE_ID", "ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONSUBSCRIPTIONRENEW",
    "phone_number", "message_text", "VERSION", "STATUS", "CLEAN", "domain", "client_endpoint",
)  # fmt: skip
BUSY = 503  # what the console answers to a portal that keeps it busy is honest there
UNKNOWN_CODING = 501  # the standard's own answer to a Transfer-Encoding that a server does not know
Judge = Callable[[int], bool]


def doors(scene: Scene) -> Outcome:
    """Fuzz the handler, the reports of every service, the events and the installer, at good and at bad addresses."""
    targets = [*_of_bitrix(scene), *_of_services(scene)]
    return _fuzz(scene, targets, scene.count or BRIEF_DOORS, _is_wrong)


def console(scene: Scene) -> Outcome:
    """Fuzz every screen with an administrator's and an employee's good tickets."""
    return _fuzz(scene, _screens(scene), (scene.count or 10 * BRIEF_CONSOLE) // 10, _is_fault)


def _is_fault(status: int) -> bool:
    return _is_wrong(status) and status != BUSY


def _is_wrong(status: int) -> bool:
    return status >= 500 and status != UNKNOWN_CODING


def _fuzz(scene: Scene, targets: Sequence[Target], most: int, bad: Judge) -> Outcome:
    faults: Counter[str] = Counter()
    pages, machines = scene.hosts[0], scene.hosts[-1]

    def once(rng: random.Random) -> str:
        seed = rng.getrandbits(48)
        own = random.Random(seed)
        target = own.choice(targets)
        host = machines if target.path.startswith(MACHINES) else pages
        status = ask(host, make(own, target, f"{host[0]}:{host[1]}"))
        if status and bad(status):
            faults[f"{status} at {target.path[:9]}… (seed {seed})"] += 1
        return str(status or "closed")

    scene.ready()
    seen = scene.hammer(LANES, once, most=most)
    return Outcome({"asked": sum(seen.values()), **seen}, [f"answered {words}" for words in list(faults)[:20]])


def ask(host: tuple[str, int], request: bytes) -> int | None:
    """Send bytes, end the sending, and return the status of the answer; None where the connection was closed."""
    with suppress(OSError, ValueError), socket.create_connection(host, timeout=PATIENCE) as wire:
        with suppress(OSError):  # refused before all was said: the answer is there all the same
            wire.sendall(request)
            wire.shutdown(socket.SHUT_WR)
        answer = wire.recv(12)
        while len(answer) < 12 and (more := wire.recv(12 - len(answer))):
            answer += more
        return int(answer[9:12])
    return None


def _of_bitrix(scene: Scene) -> list[Target]:
    handler = urlsplit(scene.handler(scene.own_gateway())).path
    [event, *_] = [urlsplit(str(one["handler"])).path for one in scene.alpha.state()["handlers"]]
    bad = [re.sub(r"[\w-]{22}/$", "A" * 22 + "/", path) for path in (handler, event)]
    return [Target(path, OF_BITRIX) for path in (handler, handler, event, "/install/", "/install/", *bad)]


def _of_services(scene: Scene) -> list[Target]:
    """One account of alpha's at every service, with the words of the service's own file."""
    found = []
    for service in registry.services().values():
        words = tuple(dict.fromkeys(WORD.findall(inspect.getsource(inspect.getmodule(service) or service))))
        uuid = _account(scene, service)
        found += [Target(urlsplit(addresses.report(uuid)).path, words)]
        found += [Target(urlsplit(addresses.report(uuid, scene.rng.randbytes(16).hex())).path, words)]
    return found


def _account(scene: Scene, service: type[Provider]) -> str:
    """Connect an account by SQL, with whatever its form asks for; return its address part."""
    house = scene.alpha
    account = {one.name: one.default or "https://127.0.0.1:9/x" for one in service.fields}
    [(pattern,)] = house.sql("SELECT max(id) FROM messaging_connection WHERE portal_id = %s", portal_id(house))
    names = columns(house, "messaging_connection")
    changed = {
        "uuid": sql.SQL("gen_random_uuid()"),
        "service": sql.Literal(service.code),
        "account": sql.Literal(sealing.seal(json.dumps(account).encode()).decode()),
        "title": sql.Literal(service.code),
    }
    query = sql.SQL(
        "INSERT INTO messaging_connection ({}) SELECT {} FROM messaging_connection WHERE id = {} RETURNING uuid"
    )
    values = [changed.get(name, sql.Identifier(name)) for name in names]
    columns_of = sql.SQL(", ").join(map(sql.Identifier, names))
    [(uuid,)] = house.sql(query.format(columns_of, sql.SQL(", ").join(values), sql.Literal(pattern)))
    return str(uuid.hex)


def _screens(scene: Scene) -> list[Target]:
    """Every screen of the console's own list of addresses, with ids of alpha's own rows."""
    code = scene.own_gateway()
    scene.alpha.send("+12025550141", code, "A message to look at.")
    scene.wait(lambda: bool(scene.alpha.sql(REFERENCE, portal_id(scene.alpha))), 15)
    [(reference, sender, connection)] = scene.alpha.sql(REFERENCE, portal_id(scene.alpha))
    ids = {"reference": reference, "sender": sender, "connection": connection, "service": "twilio", "what": "reports"}
    found = []
    for user in (1, 1, 7):
        opened = scene.console(scene.alpha, user)
        headers = tuple(f"{name}: {said}" for name, said in opened.headers.items())
        base = urlsplit(opened.home).path
        for pattern in screens():
            path = re.sub(r"<\w+:(\w+)>", lambda found: str(ids.get(found[1], found[1])), pattern)
            found.append(Target(base + path, OF_FORMS, headers, ("GET", "POST", "POST", "HEAD", "PUT")))
    return found


def screens() -> list[str]:
    """Return the addresses of all screens, below the portal's part, as the console's own files have them."""
    found = [one for file in sorted(SCREENS.glob("*.py")) for one in ADDRESS.findall(file.read_text())]
    return [one for one in found if not one.startswith("d/")]


REFERENCE = """
SELECT m.reference, s.uuid, c.uuid FROM messaging_message m JOIN messaging_sender s ON s.id = m.sender_id
JOIN messaging_connection c ON c.id = m.connection_id WHERE m.portal_id = %s ORDER BY m.id DESC LIMIT 1
"""
OF_FORMS = (
    "sender-name_en", "sender-name_ru", "sender-signature", "account-title", "account-rate", "number", "note",
    "shape", "to", "text", "q", "since", "until", "phone", "status", "reason", "sender", "author", "before", "after",
    "page", "act", "m", "query", "job", "sure", "why", "keep", "theme", "language", "country", "timezone", "file",
    "seen", "per_hour", "per_day", "quiet_from", "quiet_to", "days", "month", "period", "what", "reference",
    "csrfmiddlewaretoken", "resend", "cancel", "2026-11-30", "9999-12-31", "0001-01-01", "delivered",
)  # fmt: skip
