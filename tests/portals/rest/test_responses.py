"""Parsing responses of odd shapes."""

from datetime import UTC, datetime

import pytest

from b24app.portals.rest.responses import (
    ErrorResponse,
    NoResponse,
    Redirect,
    as_mapping,
    https_host,
    read_error,
    read_non_json,
    read_reset_time,
    summarize_response,
)


def test_an_empty_php_array_is_an_empty_object() -> None:
    assert as_mapping([]) == {}


def test_the_newer_error_object_is_read_too() -> None:
    answer = read_error({"error": {"code": "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION", "message": "No"}}, ())
    assert isinstance(answer, ErrorResponse)
    assert (answer.code, answer.message) == ("BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION", "No")


@pytest.mark.parametrize("answer", [{}, {"error": ""}, {"error": {}}, {"error": []}, {"error": None}])
def test_an_error_without_a_code_is_no_answer(answer: dict[str, object]) -> None:
    assert isinstance(read_error(answer, ()), NoResponse)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://new.bitrix24.example/rest/x", "new.bitrix24.example"),
        ("https://New.bitrix24.example:8443/rest/x", "new.bitrix24.example:8443"),
        ("http://new.bitrix24.example/rest/x", ""),
        ("https://user@new.bitrix24.example/", ""),
        ("//new.bitrix24.example/", ""),
        ("/rest/x", ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_only_a_plain_https_redirect_names_a_host(location: str, host: str) -> None:
    moved = read_non_json(302, location)
    assert isinstance(moved, Redirect)
    assert moved.host == https_host(location) == host


@pytest.mark.parametrize("status", [200, 403, 500, 502])
def test_an_answer_without_json_is_no_answer(status: int) -> None:
    assert isinstance(read_non_json(status, ""), NoResponse)


@pytest.mark.parametrize(
    ("block", "moment"),
    [
        ({"operating_reset_at": 1767225600}, datetime(2026, 1, 1, tzinfo=UTC)),
        ({"operating_reset_at": "1767225600"}, datetime(2026, 1, 1, tzinfo=UTC)),  # PHP writes numbers as text too
        ({"operating_reset_at": "1767225600.5"}, datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)),
        ({"operating_reset_at": "soon"}, None),
        ({"operating_reset_at": ""}, None),
        ({"operating_reset_at": "inf"}, None),
        ({"operating_reset_at": "nan"}, None),
        ({"operating_reset_at": [1767225600]}, None),
        ({"operating_reset_at": 10**30}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_reset_of_the_operating_time(block: object, moment: datetime | None) -> None:
    assert read_reset_time(block) == moment


def test_the_codes_of_failed_commands_are_kept_without_what_looks_like_a_secret() -> None:
    errors = {"c0": {"error": "ERROR_MESSAGE_NOT_FOUND"}, "c1": {"error": "0123456789abcdef0123456789abcdef"}}
    assert summarize_response({"result": {"result": {"c2": True}, "result_error": errors}}) == (
        "ok=1 ERROR_MESSAGE_NOT_FOUND=1 …=1"
    )
