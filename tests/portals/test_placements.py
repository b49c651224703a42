"""Our tab on CRM cards: bound in one call, again after an update, and skipped where a portal cannot have it."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from b24app.portals import installation, placements
from b24app.portals.errors import InDoubt
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import asked, launch

TABS = {"CRM_LEAD_DETAIL_TAB", "CRM_DEAL_DETAIL_TAB", "CRM_CONTACT_DETAIL_TAB", "CRM_COMPANY_DETAIL_TAB"}
Force = Callable[..., None]


def test_the_tabs_are_bound_in_one_call(portal: Portal, alpha: There) -> None:
    assert placements.bind_tabs(portal) == []
    assert {(one.placement, one.handler) for one in alpha.placements} == {
        (place, "https://sendline.example/card/") for place in TABS
    }
    assert asked(alpha, "batch") == ["ok"]
    assert portal.tabs_bound_at is not None


def test_a_tab_has_its_title_in_every_language_of_the_frame(portal: Portal, alpha: There) -> None:
    placements.bind_tabs(portal)
    (bound, *_others) = alpha.placements
    assert bound.title == "Sendline"
    assert len(bound.lang_all) == 20
    assert all(titles == {"TITLE": "Sendline"} for titles in bound.lang_all.values())
    assert {"en", "la", "br", "ua", "sc", "in"} <= set(bound.lang_all)


def test_tabs_that_are_bound_already_are_a_success(portal: Portal, alpha: There) -> None:
    placements.bind_tabs(portal)
    portal.tabs_bound_at = None
    assert placements.bind_tabs(portal) == []
    assert portal.tabs_bound_at is not None
    assert len(alpha.placements) == 4


@pytest.mark.parametrize("lacking", ["placement", "crm"])
def test_a_portal_known_to_lack_a_permission_is_not_asked(portal: Portal, alpha: There, lacking: str) -> None:
    portal.scope = ",".join(name for name in ("messageservice", "placement", "crm") if name != lacking)
    assert placements.bind_tabs(portal) == []
    assert asked(alpha, "placement.bind") == []
    assert portal.tabs_bound_at is not None


def test_a_permission_that_turns_out_to_lack_bothers_nobody(portal: Portal, alpha: There) -> None:
    portal.trouble = "what it was"
    portal.save()
    alpha.state.app.scope.remove("placement")
    assert placements.bind_tabs(portal) == []
    assert asked(alpha, "placement.bind") == ["insufficient_scope"] * 4
    portal.refresh_from_db()
    assert portal.trouble == "what it was"
    assert portal.tabs_bound_at is not None
    assert alpha.placements == []


@pytest.mark.parametrize("code", ["ERROR_METHOD_NOT_FOUND", "ERROR_PLACEMENT_NOT_FOUND"])
def test_an_old_box_without_such_tabs_is_let_be(portal: Portal, forced: Force, code: str) -> None:
    forced(code, method="placement.bind", status=404, times=-1)
    assert placements.bind_tabs(portal) == []
    assert portal.tabs_bound_at is not None


def test_a_refusal_that_comes_with_200_is_a_refusal(portal: Portal, alpha: There, forced: Force) -> None:
    forced("ERROR_ARGUMENT", "Argument 'PLACEMENT' is null or empty", method="placement.bind", status=200)
    (refused,) = placements.bind_tabs(portal)
    assert refused in TABS
    assert len(alpha.placements) == 3
    assert portal.tabs_bound_at is None


def test_a_portal_that_does_not_answer_is_asked_another_time(portal: Portal, alpha: There) -> None:
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        placements.bind_tabs(portal)
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
