"""Fields clean what people type."""

import pytest

from providers.kit.fields import (
    BadField,
    Choice,
    Field,
    Host,
    Number,
    Secret,
    Text,
    Url,
    find_redirection,
    require_encryption,
)


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        (Text("a", "A"), "  x y ", "x y"),
        (Text("a", "A", required=False), "  ", ""),
        (Text("a", "A", default="d"), "", "d"),
        (Text("a", "A", multiline=True), "x\r\ny\rz", "x\ny\nz"),
        (Text("a", "A", pattern="[0-9]+"), "42", "42"),
        (Secret("a", "A"), "s3 cret", "s3 cret"),
        (Secret("a", "A", pattern="KEY.+"), " KEY01 ", "KEY01"),
        (Secret("a", "A", pattern="KEY.+", required=False), "", ""),
        (Choice("a", "A", choices=(("x", "X"),)), "x", "x"),
        (Number("a", "A", min=1, max=9), "007", "7"),
        (Url("a", "A"), "https://gw.example.com:8443/send?x={to}", "https://gw.example.com:8443/send?x={to}"),
        (Url("a", "A"), "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        (Url("a", "A"), "https://шлюз.example/", "https://шлюз.example/"),
        (Host("a", "A"), "Gw.Example.com:2775", "gw.example.com:2775"),
        (Host("a", "A"), "[::1]:2775", "[::1]:2775"),
    ],
)
def test_a_good_value_is_kept(field: Field, typed: str, kept: str) -> None:
    assert field.clean(typed) == kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        (Text("a", "A"), " "),
        (Text("a", "A"), "x\ny"),
        (Text("a", "A", multiline=True), "x\x00y"),
        (Text("a", "A", pattern="[0-9]+"), "4x"),
        (Secret("a", "A"), "x\r\nHost: evil"),
        (Secret("a", "A", pattern="KEY.+"), "key01"),
        (Choice("a", "A", choices=(("x", "X"),)), "y"),
        (Number("a", "A", min=1), "0"),
        (Number("a", "A", max=9), "10"),
        (Number("a", "A"), "ten"),
        (Url("a", "A"), "ftp://gw.example.com"),
        (Url("a", "A"), "gw.example.com"),
        (Url("a", "A"), "https://user:pass@gw.example.com"),
        (Url("a", "A"), "https://{to}.example.com"),
        (Url("a", "A"), "https://gw.example.com/a b"),
        (Url("a", "A"), "https://[::1"),
        (Url("a", "A"), "https://gw.example.com:99999"),
        (Url("a", "A"), "https://"),
        (Url("a", "A"), "https://" + "a" * 64 + ".example"),
        (Host("a", "A"), "https://gw.example.com"),
        (Host("a", "A"), "gw.example.com/path"),
        (Host("a", "A"), "user@gw.example.com"),
        (Text("a", "A"), "x" * 5001),
    ],
)
def test_a_bad_value_is_refused_with_words(field: Field, typed: str) -> None:
    with pytest.raises(BadField) as refused:
        field.clean(typed)

    assert refused.value.words == str(refused.value) != ""


def test_the_words_can_be_translated_and_filled() -> None:
    with pytest.raises(BadField) as refused:
        Number("a", "A", max=9).clean("10")

    assert refused.value.template.format(**refused.value.values) == "Enter 9 or less."


MOVING = (Text("login", "L"), Url("base", "B", default="https://api.example.com"), Number("port", "P", directs=True))
KEPT = {"login": "ann", "base": "https://api.example.com", "port": "1"}


@pytest.mark.parametrize(
    ("kept", "changes", "found"),
    [
        (KEPT, {}, None),
        (KEPT, {"login": "bob"}, None),
        (KEPT, {"base": "https://api.example.net"}, "base"),
        (KEPT, {"base": ""}, "base"),
        (KEPT, {"port": "2"}, "port"),
        ({"login": "ann", "port": "1"}, {}, None),  # saved before the field was added: it had its default
        ({"login": "ann", "port": "1"}, {"base": "https://api.example.net"}, "base"),
    ],
)
def test_a_changed_place_is_found(kept: dict[str, str], changes: dict[str, str], found: str | None) -> None:
    redirected = find_redirection(MOVING, kept, KEPT | changes)
    assert (redirected.name if redirected else None) == found


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        (Url("a", "A"), "https://api.example.com", False),
        (Url("a", "A"), "http://api.example.com", True),
        (Url("a", "A"), "HTTP://api.example.com", True),
        (Url("a", "A"), "http://10.1.2.3/", False),
        (Url("a", "A"), "http://10.1.2.3.example.com/", True),
        (Url("a", "A"), "http://11.1.2.3/", True),
        (Url("a", "A"), "http://[::1]/", True),
        (Url("a", "A"), "", False),
        (Url("a", "A", plain=True), "http://api.example.com", False),
        (Text("a", "A"), "http://api.example.com", False),
    ],
)
def test_credentials_travel_encrypted_but_in_private_networks(field: Field, value: str, refused: bool) -> None:
    try:
        require_encryption(field, value, ["10.0.0.0/8"])
    except BadField:
        assert refused
    else:
        assert not refused
