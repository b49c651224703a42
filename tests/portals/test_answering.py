"""Asking a portal whether it answers."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from b24app.portals import answering
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import Portal as There
from tests.portals.launches import asked, refreshed


def test_a_portal_that_answers_is_noted_as_asked(portal: Portal, alpha: There) -> None:
    before = timezone.now()
    answering.ask_portal(portal)
    portal.refresh_from_db()
    assert asked(alpha, "app.info") == ["ok"]
    assert portal.asked_at is not None
    assert portal.asked_at >= before
    assert portal.silent_since is None


@pytest.mark.parametrize("switch", ["down", "non_json"])
def test_silence_is_noted_once_and_ends_with_an_answer(portal: Portal, alpha: There, switch: str) -> None:
    alpha.switches.set(switch, True)
    answering.ask_portal(portal)
    portal.refresh_from_db()
    first = portal.silent_since
    assert first is not None
    assert portal.suspension == Suspension.NONE
    answering.ask_portal(portal)
    portal.refresh_from_db()
    assert portal.silent_since == first
    alpha.switches.set(switch, False)
    answering.ask_portal(portal)
    portal.refresh_from_db()
    assert portal.silent_since is None


def test_a_plan_that_has_lapsed_is_found_by_asking(portal: Portal, alpha: There) -> None:
    alpha.switches.set("lapsed_plan", True)
    answering.ask_portal(portal)
    portal.refresh_from_db()
    assert (portal.suspension, portal.silent_since) == (Suspension.PLAN, None)
    calls = len(alpha.rest_log)
    answering.ask_portal(portal)  # it is not asked again before the suspension ends
    assert len(alpha.rest_log) == calls


@pytest.mark.parametrize(
    ("trouble", "answers"),
    [
        ({}, True),
        ({"down": True}, False),
        ({"non_json": True}, False),
        ({"lapsed_plan": True}, True),
        ({"deleted": True}, True),
        ({"unavailable": True}, True),
    ],
)
def test_a_portal_that_refuses_answers_too(
    portal: Portal, alpha: There, trouble: dict[str, bool], answers: bool
) -> None:
    for name, value in trouble.items():
        alpha.switches.set(name, value)
    assert answering.is_answering(portal) is answers
    portal.refresh_from_db()
    assert (portal.suspension, portal.rest_after, portal.push_after) == ("", None, None)


def test_a_breakdown_is_no_answer(portal: Portal, forced: Callable[..., None]) -> None:
    forced("INTERNAL_SERVER_ERROR", status=500, times=2)
    assert answering.is_answering(portal) is False


def test_asking_with_a_stale_token_renews_nothing(portal: Portal, alpha: There) -> None:
    PortalToken.objects.update(expires_at=timezone.now())
    alpha.expire_tokens()
    assert answering.is_answering(portal) is True
    assert refreshed(alpha) == []


def test_a_portal_without_a_token_is_not_asked(portal: Portal, alpha: There) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    calls = len(alpha.rest_log)
    assert answering.is_answering(portal) is True
    assert len(alpha.rest_log) == calls
