"""Events of a portal: what they may do once they are verified, and that they do nothing otherwise."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.portals import application_events, event_handlers, installation
from b24app.portals.errors import NoToken
from b24app.portals.installation import InstallationChange
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, DANA, launch

NAMES = ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM", "ONAPPUSERREADY", "ONAPPUNINSTALL"]


def age(portal: Portal, **ago: float) -> None:
    """Make our tokens as old as that."""
    PortalToken.objects.filter(portal=portal).update(refreshed_at=timezone.now() - timedelta(**ago))


def auth(there: There, user: int = 0, **fields: str) -> dict[str, str]:
    """Return the `auth` of an event of this portal; with `user`, their tokens too."""
    base = {
        "member_id": there.member_id,
        "domain": there.domain,
        "client_endpoint": there.client_endpoint,
        "server_endpoint": there.world.server_endpoint,
        "application_token": there.state.app.token,
    }
    if user:
        token = there.issue_token(user)
        base |= {"access_token": token.access, "refresh_token": token.refresh, "expires_in": "3600"}
    return base | fields


def event(there: There, user: int = 0, data: dict[str, Any] | None = None, **fields: str) -> dict[str, Any]:
    return {"data": data or {}, "auth": auth(there, user, **fields), "ts": str(int(time.time()))}


def note_of(portal: Portal) -> str:
    return Exchange.objects.filter(portal_id=portal.pk, method="EVENT").latest("id").error


# -- uninstallation ----------------------------------------------------------------------------------------------------


def test_an_uninstallation_clears_the_tokens_at_once(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    age(portal, minutes=1)
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", event(alpha)) is InstallationChange.UNINSTALLED
    portal.refresh_from_db()
    assert portal.uninstalled_at is not None
    assert portal.application_token == ""
    assert portal.erase_at is not None
    assert portal.erase_at > timezone.now() + timedelta(days=29)
    assert not PortalToken.objects.exists()
    assert note_of(portal) == ""


@pytest.mark.parametrize(("clean", "erased"), [("1", True), ("Y", True), ("0", False), ("", False)])
def test_the_tick_marks_the_data_for_erasure(portal: Portal, alpha: There, clean: str, erased: bool) -> None:
    age(portal, minutes=1)
    application_events.handle_event(portal, "ONAPPUNINSTALL", event(alpha, data={"CLEAN": clean}))
    portal.refresh_from_db()
    assert portal.erase_at is not None
    assert (portal.erase_at <= timezone.now()) is erased


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9", None])
def test_an_uninstallation_with_a_wrong_token_has_no_effect(portal: Portal, alpha: There, token: Any) -> None:
    age(portal, minutes=1)
    # A valid access token does not help: an employee has one.
    payload = event(alpha, BOB, application_token=token)
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", payload) is InstallationChange.NOTHING
    portal.refresh_from_db()
    assert portal.uninstalled_at is None
    assert PortalToken.objects.count() == 1
    assert note_of(portal) == "not verified"


def test_an_uninstallation_is_not_believed_while_no_application_token_is_known(portal: Portal, alpha: There) -> None:
    Portal.objects.update(application_token="")
    portal.refresh_from_db()
    assert (
        application_events.handle_event(portal, "ONAPPUNINSTALL", event(alpha, application_token=""))
        is InstallationChange.NOTHING
    )
    assert PortalToken.objects.count() == 1


def test_a_late_uninstallation_does_not_end_the_installation_after_it(portal: Portal, alpha: There) -> None:
    payload = event(alpha) | {"ts": str(int(time.time()) - 60)}
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", payload) is InstallationChange.NOTHING
    portal.refresh_from_db()
    assert portal.uninstalled_at is None
    assert note_of(portal) == "older than the installation"


def test_a_clock_that_is_behind_does_not_hide_an_uninstallation(portal: Portal, alpha: There) -> None:
    payload = event(alpha) | {"ts": str(int(time.time()) - 60)}
    alpha.uninstall()
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", payload) is InstallationChange.UNINSTALLED


def test_an_uninstallation_told_twice_is_one(portal: Portal, alpha: There) -> None:
    age(portal, minutes=1)
    payload = event(alpha)
    application_events.handle_event(portal, "ONAPPUNINSTALL", payload)
    at = Portal.objects.get().uninstalled_at
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", payload) is InstallationChange.NOTHING
    assert Portal.objects.get().uninstalled_at == at


# -- other events ------------------------------------------------------------------------------------------------------


def test_an_installation_event_brings_tokens(portal: Portal, alpha: There) -> None:
    PortalToken.objects.all().delete()
    assert application_events.handle_event(portal, "ONAPPINSTALL", event(alpha, DANA)) is InstallationChange.INSTALLED
    assert PortalToken.objects.get().user_id == DANA


def test_an_installation_event_revives_an_uninstalled_portal(portal: Portal, alpha: There) -> None:
    installation.uninstall_portal(portal, clean=False)
    assert application_events.handle_event(portal, "ONAPPINSTALL", event(alpha, ALICE)) is InstallationChange.INSTALLED
    portal.refresh_from_db()
    assert (portal.uninstalled_at, portal.generation) == (None, 2)
    assert portal.application_token == alpha.state.app.token


def test_an_employees_tokens_in_an_event_are_not_kept(portal: Portal, alpha: There) -> None:
    application_events.handle_event(portal, "ONAPPINSTALL", event(alpha, BOB))
    assert list(PortalToken.objects.values_list("user_id", flat=True)) == [ALICE]


def test_an_update_event_brings_a_new_application_token(portal: Portal, alpha: There) -> None:
    installation.record_finish(portal)
    alpha.update()
    payload = event(alpha, ALICE, data={"VERSION": "2", "PREVIOUS_VERSION": "1"})
    assert portal.application_token != alpha.state.app.token
    assert application_events.handle_event(portal, "ONAPPUPDATE", payload) is InstallationChange.UPDATED
    portal.refresh_from_db()
    assert portal.application_token == alpha.state.app.token
    assert (portal.version, portal.installed_at, portal.events_bound_at) == ("2", None, None)


def test_an_update_event_with_an_employees_token_does_not_replace_the_application_token(
    portal: Portal, alpha: There
) -> None:
    payload = event(alpha, BOB, data={"VERSION": "2"}, application_token="forged")
    application_events.handle_event(portal, "ONAPPUPDATE", payload)
    portal.refresh_from_db()
    assert portal.application_token == alpha.state.app.token


def test_a_payment_ends_the_suspension(portal: Portal, alpha: There) -> None:
    Portal.objects.update(suspension=Suspension.PAYMENT, suspended_until=timezone.now() + timedelta(days=1))
    portal.refresh_from_db()
    payload = event(alpha, data={"STATUS": "P", "PAYMENT_EXPIRED": "N"})
    assert application_events.handle_event(portal, "ONAPPPAYMENT", payload) is InstallationChange.RESUMED
    portal.refresh_from_db()
    assert (portal.suspension, portal.licence) == ("", "P")


def test_an_expiry_of_the_payment_lifts_nothing(portal: Portal, alpha: There) -> None:
    Portal.objects.update(suspension=Suspension.PAYMENT)
    portal.refresh_from_db()
    payload = event(alpha, data={"PAYMENT_EXPIRED": "Y"})
    assert application_events.handle_event(portal, "ONAPPPAYMENT", payload) is InstallationChange.NOTHING
    portal.refresh_from_db()
    assert portal.suspension == Suspension.PAYMENT


def user_ready(there: There, user: int) -> dict[str, Any]:
    data = auth(there, user, domain=there.world.oauth_host, client_id=there.world.client_id)
    return event(there, ALICE) | {"data": data}


def test_the_system_user_of_an_administrators_rank_is_kept_beside_the_others(portal: Portal, alpha: There) -> None:
    assert (
        application_events.handle_event(portal, "ONAPPUSERREADY", user_ready(alpha, DANA))
        is InstallationChange.INSTALLED
    )
    assert PortalToken.objects.get(user_id=DANA).is_system
    assert not PortalToken.objects.get(user_id=ALICE).is_system


def test_a_system_user_without_rights_is_not_kept(portal: Portal, alpha: There) -> None:
    application_events.handle_event(portal, "ONAPPUSERREADY", user_ready(alpha, BOB))
    assert list(PortalToken.objects.values_list("user_id", flat=True)) == [ALICE]


@pytest.mark.parametrize("name", NAMES)
def test_an_event_nobody_vouches_for_has_no_effect(portal: Portal, alpha: There, name: str) -> None:
    age(portal, minutes=1)
    before = Portal.objects.values().get()
    payload = event(alpha, application_token="wrong", access_token="invented", refresh_token="invented")
    assert application_events.handle_event(portal, name, payload) is InstallationChange.NOTHING
    assert Portal.objects.values().get() == before
    assert PortalToken.objects.count() == 1
    assert note_of(portal) == "not verified"


@pytest.mark.parametrize("name", NAMES)
def test_charlies_portal_is_never_touched_by_alphas_events(
    portal: Portal, alpha: There, beta: There, name: str
) -> None:
    charlies = launch(beta).portal
    age(charlies, minutes=1)
    rows, tokens = Portal.objects.values(), PortalToken.objects.values()
    before = (rows.get(pk=charlies.pk), tokens.get(portal=charlies))
    payload = event(alpha, ALICE, data=auth(alpha, DANA))
    # Alpha's event at beta's address, as it is and with beta's member_id written into it.
    for forged in (payload, payload | {"auth": payload["auth"] | {"member_id": beta.member_id}}):
        assert application_events.handle_event(charlies, name, forged) is InstallationChange.NOTHING
    assert (rows.get(pk=charlies.pk), tokens.get(portal=charlies)) == before


@pytest.mark.parametrize("payload", [{}, {"auth": "x"}, {"auth": []}, {"auth": {"member_id": ["x"]}, "data": "y"}])
def test_an_event_of_an_odd_shape_has_no_effect(portal: Portal, payload: dict[str, Any]) -> None:
    assert application_events.handle_event(portal, "ONAPPUNINSTALL", payload) is InstallationChange.NOTHING
    assert PortalToken.objects.count() == 1


def test_an_event_that_is_not_ours_is_noted(portal: Portal, alpha: There) -> None:
    assert application_events.handle_event(portal, "ONUSERADD\0\u00e9", event(alpha)) is InstallationChange.NOTHING
    assert note_of(portal) == "not one of ours"


def test_calls_need_a_token_after_the_uninstallation_of_an_unaware_portal(portal: Portal, alpha: There) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    with pytest.raises(NoToken):
        event_handlers.bind_handlers(portal)
    assert alpha.handlers == []
