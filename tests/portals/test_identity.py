"""Launches, genuine and forged."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.portals import identity, page_tickets
from b24app.portals.errors import BadTicket, InDoubt, NotNow, NotOurs
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest.portal_address import is_supported_endpoint
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests.portals.launches import ALICE, BOB, DANA, launch, posted

pytestmark = pytest.mark.django_db


def test_an_administrators_launch_makes_the_portal_and_keeps_the_tokens(alpha: There, box: Sandbox) -> None:
    query, form = posted(alpha.frame(ALICE, options={"ID": "5"}))
    opened = identity.verify_launch(query, form)
    assert (opened.user_id, opened.is_admin, opened.language, opened.first_time) == (ALICE, True, "en", True)
    assert (opened.placement, opened.placement_options) == ("DEFAULT", {"ID": "5"})
    portal = Portal.objects.get()
    assert portal == opened.portal
    assert (portal.member_id, portal.domain, portal.secure) == (alpha.member_id, alpha.domain, False)
    assert (portal.client_endpoint, portal.oauth_host) == (alpha.client_endpoint, box.world.oauth_host)
    assert (portal.application_token, portal.language) == (alpha.state.app.token, "en")
    token = PortalToken.objects.get()
    assert (token.user_id, token.access, token.refresh) == (ALICE, form["AUTH_ID"], form["REFRESH_ID"])
    assert timezone.now() + timedelta(seconds=3500) < token.expires_at <= timezone.now() + timedelta(seconds=3600)


def test_an_employees_launch_overwrites_nothing(alpha: There, portal: Portal) -> None:
    before = list(PortalToken.objects.values("user_id", "access", "refresh"))
    opened = launch(alpha, BOB, APPLICATION_TOKEN="forged", LANG="de")
    assert (opened.user_id, opened.is_admin, opened.language) == (BOB, False, "de")
    assert list(PortalToken.objects.values("user_id", "access", "refresh")) == before
    portal.refresh_from_db()
    assert portal.application_token == alpha.state.app.token
    assert portal.language == "en"


def test_each_administrator_has_a_row(alpha: There, portal: Portal) -> None:
    first = PortalToken.objects.get(user_id=ALICE).access
    launch(alpha, DANA)
    assert PortalToken.objects.get(user_id=ALICE).access == first
    assert PortalToken.objects.filter(portal=portal, is_admin=True).count() == 2


def test_the_second_launch_of_an_administrator_renews_the_row(alpha: There, portal: Portal) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    Portal.objects.update(no_token_since=timezone.now())
    launch(alpha)
    row = PortalToken.objects.get()
    assert (row.dead_reason, row.generation) == ("", 1)
    portal.refresh_from_db()
    assert portal.no_token_since is None


def test_an_older_portal_posts_no_new_fields(alpha: There) -> None:
    alpha.switches.modern = False
    opened = launch(alpha)
    assert opened.is_admin
    assert opened.portal.application_token == ""


def refused(there: There, **fields: str) -> NotOurs:
    """Return the refusal of an altered launch, of which nothing may be stored."""
    portals, kept = Portal.objects.count(), list(PortalToken.objects.values_list("access", flat=True))
    with pytest.raises(NotOurs) as caught:
        launch(there, ALICE, **fields)
    assert Portal.objects.count() == portals
    assert list(PortalToken.objects.values_list("access", flat=True)) == kept
    return caught.value


def test_a_token_of_another_application_is_refused(alpha: There) -> None:
    assert refused(alpha, AUTH_ID=alpha.issue_token(ALICE, "another.app").access).code == "FOREIGN"


def test_a_foreign_member_id_is_refused(alpha: There, beta: There) -> None:
    charlies = launch(beta).portal
    assert refused(alpha, member_id=beta.member_id).code == "FOREIGN"
    charlies.refresh_from_db()
    assert charlies.domain == beta.domain


@pytest.mark.parametrize("member_id", ["", "\0", "a b", "x" * 65, "' or 1=1"])
def test_a_member_id_that_is_none_is_refused(alpha: There, member_id: str) -> None:
    assert refused(alpha, member_id=member_id).code == "FOREIGN"


def test_a_foreign_token_under_our_member_id_is_refused(alpha: There, beta: There, portal: Portal) -> None:
    assert refused(alpha, AUTH_ID=beta.issue_token(1).access).code == "FOREIGN"


@pytest.mark.parametrize("domain", ["evil.example", "", "localhost.evil.example", "localhost:1"])
def test_a_foreign_domain_is_refused(alpha: There, domain: str) -> None:
    assert refused(alpha, DOMAIN=domain).code == "FOREIGN"


@pytest.mark.parametrize("access", ["0" * 70, "not a token", "\0"])
def test_an_invented_token_is_refused(alpha: There, access: str) -> None:
    assert refused(alpha, AUTH_ID=access).code == "INVALID_TOKEN"


def test_an_expired_token_is_refused(alpha: There) -> None:
    query, form = posted(alpha.frame(ALICE))
    alpha.expire_tokens()
    with pytest.raises(NotOurs):
        identity.verify_launch(query, form)
    assert not Portal.objects.exists()


def test_a_page_without_tokens_is_asked_to_be_opened_from_the_menu(alpha: There) -> None:
    assert refused(alpha, AUTH_ID="").code == "NO_TOKEN"


def test_a_posted_oauth_server_that_is_not_on_the_list_is_never_asked(alpha: There, box: Sandbox) -> None:
    opened = launch(alpha, SERVER_ENDPOINT=alpha.client_endpoint)
    assert opened.portal.oauth_host == box.world.oauth_host
    assert [call.method for call in alpha.rest_log] == ["messageservice.sender.list"]


def test_the_next_allowed_oauth_server_is_asked_where_the_first_is_silent(
    alpha: There, box: Sandbox, settings: Settings
) -> None:
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9", box.world.oauth_host]
    assert launch(alpha, SERVER_ENDPOINT="").portal.oauth_host == box.world.oauth_host


def test_silence_of_the_oauth_server_is_in_doubt(alpha: There, settings: Settings) -> None:
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9"]
    with pytest.raises(InDoubt):
        launch(alpha)
    assert not Portal.objects.exists()


@pytest.mark.parametrize(
    ("endpoint", "served"),
    [
        ("https://box.example/rest/", True),
        ("https://box.example:8443/rest/", True),
        ("http://box.example/rest/", False),
        ("https://box.example/bitrix/rest/", False),
        ("https://box.example/rest", False),
        ("https://box.example/rest/?a=1", False),
        ("https://user@box.example/rest/", False),
        ("https:///rest/", False),
        ("", False),
    ],
)
def test_only_https_with_the_usual_path_can_be_served(endpoint: str, served: bool) -> None:
    assert is_supported_endpoint(endpoint) is served


def test_a_portal_that_does_not_answer_at_the_first_opening_is_in_doubt(alpha: There) -> None:
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        launch(alpha)
    assert not PortalToken.objects.exists()


def test_a_portal_that_does_not_answer_later_is_taken_at_its_former_word(alpha: There, portal: Portal) -> None:
    Portal.objects.update(installed_at=timezone.now())
    launch(alpha, BOB)
    alpha.switches.down = True
    assert launch(alpha, ALICE).is_admin
    assert not launch(alpha, BOB).is_admin
    with pytest.raises(InDoubt):
        launch(alpha, DANA)


def test_a_lapsed_plan_at_the_first_opening_is_told(alpha: There) -> None:
    alpha.switches.lapsed_plan = True
    with pytest.raises(NotNow):
        launch(alpha)
    assert Portal.objects.get().suspension == Suspension.PLAN
    assert not PortalToken.objects.exists()


@pytest.mark.parametrize("options", ["", "[]", "{", "[" * 100_000, "7", "null"])
def test_odd_placement_options_are_none(alpha: There, options: str) -> None:
    assert launch(alpha, PLACEMENT_OPTIONS=options).placement_options == {}


def test_a_launch_is_printed_without_tokens(alpha: There) -> None:
    query, form = posted(alpha.frame(ALICE))
    printed = repr(identity.verify_launch(query, form))
    assert form["AUTH_ID"] not in printed
    assert form["REFRESH_ID"] not in printed


# -- tickets -----------------------------------------------------------------------------------------------------------


def test_a_ticket_says_who_it_was_made_for(portal: Portal) -> None:
    visitor = page_tickets.read_ticket(page_tickets.mint_ticket(portal, ALICE, True, "ru"))
    assert (visitor.portal, visitor.user_id, visitor.is_admin, visitor.language) == (portal.uuid, ALICE, True, "ru")
    assert timezone.now() + timedelta(minutes=14) < visitor.expires <= timezone.now() + timedelta(minutes=15)


def test_an_old_ticket_is_bad(portal: Portal) -> None:
    past = int((timezone.now() - timedelta(seconds=1)).timestamp())
    old = signing.dumps([portal.uuid.hex, ALICE, True, "en", past], salt=page_tickets.SALT, compress=True)
    with pytest.raises(BadTicket):
        page_tickets.read_ticket(old)


def test_a_forged_ticket_is_bad(portal: Portal) -> None:
    ticket = page_tickets.mint_ticket(portal, BOB, False, "en")
    elsewhere = signing.dumps([portal.uuid.hex, BOB, True, "en", 9999999999], salt="elsewhere")
    for forged in ("", "x", ticket[:-1], ticket.replace(":", "::"), elsewhere):
        with pytest.raises(BadTicket):
            page_tickets.read_ticket(forged)
