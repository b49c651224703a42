"""Errors explain themselves, and their class is the instruction."""

import pytest

from providers.kit.errors import (
    AccountBlocked,
    Hint,
    Reason,
    Rejected,
    SmsError,
    Throttled,
    Uncertain,
    Unreachable,
    error_for_code,
)


@pytest.mark.parametrize(
    ("reason", "kind", "kept"),
    [
        ("auth", AccountBlocked, "auth"),
        ("balance", AccountBlocked, "balance"),
        ("throttled", Throttled, "throttled"),
        ("unreachable", Unreachable, "unreachable"),
        ("uncertain", Uncertain, "uncertain"),
        ("opt_out", Rejected, "opt_out"),
        ("", Rejected, "rejected"),
    ],
)
def test_a_known_code_becomes_its_class(reason: Reason, kind: type[SmsError], kept: str) -> None:
    error = error_for_code("7", "no", {"7": Hint(reason, "Do this.", "https://docs.example/7")}, after=3.0)

    assert type(error) is kind
    assert (error.reason, error.code, error.hint, error.link, error.after) == (
        kept,
        "7",
        "Do this.",
        "https://docs.example/7",
        3.0,
    )
    assert str(error) == "no (code 7) Do this."


def test_an_unknown_code_keeps_the_services_own_words() -> None:
    error = error_for_code("8", "odd thing", {})

    assert type(error) is Rejected
    assert str(error) == "odd thing (code 8)"


def test_an_error_without_words_says_a_sentence() -> None:
    assert str(Unreachable()) == "The service is not reachable."
