"""H5 and C2: delivery reports that cost everybody: of messages nobody sent, and with prices that add up too far."""

import json
import time
from collections.abc import Mapping
from itertools import count

from psycopg import sql

from b24app.core import signed_urls
from tests.attack.deployment import account_of, connect_account
from tests.attack.rows import member, portal_id
from tests.attack.scene import Outcome, Scene
from tests.attack.victim import post
from tests.attack.wires import own_service

JSON = {"Content-Type": "application/json"}
IDS_A_CALL, RESULTS_A_CALL = (12_000, 2_000), (6_000, 2_000)  # far too many, and as many as are let in
CALLS = 80  # different ones, sent again from the first on
LANES = 4
COMES_AGAIN_FOR = 12.0  # seconds
FULL = "99999999990"  # what a column of sixteen digits just holds
NOTES = "FROM messaging_uncountedclimb c JOIN messaging_sender s ON s.id = c.sender_id WHERE s.portal_id = %s"
PRICES = (0.05, 900.0, 999_999.0)


def playmobile(scene: Scene) -> Outcome:
    """Report twelve thousand invented ids a call, at the address that the console shows."""
    code = connect_account(scene.alpha, "playmobile", {"username": "alpha", "password": "word"})
    address = signed_urls.report_url(account_of(scene.alpha, code))

    def body(number: int) -> bytes:
        ids = [f"{scene.rng.getrandbits(64):016x}" for _ in range(IDS_A_CALL[number % 2])]
        rows = [{"message-id": one, "status": "Delivered"} for one in ids]
        return json.dumps({"messages": rows}, separators=(",", ":")).encode()

    return _flood(scene, address, [body(number) for number in range(CALLS)])


def infobip(scene: Scene) -> Outcome:
    """Report six thousand results of nobody's messages a call."""
    with own_service(_infobip_answer) as url:
        code = connect_account(scene.alpha, "infobip", {"base_url": url, "api_key": "key-of-alpha"})
        address = signed_urls.report_url(account_of(scene.alpha, code))

        def body(number: int) -> bytes:
            return _results({f"{scene.rng.getrandbits(48):x}": 0.01 for _ in range(RESULTS_A_CALL[number % 2])})

        return _flood(scene, address, [body(number) for number in range(CALLS)])


def _flood(scene: Scene, address: str, bodies: list[bytes]) -> Outcome:
    table = "SELECT count(*) FROM messaging_deliveryreport"
    before = scene.alpha.sql(table)[0][0]
    numbers = count()
    scene.ready()
    seen = scene.hammer(
        LANES, lambda _: post(address, bodies[next(numbers) % len(bodies)], scene.left() + 1, JSON), most=1000
    )
    return Outcome({**seen, "report rows": scene.alpha.sql(table)[0][0] - before})


def prices(scene: Scene) -> Outcome:
    """Add to sums that are full already: the day's tally and the breakdowns were brought there by SQL."""
    sent: list[str] = []

    def answer(path: str, body: bytes) -> tuple[int, object]:
        if path.startswith("/sms/3/messages"):
            sent.append(str(json.loads(body)["messages"][0]["destinations"][0]["messageId"]))
            status = {"groupId": 1, "id": 26, "name": "PENDING_ACCEPTED"}
            return 200, {"messages": [{"messageId": sent[-1], "status": status}]}
        return _infobip_answer(path, body)

    with own_service(answer) as url:
        code = connect_account(scene.alpha, "infobip", {"base_url": url, "api_key": "key-of-alpha"})
        address = signed_urls.report_url(account_of(scene.alpha, code))
        ids = [scene.alpha.send(f"+12025550{100 + number}", code, f"Price {number}") for number in range(6)]
        scene.wait(lambda: len(sent) == len(ids), 30)
        first = [_told(address, one, 0.05) for one in sent[:3]]
        scene.wait(lambda: _delivered(scene) >= 3, 30)
        scene.wait(
            lambda: scene.alpha.sql("SELECT count(*) FROM messaging_daybreakdown WHERE currency <> ''")[0][0] > 0, 30
        )
        _fill(scene)
        scene.ready()
        later = [_told(address, one, price) for one, price in zip(sent[3:], PRICES, strict=True)]
        time.sleep(min(2.0, scene.left()))
        [(latest,)] = scene.beta.sql(f"SELECT coalesce(max(c.id), 0) {NOTES}", portal_id(scene.beta))
        scene.rest()
        [(left,)] = scene.beta.sql(f"SELECT count(*) {NOTES} AND c.id <= %s", portal_id(scene.beta), latest)
        said = [f"{left} climbs of beta's messages are still not counted"] if left else []
        return Outcome({"reports": first + later, "delivered": _delivered(scene), "not counted": left}, said)


def _told(address: str, ref: str, price: float) -> int | None:
    """Report a message delivered; where the portal has reported too much of late, come again in a moment."""
    end = time.monotonic() + COMES_AGAIN_FOR
    while (status := post(address, _results({ref: price}), 15, JSON)) == 429 and time.monotonic() < end:
        time.sleep(0.5)
    return status


def _fill(scene: Scene) -> None:
    """Bring alpha's sums to where the next price is too much: 9,550 reports of 9,999,990 each would do it, too."""
    portal = portal_id(scene.alpha)
    for table in ("messaging_daytally", "messaging_daybreakdown"):
        full = sql.SQL("UPDATE {} SET money = %s WHERE portal_id = %s AND currency <> ''")
        scene.alpha.sql(full.format(sql.Identifier(table)), FULL, portal)


def _delivered(scene: Scene) -> int:
    query = "SELECT count(*) FROM messaging_message m JOIN portals_portal p ON p.id = m.portal_id"
    return int(scene.alpha.sql(f"{query} WHERE p.member_id = %s AND m.status = 'delivered'", member(scene.alpha))[0][0])


def _results(prices_by_id: Mapping[str, float]) -> bytes:
    results = [
        {
            "messageId": ref,
            "messageCount": 1 if price < 1000 else 10,
            "status": {"groupId": 3, "id": 5, "name": "DELIVERED_TO_HANDSET"},
            "price": {"pricePerMessage": price, "currency": "EUR"},
        }
        for ref, price in prices_by_id.items()
    ]
    return json.dumps({"results": results}, separators=(",", ":")).encode()


def _infobip_answer(path: str, _body: bytes) -> tuple[int, object]:
    if path.startswith("/account/1/balance"):
        return 200, {"balance": 100.0, "currency": "EUR"}
    return 200, {"numbers": []}
