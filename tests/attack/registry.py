"""Every attack by name: of which finding, what it does, for how long, and what the victim must not suffer from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.attack.attacks import anonymous, centres, checks, console, fuzzing, gateways, outage, storm, strays
from tests.attack.measures import ALL, CALLS, MEMORY, MOST_RATIO, STUCK, TOLD
from tests.attack.scene import Outcome, Scene

# Without a database nothing is delivered and no page shown; the calls go to the disk, which takes its time.
OUTAGE = frozenset({CALLS, MEMORY, STUCK})


@dataclass(frozen=True)
class Attack:
    """`brief` and `long` are seconds; `lone` keeps it out of company, for it would hide what others do."""

    finding: str
    run: Callable[[Scene], Outcome]
    brief: float = 5.0
    long: float = 20.0
    judged: frozenset[str] = ALL
    lone: bool = False
    ratio: float = MOST_RATIO  # of an idle time, which a handler call may take beside it
    counted: bool = False  # a fuzz: so many requests, however long they take

    @property
    def words(self) -> str:
        """What it does."""
        return (self.run.__doc__ or "").partition("\n")[0]


ATTACKS: Mapping[str, Attack] = {
    "smpp-id-twice": Attack("C1", centres.id_twice),
    "prices": Attack("C2", strays.prices, brief=13),  # the sweep that counts comes every ten seconds
    "console-checks": Attack("H1 D", console.checks),
    "dawdling-portal": Attack("H1 E", console.dawdling_portal),
    "long-files": Attack("H1 G", console.long_files),
    "unread-files": Attack("H1", console.unread_files),
    "read-files": Attack("H1", console.read_files),
    "percent-signs": Attack("H2", anonymous.percent_signs),
    "escaped-letters": Attack("H2", anonymous.escaped_letters),
    "nested-json": Attack("H2", anonymous.nested_json),
    "unfinished-heads": Attack("H3 A", anonymous.unfinished_heads),
    "unfinished-bodies": Attack("H3 B", anonymous.unfinished_bodies),
    "unread-answers": Attack("H3 C", anonymous.unread_answers),
    "invented-tokens": Attack("H4", anonymous.invented_tokens),
    "strays-playmobile": Attack("H5", strays.playmobile),
    "strays-infobip": Attack("H5", strays.infobip),
    "slow-gateways": Attack("H6", gateways.slow, brief=12),
    "smpp-check-flood": Attack("H7", centres.check_flood),
    "smpp-bound-flood": Attack("H7", centres.bound_flood, brief=8),
    "smpp-receipts": Attack("H7", centres.receipts),
    "full-disk": Attack("M4", outage.full_disk, judged=OUTAGE, lone=True),
    "storm": Attack("storm", storm.everything, brief=11, long=60, judged=ALL | {TOLD}, lone=True, ratio=2.0),
    "many-accounts": Attack("M7", gateways.many_accounts),
    "small-checks": Attack("M, L", checks.every, brief=60, long=60, judged=frozenset(), lone=True),
    "fuzz-doors": Attack("fuzz", fuzzing.doors, counted=True),
    "fuzz-console": Attack("fuzz", fuzzing.console, counted=True, lone=True),
}
