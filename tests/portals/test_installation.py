"""The life of an installation: opened, finished, updated, removed and come back."""

from datetime import timedelta

from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.core import signed_urls
from b24app.portals import event_handlers, installation
from b24app.portals.installation import InstallationChange
from b24app.portals.models import Portal, Suspension
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, DANA, asked, launch

EVENTS = ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM", "ONAPPUNINSTALL"]


def test_the_first_opening_is_an_installation(db: None, alpha: There) -> None:
    opened = launch(alpha)
    assert installation.record_opening(opened, at_installer=True) is InstallationChange.INSTALLED
    assert opened.portal.version == "1"


def test_installation_is_finished_once(portal: Portal) -> None:
    other = Portal.objects.get(pk=portal.pk)
    assert installation.record_finish(portal)
    assert not installation.record_finish(portal)
    assert not installation.record_finish(other)
    assert portal.installed_at is not None


def test_the_events_are_bound_in_one_call(portal: Portal, alpha: There) -> None:
    assert event_handlers.bind_handlers(portal) == []
    handler = signed_urls.events_url(portal.uuid.hex, portal.generation)
    assert {(bound.event, bound.handler) for bound in alpha.handlers} == {(name, handler) for name in EVENTS}
    assert asked(alpha, "batch") == ["ok"]
    assert portal.events_bound_at is not None


def test_events_that_are_bound_already_are_a_success(portal: Portal, alpha: There) -> None:
    event_handlers.bind_handlers(portal)
    portal.events_bound_at = None
    assert event_handlers.bind_handlers(portal) == []
    assert portal.events_bound_at is not None
    assert len(alpha.handlers) == len(EVENTS)


def test_events_that_an_old_box_lacks_are_done_without(portal: Portal, alpha: There) -> None:
    item = {"method": "event.bind", "error": "ERROR_EVENT_NOT_FOUND", "description": "Event not found", "times": 1}
    alpha.switches.set("method_errors", [item])
    assert event_handlers.bind_handlers(portal) == []
    assert len(alpha.handlers) == len(EVENTS) - 1


def test_a_refused_address_is_named(portal: Portal, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://localhost"
    assert event_handlers.bind_handlers(portal) == EVENTS
    portal.refresh_from_db()
    assert portal.events_bound_at is None


def test_an_ordinary_opening_changes_nothing(portal: Portal, alpha: There) -> None:
    installation.record_opening(launch(alpha), at_installer=True)
    event_handlers.bind_handlers(portal)
    installation.record_finish(portal)
    assert installation.record_opening(launch(alpha)) is InstallationChange.NOTHING
    portal.refresh_from_db()
    assert portal.installed_at is not None
    assert portal.events_bound_at is not None


def test_an_update_asks_for_events_and_the_finish_again(portal: Portal, alpha: There) -> None:
    installation.record_opening(launch(alpha), at_installer=True)
    event_handlers.bind_handlers(portal)
    installation.record_finish(portal)
    alpha.update()
    assert installation.record_opening(launch(alpha), at_installer=True) is InstallationChange.UPDATED
    portal.refresh_from_db()
    assert (portal.installed_at, portal.events_bound_at, portal.version) == (None, None, "2")
    assert installation.record_finish(portal)


def test_an_opening_lifts_a_suspension(portal: Portal, alpha: There) -> None:
    installation.record_opening(launch(alpha), at_installer=True)
    installation.record_finish(portal)
    Portal.objects.update(suspension=Suspension.PAYMENT, suspended_until=timezone.now() + timedelta(days=1))
    change = installation.record_opening(launch(alpha))
    assert change is InstallationChange.RESUMED
    assert change.wants_check
    portal.refresh_from_db()
    assert portal.suspension == ""


def test_a_reinstallation_begins_a_new_generation(portal: Portal, alpha: There) -> None:
    installation.record_finish(portal)
    installation.uninstall_portal(portal, clean=False)
    alpha.install()
    opened = launch(alpha)
    assert opened.first_time
    assert installation.record_opening(opened, at_installer=True) is InstallationChange.INSTALLED
    again = Portal.objects.get()
    assert (again.pk, again.generation, again.uninstalled_at, again.erase_at) == (portal.pk, 2, None, None)
    assert again.tokens.count() == 1


def test_the_first_administrator_at_the_installer_is_remembered(db: None, alpha: There) -> None:
    installation.record_opening(launch(alpha, BOB), at_installer=True)
    assert Portal.objects.get().installed_by is None
    installation.record_opening(launch(alpha), at_installer=True)
    installation.record_opening(launch(alpha, DANA), at_installer=True)
    assert Portal.objects.get().installed_by == ALICE
