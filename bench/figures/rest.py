"""Calls to the portal per 1,000 final statuses, and memory, from one run of Sendline alone."""

from bench.figures.end_to_end import run_ours
from bench.lab import Lab
from bench.report import Result, Sizes


def measure(lab: Lab, sizes: Sizes) -> Result:
    """Also part of `end_to_end`."""
    _, found = run_ours(lab, sizes.messages, look_after=True)
    return found or Result({})
