"""The sandbox's lists of the CRM: what the user may read of the ids asked for, in the words of the documentation."""

import pytest

from tests.sandbox.clients import Rest

NAMES = ["ID", "NAME", "LAST_NAME"]


def test_contacts_are_listed_with_the_fields_that_are_named(rest: Rest) -> None:
    body = rest("crm.contact.list", filter={"ID": [3, 1, 99]}, select=[*NAMES, "PHONE"])[1]
    assert [(one["ID"], one["NAME"], one["LAST_NAME"]) for one in body["result"]] == [
        ("1", "Emma", "Evans"),
        ("3", "Grace", "Green"),
    ]
    assert [one["VALUE"] for one in body["result"][0]["PHONE"]] == ["+12025550142", "+1 202 555-0160", "+12025550161"]
    assert "PHONE" not in body["result"][1]
    assert body["total"] == 2


def test_phones_come_only_when_they_are_named(rest: Rest) -> None:
    assert sorted(rest("crm.contact.list", filter={"@ID": [1]}, select=NAMES)[1]["result"][0]) == sorted(NAMES)
    assert "PHONE" not in rest("crm.contact.list", filter={"ID": 1})[1]["result"][0]


def test_what_a_user_may_not_read_is_left_out_without_a_word(rest: Rest, bob: Rest) -> None:
    asked = {"filter": {"ID": [1, 2]}, "select": NAMES}
    assert [one["ID"] for one in rest("crm.contact.list", **asked)[1]["result"]] == ["1", "2"]
    assert [one["ID"] for one in bob("crm.contact.list", **asked)[1]["result"]] == ["1"]


def test_deals_name_whom_they_are_with(rest: Rest) -> None:
    names = ["ID", "TITLE", "CONTACT_ID", "COMPANY_ID"]
    assert rest("crm.deal.list", filter={"ID": [1]}, select=names)[1]["result"] == [
        {"ID": "1", "TITLE": "Website order", "CONTACT_ID": "1", "COMPANY_ID": "1"}
    ]


def test_items_of_a_smart_process_have_names_in_camel_case(rest: Rest) -> None:
    asked = {"filter": {"@id": [1, 9]}, "select": ["id", "title", "contactId", "companyId"]}
    assert rest("crm.item.list", entityTypeId=1030, **asked)[1]["result"] == {
        "items": [{"id": 1, "title": "Delivery on Friday", "contactId": 1, "companyId": 1}]
    }


@pytest.mark.parametrize("type_id", [1038, 5])
def test_an_unknown_smart_process_is_an_error(rest: Rest, type_id: int) -> None:
    assert rest.error("crm.item.list", entityTypeId=type_id)[:2] == (400, "NOT_FOUND")
