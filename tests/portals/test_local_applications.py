"""Local applications: Charlie's portal has one of its own, Alice's has the application of the settings."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.messaging.app_events.acceptance import unsigned_budget
from b24app.portals.application_link import application_url
from b24app.portals.applications.models import LocalApplication
from b24app.portals.errors import NotOurs, PortalGone
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.reconnect import authorize_url, complete_reconnect
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox, phpform
from tests import factories
from tests.messaging.steps import apply_events
from tests.portals.launches import ALICE, BOB, asked, launch, posted, refreshed

pytestmark = pytest.mark.django_db
CHARLIE = 1
MARKET, LOCAL, SECRET = "sandbox.app", "local.charlie", "charlies-secret"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _fresh_budget() -> None:
    unsigned_budget.reset()


def add(there: There, client_id: str = LOCAL, secret: str = SECRET) -> LocalApplication:
    """Add a local application for this portal here."""
    return LocalApplication.objects.create(client_id=client_id, client_secret=secret, host=there.domain)


@pytest.fixture
def application(db: None, box: Sandbox) -> LocalApplication:
    return add(box.portal("beta"))


@pytest.fixture
def beta(box: Sandbox) -> There:
    """Charlie's portal, where he has added a local application."""
    there = box.portal("beta")
    there.use_local_application(LOCAL, SECRET)
    there.install()
    return there


@pytest.fixture
def charlies(application: LocalApplication, beta: There) -> Portal:
    """Beta as stored after Charlie has opened his application."""
    return launch(beta, CHARLIE).portal


def open_page(there: There, user: int, path: str = "/app/", **fields: str) -> str:
    """Open a page of ours in the portal through the door; return what it shows."""
    query, form = posted(there.frame(user, install=False))
    answer = Client().post(f"{path}?{urlencode(query)}", form | fields)
    assert answer.status_code == 200
    return answer.content.decode()


def rows() -> tuple[list[Any], list[Any]]:
    return list(Portal.objects.order_by("pk").values()), list(PortalToken.objects.order_by("pk").values())


def token_requests(box: Sandbox) -> list[tuple[str, str]]:
    """Return which application exchanged tokens at the OAuth server, and with what result."""
    return [(call.client_id, call.outcome) for call in box.world.oauth_log if call.kind != "app.info"]


def call(portal: Portal) -> Any:
    return PortalClient(Portal.objects.get(pk=portal.pk)).call("messageservice.sender.list")


@pytest.fixture
def from_now(box: Sandbox) -> Callable[[], None]:
    """Empty the OAuth server's log."""
    return box.world.oauth_log.clear


# -- whose is whose ----------------------------------------------------------------------------------------------------


def test_a_launch_belongs_to_the_application_that_the_oauth_server_names(
    application: LocalApplication, beta: There, portal: Portal
) -> None:
    assert "refused" not in open_page(beta, CHARLIE, "/install/")
    charlies = Portal.objects.get(member_id=beta.member_id)
    assert (charlies.application, portal.application) == (application, None)
    assert list(PortalToken.objects.order_by("portal_id").values_list("portal", "application")) == [
        (portal.pk, None),
        (charlies.pk, application.pk),
    ]


def test_each_portals_tokens_are_renewed_with_its_own_application(
    portal: Portal, charlies: Portal, alpha: There, beta: There, box: Sandbox, from_now: Callable[[], None]
) -> None:
    from_now()
    for there in (alpha, beta):
        there.expire_tokens()
    assert (call(charlies), call(portal)) == ([], [])
    assert token_requests(box) == [(LOCAL, "ok"), (MARKET, "ok")]
    assert all(token.client_id == LOCAL for token in beta.tokens.values())
    assert all(token.client_id == MARKET for token in alpha.tokens.values())


def test_a_pair_is_renewed_for_the_application_it_was_issued_for_whatever_its_portal_has_now(
    portal: Portal, application: LocalApplication, alpha: There, box: Sandbox, from_now: Callable[[], None]
) -> None:
    """A launch that was still under way when the portal changed its application has stored its tokens late."""
    Portal.objects.filter(pk=portal.pk).update(application=application)
    alpha.expire_tokens()
    from_now()
    with pytest.raises(Exception, match="NO_TOKEN"):
        call(portal)
    assert token_requests(box) == []
    assert PortalToken.objects.get().dead_reason == "another_application"
    assert refreshed(alpha) == []


def test_a_stale_copy_of_the_portals_row_kills_no_token(charlies: Portal, beta: There, box: Sandbox) -> None:
    stale = Portal.objects.get(pk=charlies.pk)
    stale.application = None
    beta.expire_tokens()
    assert PortalClient(stale).call("messageservice.sender.list") == []
    assert PortalToken.objects.get().dead_reason == ""
    assert token_requests(box)[-1] == (LOCAL, "ok")


def test_senders_are_those_of_its_own_client_id(charlies: Portal, beta: There) -> None:
    fields = {"CODE": "front", "TYPE": "SMS", "HANDLER": "https://sendline.example/h/", "NAME": "Front desk"}
    PortalClient(charlies).call("messageservice.sender.add", fields)
    assert call(charlies) == ["front"]
    assert list(beta.senders) == ["front"]


def test_links_and_reconnecting_name_its_client_id(charlies: Portal, beta: There, box: Sandbox) -> None:
    assert application_url(charlies) == f"{charlies.origin}/marketplace/app/{LOCAL}/"
    url = urlsplit(authorize_url(charlies))
    query = parse_qs(url.query)
    assert query["client_id"] == [LOCAL]
    assert SECRET not in url.query
    PortalToken.objects.update(dead_reason="invalid_grant")
    complete_reconnect(beta.issue_code(CHARLIE), query["state"][0])
    assert token_requests(box)[-1] == (LOCAL, "ok")
    token = PortalToken.objects.get()
    assert (token.dead_reason, token.application) == ("", charlies.application)


def test_its_portal_may_move(charlies: Portal, beta: There) -> None:
    beta.rename("127.0.0.9")
    moved = launch(beta, CHARLIE).portal
    assert (moved, moved.domain) == (charlies, beta.domain)


# -- strangers ---------------------------------------------------------------------------------------------------------


def test_a_launch_with_a_client_id_that_is_not_ours_leaves_no_row(beta: There, db: None) -> None:
    """Nobody has added Charlie's application here."""
    assert "We couldn’t verify" in open_page(beta, CHARLIE, "/install/")
    assert rows() == ([], [])
    assert beta.rest_log == []


def test_charlie_cannot_use_an_application_that_was_added_for_alice(
    alpha: There, beta: There, portal: Portal, from_now: Callable[[], None], box: Sandbox
) -> None:
    add(alpha, "local.alice", "alices-secret")
    before = rows()
    from_now()
    forged = beta.issue_token(CHARLIE, "local.alice")
    for fields in ({}, {"AUTH_ID": forged.access, "REFRESH_ID": forged.refresh}):
        assert "We couldn’t verify" in open_page(beta, CHARLIE, "/install/", **fields)
    assert rows() == before
    assert token_requests(box) == []
    assert beta.rest_log == []


def test_a_strangers_post_costs_one_question_however_many_applications_there_are(
    alpha: There, box: Sandbox, from_now: Callable[[], None]
) -> None:
    for number in range(5):
        add(alpha, f"local.{number}")
    from_now()
    for access in (secrets.token_hex(35), alpha.issue_token(ALICE, "another.app").access):
        assert "We couldn’t verify" in open_page(alpha, ALICE, AUTH_ID=access)
    assert [call.kind for call in box.world.oauth_log] == ["app.info"] * 2
    assert rows() == ([], [])


def test_an_event_with_another_applications_tokens_changes_nothing(charlies: Portal, beta: There) -> None:
    before = rows()
    post_event(beta, "ONAPPINSTALL", MARKET)
    post_event(beta, "ONAPPUSERREADY", "another.app")
    assert rows() == before


def test_an_event_with_its_own_tokens_stores_them(charlies: Portal, beta: There) -> None:
    access = post_event(beta, "ONAPPINSTALL", LOCAL)
    token = PortalToken.objects.get()
    assert (token.access, token.application) == (access, charlies.application)


def post_event(there: There, event: str, client_id: str) -> str:
    """Post an event to the installer's address with an administrator's tokens for this application; return one."""
    token = there.issue_token(CHARLIE, client_id)
    auth = {"member_id": there.member_id, "access_token": token.access, "refresh_token": token.refresh}
    fields = {"event": event, "data": auth, "auth": auth, "ts": int(timezone.now().timestamp())}
    Client().post("/install/", phpform.encode_form(fields), content_type=FORM)
    apply_events(maintain=False)
    return token.access


# -- one application at a time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [ALICE, BOB])
def test_a_second_application_in_the_same_portal_is_refused_while_the_first_is_there(
    portal: Portal, alpha: There, user: int
) -> None:
    add(alpha, "local.alice", "alices-secret")
    before = rows()
    second = alpha.issue_token(user, "local.alice")
    page = open_page(alpha, user, "/app/", AUTH_ID=second.access, REFRESH_ID=second.refresh)
    assert "Sendline is already connected by another application." in page
    assert rows() == before
    assert asked(alpha, "app.info") == ["ok"]  # with the first one's token


def test_after_an_uninstallation_another_application_finds_everything_as_it_was(
    portal: Portal, alpha: There, box: Sandbox, from_now: Callable[[], None]
) -> None:
    application = add(alpha, "local.alice", "alices-secret")
    Portal.objects.update(uninstalled_at=timezone.now(), application_token="")
    PortalToken.objects.all().delete()
    alpha.uninstall()
    alpha.use_local_application("local.alice", "alices-secret")
    open_page(alpha, ALICE, "/install/")
    again = Portal.objects.get()
    assert (again.pk, again.application, again.generation) == (portal.pk, application, portal.generation + 1)
    assert again.uninstalled_at is None
    alpha.expire_tokens()
    from_now()
    assert call(again) == []
    assert token_requests(box) == [("local.alice", "ok")]


def test_an_uninstallation_that_nobody_told_us_of_is_found_out_when_the_other_one_is_opened(
    portal: Portal, alpha: There
) -> None:
    application = add(alpha, "local.alice", "alices-secret")
    first = PortalToken.objects.get().access
    alpha.uninstall()
    alpha.use_local_application("local.alice", "alices-secret")
    alpha.install()
    open_page(alpha, ALICE, "/install/")
    again = Portal.objects.get()
    assert (again.pk, again.application, again.suspension) == (portal.pk, application, "")
    assert PortalToken.objects.get().access != first
    assert PortalToken.objects.get().application == application


def test_an_employee_does_not_change_the_portals_application(portal: Portal, alpha: There) -> None:
    add(alpha, "local.alice", "alices-secret")
    Portal.objects.update(uninstalled_at=timezone.now())
    PortalToken.objects.all().delete()
    alpha.use_local_application("local.alice", "alices-secret")
    alpha.install()
    with pytest.raises(NotOurs) as refusal:
        launch(alpha, BOB)
    assert refusal.value.code == "NOT_INSTALLED"
    assert Portal.objects.get().application is None
    assert not PortalToken.objects.exists()


# -- a disabled one, and a wrong secret --------------------------------------------------------------------------------


def test_a_disabled_application_is_refused_and_nothing_is_renewed_with_it(
    charlies: Portal, application: LocalApplication, beta: There, box: Sandbox, from_now: Callable[[], None]
) -> None:
    LocalApplication.objects.update(disabled_at=timezone.now())
    beta.expire_tokens()
    before = rows()
    from_now()
    assert "This application is switched off." in open_page(beta, CHARLIE)
    with pytest.raises(PortalGone):
        call(charlies)
    assert token_requests(box) == []
    assert rows() == before


def test_a_wrong_secret_says_nothing_of_other_applications(
    charlies: Portal, portal: Portal, alpha: There, beta: There
) -> None:
    """Nor is it taken for an uninstallation: nobody is told to install again."""
    LocalApplication.objects.update(client_secret="mistyped")
    for there in (alpha, beta):
        there.expire_tokens()
    with pytest.raises(PortalGone):
        call(charlies)
    assert call(portal) == []
    charlies.refresh_from_db()
    assert (charlies.suspension, charlies.may_be_our_fault) == (Suspension.GONE, True)
    assert not charlies.seems_uninstalled


def test_refusals_of_local_applications_are_no_evidence_against_the_settings_secret(
    application: LocalApplication, portal: Portal, alpha: There, settings: Settings
) -> None:
    """With three portals of one application it would be our secret that is wrong, and none of them gone."""
    for name in ("first", "second", "third"):
        factories.portal(name, application=application, client_refused_at=timezone.now())
    settings.B24_CLIENT_SECRET = "wrong"
    alpha.expire_tokens()
    with pytest.raises(PortalGone) as gone:
        call(portal)
    assert gone.value.is_suspected
