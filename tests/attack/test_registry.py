"""What attacks there are, and that a seed is a seed."""

import random

from tests.attack.fuzz.requests import Target, make
from tests.attack.registry import ATTACKS
from tests.attack.run import BRIEF, LONG, in_company

WORDS = ("message_id", "status")


def test_every_finding_that_stops_others_has_an_attack() -> None:
    findings = {attack.finding.partition(" ")[0] for attack in ATTACKS.values()}

    assert findings >= {"C1", "C2", *(f"H{number}" for number in range(1, 8)), "M4", "M7"}
    assert all(attack.words.endswith(".") for attack in ATTACKS.values())


def test_the_short_form_is_short() -> None:
    assert sum(BRIEF.seconds(name) for name in ATTACKS if not ATTACKS[name].counted) < 200
    assert all(LONG.seconds(name) >= BRIEF.seconds(name) for name in ATTACKS)


def test_groups_hold_every_attack_once_and_leave_alone_what_hides_others() -> None:
    groups = in_company(list(ATTACKS), 3, seed=5)

    assert sorted(name for group in groups for name in group) == sorted(ATTACKS)
    assert all(len(group) == 1 for group in groups if any(ATTACKS[name].lone for name in group))
    assert groups == in_company(list(ATTACKS), 3, seed=5)
    assert groups != in_company(list(ATTACKS), 3, seed=6)


def test_the_same_seed_makes_the_same_requests() -> None:
    target = Target("/h/abc/1/mac/", WORDS)

    def requests(seed: int) -> list[bytes]:
        rng = random.Random(seed)
        return [make(rng, target, "127.0.0.1") for _ in range(300)]

    assert requests(1) == requests(1)
    assert requests(1) != requests(2)
    assert all(request.count(b"\r\n\r\n") >= 1 for request in requests(3))
