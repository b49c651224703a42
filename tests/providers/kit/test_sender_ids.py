"""Signatures: what they are, and where they are not taken."""

import pytest

from providers.kit.sender_ids import Kind, kind_of, warnings


@pytest.mark.parametrize(
    ("signature", "kind"),
    [
        ("+12025550142", Kind.NUMBER),
        ("12025550142", Kind.NUMBER),
        ("+44 7700 900-123", Kind.NUMBER),
        ("55501", Kind.SHORT_CODE),
        ("Acme", Kind.NAME),
        ("Acme & Sons", Kind.NAME),
        ("24x7", Kind.NAME),
        ("Acme Brothers", Kind.OTHER),
        ("Магазин", Kind.OTHER),
        ("MG00000000000000000000000000000001", Kind.OTHER),
    ],
)
def test_signatures_are_told_apart(signature: str, kind: Kind) -> None:
    assert kind_of(signature) is kind


@pytest.mark.parametrize(
    ("signature", "region", "begins"),
    [
        ("", "US", None),
        ("+12025550142", "US", None),
        ("Acme", "GB", None),
        ("Acme", "", None),
        ("Acme", "US", "Alphanumeric sender IDs are not supported in this country"),
        ("Acme", "IN", "Alphanumeric sender IDs must be registered in this country"),
        ("55501", "GB", "Short codes work in one country only."),
        ("Acme Brothers", "GB", "Use up to 11 Latin letters and digits"),
    ],
)
def test_a_signature_is_warned_of_by_the_rules_of_the_country(signature: str, region: str, begins: str | None) -> None:
    told = warnings(signature, region)

    assert len(told) == (begins is not None)
    assert all(one.startswith(str(begins)) for one in told)
