"""Times of day as people type them."""

from datetime import time

import pytest

from b24app.console.formats.clock_times import BadTime, parse_clock


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("21:00", time(21)),
        (" 9:05 ", time(9, 5)),
        ("09:00 PM", time(21)),
        ("9pm", time(21)),
        ("9 p.m.", time(21)),
        ("12 am", time(0)),
        ("12:30 pm", time(12, 30)),
        ("21.30", time(21, 30)),
        ("2130", time(21, 30)),
        ("930", time(9, 30)),
        ("21h30", time(21, 30)),
        ("21 Uhr", time(21)),
        ("7", time(7)),
        ("24:00", time(0)),
        ("00:00", time(0)),
        ("٢١:٣٠", time(21, 30)),
    ],
)
def test_a_time_is_read_however_it_is_typed(typed: str, read: time) -> None:
    assert parse_clock(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["", "late", "24:01", "25", "9:60", "13 pm", "0 am", "9:5", "-1:00", "21:00:00", "1" * 5000, "²1:00", "x9:00"],
)
def test_what_is_no_time_is_refused(typed: str) -> None:
    with pytest.raises(BadTime):
        parse_clock(typed)
