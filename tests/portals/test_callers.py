"""What each kind of caller may change about a portal: by an event, at either address, and by opening a page of ours."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging.app_events.acceptance import unsigned_budget
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import Portal as There
from b24app.sandbox import phpform
from tests.messaging.steps import apply_events
from tests.portals.launches import ALICE, BOB, DANA, launch, posted

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _fresh_budget() -> None:
    unsigned_budget.reset()


# Callers, in the order of what they can show.
STRANGER = "stranger"  # knows the portal's member_id and has made up the rest
EMPLOYEE = "employee"  # Bob, with his own tokens
INSIDER = "insider"  # Bob, who has read the application_token in the form of his page
ADMINISTRATOR = "administrator"  # Dana, with her own tokens and an application_token that is new to us
PORTAL = "portal"  # the portal itself without anybody's tokens: at the address we bound, with the application_token
CALLERS = (STRANGER, EMPLOYEE, INSIDER, ADMINISTRATOR, PORTAL)

DANAS = frozenset({"tokens", "application_token"})  # what an administrator's tokens bring along
UPDATE = frozenset({"version", "installed_at", "events_bound_at", "tabs_bound_at"})
PAYMENT = frozenset({"licence", "suspension", "suspended_until", "trouble"})
LEAVING = frozenset(
    {"uninstalled_at", "installed_at", "events_bound_at", "tabs_bound_at", "application_token", "erase_at", "tokens"}
    | {"member_id", "suspension", "suspended_until", "trouble"}
)
PROBED = frozenset({"suspended_until"})  # nobody's word is taken for a payment: the portal is asked
NOTHING: frozenset[str] = frozenset()

MAY_CHANGE: Mapping[str, Mapping[str, frozenset[str]]] = {
    "ONAPPINSTALL": {ADMINISTRATOR: DANAS},
    "ONAPPUPDATE": {ADMINISTRATOR: UPDATE | DANAS, PORTAL: UPDATE},
    "ONAPPPAYMENT": {STRANGER: PROBED, EMPLOYEE: PROBED, ADMINISTRATOR: PAYMENT | DANAS, PORTAL: PAYMENT},
    "ONAPPMETHODCONFIRM": {ADMINISTRATOR: DANAS},
    "ONAPPUSERREADY": {ADMINISTRATOR: DANAS},
    "ONAPPUNINSTALL": {PORTAL: LEAVING},
    "ONAPPTEST": {},
}


@pytest.fixture
def ours(portal: Portal, alpha: There) -> Portal:
    """Alpha, fully installed and suspended for a payment, so that there is something to change."""
    now = timezone.now()
    Portal.objects.filter(pk=portal.pk).update(
        installed_at=now,
        events_bound_at=now,
        tabs_bound_at=now,
        version="1",
        suspension=Suspension.PAYMENT,
        suspended_until=now + timedelta(days=1),
        rest_after=now + timedelta(minutes=1),
        trouble="Payment required",
    )
    PortalToken.objects.update(refreshed_at=now - timedelta(minutes=1))
    return Portal.objects.get(pk=portal.pk)


def facts(portal: Portal) -> dict[str, Any]:
    tokens = PortalToken.objects.filter(portal=portal).order_by("user_id")
    return {**Portal.objects.values().get(pk=portal.pk), "tokens": list(tokens.values_list("user_id", "access"))}


def changed(before: Mapping[str, Any], portal: Portal) -> frozenset[str]:
    after = facts(portal)
    return frozenset(name for name in before if before[name] != after[name])


def shown(there: There, caller: str) -> dict[str, Any]:
    """Return the `auth` that this caller can write."""
    auth: dict[str, Any] = {"member_id": there.member_id, "server_endpoint": there.world.server_endpoint}
    tokens = {EMPLOYEE: BOB, INSIDER: BOB, ADMINISTRATOR: DANA}
    if caller in tokens:
        token = there.issue_token(tokens[caller])
        auth |= {"access_token": token.access, "refresh_token": token.refresh, "expires_in": "3600"}
    elif caller == STRANGER:
        auth |= {"access_token": "invented", "refresh_token": "invented", "expires_in": "3600"}
    known = there.state.app.token
    said = {STRANGER: "guess", EMPLOYEE: "guess", INSIDER: known, ADMINISTRATOR: "brand new", PORTAL: known}
    return auth | {"application_token": said[caller]}


def tell(portal: Portal, there: There, event: str, caller: str, *, bound: bool) -> int:
    """Post an event that claims everything it could change."""
    auth = shown(there, caller)
    data = {"VERSION": "97", "STATUS": "HACKED", "PAYMENT_EXPIRED": "N", "CLEAN": "1", **auth}
    body = phpform.encode_form({"event": event, "data": data, "auth": auth, "ts": int(timezone.now().timestamp())})
    signed = urlsplit(signed_urls.events_url(portal.uuid.hex, portal.generation)).path
    status = Client().post(signed if bound else "/install/", body, content_type=FORM).status_code
    apply_events(maintain=False)
    return status


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("event", MAY_CHANGE)
def test_at_the_address_we_bound_each_caller_changes_what_it_may(
    ours: Portal, alpha: There, event: str, caller: str
) -> None:
    """Only the portal knows that address; an insider who learns it too counts as the portal."""
    before = facts(ours)
    assert tell(ours, alpha, event, caller, bound=True) == 200
    may = MAY_CHANGE[event].get(PORTAL if caller == INSIDER else caller, NOTHING)
    assert changed(before, ours) == may


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("event", MAY_CHANGE)
def test_at_the_installers_address_only_an_administrators_tokens_change_anything(
    ours: Portal, alpha: There, event: str, caller: str
) -> None:
    before = facts(ours)
    assert tell(ours, alpha, event, caller, bound=False) == 200
    assert changed(before, ours) == (MAY_CHANGE[event].get(caller, NOTHING) if caller == ADMINISTRATOR else NOTHING)


@pytest.mark.parametrize("event", MAY_CHANGE)
def test_a_stranger_leaves_no_row_at_the_installers_address(ours: Portal, alpha: There, event: str) -> None:
    exchanges = Exchange.objects.count()
    tell(ours, alpha, event, STRANGER, bound=False)
    assert Exchange.objects.count() == exchanges


# -- openings ----------------------------------------------------------------------------------------------------------

FORGED = {"PROTOCOL": "1", "LANG": "de", "APPLICATION_TOKEN": "forged"}  # the sandbox's pages are plain http
OPENED = frozenset({"suspension", "suspended_until", "trouble"})  # what the OAuth server's confirmation proves
MAY_CHANGE_BY_OPENING: Mapping[str, frozenset[str]] = {
    STRANGER: NOTHING,
    EMPLOYEE: OPENED,
    INSIDER: OPENED,
    ADMINISTRATOR: OPENED | DANAS | {"rest_after", "secure"},
}


def open_page(there: There, caller: str, path: str) -> int:
    user = DANA if caller == ADMINISTRATOR else BOB
    query, form = posted(there.frame(user, install=False))
    query |= {name: FORGED[name] for name in ("PROTOCOL", "LANG")}
    form |= {"APPLICATION_TOKEN": there.state.app.token if caller == INSIDER else FORGED["APPLICATION_TOKEN"]}
    form |= {"AUTH_ID": "invented"} if caller == STRANGER else {}
    return Client().post(f"{path}?{urlencode(query)}", form).status_code


@pytest.mark.parametrize("path", ["/app/", "/card/"])
@pytest.mark.parametrize("caller", MAY_CHANGE_BY_OPENING)
def test_an_opening_changes_what_its_caller_may(ours: Portal, alpha: There, caller: str, path: str) -> None:
    before = facts(ours)
    assert open_page(alpha, caller, path) == 200
    assert changed(before, ours) == MAY_CHANGE_BY_OPENING[caller]


@pytest.mark.parametrize("caller", MAY_CHANGE_BY_OPENING)
def test_the_installer_begins_anew_for_an_administrator_only(ours: Portal, alpha: There, caller: str) -> None:
    before = facts(ours)
    assert open_page(alpha, caller, "/install/") == 200
    begun = {"installed_at", "installed_by", "events_bound_at", "tabs_bound_at"} if caller == ADMINISTRATOR else NOTHING
    assert changed(before, ours) - {"version"} == MAY_CHANGE_BY_OPENING[caller] | begun


@pytest.mark.parametrize("kind", [Suspension.PLAN, Suspension.OVERLOAD])
def test_an_employee_calls_off_no_waiting_that_the_portal_ordered(ours: Portal, alpha: There, kind: str) -> None:
    Portal.objects.update(suspension=kind)
    open_page(alpha, EMPLOYEE, "/app/")
    assert Portal.objects.get().suspension == kind
    open_page(alpha, ADMINISTRATOR, "/app/")
    assert Portal.objects.get().suspension == ""


def test_an_employee_does_not_bring_an_uninstalled_portal_back(ours: Portal, alpha: There) -> None:
    """And so does not call off the erasure of its data."""
    now = timezone.now()
    Portal.objects.update(uninstalled_at=now, erase_at=now, application_token="")
    PortalToken.objects.all().delete()
    before = facts(ours)
    answer = Client().post(*_at_home(alpha, BOB))
    assert "An administrator must open Sendline first" in answer.content.decode()
    assert b"sendline-ticket" not in answer.content
    assert changed(before, ours) == NOTHING
    Client().post(*_at_home(alpha, DANA))
    assert (Portal.objects.get().uninstalled_at, Portal.objects.get().generation) == (None, 2)


def _at_home(there: There, user: int) -> tuple[str, dict[str, str]]:
    query, form = posted(there.frame(user, install=False))
    return f"/app/?{urlencode(query)}", form


def test_a_version_that_the_oauth_server_names_is_believed_of_anybody(ours: Portal, alpha: There) -> None:
    alpha.switches.update_silent = True
    alpha.update()
    launch_of_bob = launch(alpha, BOB)
    assert launch_of_bob.version == "2"
    open_page(alpha, EMPLOYEE, "/app/")
    assert Portal.objects.get().version == "2"


def test_an_employee_does_not_choose_the_oauth_server(ours: Portal, alpha: There) -> None:
    Portal.objects.update(oauth_host="oauth.former.example")
    open_page(alpha, EMPLOYEE, "/app/")
    assert Portal.objects.get().oauth_host == "oauth.former.example"
    open_page(alpha, ADMINISTRATOR, "/app/")
    assert Portal.objects.get().oauth_host == alpha.world.oauth_host


def test_the_first_opening_by_an_employee_knows_nothing_of_the_page(db: None, alpha: There) -> None:
    launch(alpha, BOB)
    assert Portal.objects.get().secure
    launch(alpha, ALICE)
    assert not Portal.objects.get().secure
