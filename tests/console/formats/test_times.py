"""Formats of round times."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from b24app.console.templatetags.console import day, moment


def shown(html: str) -> str:
    return re.sub("<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("microseconds", "written"), [(0, "14:05:12.000"), (1_999, "14:05:12.001"), (999_999, "14:05:12.999")]
)
def test_a_second_has_a_thousand_milliseconds_and_not_one_more(microseconds: int, written: str) -> None:
    at = datetime(2026, 11, 25, 14, 5, 12, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert shown(moment(at, "exact")) == written


@pytest.mark.parametrize(("language", "written"), [("en", "Nov 18, 2026"), ("de", "18.11.2026"), ("ja", "2026/11/18")])
def test_a_day_is_written_as_the_language_does(language: str, written: str) -> None:
    with translation.override(language):
        assert (day(date(2026, 11, 18)), day(datetime(2026, 11, 18, 23, 59, tzinfo=UTC))) == (written, written)
