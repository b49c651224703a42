"""The people on a card, read from the portal with the visitor's own token, whatever the browser claims."""

from collections.abc import Callable
from typing import Any

import pytest

from b24app.portals.crm import cards
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, asked

EMMA = (Phone("+12025550142", "MOBILE"), Phone("+12025550160", "WORK"))
EMMA_S = (
    Phone("+12025550142", "MOBILE", "Emma Evans", "Emma"),
    Phone("+12025550160", "WORK", "Emma Evans", "Emma"),
)
FELIX_S = Phone("+12025550143", "MOBILE", "Felix Ford", "Felix")
COMPANY_S = Phone("+12025550144", "WORK", "Harbour Joinery")
HER_VALUES = {
    "contact_name": "Emma Evans",
    "contact_first_name": "Emma",
    "company_name": "Harbour Joinery",
    "item_title": "Emma Evans",
    "item_id": "1",
    "responsible": "Alice Adams",
}


def look(portal: Portal, there: There, kind: str, number: object, user: int = ALICE) -> Entity:
    access = there.issue_token(user).access
    return cards.find_card(portal, access, f"CRM_{kind}_DETAIL_TAB", {"ID": number})


@pytest.fixture
def us(portal: Portal) -> Portal:
    portal.country = "US"
    portal.save()
    return portal


def test_a_contact_has_its_name_and_numbers_but_no_fax(us: Portal, alpha: There) -> None:
    assert look(us, alpha, "CONTACT", "1") == Entity(OwnerType.CONTACT, 1, "Emma Evans", EMMA, HER_VALUES)
    assert asked(alpha, "crm.contact.get") == ["ok"]


def test_a_company_and_a_lead_have_theirs(us: Portal, alpha: There) -> None:
    company = look(us, alpha, "COMPANY", 1)
    assert (company.title, company.phones) == ("Harbour Joinery", (Phone("+12025550144", "WORK"),))
    assert "contact_name" not in company.values
    lead = look(us, alpha, "LEAD", "1")
    assert (lead.title, lead.phones) == ("Enquiry from the website", (Phone("+12025550145", "MOBILE"),))
    assert (lead.values["contact_name"], lead.values["contact_first_name"]) == ("Hugo Hart", "Hugo")


def test_a_deal_brings_the_numbers_of_its_contacts_and_company_in_two_calls(us: Portal, alpha: There) -> None:
    before = len(asked(alpha, "batch"))
    deal = look(us, alpha, "DEAL", "1")
    assert (deal.type_id, deal.id, deal.title) == (OwnerType.DEAL, 1, "Website order")
    assert deal.phones == (*EMMA_S, FELIX_S, COMPANY_S)
    assert deal.values == HER_VALUES | {"item_title": "Website order", "amount": "1250 USD"}
    assert len(asked(alpha, "batch")) - before == 2


def test_an_employee_gets_only_the_contacts_they_may_read(us: Portal, alpha: There) -> None:
    deal = look(us, alpha, "DEAL", "1", BOB)
    assert {phone.owner for phone in deal.phones} == {"Emma Evans", "Harbour Joinery"}


def test_a_contact_without_numbers_is_a_contact(us: Portal, alpha: There) -> None:
    grace = look(us, alpha, "CONTACT", "3")
    assert (grace.type_id, grace.id, grace.title, grace.phones) == (OwnerType.CONTACT, 3, "Grace Green", ())


@pytest.mark.parametrize(
    ("kind", "title", "amount"),
    [
        ("QUOTE", "Quote 14", "340 EUR"),
        ("SMART_INVOICE", "Invoice 27", "125.50 EUR"),
        ("DYNAMIC_1030", "Delivery on Friday", None),
    ],
)
def test_quotes_invoices_and_smart_processes_have_those_of_their_people(
    us: Portal, alpha: There, kind: str, title: str, amount: str | None
) -> None:
    item = look(us, alpha, kind, "1", BOB)
    assert (item.title, item.phones) == (title, (*EMMA_S, COMPANY_S))
    assert (item.values.get("amount"), item.values["contact_name"]) == (amount, "Emma Evans")
    with pytest.raises(PortalRefused):
        look(us, alpha, "DYNAMIC_1030", "2", BOB)


def test_the_item_above_the_timeline_names_the_card_in_another_way(us: Portal, alpha: There) -> None:
    options = {"entityTypeId": 2, "entityId": "1", "useBuiltInInterface": "Y"}
    deal = cards.find_card(us, alpha.issue_token(BOB).access, "CRM_DEAL_DETAIL_ACTIVITY", options)
    assert (deal.type_id, deal.title) == (OwnerType.DEAL, "Website order")


def test_fields_that_the_visitor_may_not_read_have_no_value(us: Portal, alpha: There) -> None:
    alpha.state.app.scope.remove("user_brief")
    us.scope = ""
    assert "responsible" not in look(us, alpha, "DEAL", "1", BOB).values
    us.refresh_from_db()
    assert us.trouble == ""


@pytest.mark.parametrize(
    "place",
    [
        "CRM_DYNAMIC_9_DETAIL_TAB",
        "CRM_DYNAMIC_0_DETAIL_TAB",
        "CRM_NOTHING_DETAIL_TAB",
        "CRM_DEAL_LIST_MENU",
        "CRM_DYNAMIC_²_DETAIL_TAB",
    ],
)
def test_a_place_that_is_not_ours_is_refused(us: Portal, alpha: There, place: str) -> None:
    with pytest.raises(PortalRefused):
        cards.find_card(us, alpha.issue_token(ALICE).access, place, {"ID": "1"})


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
        cards.find_card(us, alpha.issue_token(ALICE).access, "DEFAULT", {"ID": "1"})


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
        cards.find_card(us, access, "CRM_CONTACT_DETAIL_TAB", {"ID": "1"})
