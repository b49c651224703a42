"""Our places on CRM cards: bound once, again after an update, and skipped where a portal cannot have them."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.portals import installation, placements
from b24app.portals.errors import InDoubt
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import asked, launch

ENTITIES = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE", "DYNAMIC_1030")
TABS = {f"CRM_{entity}_DETAIL_TAB" for entity in ENTITIES}
COMPOSERS = {f"CRM_{entity}_DETAIL_ACTIVITY" for entity in ENTITIES}
Force = Callable[..., None]


def places(alpha: There) -> set[str]:
    return {one.placement for one in alpha.placements}


def test_every_card_gets_a_tab_and_an_item_above_its_timeline(portal: Portal, alpha: There) -> None:
    assert placements.bind_places(portal) == []
    assert places(alpha) == TABS | COMPOSERS
    assert {one.handler for one in alpha.placements} == {"https://sendline.example/card/"}
    built_in = {one.placement for one in alpha.placements if one.options == {"useBuiltInInterface": "Y"}}
    assert built_in == COMPOSERS
    assert all(one.options == {} for one in alpha.placements if one.placement in TABS)
    assert asked(alpha, "batch") == ["ok"]
    assert portal.tabs_bound_at is not None


def test_what_is_bound_is_not_bound_again_and_what_is_missing_is(portal: Portal, alpha: There) -> None:
    placements.bind_places(portal)
    alpha.state.placements = [one for one in alpha.placements if one.placement != "CRM_DEAL_DETAIL_ACTIVITY"]
    before = len(asked(alpha, "placement.bind"))
    assert placements.bind_places(portal) == []
    assert len(asked(alpha, "placement.bind")) - before == 1
    assert places(alpha) == TABS | COMPOSERS


def test_places_that_lead_to_an_old_address_are_taken_back(portal: Portal, alpha: There, settings: Settings) -> None:
    placements.bind_places(portal)
    settings.PUBLIC_URL = "https://elsewhere.example"
    placements.bind_places(portal)
    assert {one.handler for one in alpha.placements} == {"https://elsewhere.example/card/"}
    assert len(alpha.placements) == 14


def test_a_portal_that_does_not_list_what_is_bound_is_asked_to_bind_all(
    portal: Portal, alpha: There, forced: Force
) -> None:
    placements.bind_places(portal)
    forced("ERROR_METHOD_NOT_FOUND", method="placement.get", status=404)
    assert placements.bind_places(portal) == []
    assert len(alpha.placements) == 14


def test_a_portal_that_does_not_name_its_smart_processes_keeps_the_others(
    portal: Portal, alpha: There, forced: Force
) -> None:
    forced("", "Access denied.", method="crm.type.list", status=400)
    assert placements.bind_places(portal) == []
    assert places(alpha) == {one for one in TABS | COMPOSERS if "DYNAMIC" not in one}
    portal.refresh_from_db()
    assert portal.trouble == ""


def test_a_portal_that_refuses_the_item_keeps_the_tab(portal: Portal, alpha: There) -> None:
    alpha.switches.no_composer = True
    assert placements.bind_places(portal) == []
    assert places(alpha) == TABS
    assert portal.tabs_bound_at is not None


def test_a_tab_has_its_title_in_every_language_of_the_frame(portal: Portal, alpha: There) -> None:
    placements.bind_places(portal)
    (bound, *_others) = alpha.placements
    assert bound.title == "Sendline"
    assert len(bound.lang_all) == 20
    assert all(titles == {"TITLE": "Sendline"} for titles in bound.lang_all.values())
    assert {"en", "la", "br", "ua", "sc", "in"} <= set(bound.lang_all)


@pytest.mark.parametrize("lacking", ["placement", "crm"])
def test_a_portal_known_to_lack_a_permission_is_not_asked(portal: Portal, alpha: There, lacking: str) -> None:
    portal.scope = ",".join(name for name in ("messageservice", "placement", "crm") if name != lacking)
    assert placements.bind_places(portal) == []
    assert asked(alpha, "placement.bind") == []
    assert portal.tabs_bound_at is not None


def test_a_permission_that_turns_out_to_lack_bothers_nobody(portal: Portal, alpha: There) -> None:
    portal.trouble = "what it was"
    portal.save()
    alpha.state.app.scope.remove("placement")
    assert placements.bind_places(portal) == []
    assert asked(alpha, "placement.get") == ["insufficient_scope"]
    assert asked(alpha, "placement.bind") == []
    portal.refresh_from_db()
    assert portal.trouble == "what it was"
    assert portal.tabs_bound_at is not None
    assert alpha.placements == []


@pytest.mark.parametrize("code", ["ERROR_METHOD_NOT_FOUND", "ERROR_PLACEMENT_NOT_FOUND"])
def test_an_old_box_without_such_tabs_is_let_be(portal: Portal, forced: Force, code: str) -> None:
    forced(code, method="placement.bind", status=404, times=-1)
    assert placements.bind_places(portal) == []
    assert portal.tabs_bound_at is not None


def test_a_refusal_that_comes_with_200_is_a_refusal(portal: Portal, alpha: There, forced: Force) -> None:
    forced("ERROR_ARGUMENT", "Argument 'PLACEMENT' is null or empty", method="placement.bind", status=200)
    (refused,) = placements.bind_places(portal)
    assert refused in TABS
    assert len(alpha.placements) == 13
    assert portal.tabs_bound_at is None


def test_a_portal_that_does_not_answer_is_asked_another_time(portal: Portal, alpha: There) -> None:
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        placements.bind_places(portal)
    assert portal.tabs_bound_at is None


def test_an_update_makes_the_tabs_due_again(portal: Portal, alpha: There) -> None:
    portal.tabs_bound_at = timezone.now()
    portal.version = "1"
    portal.save()
    alpha.state.app.version = 2
    opened = launch(alpha)
    installation.record_opening(opened, at_installer=False)
    assert opened.portal.tabs_bound_at is None


def test_uninstalling_forgets_that_the_tabs_were_bound(portal: Portal) -> None:
    portal.tabs_bound_at = timezone.now()
    portal.save()
    installation.uninstall_portal(portal, clean=False)
    portal.refresh_from_db()
    assert portal.tabs_bound_at is None
