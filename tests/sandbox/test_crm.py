"""The sandbox's CRM: who may read what, in the words of the documentation, and notes in the timeline."""

import pytest

from b24app.sandbox import Portal
from tests.sandbox.clients import Rest


def test_a_contact_has_its_phones_as_a_multifield(rest: Rest) -> None:
    status, body = rest("crm.contact.get", ID=1)
    assert status == 200
    contact = body["result"]
    assert (contact["ID"], contact["NAME"], contact["LAST_NAME"]) == ("1", "Emma", "Evans")
    assert [(one["VALUE_TYPE"], one["VALUE"], one["TYPE_ID"]) for one in contact["PHONE"]] == [
        ("MOBILE", "+12025550142", "PHONE"),
        ("WORK", "+1 202 555-0160", "PHONE"),
        ("FAX", "+12025550161", "PHONE"),
    ]


def test_a_field_without_values_is_not_there(rest: Rest) -> None:
    assert "PHONE" not in rest("crm.contact.get", ID=3)[1]["result"]


@pytest.mark.parametrize(
    ("method", "title"),
    [
        ("crm.lead.get", "Enquiry from the website"),
        ("crm.deal.get", "Website order"),
        ("crm.company.get", "Harbour Joinery"),
    ],
)
def test_leads_deals_and_companies_have_a_title(rest: Rest, method: str, title: str) -> None:
    assert rest(method, id=1)[1]["result"]["TITLE"] == title


def test_a_deal_has_contacts(rest: Rest) -> None:
    contacts = rest("crm.deal.contact.items.get", id=1)[1]["result"]
    assert [(one["CONTACT_ID"], one["IS_PRIMARY"]) for one in contacts] == [(1, "Y"), (2, "N")]


def test_refusals_have_words_and_no_code(rest: Rest, bob: Rest) -> None:
    assert rest.error("crm.contact.get") == (400, "", "ID is not defined or invalid.")
    assert rest.error("crm.contact.get", ID=99) == (400, "", "Not found")
    assert bob.error("crm.contact.get", ID=2) == (400, "", "Access denied.")
    assert bob.error("crm.deal.contact.items.get", id=2) == (400, "", "Access denied.")
    assert bob("crm.contact.get", ID=1)[0] == 200


def test_a_log_message_and_a_comment_are_in_the_timeline(rest: Rest, alpha: Portal) -> None:
    fields = {"entityTypeId": 3, "entityId": 1, "title": "Sent", "text": "Hello", "iconCode": "info"}
    assert rest("crm.timeline.logmessage.add", fields=fields)[0] == 200
    comment = {"ENTITY_ID": 1, "ENTITY_TYPE": "deal", "COMMENT": "Called"}
    assert rest("crm.timeline.comment.add", fields=comment)[0] == 200
    assert [(one.entity_type_id, one.entity_id, one.title, one.text) for one in alpha.timeline] == [
        (3, 1, "Sent", "Hello"),
        (2, 1, "", "Called"),
    ]


def test_the_timeline_refuses_what_is_not_there_or_not_theirs(rest: Rest, bob: Rest, alpha: Portal) -> None:
    fields = {"entityTypeId": 3, "entityId": 2, "title": "Sent", "text": "Hello", "iconCode": "info"}
    assert bob.error("crm.timeline.logmessage.add", fields=fields)[:2] == (400, "ACCESS_DENIED")
    assert rest.error("crm.timeline.logmessage.add", fields=fields | {"entityId": 99})[:2] == (400, "OWNER_NOT_FOUND")
    assert rest.error("crm.timeline.logmessage.add", fields={"entityTypeId": 3})[:2] == (400, "100")
    assert alpha.timeline == []


@pytest.mark.parametrize(("type_id", "title"), [(7, "Quote 14"), (31, "Invoice 27"), (1030, "Delivery on Friday")])
def test_quotes_invoices_and_smart_processes_are_items(rest: Rest, type_id: int, title: str) -> None:
    item = rest("crm.item.get", entityTypeId=type_id, id=1)[1]["result"]["item"]
    assert (item["title"], item["entityTypeId"], item["contactIds"], item["companyId"]) == (title, type_id, [1], 1)


def test_an_item_that_is_not_open_is_refused(rest: Rest, bob: Rest) -> None:
    assert rest("crm.item.get", entityTypeId=1030, id=2)[0] == 200
    assert bob.error("crm.item.get", entityTypeId=1030, id=2) == (400, "", "Access denied.")


def test_the_smart_processes_are_listed(bob: Rest) -> None:
    assert bob("crm.type.list")[1]["result"]["types"] == [{"id": 1, "entityTypeId": 1030, "title": "Delivery"}]
