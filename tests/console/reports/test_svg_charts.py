"""The shapes of the charts."""

from datetime import date, timedelta

import pytest

from b24app.console.reports import chart_data, svg_charts
from b24app.console.reports.figures import Counts
from b24app.console.reports.svg_charts import Hit


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, [1, 0]),
        (1, [1, 0]),
        (4, [4, 3, 2, 1, 0]),
        (5, [6, 4, 2, 0]),
        (100, [100, 50, 0]),
        (1310, [1500, 1000, 500, 0]),
        (123_456, [150_000, 100_000, 50_000, 0]),
    ],
)
def test_a_scale_has_few_round_steps_and_room_for_all(most: int, ticks: list[int]) -> None:
    assert svg_charts.draw_bars([(most,)], ["bar"], ["day"], []).plot.ticks == ticks


def test_bars_stand_on_each_other_and_one_path_draws_a_kind() -> None:
    hits = [Hit("one"), Hit("two", "/there/"), Hit("three")]
    bars = svg_charts.draw_bars([(1, 1), (0, 2), (4, 0)], ["low", "high"], ["a", "b", "c"], hits)
    assert bars.paths == [("low", "M3.5 75h3v25h-3zM23.5 0h3v100h-3z"), ("high", "M3.5 50h3v25h-3zM13.5 50h3v50h-3z")]
    assert bars.hits == hits
    assert (bars.plot.width, bars.plot.grid) == (30, "M0 0h30M0 25h30M0 50h30M0 75h30")


def test_a_kind_that_did_not_happen_is_not_drawn() -> None:
    assert svg_charts.draw_bars([(1, 0)], ["low", "high"], ["a"], []).paths == [("low", "M4.5 0h1v100h-1z")]


@pytest.mark.parametrize(("days", "wide"), [(1, 1), (5, 5), (6, 6), (30, 6), (366, 6)])
def test_a_bar_is_no_wider_than_a_tenth_of_the_picture(days: int, wide: int) -> None:
    ((_kind, path),) = svg_charts.draw_bars([(1,)] * days, ["low"], ["a"] * days, []).paths
    assert path.count(f"h{wide}v100h-{wide}z") == days


def test_a_line_has_gaps_where_nothing_can_be_told() -> None:
    line = svg_charts.draw_rates([100.0, 94.0, None, 97.0, None, None], ["a"] * 6)
    assert line is not None
    assert line.floor == 94
    assert line.line == "M5 0L15 100"
    assert line.area == "M5 0L15 100L15 100L5 100z"
    assert line.dots == "M35 50h0M15 100h0"  # the one that stands alone, and the lowest


@pytest.mark.parametrize(
    ("lowest", "ticks"),
    [(99.9, [100, 99, 98, 97]), (89.0, [100, 96, 92, 88]), (41, [100, 80, 60, 40]), (12, [100, 75, 50, 25, 0])],
)
def test_a_scale_of_rates_begins_where_it_still_shows_the_lowest(lowest: float, ticks: list[int]) -> None:
    line = svg_charts.draw_rates([100.0, lowest], ["a", "b"])
    assert line is not None
    assert line.plot.ticks == ticks


def test_without_any_rate_there_is_no_line() -> None:
    assert svg_charts.draw_rates([None, None], ["a", "b"]) is None


def test_labels_are_few_enough_not_to_run_into_each_other() -> None:
    days = [(date(2026, 10, 20) + timedelta(days=place), Counts(messages=1, delivered=1)) for place in range(30)]
    bars = chart_data.volume_chart(days)
    assert len(bars.plot.labels) == 30
    assert [label for label in bars.plot.labels if label] == ["Oct 20", "Oct 28", "Nov 5", "Nov 13"]
    assert bars.hits[1] == Hit("Oct 21: 1\nDelivered 1")


@pytest.mark.parametrize("days", [1, 2, 4, 5, 7, 14, 30, 31, 90, 366])
def test_there_are_never_more_than_four_labels(days: int) -> None:
    course = [(date(2026, 1, 1) + timedelta(days=place), Counts()) for place in range(days)]
    labels = chart_data.volume_chart(course).plot.labels
    assert len(labels) == days
    assert 1 <= len([label for label in labels if label]) <= 4


def test_what_was_canceled_is_a_series_of_its_own() -> None:
    bars = chart_data.volume_chart([(date(2026, 11, 18), Counts(messages=4, delivered=1, failed=1, stopped=2))])
    assert [kind for kind, _path in bars.paths] == ["delivered", "failed", "canceled"]
    assert bars.hits == [Hit("Nov 18: 4\nDelivered 1\nFailed 1\nCanceled 2")]


def test_the_days_of_a_year_have_no_hints() -> None:
    days = [(date(2025, 11, 19) + timedelta(days=place), Counts(messages=1)) for place in range(365)]
    bars = chart_data.volume_chart(days)
    assert bars.hits == []
    assert len([label for label in bars.plot.labels if label]) == 4
    volume = chart_data.volume_table(days)
    assert (volume[0], len(volume)) == (("Nov 18, 2026", ["1", "0", "1", "0", "0", "0"]), 365)
