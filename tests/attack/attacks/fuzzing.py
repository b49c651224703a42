"""The fuzz: requests that no honest client makes, at the machines' addresses and, with good tickets, in the console."""

import inspect
import json
import random
import re
import socket
from collections import Counter
from contextlib import suppress
from importlib import import_module
from itertools import count
from urllib.parse import urlsplit

import django
from django.urls import URLPattern, URLResolver
from psycopg import sql

from b24app.core import sealing, signed_urls
from b24app.operations.local import visitor
from providers.kit import registry
from providers.kit.contract import Provider
from tests.attack.console_fuzz import Walker
from tests.attack.deployment import ALICE
from tests.attack.fuzz.requests import Target, make
from tests.attack.rows import columns, portal_id
from tests.attack.scene import Console, Outcome, Scene

LANES = 8
BOB = 7
TICKETS_FOR = 500  # requests
MACHINES = ("/h/", "/r/", "/e/")
BRIEF_DOORS, BRIEF_CONSOLE = 2000, 400
PATIENCE = 15.0  # seconds for one answer
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


def doors(scene: Scene) -> Outcome:
    """Fuzz the handler, the reports of every service, the events and the installer, at good and at bad addresses."""
    targets = [*_of_bitrix(scene), *_of_services(scene)]
    faults: Counter[str] = Counter()
    pages, machines = scene.hosts[0], scene.hosts[-1]

    def once(rng: random.Random) -> str:
        seed = rng.getrandbits(48)
        own = random.Random(seed)
        target = own.choice(targets)
        host = machines if target.path.startswith(MACHINES) else pages
        status = ask(host, make(own, target, f"{host[0]}:{host[1]}"))
        if status and _is_wrong(status):
            faults[f"{status} at {target.path[:9]}… (seed {seed})"] += 1
        return str(status or "closed")

    scene.ready()
    seen = scene.hammer(LANES, once, most=scene.count or BRIEF_DOORS)
    return Outcome({"asked": sum(seen.values()), **seen}, [f"answered {words}" for words in list(faults)[:20]])


def console(scene: Scene) -> Outcome:
    """Fuzz every screen with an administrator's and an employee's good tickets."""
    walker = Walker(_addresses(), _ids(scene))
    consoles = _consoles(scene)
    for shot in walker.plain():
        if not shot.target.startswith("/d/"):
            walker.learn(
                shot.name, visitor.fetch_page("GET", scene.app + shot.target, headers=consoles[0].headers).text
            )
    shots = list(walker.shots((scene.count or 10 * BRIEF_CONSOLE) // 10))
    turns, faults = count(), Counter[str]()

    def once(rng: random.Random) -> str:
        turn = next(turns)
        shot = shots[turn % len(shots)]
        if turn % TICKETS_FOR == TICKETS_FOR - 1:
            consoles[:] = _consoles(scene)
        headers = {**rng.choice(consoles).headers, "Content-Type": shot.content_type}
        status = visitor.fetch_page(shot.method, scene.app + shot.target, body=shot.body, headers=headers).status
        if _is_fault(status):
            faults[f"{status} to {shot.method} {shot.name}"] += 1
        return str(status)

    scene.ready()
    seen = scene.hammer(LANES, once, most=len(shots))
    return Outcome({"asked": sum(seen.values()), **seen}, [f"answered {words}" for words in list(faults)[:20]])


def _consoles(scene: Scene) -> list[Console]:
    """Open the application as an administrator and as an employee: a ticket is good for minutes."""
    return [scene.console(scene.alpha, user) for user in (ALICE, BOB)]


def _addresses() -> list[URLPattern | URLResolver]:
    """Every address of the console, as its own resolver has them."""
    django.setup()
    found: list[URLPattern | URLResolver] = import_module("b24app.console.urls").urlpatterns
    return found


def _ids(scene: Scene) -> dict[str, str]:
    """Ids of alpha's own rows, by the name of their place in an address."""
    code, portal = scene.own_gateway(), portal_id(scene.alpha)
    scene.alpha.send("+12025550141", code, "A message to look at.")
    scene.wait(lambda: bool(scene.alpha.sql(REFERENCE, portal)), 15)
    [found] = scene.alpha.sql(REFERENCE, portal)
    ids = dict(zip(("key", "reference", "sender", "connection"), map(str, found), strict=True))
    return {**ids, "key": ids["key"].replace("-", ""), "service": "http", "what": "days"}


def _is_fault(status: int) -> bool:
    return _is_wrong(status) and status != BUSY


def _is_wrong(status: int) -> bool:
    return status >= 500 and status != UNKNOWN_CODING


def ask(host: tuple[str, int], request: bytes) -> int | None:
    """Send bytes, end the sending, and return the status of the answer; None where the connection was closed."""
    with suppress(OSError, ValueError), socket.create_connection(host, timeout=PATIENCE) as wire:
        with suppress(OSError):  # refused before all was said: the answer is there all the same
            wire.sendall(request)
            wire.shutdown(socket.SHUT_WR)
        return _status(wire)
    return None


def _status(wire: socket.socket) -> int:
    """Return the status of the final answer; raises OSError or ValueError where there is none."""
    said = b""
    while piece := wire.recv(4096):
        said += piece
        while said.startswith(b"HTTP/1.1 100") and b"\r\n\r\n" in said:
            said = said.partition(b"\r\n\r\n")[2]
        if len(said) >= 12 and not said.startswith(b"HTTP/1.1 100"):
            break
    return int(said[9:12])


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
        found += [Target(urlsplit(signed_urls.report_url(uuid)).path, words)]
        found += [Target(urlsplit(signed_urls.report_url(uuid, scene.rng.randbytes(16).hex())).path, words)]
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


REFERENCE = """
SELECT p.uuid, m.reference, s.uuid, c.uuid
FROM messaging_message m JOIN messaging_sender s ON s.id = m.sender_id
JOIN messaging_connection c ON c.id = m.connection_id JOIN portals_portal p ON p.id = m.portal_id
WHERE m.portal_id = %s ORDER BY m.id DESC LIMIT 1
"""
