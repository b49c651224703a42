"""`python -m tests.attack.strike NAME …`: one attack in a process of its own, which the runner starts and ends."""

import argparse
import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from b24app.operations.local.supervisor import stopped_by_signals
from tests.attack.registry import ATTACKS
from tests.attack.scene import Outcome, Place, Scene

POLITE = 10  # an attacker computes on a machine of his own


def main() -> int:
    """Run the attack, and write what came of it beside the signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack.strike", description=__doc__)
    parser.add_argument("name", choices=ATTACKS)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--signal", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--brief", action="store_true")
    asked = parser.parse_args()
    os.nice(POLITE)
    scene = Scene(Place.read(asked.place), asked.seconds, asked.seed, asked.brief, asked.signal, asked.count)
    try:
        outcome = ATTACKS[asked.name].run(scene)
    except Exception as error:  # noqa: BLE001 - an attack that cannot be made is a finding about the suite
        traceback.print_exc()
        outcome = Outcome(said=[f"could not be made: {type(error).__name__}: {str(error)[:300]}"])
    asked.signal.with_suffix(".json").write_text(json.dumps(asdict(outcome), default=str))
    return 0


if __name__ == "__main__":
    with stopped_by_signals():
        sys.exit(main())
