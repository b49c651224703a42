"""How long a portal that seems to be gone is left alone, and what is not its fault."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.portals.errors import InDoubt, NotNow, PortalGone
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from b24app.sandbox.state import PortalState, User
from tests.portals.launches import ALICE, asked, launch

LIST = "messageservice.sender.list"
MINUTE, HOUR, DAY = 60, 3600, 86400
Force = Callable[..., None]


def wait(portal: Portal) -> float:
    """Return how many seconds ahead the next probe is."""
    portal.refresh_from_db()
    assert portal.suspended_until is not None
    return (portal.suspended_until - timezone.now()).total_seconds()


def probe(portal: Portal, *, age: timedelta) -> None:
    """Call a portal whose suspension began so long ago and may be probed now; it refuses once more."""
    now = timezone.now()
    Portal.objects.filter(pk=portal.pk).update(suspended_since=now - age, suspended_until=now)
    portal.refresh_from_db()
    with pytest.raises(PortalGone):
        PortalClient(portal).call("app.info")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("APPLICATION_NOT_FOUND", Suspension.GONE),
        ("ERROR_OAUTH", Suspension.GONE),
        ("NOT_INSTALLED", Suspension.GONE),
        ("PORTAL_DELETED", Suspension.DELETED),
    ],
)
def test_a_portal_that_seems_gone_is_probed_after_minutes_and_then_more_and_more_rarely(
    portal: Portal, forced: Force, code: str, kind: Suspension
) -> None:
    forced(code, "No", status=401, times=-1)
    with pytest.raises(PortalGone) as caught:
        PortalClient(portal).call("app.info")
    assert caught.value.is_suspected
    assert wait(portal) == pytest.approx(5 * MINUTE, abs=5)
    assert portal.suspension == kind
    probe(portal, age=timedelta(minutes=6))
    assert wait(portal) == pytest.approx(6 * MINUTE, abs=5)
    probe(portal, age=timedelta(hours=3))
    assert wait(portal) == pytest.approx(3 * HOUR, abs=5)
    probe(portal, age=timedelta(days=29))
    assert wait(portal) == pytest.approx(DAY, abs=5)


def test_a_portal_deleted_for_a_month_is_probed_weekly(portal: Portal, alpha: There) -> None:
    alpha.switches.deleted = True
    with pytest.raises(PortalGone):
        PortalClient(portal).call(LIST)
    probe(portal, age=timedelta(days=31))
    assert wait(portal) == pytest.approx(7 * DAY, abs=5)


def test_a_box_that_was_closed_for_a_while_works_again_within_minutes(portal: Portal, alpha: There) -> None:
    alpha.switches.deleted = True
    with pytest.raises(PortalGone):
        PortalClient(portal).call(LIST)
    alpha.switches.deleted = False
    with pytest.raises(PortalGone):
        PortalClient(portal).call(LIST)
    assert asked(alpha, LIST)[-1] == "PORTAL_DELETED"
    Portal.objects.update(suspended_until=timezone.now())
    portal.refresh_from_db()
    assert PortalClient(portal).call(LIST) == []
    portal.refresh_from_db()
    assert portal.suspension == ""


def test_the_age_is_that_of_the_last_suspension(portal: Portal, alpha: There) -> None:
    long_ago = timezone.now() - timedelta(days=90)
    Portal.objects.update(suspended_since=long_ago)
    portal.refresh_from_db()
    alpha.switches.deleted = True
    with pytest.raises(PortalGone):
        PortalClient(portal).call(LIST)
    assert wait(portal) == pytest.approx(5 * MINUTE, abs=5)


@pytest.mark.parametrize(
    ("kind", "age", "is_believed"),
    [
        (Suspension.GONE, timedelta(hours=23), False),
        (Suspension.GONE, timedelta(hours=25), True),
        (Suspension.DELETED, timedelta(days=40), False),
        (Suspension.PLAN, timedelta(days=40), False),
    ],
)
def test_only_an_application_that_is_missing_for_a_day_counts_as_uninstalled(
    portal: Portal, kind: Suspension, age: timedelta, is_believed: bool
) -> None:
    now = timezone.now()
    fields = {"suspension": kind, "suspended_since": now - age, "suspended_until": now + timedelta(hours=1)}
    Portal.objects.update(**fields)
    portal.refresh_from_db()
    assert portal.seems_uninstalled is is_believed
    with pytest.raises((PortalGone, NotNow)) as caught:
        PortalClient(portal).call(LIST)
    if isinstance(caught.value, PortalGone):
        assert caught.value.is_suspected is not is_believed


# -- our own client secret is wrong ------------------------------------------------------------------------------------


@pytest.fixture
def others(db: None, box: Sandbox) -> list[Portal]:
    """Two more portals of the sandbox with the application in them."""
    made = []
    for key, host in (("gamma", "127.0.0.3"), ("delta", "127.0.0.4")):
        users = {ALICE: User(ALICE, "Eve", "Evans", admin=True)}
        box.world.add_portal(PortalState(key, key.title(), host, "en", users))
        there = box.portal(key)
        there.install()
        made.append(launch(there).portal)
    return made


def call_with_stale_token(portal: Portal) -> Exception:
    PortalToken.objects.filter(portal=portal).update(expires_at=timezone.now())
    with pytest.raises((NotNow, PortalGone)) as caught:
        PortalClient(portal).call(LIST)
    portal.refresh_from_db()
    return caught.value


def test_a_secret_that_is_wrong_for_many_portals_suspends_none_of_them(
    portal: Portal, others: list[Portal], settings: Settings
) -> None:
    settings.B24_CLIENT_SECRET = "wrong"
    every = [portal, *others]
    raised = [call_with_stale_token(one) for one in every]
    assert [type(one) for one in raised] == [PortalGone, PortalGone, NotNow]
    for one in every:
        one.refresh_from_db()
        assert one.suspension == ""
        assert one.rest_after is not None
        assert (one.rest_after - timezone.now()).total_seconds() == pytest.approx(10 * MINUTE, abs=5)
    # As soon as the pause is over, and as long as the secret is wrong, it is no different.
    Portal.objects.update(rest_after=None)
    portal.refresh_from_db()
    assert isinstance(call_with_stale_token(portal), NotNow)
    assert portal.suspension == ""


def test_one_portal_without_the_application_is_no_wrong_secret(portal: Portal, settings: Settings) -> None:
    settings.B24_CLIENT_SECRET = "wrong"
    for _ in range(4):
        call_with_stale_token(portal)
        assert portal.suspension == Suspension.GONE
        Portal.objects.update(suspended_until=timezone.now())
        portal.refresh_from_db()


def test_a_refresh_that_works_lets_those_be_probed_at_once_that_were_refused_before(
    portal: Portal, others: list[Portal], settings: Settings
) -> None:
    right = settings.B24_CLIENT_SECRET
    settings.B24_CLIENT_SECRET = "wrong"
    call_with_stale_token(portal)
    call_with_stale_token(others[0])
    settings.B24_CLIENT_SECRET = right
    PortalToken.objects.filter(portal=others[1]).update(expires_at=timezone.now())
    assert PortalClient(others[1]).call(LIST) == []
    portal.refresh_from_db()
    assert PortalClient(portal).call(LIST) == []
    # It is probed once, not after each refresh of anybody.
    refused = others[0]
    settings.B24_CLIENT_SECRET = "wrong"
    refused.refresh_from_db()
    call_with_stale_token(refused)
    before = refused.suspended_until
    settings.B24_CLIENT_SECRET = right
    PortalToken.objects.filter(portal=others[1]).update(expires_at=timezone.now())
    assert PortalClient(others[1]).call(LIST) == []
    refused.refresh_from_db()
    assert refused.suspended_until == before


def test_an_unknown_client_id_pauses_the_portal_so_that_the_server_is_not_asked_every_few_seconds(
    portal: Portal, settings: Settings
) -> None:
    settings.B24_CLIENT_ID = "somebody.else"
    assert isinstance(call_with_stale_token(portal), NotNow)
    assert portal.suspension == ""
    assert portal.rest_after is not None
    assert (portal.rest_after - timezone.now()).total_seconds() == pytest.approx(10 * MINUTE, abs=5)


def test_a_silent_server_suspends_nobody(portal: Portal, settings: Settings) -> None:
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9"]
    PortalToken.objects.update(expires_at=timezone.now())
    with pytest.raises(InDoubt):
        PortalClient(portal).call(LIST)
    portal.refresh_from_db()
    assert (portal.suspension, portal.client_refused_at) == ("", None)
