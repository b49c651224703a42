"""The table for people."""

from collections.abc import Mapping, Sequence

from tests.attack.measures import Round, Times

HEAD = (
    f"{'attack':40} {'calls':>9} {'p50':>6} {'p99':>7} {'idle':>6} {'dlv95':>6} {'idle':>5} "
    f"{'pages':>7} {'p95':>6} {'MB':>5} {'open':>6} {'aside':>5}"
)


def table(rounds: Sequence[Round], found: Mapping[str, Sequence[str]]) -> str:
    """Return a line a round, what was wrong below it; milliseconds for calls, seconds for all else."""
    lines = [HEAD]
    for one in rounds:
        name = "+".join(one.attacks)
        lines.append(line(one))
        lines += [f"    ! {words}" for words in found[name]]
    bad = sum(bool(words) for words in found.values())
    return "\n".join([*lines, f"{len(rounds)} rounds, {bad} where the victim suffered"])


def line(one: Round) -> str:
    """Return a round in figures."""
    idle, seen = one.idle, one.during
    growth = max(one.growth.values(), default=0.0)
    return (
        f"{'+'.join(one.attacks):40} {_of(seen.calls):>9} {1000 * seen.calls.p50:6.0f} {1000 * seen.calls.p99:7.0f} "
        f"{1000 * idle.calls.p99:6.0f} {seen.deliveries.p95:6.1f} {idle.deliveries.p95:5.1f} {_of(seen.pages):>7} "
        f"{seen.pages.p95:6.1f} {growth:5.0f} {one.left.open:6} {one.left.set_aside:5}"
    )


def _of(times: Times) -> str:
    return f"{times.count - times.bad}/{times.count}"
