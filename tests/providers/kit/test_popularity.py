"""The order in which services are offered, by country and in general."""

import pytest

from providers.kit import registry
from providers.kit.popularity import MARKETS, POPULAR, Basis, rank_of, suggest_services

CODES = set(registry.services())


def test_every_code_of_the_tables_is_a_service_of_the_shelf() -> None:
    named = {code for market in MARKETS.values() for code in market.services} | set(POPULAR)
    assert named - CODES == set()


@pytest.mark.parametrize("country", MARKETS)
def test_a_country_names_each_service_once_and_has_an_iso_code(country: str) -> None:
    services = list(suggest_services(country))
    assert len(services) == len(set(services)) > 0
    assert len(country) == 2
    assert country.isupper()


def test_the_lines_stand_in_the_order_of_their_codes() -> None:
    assert list(MARKETS) == sorted(MARKETS)


@pytest.mark.parametrize("country", MARKETS)
def test_a_service_that_serves_other_countries_only_is_not_suggested(country: str) -> None:
    found = [registry.get(code) for code in suggest_services(country)]
    assert [one.code for one in found if one.countries and country not in one.countries] == []


@pytest.mark.parametrize("country", MARKETS)
def test_an_api_for_carriers_never_stands_before_twilio(country: str) -> None:
    services = list(suggest_services(country))
    if "bandwidth" in services:
        assert services.index("twilio") < services.index("bandwidth")


@pytest.mark.parametrize("country", [code for code, market in MARKETS.items() if market.basis is Basis.HOME])
def test_where_home_is_the_basis_a_service_of_the_country_comes_first(country: str) -> None:
    first = registry.get(suggest_services(country)[0])
    at_home = {host for one in first.fields for host, _label in getattr(one, "choices", ())}
    assert country in first.countries or f".{country.lower()}" in " ".join(at_home)


def test_the_order_of_three_markets() -> None:
    assert suggest_services("RU") == ("smsru", "smsc", "smsaero")
    assert suggest_services("KZ") == ("mobizon", "smsc")
    assert suggest_services("FR") == ()


def test_what_is_not_among_the_popular_comes_after_them() -> None:
    assert rank_of("twilio") == 0
    assert rank_of("eskiz") == rank_of("nobody") == len(POPULAR)
