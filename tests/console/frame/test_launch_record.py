"""Openings of our pages in the REST log: of whom Bitrix24 confirmed, and of nobody else."""

import pytest
from django.test import Client

from b24app.exchange_log.models import Exchange
from b24app.portals.models import Portal
from b24app.sandbox import Sandbox
from tests.console.frame.test_launch import ALICE, BOB, launch

pytestmark = [pytest.mark.django_db(transaction=True)]


def openings() -> list[tuple[str, int, str, str]]:
    rows = Exchange.objects.filter(method="LAUNCH").order_by("pk")
    return [(one.name, one.status, one.error, one.request) for one in rows]


def test_an_opening_is_recorded_with_its_user_place_and_answer(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    launch(client, alpha.frame(ALICE))
    alpha.install_finish(ALICE)
    launch(client, alpha.frame(BOB))
    assert openings() == [
        ("/install/", 200, "", "USER=1 PLACEMENT=DEFAULT"),
        ("/app/", 200, "", "USER=7 PLACEMENT=DEFAULT"),
    ]
    row = Exchange.objects.filter(method="LAUNCH").latest("pk")
    assert (row.portal_id, row.host, row.ms > 0) == (Portal.objects.get().pk, alpha.domain, True)


def test_a_placement_that_is_no_name_stays_out_of_the_record(client: Client, box: Sandbox) -> None:
    launch(client, box.portal("alpha").frame(ALICE), PLACEMENT="Hello, +12025550147")
    assert openings() == [("/install/", 200, "", "USER=1")]


@pytest.mark.parametrize("changes", [{"AUTH_ID": "f" * 70}, {"member_id": "0" * 32}], ids=["token", "portal"])
def test_a_stranger_leaves_no_row(client: Client, box: Sandbox, changes: dict[str, str]) -> None:
    alpha = box.portal("alpha")
    launch(client, alpha.frame(ALICE))
    before = Exchange.objects.count()
    launch(client, alpha.frame(ALICE), **changes)
    assert Exchange.objects.count() == before


def test_a_card_that_its_visitor_may_not_see_is_an_answer_too(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    launch(client, alpha.frame(ALICE))
    alpha.install_finish(ALICE)
    frame = alpha.frame(ALICE)
    card = frame | {"action": frame["action"].replace("/app/", "/card/").replace("/install/", "/card/")}
    launch(client, card, PLACEMENT="CRM_DEAL_DETAIL_TAB", PLACEMENT_OPTIONS='{"ID": "999"}')
    assert openings()[-1] == ("/card/", 200, "", "USER=1 PLACEMENT=CRM_DEAL_DETAIL_TAB")
