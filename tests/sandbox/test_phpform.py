"""PHP's bracket encoding, both ways."""

from urllib.parse import parse_qsl

from b24app.sandbox import phpform


def test_nested_values_travel_under_bracketed_keys() -> None:
    body = phpform.encode_form({"a": {"b": [{"C": 1}, {"C": 2}]}, "d": "x y+&"})

    assert body == "a%5Bb%5D%5B0%5D%5BC%5D=1&a%5Bb%5D%5B1%5D%5BC%5D=2&d=x+y%2B%26"


def test_nulls_and_empty_arrays_are_not_sent() -> None:
    assert phpform.encode_form({"a": None, "b": [], "c": {}, "d": ""}) == "d="


def test_booleans_are_one_and_zero() -> None:
    assert phpform.encode_form({"yes": True, "no": False}) == "yes=1&no=0"


def test_half_characters_go_out_as_bytes() -> None:
    assert phpform.encode_form({"a": "\ud83d"}) == "a=%ED%A0%BD"


def test_decoding_restores_what_was_encoded() -> None:
    value = {"a": {"b": [{"C": "1"}, {"C": "2"}]}, "d": "x y+&"}

    assert phpform.decode_form(phpform.encode_form(value)) == value


def test_empty_brackets_count_on_and_later_values_win() -> None:
    assert phpform.nest_pairs(parse_qsl("a[]=x&a[]=y&b=1&b=2")) == {"a": ["x", "y"], "b": "2"}


def test_a_value_under_a_scalar_is_lost_as_in_php() -> None:
    assert phpform.decode_form("a=1&a[b]=2") == {"a": "1"}


def test_arrays_become_lists_only_when_their_keys_count_from_zero() -> None:
    assert phpform.list_or_mapping({}) == []
    assert phpform.list_or_mapping({"0": "x", "1": "y"}) == ["x", "y"]
    assert phpform.list_or_mapping({"1": "x"}) == {"1": "x"}
