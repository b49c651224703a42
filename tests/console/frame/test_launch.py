"""The entry points: a launch is believed when Bitrix24 confirms it, the installer finishes only what is saved."""

import re
import uuid
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from b24app.audit.models import Change
from b24app.console.frame import last_section
from b24app.console.models import Preference, SavedView
from b24app.core.redis import redis_client
from b24app.portals.models import Portal, PortalToken
from b24app.portals.page_tickets import read_ticket
from b24app.sandbox import MethodError, Sandbox
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True)]

ALICE, BOB = 1, 7


def launch(client: Client, frame: dict[str, Any], **changes: str) -> Any:
    """Post what the portal's page posts into the frame."""
    parts = urlsplit(frame["action"])
    return client.post(
        f"{parts.path}?{parts.query}",
        urlencode(frame["fields"] | changes),
        content_type="application/x-www-form-urlencoded",
    )


def found(pattern: str, page: HttpResponse) -> str:
    match = re.search(pattern, page.content.decode())
    assert match is not None
    return match[1]


def ticket_of(page: HttpResponse) -> str:
    return found(r'<meta name="sendline-ticket" content="([^"]+)"', page)


def start_of(page: HttpResponse) -> str:
    return found(r'id="app" class="app" hx-get="([^"]+)"', page)


def visitor(page: HttpResponse) -> Client:
    headers = {"Authorization": f"Bearer {ticket_of(page)}", "HX-Request": "true", "HX-Target": "content"}
    return Client(headers=headers)


@pytest.mark.parametrize("address", ["/app/", "/install/"])
def test_head_and_bare_get_are_answered_for_the_market(client: Client, address: str) -> None:
    assert client.head(address).status_code == 200
    page = client.get(address)
    assert page.status_code == 200
    assert "Open Sendline in Bitrix24" in page.content.decode()
    assert page["X-Frame-Options"] == "DENY"
    assert not Portal.objects.exists()


def test_an_administrator_installs(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    frame = alpha.frame(ALICE)
    page = launch(client, frame)
    portal = Portal.objects.get()

    assert page.status_code == 200
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{alpha.domain}")
    assert "X-Frame-Options" not in page
    assert start_of(page) == f"/p/{portal.uuid.hex}/install/"
    for secret in ("AUTH_ID", "REFRESH_ID", "APPLICATION_TOKEN"):
        assert frame["fields"][secret] not in page.content.decode()

    alice = visitor(page)
    steps = alice.get(start_of(page)).content.decode()
    assert 'hx-trigger="load"' in steps
    assert "data-install-finish" not in steps
    assert portal.installed_at is None

    done = alice.post(f"/p/{portal.uuid.hex}/install/run/").content.decode()
    portal.refresh_from_db()
    assert f'data-install-finish="/p/{portal.uuid.hex}/"' in done
    assert portal.installed_at is not None
    assert {handler.event for handler in alpha.handlers} >= {"ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT"}
    assert PortalToken.objects.get().is_admin
    assert list(Change.objects.values_list("action", "user_id")) == [("installed", ALICE)]

    alpha.install_finish(ALICE)
    assert start_of(launch(client, alpha.frame(ALICE))) == f"/p/{portal.uuid.hex}/"


def test_a_step_that_fails_can_be_tried_again_and_nothing_is_finished(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    page = launch(client, alpha.frame(ALICE))
    portal = Portal.objects.get()
    alpha.switches.method_errors.append(MethodError("event.bind", "ERROR_CORE", "The address is not reachable"))

    stopped = visitor(page).post(f"/p/{portal.uuid.hex}/install/run/")
    portal.refresh_from_db()
    assert stopped.status_code == 200
    assert "Installation stopped" in stopped.content.decode()
    assert "Try again" in stopped.content.decode()
    assert "data-install-finish" not in stopped.content.decode()
    assert portal.installed_at is None
    assert not Change.objects.exists()

    alpha.switches.method_errors.clear()
    assert b"data-install-finish" in visitor(page).post(f"/p/{portal.uuid.hex}/install/run/").content


def test_an_employee_at_the_installer_installs_nothing(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    alpha.install()
    alpha.install_finish(ALICE)
    frame = alpha.frame(BOB)
    page = launch(client, frame | {"action": frame["action"].replace("/app/", "/install/")})
    portal = Portal.objects.get()
    bob = visitor(page)

    assert "Ask an administrator to install Sendline" in bob.get(start_of(page)).content.decode()
    assert bob.post(f"/p/{portal.uuid.hex}/install/run/").status_code == 403
    portal.refresh_from_db()
    assert portal.installed_at is None
    assert portal.events_bound_at is None
    assert not PortalToken.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"AUTH_ID": "f" * 70}, {"AUTH_ID": ""}, {"member_id": "0" * 32}, {"member_id": ""}],
    ids=["foreign token", "no token", "another portal", "no portal"],
)
def test_what_bitrix24_does_not_confirm_is_not_believed(client: Client, box: Sandbox, changes: dict[str, str]) -> None:
    page = launch(client, box.portal("alpha").frame(ALICE), **changes)
    assert page.status_code == 200
    assert "We couldn’t verify your session" in page.content.decode()
    assert "sendline-ticket" not in page.content.decode()
    assert "<script" not in page.content.decode()
    assert not Portal.objects.exists()
    assert not PortalToken.objects.exists()


def test_a_foreign_domain_in_the_address_is_not_believed(client: Client, box: Sandbox) -> None:
    frame = box.portal("alpha").frame(ALICE)
    query = parse_qs(urlsplit(frame["action"]).query)
    query["DOMAIN"] = ["evil.example"]
    page = launch(client, frame | {"action": f"/app/?{urlencode(query, doseq=True)}"})
    assert "We couldn’t verify your session" in page.content.decode()
    assert not Portal.objects.exists()


def test_a_silent_oauth_server_is_said_kindly(client: Client, box: Sandbox, settings: Any) -> None:
    frame = box.portal("alpha").frame(ALICE)
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:1"]
    page = launch(client, frame)
    assert page.status_code == 200
    assert "Bitrix24 is not responding" in page.content.decode()
    assert not Portal.objects.exists()


def test_the_page_is_in_the_visitors_language_and_look(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    launch(client, alpha.frame(ALICE))
    Preference.objects.create(portal=Portal.objects.get(), user_id=2, theme="dark")
    assert '<html lang="en" dir="ltr" data-theme="light">' in launch(client, alpha.frame(ALICE)).content.decode()
    assert '<html lang="ru" dir="ltr" data-theme="dark">' in launch(client, alpha.frame(2)).content.decode()


def test_a_ticket_is_renewed_with_what_the_frame_knows(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    frame = alpha.frame(ALICE)
    launch(client, frame)
    known = frame["init"]
    fields = {name: known[name] for name in ("AUTH_ID", "AUTH_EXPIRES", "DOMAIN", "PROTOCOL", "LANG")}

    answer = client.post(reverse("session"), {**fields, "member_id": known["MEMBER_ID"]}).json()
    visitor = read_ticket(answer["ticket"])
    assert (visitor.portal, visitor.user_id, visitor.is_admin) == (Portal.objects.get().uuid, ALICE, True)
    assert answer["seconds"] == 900

    alpha.expire_tokens()
    refused = client.post(reverse("session"), {**fields, "member_id": known["MEMBER_ID"]})
    assert (refused.status_code, refused.json()) == (200, {"ticket": "", "seconds": 0})


def test_an_event_at_the_installers_address_is_no_page(client: Client, box: Sandbox) -> None:
    answer = client.post(
        "/install/",
        urlencode({"event": "ONAPPUSERREADY", "auth[member_id]": "0" * 32}),
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200
    assert answer.content == b""
    assert not Portal.objects.exists()


def test_reconnecting_works_once(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    page = launch(client, alpha.frame(ALICE))
    portal = Portal.objects.get()
    shown = visitor(page).get(f"/p/{portal.uuid.hex}/reconnect/").content.decode()
    state = re.findall(r"state=([^&\"]+)", shown)[0].replace("%3A", ":")
    PortalToken.objects.all().delete()

    back = client.get(reverse("oauth"), {"code": alpha.issue_code(ALICE), "state": state})
    assert "Bitrix24 is connected" in back.content.decode()
    assert PortalToken.objects.get().user_id == ALICE

    again = client.get(reverse("oauth"), {"code": alpha.issue_code(ALICE), "state": state})
    assert "Bitrix24 is not connected" in again.content.decode()
    assert back["X-Frame-Options"] == "DENY"


def installed(client: Client, box: Sandbox) -> tuple[Any, str]:
    """Install the application as Alice; return the portal and the address of Home."""
    alpha = box.portal("alpha")
    page = launch(client, alpha.frame(ALICE))
    home = start_of(page).removesuffix("install/")
    visitor(page).post(f"{home}install/run/")
    alpha.install_finish(ALICE)
    return alpha, home


def test_a_reload_returns_to_the_last_section_of_the_same_person(client: Client, box: Sandbox) -> None:
    alpha, home = installed(client, box)
    page = launch(client, alpha.frame(ALICE))
    assert start_of(page) == home
    assert visitor(page).get(f"{home}settings/limits/").status_code == 200
    assert start_of(launch(client, alpha.frame(ALICE))) == f"{home}settings/"
    assert start_of(launch(client, alpha.frame(2))) == home
    visitor(page).get(home)
    assert start_of(launch(client, alpha.frame(ALICE))) == home


def test_polls_and_writes_do_not_change_the_place(client: Client, box: Sandbox) -> None:
    alpha, home = installed(client, box)
    alice = visitor(launch(client, alpha.frame(ALICE)))
    alice.get(f"{home}reports/")
    alice.get(f"{home}journal/", headers={"HX-Target": "rows"})
    alice.post(f"{home}stop-list/", {"number": "nobody"})
    assert start_of(launch(client, alpha.frame(ALICE))) == f"{home}reports/"


def test_nobody_begins_where_only_administrators_may_be(box: Sandbox) -> None:
    portal = Portal(uuid=uuid.uuid4())
    last_section.remember_section(portal, BOB, reverse("settings", kwargs={"key": portal.uuid.hex}))
    assert last_section.last_section(portal, BOB, is_admin=True) == "settings"
    assert last_section.last_section(portal, BOB, is_admin=False) == "home"
    stranger = Portal(uuid=uuid.uuid4())
    assert last_section.last_section(stranger, BOB, is_admin=True) == "home"


def test_without_redis_everybody_begins_at_home(box: Sandbox, settings: Any) -> None:
    portal = Portal(uuid=uuid.uuid4())
    redis_client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    try:
        last_section.remember_section(portal, ALICE, reverse("settings", kwargs={"key": portal.uuid.hex}))
        assert last_section.last_section(portal, ALICE, is_admin=True) == "home"
    finally:
        redis_client.cache_clear()


def test_a_link_opens_the_view_that_it_names_for_those_who_may_see_it(client: Client, box: Sandbox) -> None:
    alpha, home = installed(client, box)
    portal = Portal.objects.get(member_id=alpha.member_id)
    mine = SavedView.objects.create(portal=portal, user_id=ALICE, name="Mine", query="status=failed&q=oak")
    ours = SavedView.objects.create(portal=portal, user_id=ALICE, name="Ours", query="status=sent", is_shared=True)
    theirs = SavedView.objects.create(
        portal=factories.portal("charlie"), user_id=ALICE, name="Theirs", query="status=sent", is_shared=True
    )

    def start(user: int, options: dict[str, str]) -> str:
        return unescape(start_of(launch(client, alpha.frame(user, options=options)))).removeprefix(home)

    assert start(ALICE, {"view": mine.uuid.hex}) == "journal/?status=failed&q=oak"
    assert start(ALICE, {"URI": f"/marketplace/app/7/?IFRAME=Y&view={ours.uuid.hex}"}) == "journal/?status=sent"
    assert start(2, {"view": ours.uuid.hex}) == "journal/?status=sent"
    assert start(2, {"view": mine.uuid.hex}) == ""
    assert start(BOB, {"view": ours.uuid.hex}) == ""
    assert start(ALICE, {"view": theirs.uuid.hex}) == ""
    for nonsense in ({"view": "1"}, {"view": ""}, {"URI": "//[/"}, {"URI": "/?view=x"}):
        assert start(ALICE, nonsense) == ""


def test_the_link_of_a_view_leads_to_the_application_in_the_portal(client: Client, box: Sandbox) -> None:
    alpha, home = installed(client, box)
    alice = visitor(launch(client, alpha.frame(ALICE)))
    alice.post(f"{home}journal/views/", {"view-name": "Lost", "query": "status=failed"})
    view = SavedView.objects.get()
    page = alice.get(f"{home}journal/?status=failed").content.decode()
    there = f"http://{alpha.domain}/marketplace/app/{box.world.client_id}/"  # the sandbox frames by PROTOCOL=0
    assert f'value="{there}?view={view.uuid.hex}"' in page
    assert "?view=" not in alice.get(f"{home}journal/?status=sent").content.decode()


def test_a_page_whose_port_the_oauth_server_leaves_out_may_frame_us(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    alpha.install()
    alpha.switches.oauth_without_port = True
    host, port = alpha.domain.split(":")
    bobs = launch(client, alpha.frame(BOB, install=False))
    assert bobs["Content-Security-Policy"].endswith(f"frame-ancestors https://{host} https://{alpha.domain}")
    assert f'<meta name="sendline-portal" content="https://{alpha.domain}">' in bobs.content.decode()
    assert Portal.objects.get().domain == host  # an employee's page is not believed for good

    alices = launch(client, alpha.frame(ALICE))
    assert alices["Content-Security-Policy"].endswith(f"frame-ancestors http://{alpha.domain}")
    assert Portal.objects.get().domain == alpha.domain
    shell = Client().get(f"/p/{Portal.objects.get().uuid.hex}/")
    assert shell["Content-Security-Policy"].endswith(f"frame-ancestors http://{alpha.domain}")
    launch(client, alpha.frame(BOB, install=False))
    assert Portal.objects.get().domain == alpha.domain

    frame = alpha.frame(ALICE)
    for elsewhere in (f"{host}:evil", f"{host}:1 evil.example", f"{host}.evil.example:{port}"):
        query = parse_qs(urlsplit(frame["action"]).query) | {"DOMAIN": [elsewhere]}
        page = launch(client, frame | {"action": f"/app/?{urlencode(query, doseq=True)}"})
        assert "sendline-ticket" not in page.content.decode(), elsewhere
    assert Portal.objects.get().domain == alpha.domain


def test_a_page_without_a_port_is_known_by_its_host_alone(client: Client, box: Sandbox) -> None:
    alpha = box.portal("alpha")
    alpha.switches.oauth_without_port = True
    launch(client, alpha.frame(ALICE))
    frame = alpha.frame(ALICE)
    query = parse_qs(urlsplit(frame["action"]).query) | {"DOMAIN": [alpha.state.host]}
    page = launch(client, frame | {"action": f"/app/?{urlencode(query, doseq=True)}"})
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{alpha.state.host}")
    assert Portal.objects.get().domain == alpha.state.host
