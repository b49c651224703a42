"""A new version is installed: Bitrix24 takes handlers, placements and senders away, and says so or does not (A.6)."""

from collections.abc import Callable

import pytest

from tests.faults.house import House, wait
from tests.life.portals import (
    EVENTS,
    NUMBER,
    bound_events,
    column,
    deliver,
    heard,
    install,
    member,
    run_maintenance,
    settle,
    wait_for_sender,
)

pytestmark = pytest.mark.long


def test_senders_that_an_update_wiped_are_back_before_anybody_opens_the_application(
    new_portal: Callable[..., House],
) -> None:
    portal = new_portal()
    code = settle(portal)
    assert bound_events(portal) == EVENTS
    portal.ask("update")
    assert (portal.codes(), bound_events(portal)) == ([], set())

    wait_for_sender(portal, code)
    deliver(portal, code)


def test_a_silent_update_is_noticed_when_the_page_is_opened(new_portal: Callable[..., House]) -> None:
    portal = new_portal(update_silent=True)
    code = settle(portal)
    portal.ask("update")
    failed = portal.send(NUMBER, code)
    assert portal.messages()[failed]["word"] == "Sending error"
    portal.open()  # the installer's page, which nobody runs

    wait_for_sender(portal, code)
    deliver(portal, code)


def test_the_installer_brings_events_and_places_back(new_portal: Callable[..., House]) -> None:
    portal = new_portal(update_silent=True)
    code = settle(portal)
    before = {place["placement"] for place in portal.state()["placements"]}
    portal.ask("update")
    install(portal)

    assert bound_events(portal) == EVENTS
    assert {place["placement"] for place in portal.state()["placements"]} == before != set()
    assert column(portal, "version") == "2"
    assert column(portal, "installed_at") is not None
    assert portal.codes() == [code]


def test_a_visit_finds_senders_that_vanished_without_a_word(new_portal: Callable[..., House], house: House) -> None:
    """Nobody opens the application and no event comes: the daily comparison is all there is."""
    portal = new_portal(update_silent=True)
    code = settle(portal)
    mine = "portal_id = (SELECT id FROM portals_portal WHERE member_id = %s)"
    busy = f"SELECT 1 FROM messaging_maintenancejob WHERE {mine} AND (is_urgent OR lease_until > now())"  # noqa: S608
    wait(lambda: not portal.sql(busy, member(portal)), 20)
    portal.ask("update")
    portal.sql("UPDATE messaging_maintenancejob SET due_at = now() WHERE kind = 'senders'")  # a day has passed
    run_maintenance(portal)

    wait_for_sender(portal, code)


def test_an_update_that_needs_no_installer_binds_events_again(new_portal: Callable[..., House]) -> None:
    portal = new_portal(update_silent=True)
    settle(portal)
    portal.ask("update")
    portal.ask("install_finish")
    portal.open()

    wait(lambda: bound_events(portal) == EVENTS, 15, lambda: str(bound_events(portal)))


def test_a_late_update_event_does_not_lock_employees_out(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    settle(portal)
    portal.ask("switches", event_delay=12.0)
    portal.ask("update")
    install(portal)
    assert heard(portal, "ONAPPUPDATE") == []
    wait(lambda: bool(heard(portal, "ONAPPUPDATE")), 10)

    assert column(portal, "installed_at") is not None
