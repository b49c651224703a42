"""C1 and H7: a message centre that gives one id twice, talks without end, or reports what nobody sent."""

import time

from tests.attack.centre import HostileCentre, hostile_centre, receipt, unit
from tests.attack.deployment import connect_account
from tests.attack.scene import Outcome, Scene
from tests.smsc import DELIVER, ENQUIRE, Submit, listening

SHORT, LONG = "Short.", "A text that is so long that it goes in two parts. " * 5
CHECKS_AT_ONCE = 3
RECEIPTS = 20_000


def id_twice(scene: Scene) -> Outcome:
    """Give a short message and the second part of a long one the same id, then report it."""
    ids = iter(["X1", "Y1", "X1"])

    def take(_submit: Submit) -> str:
        return next(ids, "")

    with listening(answers=take) as centre:
        code = connect_account(scene.alpha, "smpp", _account(centre.port))
        scene.ready()
        scene.alpha.send("+12025550131", code, SHORT)
        _until(lambda: len(centre.submits) >= 1, scene)
        scene.alpha.send("+12025550132", code, LONG)
        _until(lambda: len(centre.submits) >= 3, scene)
        time.sleep(min(0.5, scene.left()))
        centre.deliver("id:X1 sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:DELIVRD err:000 text:")
        time.sleep(scene.left())
        return Outcome({"submits": len(centre.submits)})


def check_flood(scene: Scene) -> Outcome:
    """Have an account checked whose centre enquires without end and reads nothing."""
    with hostile_centre() as centre:
        centre.floods.set()
        account = {f"account-{name}": value for name, value in _account(centre.port).items()}
        console = scene.console(scene.alpha)
        scene.ready()
        seen = scene.hammer(CHECKS_AT_ONCE, lambda _: console.post("senders/connect/smpp/", account, scene.left() + 1))
        return Outcome({"checks": seen, "said MB": centre.said / 2**20})


def bound_flood(scene: Scene) -> Outcome:
    """Talk without end over a standing bind, and read nothing of the answers."""
    with hostile_centre() as centre:
        _bound(scene, centre)
        scene.ready()
        piece = b"".join(unit(ENQUIRE, number) for number in range(1, 4097))
        while scene.left() and centre.said < 64 * 2**20:
            if not centre.say(piece, scene.left()):
                time.sleep(min(0.2, scene.left()))
        time.sleep(scene.left())
        return Outcome({"said MB": centre.said / 2**20, "connections": centre.connections})


def receipts(scene: Scene) -> Outcome:
    """Report some thousand messages that nobody sent, all in one breath."""
    with hostile_centre() as centre:
        _bound(scene, centre)
        every = b"".join(receipt(f"{scene.rng.randrange(10**9)}", 1 + number) for number in range(RECEIPTS))
        scene.ready()
        done = centre.say(every, scene.left())
        time.sleep(scene.left())
        return Outcome({"receipts": RECEIPTS, "all said": done, "kind": DELIVER})


def _account(port: int) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(port), "system_id": "alpha", "password": "word-of-alpha"}


def _bound(scene: Scene, centre: HostileCentre) -> None:
    """Connect an account, and wait until the application keeps it bound."""
    connect_account(scene.alpha, "smpp", _account(centre.port))
    end = time.monotonic() + 30
    while len(centre.wires) < 2 and time.monotonic() < end:  # the first was the check's
        time.sleep(0.1)
    if len(centre.wires) < 2:
        raise TimeoutError("the account was never bound")


def _until(happened: object, scene: Scene) -> None:
    assert callable(happened)
    while not happened() and scene.left():
        time.sleep(0.05)
