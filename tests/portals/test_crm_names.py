"""Names of CRM items: asked for with the viewer's own rights, a page in few calls, stored for a day and forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.core import sealing
from b24app.core.redis import redis_client
from b24app.exchange_log.models import Exchange
from b24app.portals.crm_names import names, visitor_tokens
from b24app.portals.crm_names.names import ADMINISTRATORS, NO_ACCESS, REFUSED, SILENT
from b24app.portals.models import CrmName, Portal
from b24app.sandbox import Portal as There
from b24app.sandbox.rest import table
from b24app.sandbox.rest.call import Method
from tests import factories
from tests.portals.launches import BOB, asked

LEAD, DEAL, CONTACT, COMPANY, DELIVERY = 1, 2, 3, 4, 1030
EMMA, FELIX, HARBOUR = (CONTACT, 1), (CONTACT, 2), (COMPANY, 1)
ORDER, QUIET_ORDER = (DEAL, 1), (DEAL, 2)


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    redis_client().flushdb()


def shown(portal: Portal, viewer: int, *items: tuple[int, int]) -> dict[tuple[int, int], str]:
    """Return the names that a viewer sees of these items and of those whom they are with."""
    stored = names.stored_names(portal, viewer, items).names
    return {item: one.name for item, one in stored.items() if one.name}


def let_in(portal: Portal, there: There, user: int = BOB) -> None:
    """Keep an employee's token, as opening the application does."""
    visitor_tokens.keep_token(portal, user, there.issue_token(user).access)


def test_an_order_is_named_with_its_contact_in_two_calls(portal: Portal, alpha: There) -> None:
    assert names.stored_names(portal, ADMINISTRATORS, [ORDER]).due == [ORDER]
    names.fetch_names(portal, ADMINISTRATORS, [ORDER])
    assert shown(portal, ADMINISTRATORS, ORDER) == {ORDER: "Website order", EMMA: "Emma Evans"}
    assert asked(alpha, "batch") == ["ok", "ok"]
    with CaptureQueriesContext(database) as queries:
        assert names.stored_names(portal, ADMINISTRATORS, [ORDER]).due == []
    assert len(queries) == 2


def test_every_kind_of_item_has_a_name(portal: Portal, alpha: There) -> None:
    items = [(LEAD, 1), ORDER, EMMA, HARBOUR, (DELIVERY, 1)]
    names.fetch_names(portal, ADMINISTRATORS, items)
    assert shown(portal, ADMINISTRATORS, *items) == {
        (LEAD, 1): "Enquiry from the website",
        ORDER: "Website order",
        EMMA: "Emma Evans",
        HARBOUR: "Harbour Joinery",
        (DELIVERY, 1): "Delivery on Friday",
    }
    assert CrmName.objects.get(type_id=LEAD).person == "Hugo Hart"
    assert asked(alpha, "batch") == ["ok"]


def test_an_employee_sees_what_his_own_token_may_read(portal: Portal, alpha: There) -> None:
    let_in(portal, alpha)
    names.fetch_names(portal, ADMINISTRATORS, [EMMA, FELIX, QUIET_ORDER])
    assert shown(portal, BOB, EMMA, FELIX, QUIET_ORDER) == {}
    names.fetch_names(portal, BOB, [EMMA, FELIX, QUIET_ORDER])
    assert shown(portal, BOB, EMMA, FELIX, QUIET_ORDER) == {EMMA: "Emma Evans"}
    assert {call.user_id for call in alpha.rest_log[-3:]} == {BOB}
    assert shown(portal, ADMINISTRATORS, FELIX) == {FELIX: "Felix Ford"}
    assert names.stored_names(portal, BOB, [EMMA, FELIX]).due == []


def test_an_employee_whose_name_is_stale_sees_none_until_his_rights_are_asked_again(
    portal: Portal, alpha: There
) -> None:
    let_in(portal, alpha)
    for viewer in (ADMINISTRATORS, BOB):
        names.fetch_names(portal, viewer, [EMMA])
    CrmName.objects.update(asked_at=timezone.now() - timedelta(days=1, minutes=1))
    assert shown(portal, BOB, EMMA) == {}
    assert shown(portal, ADMINISTRATORS, EMMA) == {EMMA: "Emma Evans"}
    assert names.stored_names(portal, ADMINISTRATORS, [EMMA]).due == [EMMA]


def test_without_the_employee_s_token_nobody_is_asked(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, BOB, [EMMA])
    assert (asked(alpha, "batch"), CrmName.objects.count()) == ([], 0)
    assert names.stored_names(portal, BOB, [EMMA]) == names.StoredNames({}, (), NO_ACCESS)


def test_an_employee_s_token_is_kept_sealed_and_not_for_long(portal: Portal) -> None:
    visitor_tokens.keep_token(portal, BOB, "his-access-token")
    (key,) = redis_client().keys("visitor:*")
    kept = redis_client().get(key)
    assert isinstance(kept, bytes)
    assert (sealing.unseal(kept), b"his-access-token" in kept) == (b"his-access-token", False)
    assert 0 < redis_client().ttl(key) <= 15 * 60
    assert visitor_tokens.find_token(portal, BOB) == "his-access-token"


def test_an_employee_s_token_is_not_an_administrator_s(portal: Portal, alpha: There) -> None:
    portal.tokens.update(is_admin=False)
    let_in(portal, alpha)
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert (asked(alpha, "batch"), CrmName.objects.count()) == ([], 0)


def test_a_portal_without_the_permission_is_not_asked(portal: Portal, alpha: There) -> None:
    portal.scope = "messageservice,placement,im"
    assert names.stored_names(portal, ADMINISTRATORS, [EMMA]) == names.StoredNames({}, (), REFUSED)
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert asked(alpha, "batch") == []


def test_a_refusal_is_remembered_and_the_portal_s_row_is_left_alone(portal: Portal, alpha: There) -> None:
    alpha.switches.set("insufficient_scope", True)
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert names.stored_names(portal, ADMINISTRATORS, [EMMA]) == names.StoredNames({}, (), REFUSED)
    portal.refresh_from_db()
    assert (portal.trouble, portal.suspension) == ("", "")
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert asked(alpha, "batch") == ["ok"]


def test_a_silent_portal_is_left_alone_for_two_minutes(portal: Portal, alpha: There) -> None:
    alpha.switches.set("down", True)
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert names.stored_names(portal, ADMINISTRATORS, [EMMA]).trouble == SILENT
    assert 0 < redis_client().ttl(f"crm-names:{portal.pk}:{ADMINISTRATORS}") <= 120


def test_what_has_no_name_is_not_asked_for_again_before_a_day(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [(CONTACT, 99)])
    assert names.stored_names(portal, ADMINISTRATORS, [(CONTACT, 99)]).due == []
    assert shown(portal, ADMINISTRATORS, (CONTACT, 99)) == {}
    names.fetch_names(portal, ADMINISTRATORS, [(CONTACT, 99)])
    assert asked(alpha, "batch") == ["ok"]


def test_a_page_of_many_items_takes_one_call_for_each_fifty(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [(CONTACT, number) for number in range(1, 121)])
    assert asked(alpha, "batch") == ["ok", "ok", "ok"]
    assert CrmName.objects.count() == 120


def test_a_number_is_kept_as_a_digest_that_only_this_portal_makes(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    emma = CrmName.objects.get()
    assert "2025550142" not in str(emma.phones)
    assert names.digest_phone(portal, "+12025550142") in emma.phones
    other = factories.portal("charlie")
    assert names.digest_phone(other, "+12025550142") not in emma.phones


def test_names_stay_out_of_the_exchange_log(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [ORDER])
    written = str(list(Exchange.objects.filter(path="/rest/batch.json").values()))
    assert "crm.deal.list" in written
    assert "Website order" not in written
    assert "Emma" not in written


def test_items_are_found_by_name_with_those_that_are_with_them(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [ORDER, FELIX])
    assert names.find_items(portal, ADMINISTRATORS, "evans") == [EMMA, ORDER]
    assert names.find_items(portal, ADMINISTRATORS, "nobody") == []
    assert names.find_items(portal, BOB, "evans") == []
    assert names.find_items(factories.portal("charlie"), ADMINISTRATORS, "evans") == []


def test_an_erased_number_takes_its_people_s_names_along(portal: Portal, alpha: There) -> None:
    let_in(portal, alpha)
    for viewer in (ADMINISTRATORS, BOB):
        names.fetch_names(portal, viewer, [EMMA, HARBOUR])
    assert names.forget_number(portal, "+12025550142") == 2
    assert shown(portal, ADMINISTRATORS, EMMA, HARBOUR) == {HARBOUR: "Harbour Joinery"}
    assert names.forget_number(factories.portal("charlie"), "+12025550144") == 0


def test_an_erased_number_is_found_beside_names_kept_under_a_former_secret_key(
    portal: Portal, alpha: There, settings: Settings
) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-one", [settings.SECRET_KEY]
    assert names.forget_number(portal, "+12025550142") == 1


def test_names_that_nobody_looked_at_are_forgotten_after_a_month(portal: Portal, alpha: There) -> None:
    names.fetch_names(portal, ADMINISTRATORS, [EMMA, HARBOUR])
    CrmName.objects.filter(type_id=CONTACT).update(asked_at=timezone.now() - timedelta(days=31))
    assert names.forget_unused(portal.pk, 10) == 1
    assert shown(portal, ADMINISTRATORS, EMMA, HARBOUR) == {HARBOUR: "Harbour Joinery"}


@pytest.mark.parametrize("result", [None, "Denied", [], [None], [{"ID": "x"}], [{"NAME": "Eve"}], {"items": 7}])
def test_an_answer_of_another_shape_names_nobody(
    portal: Portal, alpha: There, monkeypatch: pytest.MonkeyPatch, result: Any
) -> None:
    monkeypatch.setitem(table.METHODS, "crm.contact.list", Method("crm", lambda _call: result))
    names.fetch_names(portal, ADMINISTRATORS, [EMMA])
    assert shown(portal, ADMINISTRATORS, EMMA) == {}
