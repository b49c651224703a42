"""The judgement over an attack, shown victims that suffered and one that did not."""

from dataclasses import replace

import pytest

from tests.attack.measures import ALL, MEMORY, Left, Round, Times, Window, percentile, violations

CALM = Window(Times(20, 0, 0.01, 0.03, 0.04), Times(20, 0, 0.3, 0.4, 0.5), Times(5, 0, 0.1, 0.2, 0.2))
ROUND = Round(["attack"], ALL, CALM, CALM, {"web": 64.0}, Left())


def test_a_victim_that_did_not_notice_is_no_finding() -> None:
    assert violations(ROUND) == []


@pytest.mark.parametrize(
    ("suffered", "words"),
    [
        (replace(CALM, calls=replace(CALM.calls, bad=1)), "1 of 20 handler calls not answered 200"),
        (replace(CALM, calls=replace(CALM.calls, p99=0.151)), "handler p99 151 ms, at most 150"),
        (replace(CALM, deliveries=replace(CALM.deliveries, bad=2)), "2 of 22 not delivered"),
        (replace(CALM, deliveries=replace(CALM.deliveries, p95=1.6)), "delivered p95 1.6 s, at most 1.5"),
        (replace(CALM, pages=replace(CALM.pages, bad=1)), "1 of 5 pages not answered"),
    ],
)
def test_a_victim_that_suffered_is_a_finding(suffered: Window, words: str) -> None:
    one = replace(ROUND, during=suffered)

    assert violations(one) == [words]
    assert violations(replace(one, judged=frozenset({MEMORY}))) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"growth": {"web/1": 65.0}}, "web/1 grew by 65 MB"),
        ({"left": Left(reports=3)}, "stuck: 0 of beta's messages, 3 reports due, 0 in the spool"),
        ({"lost": ["one"]}, "lost: one"),
        ({"doubled": ["two"]}, "doubled: two"),
        ({"ended": ["smpp"]}, "smpp ended"),
        ({"said": ["the new host was told the kept token"]}, "the new host was told the kept token"),
    ],
)
def test_what_is_left_behind_is_a_finding(changed: dict[str, object], words: str) -> None:
    assert violations(replace(ROUND, **changed)) == [words]  # type: ignore[arg-type]


def test_a_slow_idle_time_widens_the_limit_and_a_fast_one_does_not_narrow_it() -> None:
    slower = replace(CALM, calls=replace(CALM.calls, p99=0.2))
    busy = replace(ROUND, idle=slower, during=replace(CALM, calls=replace(CALM.calls, p99=0.6)))

    assert violations(busy) == []
    assert violations(replace(busy, idle=CALM), scale=4.0) == []
    assert violations(replace(busy, idle=CALM)) == ["handler p99 600 ms, at most 150"]


def test_what_was_set_aside_is_counted_and_no_finding_by_itself() -> None:
    assert violations(replace(ROUND, left=Left(set_aside=7))) == []


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]

    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert (percentile([7.0], 0.99), percentile([], 0.5)) == (7.0, 0.0)
