"""The cards of the catalogue: every service has one of its own, and what it says is what the code does."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from providers.kit import registry
from providers.kit.contract import Provider
from providers.kit.listing import Group, SenderIds

SERVICES = list(registry.services().values())
PAGES = Path(__file__).resolve().parents[2] / "docs" / "services"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
NUMBERS_OF = {"M": 2, "L": 2, "H": 1, "V": 1, "A": 7, "C": 6, "S": 4, "Z": 0}

every_service = pytest.mark.parametrize("service", SERVICES, ids=[one.code for one in SERVICES])


def corners_of(path: str) -> list[tuple[float, float]]:
    """Return where an SVG path draws to; raise for what is no path."""
    x = y = 0.0
    start = (x, y)
    found = []
    for letter, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(one) for one in NUMBER.findall(rest)]
        size = NUMBERS_OF[letter.upper()]
        if letter.upper() == "Z":
            x, y = start
            continue
        assert numbers, path
        assert len(numbers) % size == 0, (letter, rest)
        for place in range(0, len(numbers), size):
            part = numbers[place : place + size]
            dx, dy = (0.0, 0.0) if letter.isupper() else (x, y)
            if letter.upper() == "H":
                x = part[0] + dx
            elif letter.upper() == "V":
                y = part[0] + dy
            else:
                x, y = part[-2] + dx, part[-1] + dy
            if letter.upper() == "M" and place == 0:
                start = (x, y)
            found.append((x, y))
    return found


@every_service
def test_a_service_has_a_sentence_and_a_mark(service: type[Provider]) -> None:
    about, mark = service.listing.about, service.listing.mark
    assert 20 <= len(about) <= 100
    assert about.endswith(".")
    assert "!" not in about
    assert mark is not None
    assert all(-0.5 <= x <= 24.5 and -0.5 <= y <= 24.5 for x, y in corners_of(mark.path))
    assert len(mark.path) < 200


def test_no_two_sentences_and_no_two_marks_are_alike() -> None:
    assert len({one.listing.about for one in SERVICES}) == len(SERVICES)
    drawn = [frozenset(corners_of(one.listing.mark.path)) for one in SERVICES if one.listing.mark]
    # Nor is one the other with a stroke more: most of their corners differ.
    alike = [
        (one.code, other.code)
        for one, corners in zip(SERVICES, drawn, strict=True)
        for other, others in zip(SERVICES, drawn, strict=True)
        if one.code < other.code and len(corners & others) > len(corners | others) / 2
    ]
    assert alike == []


@every_service
def test_what_a_company_runs_itself_has_no_home_and_the_gateway_s_sender_ids(service: type[Provider]) -> None:
    equipment = service.listing.group is Group.EQUIPMENT
    assert equipment == (service.listing.sender_ids is SenderIds.GATEWAY)
    assert not (equipment and service.countries)


SAYS = {
    SenderIds.ANY: r"name|sender|originator|alphanumeric",
    SenderIds.REGISTERED: r"regist|approv|ACTIVE|senders",
    SenderIds.SHARED: r"shared|lends|alphaname",
    SenderIds.NUMBERS: r"number",
    SenderIds.ASSIGNED: r"bound to the token|phone_number_id",
}


@pytest.mark.parametrize(
    "service",
    [one for one in SERVICES if one.listing.sender_ids in SAYS and not one.pretends],
    ids=lambda service: service.code,
)
def test_the_kind_of_sender_id_is_backed_by_the_page_of_the_service(service: type[Provider]) -> None:
    page = (PAGES / f"{service.code}.md").read_text(encoding="utf-8")
    assert re.search(SAYS[service.listing.sender_ids], page, re.IGNORECASE)


def test_corners_are_read_as_a_browser_reads_them() -> None:
    assert corners_of("M3 4h2v-1zl1-1") == [(3, 4), (5, 4), (5, 3), (4, 3)]
    assert all(one != other for one, other in pairwise(corners_of("M0 0a1 1 0 0 1 2 2L.5-.5")))
