"""PHP's bracketed fields, also hostile ones."""

from typing import Any

import pytest

from b24app.webhooks.php_form import MAX_DEPTH, MAX_FIELDS, nest_pairs, read_pairs


def test_brackets_nest() -> None:
    fields = [
        ("event", "ONAPPTEST"),
        ("auth[user_id]", "7"),
        ("auth[member_id]", "m"),
        ("bindings[0][OWNER_ID]", "42"),
        ("bindings[1][OWNER_ID]", "7"),
        ("document_id[0]", "crm"),
        ("document_id[1]", "DEAL_1"),
    ]
    assert nest_pairs(fields) == {
        "event": "ONAPPTEST",
        "auth": {"user_id": "7", "member_id": "m"},
        "bindings": [{"OWNER_ID": "42"}, {"OWNER_ID": "7"}],
        "document_id": ["crm", "DEAL_1"],
    }


@pytest.mark.parametrize(
    ("fields", "nested"),
    [
        ([], {}),
        ([("a", "1"), ("a", "2")], {"a": "2"}),
        ([("a", "1"), ("a[b]", "2")], {"a": {"b": "2"}}),
        ([("a[b]", "1"), ("a", "2")], {"a": "2"}),
        ([("a[b]", "1"), ("a[b][c]", "2")], {"a": {"b": {"c": "2"}}}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[1]", "x"), ("a[0]", "y")], {"a": ["y", "x"]}),
        ([("a[1]", "x")], {"a": {"1": "x"}}),
        ([("a[00]", "x")], {"a": {"00": "x"}}),
        ([("a[\u0660]", "x")], {"a": {"\u0660": "x"}}),
        ([("", "x"), ("[a]", "y"), ("[]", "z")], {}),
        ([("a[", "x")], {"a": "x"}),
        ([("a]", "x")], {"a]": "x"}),
        ([("a[b", "x")], {"a": "x"}),
        ([("a[[b]]", "x")], {"a": {"b": "x"}}),
        ([("a[b]c[d]", "x")], {"a": {"b": {"d": "x"}}}),
        ([("__proto__[x]", "1")], {"__proto__": {"x": "1"}}),
    ],
)
def test_odd_fields_are_harmless(fields: list[tuple[str, str]], nested: dict[str, Any]) -> None:
    assert nest_pairs(fields) == nested


def depth(value: Any) -> int:
    return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0


def test_brackets_nested_a_thousand_deep_are_cut() -> None:
    assert depth(nest_pairs([("a" + "[b]" * 1000, "x")])) == MAX_DEPTH


def test_a_thousand_and_one_fields_are_read() -> None:
    assert len(nest_pairs([(f"f{number}", "x") for number in range(1001)])) == 1001


def test_fields_after_the_ten_thousandth_are_left_out() -> None:
    nested = nest_pairs([(f"f{number}", "x") for number in range(10_001)])
    assert len(nested) == MAX_FIELDS == 10_000
    assert "f10000" not in nested


def test_a_body_is_split_into_pairs() -> None:
    body = b"a%5Bb%5D=1+2&c=%D0%B6&d&=e&f=%FF%00&g=h=i&&j=%E2%82"
    assert list(read_pairs(body)) == [
        ("a[b]", "1 2"),
        ("c", "ж"),
        ("d", ""),
        ("", "e"),
        ("f", "\ufffd\0"),
        ("g", "h=i"),
        ("", ""),
        ("j", "\ufffd"),
    ]


def test_a_body_of_a_million_fields_is_cut() -> None:
    assert len(list(read_pairs(b"a&" * 1_000_000))) == MAX_FIELDS
