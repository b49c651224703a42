"""Signed calls: what is the same, what is fresh, which tokens are good."""

import jwt
import pytest

from providers.kit.errors import Forged
from providers.kit.signatures import is_fresh, is_same, read_jwt

KEY = "a key of sixty-four bytes or more, or the library warns that it is too short"
AT = 1_790_000_000.0


def test_the_same_is_the_same_whatever_it_holds() -> None:
    assert is_same("ключ", "ключ")
    assert not is_same("key", "Key")
    assert not is_same("key", "\udcff")


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        ("1790000000", True),
        ("1789999700", True),
        ("1790000300", True),
        ("1789999699", False),
        ("1790000301", False),
        ("", False),
        ("-1", False),
        ("1e9", False),
        ("9" * 400, False),
    ],
)
def test_a_timestamp_is_fresh_within_its_window(timestamp: str, fresh: bool) -> None:
    assert is_fresh(timestamp, AT, 300) is fresh


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"id": 1}, True),
        ({"id": 1, "exp": AT - 60, "nbf": AT + 60}, True),
        ({"id": 1, "exp": AT - 61}, False),
        ({"id": 1, "nbf": AT + 61}, False),
        ({"id": 1, "exp": "soon"}, False),
        ({"id": 1, "exp": []}, False),
        ({"exp": AT}, False),
    ],
)
def test_a_token_was_good_when_the_call_came(claims: dict[str, object], good: bool) -> None:
    token = jwt.encode(claims, KEY, algorithm="HS256")
    if good:
        assert read_jwt(token, KEY, ["HS256"], ["id"], at=AT) == claims
    else:
        with pytest.raises(Forged):
            read_jwt(token, KEY, ["HS256"], ["id"], at=AT)


@pytest.mark.parametrize("token", ["", "a.b.c", "\udcff", jwt.encode({"id": 1}, "another " + KEY, algorithm="HS256")])
def test_a_strangers_token_is_forged(token: str) -> None:
    with pytest.raises(Forged):
        read_jwt(token, KEY, ["HS256"], [], at=AT)


def test_only_the_named_algorithms_count() -> None:
    for token in (jwt.encode({"id": 1}, KEY, algorithm="HS512"), jwt.encode({"id": 1}, "", algorithm="none")):
        with pytest.raises(Forged):
            read_jwt(token, KEY, ["HS256"], [], at=AT)
