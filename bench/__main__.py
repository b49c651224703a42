"""`python -m bench [figure …] [--quick] [--old N] [--runs N]`: measure, print the table, write results.json."""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib import import_module
from typing import Any

import django

from b24app.operations.local.supervisor import stopped_by_signals
from bench import report
from bench.lab import Lab, Unfinished, open_lab
from bench.procfile import read_procfile

FIGURES: Mapping[str, str] = {
    "intake": "intake",
    "reports": "reports",
    "end-to-end": "end_to_end",
    "latency": "latency",
    "fairness": "fairness",
    "growth": "growth",
    "journal": "journal",
    "year": "year",
    # What `end-to-end` brings along, for those who want it alone.
    "rest": "rest",
    "memory": "rest",
}
ALL = ("intake", "reports", "end-to-end", "latency", "fairness", "growth")


def main() -> int:
    """Measure what was asked for; 1 when something did not come to its end."""
    asked = _arguments()
    sizes = report.QUICK if asked.quick else report.Sizes()
    sizes = replace(sizes, **{name: getattr(asked, name) for name in ("old", "runs") if getattr(asked, name)})
    found: dict[str, Any] = {"machine": report.machine(), "sizes": asdict(sizes), "procfile": read_procfile()}
    keys: dict[str, float] = {}
    figures: dict[str, Any] = {}
    with open_lab() as lab:
        os.environ.update({**lab.env, "DATABASE_TIMEOUTS": ""})  # a past of millions is one statement
        django.setup()
        for name in asked.figures or ALL:
            figures[name] = _measured(lab, name, sizes, keys)
    report.write({**found, **keys, "figures": figures})
    print(report.table(keys))
    return int(any("unfinished" in figure for figure in figures.values()))


def _measured(lab: Lab, name: str, sizes: report.Sizes, keys: dict[str, float]) -> dict[str, Any]:
    """One figure, its time and the machine's load; what does not come to its end says so and stops no other."""
    started, load = time.monotonic(), os.getloadavg()[0]
    # By name, for models can be imported only after django.setup().
    module = import_module(f"bench.figures.{FIGURES[name]}")
    try:
        result: report.Result = module.measure(lab, sizes)
    except Unfinished as why:
        result = report.Result({}, {"unfinished": str(why)})
        print(f"bench: {name} is unfinished: {why}", file=sys.stderr)
    keys |= result.keys
    seconds = time.monotonic() - started
    measured = "  ".join(f"{key} {value:.2f}" for key, value in result.keys.items())
    print(f"bench: {name} ({seconds:.0f} s, load before {load:.1f})  {measured}", flush=True)
    return {"seconds": seconds, "load_before": load, **result.keys, **result.details}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], metavar="figure", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="small sizes and one run, to see that all works")
    parser.add_argument("--old", type=int, help="old messages of the growth figure")
    parser.add_argument("--runs", type=int, help="runs of each side")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        with stopped_by_signals():
            sys.exit(main())
    except KeyboardInterrupt:
        print("bench: stopped by a signal; nothing is kept", file=sys.stderr)
        sys.exit(130)
