"""A visitor's own numbers: told where the permission is there, and nothing otherwise."""

import pytest

from b24app.portals import own_numbers
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, asked

MOBILE, OFFICE = "+12025550171", "+12025550172"


def grant(portal: Portal, there: There, *scope: str) -> None:
    there.state.app.scope = ["messageservice", *scope]
    Portal.objects.filter(pk=portal.pk).update(scope=",".join(there.state.app.scope))
    portal.refresh_from_db()


@pytest.mark.parametrize("scope", ["user_basic", "user"])
def test_mobile_and_office_are_read_by_the_portal_s_country(portal: Portal, alpha: There, scope: str) -> None:
    grant(portal, alpha, scope)
    portal.country = "US"
    assert own_numbers.find_own_numbers(portal, ALICE) == [MOBILE, OFFICE]
    portal.country = ""  # the mobile is written without a country code
    assert own_numbers.find_own_numbers(portal, ALICE) == [OFFICE]


def test_without_the_permission_nobody_is_asked(portal: Portal, alpha: There) -> None:
    grant(portal, alpha, "user_brief")
    assert own_numbers.find_own_numbers(portal, ALICE) == []
    assert asked(alpha, "user.current") == []


def test_a_permission_that_is_unknown_and_missing_leaves_no_trouble(portal: Portal, alpha: There) -> None:
    grant(portal, alpha)
    Portal.objects.filter(pk=portal.pk).update(scope="")
    portal.refresh_from_db()
    assert own_numbers.find_own_numbers(portal, ALICE) == []
    assert len(asked(alpha, "user.current")) == 1
    portal.refresh_from_db()
    assert portal.trouble == ""


def test_somebody_without_tokens_has_none(portal: Portal, alpha: There) -> None:
    grant(portal, alpha, "user")
    assert own_numbers.find_own_numbers(portal, BOB) == []
    assert asked(alpha, "user.current") == []
