"""H6 and M7: gateways that answer well but late, and accounts without number."""

import random
from itertools import count
from urllib.parse import urlencode

from b24app.core import signed_urls
from tests.attack.centre import hostile_centre
from tests.attack.deployment import connect_account
from tests.attack.rows import multiply, portal_id
from tests.attack.scene import Outcome, Scene
from tests.attack.victim import post
from tests.attack.wires import own_service
from tests.faults.house import GATEWAY

GATEWAYS = 80
LATE = 28.0  # seconds, just within what we wait for
MOST_ACCOUNTS, MOST_SMPP = 20, 5
TRIED, TRIED_SMPP = 40, 12


def slow(scene: Scene) -> Outcome:
    """Send through eighty gateways that answer after half a minute, two messages each."""
    asked: list[str] = []
    with own_service(lambda _path, _body: (200, {"id": "1"}), seconds=LATE, heard=asked) as url:
        code = connect_account(scene.alpha, "http", _gateway(url))
        calls = _multiplied(scene, code)
        scene.ready()
        numbers = count()
        seen = scene.hammer(4, lambda _: _call(calls, next(numbers)), most=2 * len(calls))
        scene.rest()
        return Outcome({"calls": seen, "asked": len(asked)})


def _multiplied(scene: Scene, code: str) -> list[str]:
    """Copy the account and its sender eighty times, as eighty portals might; return the handlers' addresses."""
    house = scene.alpha
    [(connection, sender)] = house.sql("SELECT connection_id, id FROM messaging_sender WHERE code = %s", code)
    multiply(house, "messaging_connection", connection, GATEWAYS, uuid="gen_random_uuid()", title="'slow ' || g")
    made = house.sql("SELECT id FROM messaging_connection WHERE title LIKE 'slow %%' ORDER BY id")
    for (one,) in made:
        multiply(
            house, "messaging_sender", sender, 1, uuid="gen_random_uuid()", connection_id=str(one), code=f"'slow-{one}'"
        )
    found = house.sql("SELECT uuid, generation FROM messaging_sender WHERE code LIKE 'slow-%%'")
    return [signed_urls.handler_url(uuid.hex, generation) for uuid, generation in found]


def _call(calls: list[str], number: int) -> int | None:
    wish = {"message_id": f"slow-{number}", "message_to": "+12025550143", "message_body": f"Slow {number}"}
    return post(calls[number % len(calls)], urlencode(wish).encode(), 15)


def many_accounts(scene: Scene) -> Outcome:
    """Connect accounts until nobody says no."""
    with own_service(lambda _path, _body: (200, {"id": "1"})) as url, hostile_centre() as centre:
        console = scene.console(scene.alpha)
        had = _accounts(scene)
        scene.ready()
        numbers = count(1)

        def gateway(_rng: random.Random) -> int | None:
            typed = {f"account-{name}": value for name, value in _gateway(f"{url}/{next(numbers)}").items()}
            return console.post("senders/connect/http/", typed, 15)

        def bind(_rng: random.Random) -> int | None:
            account = {"host": "127.0.0.1", "port": str(centre.port), "system_id": f"a{next(numbers)}", "password": "w"}
            return console.post("senders/connect/smpp/", {f"account-{k}": v for k, v in account.items()}, 15)

        seen_smpp = scene.hammer(4, bind, most=TRIED_SMPP)
        seen = scene.hammer(4, gateway, most=TRIED)
    accounts, binds = (after - before for before, after in zip(had, _accounts(scene), strict=True))
    said = [f"{accounts} accounts more in one portal"] if accounts > MOST_ACCOUNTS else []
    said += [f"{binds} SMPP accounts more in one portal"] if binds > MOST_SMPP else []
    return Outcome({"gateways": seen, "smpp": seen_smpp, "accounts": accounts, "binds": binds}, said)


def _accounts(scene: Scene) -> tuple[int, int]:
    """Count accounts, and those at SMPP, without the ones that attacks beside this one insert by SQL."""
    query = (
        "SELECT count(*), count(*) FILTER (WHERE service = 'smpp') FROM messaging_connection"
        " WHERE portal_id = %s AND state <> 'removed' AND title <> service"
        " AND title NOT LIKE 'slow %%'"
    )
    [(accounts, binds)] = scene.alpha.sql(query, portal_id(scene.alpha))
    return int(accounts), int(binds)


def _gateway(url: str) -> dict[str, str]:
    account = {name.removeprefix("account-"): value for name, value in GATEWAY.items()}
    return {**account, "url": f"{url}/send", "recognises": "0"}
