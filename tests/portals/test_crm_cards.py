"""The people on a card, read from the portal with the visitor's own token, whatever the browser claims."""

from collections.abc import Callable
from typing import Any

import pytest

from b24app.portals import crm_cards
from b24app.portals.crm_cards import Entity, Phone
from b24app.portals.crm_owner_types import OwnerType
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, asked

EMMA = (Phone("+12025550142", "MOBILE"), Phone("+12025550160", "WORK"))


def look(portal: Portal, there: There, kind: str, number: object, user: int = ALICE) -> Entity:
    access = there.issue_token(user).access
    return crm_cards.find_card(portal, access, f"CRM_{kind}_DETAIL_TAB", {"ID": number})


@pytest.fixture
def us(portal: Portal) -> Portal:
    portal.country = "US"
    portal.save()
    return portal


def test_a_contact_has_its_name_and_numbers_but_no_fax(us: Portal, alpha: There) -> None:
    assert look(us, alpha, "CONTACT", "1") == Entity(OwnerType.CONTACT, 1, "Emma Evans", EMMA)
    assert asked(alpha, "crm.contact.get") == ["ok"]


def test_a_company_and_a_lead_have_theirs(us: Portal, alpha: There) -> None:
    company = look(us, alpha, "COMPANY", 1)
    assert company == Entity(OwnerType.COMPANY, 1, "Harbour Joinery", (Phone("+12025550144", "WORK"),))
    lead = look(us, alpha, "LEAD", "1")
    assert lead == Entity(OwnerType.LEAD, 1, "Enquiry from the website", (Phone("+12025550145", "MOBILE"),))


def test_a_deal_brings_the_numbers_of_its_contacts_and_company_in_two_calls(us: Portal, alpha: There) -> None:
    before = len(asked(alpha, "batch"))
    deal = look(us, alpha, "DEAL", "1")
    assert (deal.type_id, deal.id, deal.title) == (OwnerType.DEAL, 1, "Website order")
    assert deal.phones == (
        Phone("+12025550142", "MOBILE", "Emma Evans"),
        Phone("+12025550160", "WORK", "Emma Evans"),
        Phone("+12025550143", "MOBILE", "Felix Ford"),
        Phone("+12025550144", "WORK", "Harbour Joinery"),
    )
    assert len(asked(alpha, "batch")) - before == 2


def test_an_employee_gets_only_the_contacts_they_may_read(us: Portal, alpha: There) -> None:
    deal = look(us, alpha, "DEAL", "1", BOB)
    assert {phone.owner for phone in deal.phones} == {"Emma Evans", "Harbour Joinery"}


def test_a_contact_without_numbers_is_a_contact(us: Portal, alpha: There) -> None:
    assert look(us, alpha, "CONTACT", "3") == Entity(OwnerType.CONTACT, 3, "Grace Green", ())


@pytest.mark.parametrize(
    ("kind", "number"), [("CONTACT", "2"), ("DEAL", "2"), ("CONTACT", "99")], ids=["contact", "deal", "nobody"]
)
def test_what_the_portal_refuses_is_refused(us: Portal, alpha: There, kind: str, number: str) -> None:
    with pytest.raises(PortalRefused):
        look(us, alpha, kind, number, BOB)
    us.refresh_from_db()
    assert us.trouble == ""
    assert us.suspension == ""


@pytest.mark.parametrize("number", [None, "", "0", "-1", "1 OR 1=1", "9" * 40, [1], True, "²"])
def test_what_is_no_id_is_not_asked_about(us: Portal, alpha: There, number: Any) -> None:
    with pytest.raises(PortalRefused):
        look(us, alpha, "CONTACT", number)
    assert asked(alpha, "crm.contact.get") == []


def test_another_place_has_no_entity(us: Portal, alpha: There) -> None:
    with pytest.raises(PortalRefused):
        crm_cards.find_card(us, alpha.issue_token(ALICE).access, "DEFAULT", {"ID": "1"})


def test_a_missing_permission_is_a_refusal_and_nobody_is_bothered(us: Portal, alpha: There) -> None:
    alpha.state.app.scope.remove("crm")
    with pytest.raises(PortalRefused):
        look(us, alpha, "CONTACT", "1")
    us.refresh_from_db()
    assert us.trouble == ""


def test_a_silent_portal_and_a_limit_are_no_refusal(us: Portal, alpha: There, forced: Callable[..., None]) -> None:
    forced("OPERATION_TIME_LIMIT", method="crm.contact.get", status=429)
    with pytest.raises(InDoubt):
        look(us, alpha, "CONTACT", "1")
    access = alpha.issue_token(ALICE).access
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        crm_cards.find_card(us, access, "CRM_CONTACT_DETAIL_TAB", {"ID": "1"})
