"""Portal events: strangers are refused by the address alone, everything of ours gets 200."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.audit.models import Change
from b24app.core import signed_urls, spool
from b24app.exchange_log.models import Exchange
from b24app.messaging.app_events.acceptance import unsigned_budget
from b24app.portals import event_handlers
from b24app.portals.models import CopyState, Portal, PortalCopy, PortalToken
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from b24app.sandbox.phpform import encode_form
from b24app.webhooks import portal_events
from tests.messaging.steps import apply_events
from tests.portals.conftest import alpha, beta, box, portal, running_box
from tests.portals.launches import ALICE, DANA, launch

__all__ = ["alpha", "beta", "box", "portal", "running_box"]  # the fixtures of the sandbox

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _fresh_budget() -> None:
    unsigned_budget.reset()


def path_of(portal: Portal) -> str:
    return urlsplit(signed_urls.events_url(portal.uuid.hex, portal.generation)).path


def payload(there: There, event: str, user: int = 0, **fields: object) -> dict[str, object]:
    auth: dict[str, object] = {"member_id": there.member_id, "application_token": there.state.app.token}
    if user:
        token = there.issue_token(user)
        auth |= {"access_token": token.access, "refresh_token": token.refresh, "expires_in": 3600}
    return {"event": event, "data": {"CLEAN": 1}, "ts": int(time.time()) + 60, "auth": auth, **fields}


def post(client: Client, path: str, fields: dict[str, object]) -> int:
    """Post an event and let a worker apply it."""
    status = client.post(path, encode_form(fields), content_type=FORM).status_code
    apply_events()
    return status


def is_installed(portal: Portal) -> bool:
    return Portal.objects.get(pk=portal.pk).uninstalled_at is None


def test_an_uninstallation_is_heard(client: Client, portal: Portal, alpha: There) -> None:
    assert post(client, path_of(portal), payload(alpha, "ONAPPUNINSTALL")) == 200
    row = Portal.objects.get()
    assert row.uninstalled_at is not None
    assert row.erase_at is not None
    assert not PortalToken.objects.exists()


def test_an_uninstallation_is_recorded_once_however_often_it_comes(
    client: Client, portal: Portal, alpha: There
) -> None:
    for _ in range(2):
        post(client, path_of(portal), payload(alpha, "ONAPPUNINSTALL"))
    assert list(Change.objects.values_list("action", "kind", "user_id")) == [("uninstalled", "portal", None)]


def test_a_stranger_is_refused_by_the_address_alone(
    client: Client, settings: Settings, django_assert_num_queries: object, db: None
) -> None:
    path = signed_urls.events_url("0" * 32, 1).removeprefix(settings.PUBLIC_URL)
    for forged in (path.replace("/1/", "/2/"), path[:-3] + "xx/", path.replace("/e/0", "/e/1")):
        with django_assert_num_queries(0):  # type: ignore[operator]  # pytest-django's fixture
            assert client.post(forged, {"event": "ONAPPUNINSTALL"}).status_code == 403


def test_a_wrong_application_token_has_no_effect_and_is_answered_200(
    client: Client, portal: Portal, alpha: There
) -> None:
    fields = payload(alpha, "ONAPPUNINSTALL", auth={"member_id": alpha.member_id, "application_token": "wrong"})
    assert post(client, path_of(portal), fields) == 200
    assert is_installed(portal)
    assert PortalToken.objects.count() == 1
    assert Exchange.objects.get(method="EVENT").error == "not verified"


def test_alphas_event_at_betas_address_touches_neither(
    client: Client, portal: Portal, alpha: There, beta: There
) -> None:
    charlies = launch(beta).portal
    assert post(client, path_of(charlies), payload(alpha, "ONAPPUNINSTALL")) == 200
    assert is_installed(portal)
    assert is_installed(charlies)
    assert PortalToken.objects.count() == 2


def test_an_address_of_an_earlier_installation_has_no_effect(client: Client, portal: Portal, alpha: There) -> None:
    old = path_of(portal)
    Portal.objects.update(generation=2)
    assert post(client, old, payload(alpha, "ONAPPUNINSTALL")) == 200
    assert is_installed(portal)
    assert Exchange.objects.get(method="EVENT").error == "of an earlier installation"


def test_a_portal_that_was_erased_is_answered_200(client: Client, portal: Portal, alpha: There) -> None:
    path = path_of(portal)
    Portal.objects.all().delete()
    assert post(client, path, payload(alpha, "ONAPPUNINSTALL")) == 200
    assert not Portal.objects.exists()


def test_the_events_of_the_sandbox_arrive_at_the_address_we_bound(client: Client, portal: Portal, alpha: There) -> None:
    event_handlers.bind_handlers(portal)
    assert {handler.handler for handler in alpha.handlers} == {signed_urls.public_url(path_of(portal))}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", FORM, 400),
        (b"a=1", FORM, 400),
        (b"event[x]=1", FORM, 400),
        (b'{"event": "ONAPPUNINSTALL"}', "application/json", 400),
        (b"\xff\xfe\x00", FORM, 400),
        (b"event=" + b"%00" * 50, FORM, 200),
        (b"event=ONAPPTEST&auth=%ED%A0%80", FORM, 200),
        (b"event=ONAPPTEST&auth" + b"%5Ba%5D" * 1000 + b"=1", FORM, 200),
        (b"event=ONAPPTEST&" + b"&".join(b"f%d=1" % number for number in range(1001)), FORM, 200),
        (b"event=ONAPPUNINSTALL&event=ONAPPTEST", FORM, 200),
        (b"event=ONAPPTEST&x=" + b"y" * (256 * 1024), FORM, 413),
    ],
)
def test_odd_bodies_are_harmless(client: Client, portal: Portal, body: bytes, content_type: str, status: int) -> None:
    assert client.post(path_of(portal), body, content_type=content_type).status_code == status
    assert is_installed(portal)


def test_a_multipart_body_is_no_event(client: Client, portal: Portal) -> None:
    assert client.post(path_of(portal), {"event": "ONAPPUNINSTALL"}).status_code == 400


def test_only_a_post_is_an_event(client: Client, portal: Portal) -> None:
    assert client.get(path_of(portal)).status_code == 405


# -- from a copy of the portal, which knows the same secrets -----------------------------------------------------------

ELSEWHERE = {"domain": "copy.example", "client_endpoint": "https://copy.example/rest/"}


def of_copy(there: There, event: str, user: int = 0, **fields: object) -> dict[str, object]:
    """Return an event as a restored copy of the portal sends it."""
    told = payload(there, event, user, **fields)
    return told | {"auth": {**told["auth"], **ELSEWHERE}}  # type: ignore[dict-item]  # it is a mapping


def test_a_copy_that_is_uninstalled_does_not_uninstall_its_original(
    client: Client, portal: Portal, alpha: There
) -> None:
    assert post(client, path_of(portal), of_copy(alpha, "ONAPPUNINSTALL")) == 200
    row = Portal.objects.get()
    assert (row.uninstalled_at, row.erase_at, row.suspension) == (None, None, "")
    assert row.application_token == alpha.state.app.token
    assert PortalToken.objects.count() == 1
    assert Exchange.objects.get(method="EVENT").error == "of another address"
    assert not Change.objects.exists()


def test_an_uninstallation_under_another_name_counts_once_the_portal_confirms_it(
    client: Client, portal: Portal, alpha: There
) -> None:
    fields = of_copy(alpha, "ONAPPUNINSTALL")
    alpha.uninstall()
    assert post(client, path_of(portal), fields) == 200
    row = Portal.objects.get()
    assert row.uninstalled_at is not None
    assert row.erase_at is not None
    assert row.erase_at > timezone.now() + timedelta(days=29)  # whose data were to go is not certain


def test_an_uninstallation_under_an_allowed_name_counts(client: Client, portal: Portal, alpha: There) -> None:
    PortalCopy.objects.create(portal=portal, host="copy.example", state=CopyState.ALLOWED)
    assert post(client, path_of(portal), of_copy(alpha, "ONAPPUNINSTALL")) == 200
    assert not is_installed(portal)


def test_an_update_of_a_copy_locks_nobody_out_of_its_original(client: Client, portal: Portal, alpha: There) -> None:
    Portal.objects.update(installed_at=timezone.now(), version="1")
    fields = of_copy(alpha, "ONAPPUPDATE", data={"VERSION": "2"}, ts=int(time.time()) + 600)
    assert post(client, path_of(portal), fields) == 200
    row = Portal.objects.get()
    assert (row.installed_at is None, row.version) == (False, "1")


# -- at the installer's address ----------------------------------------------------------------------------------------


def user_ready(box: Sandbox, there: There) -> dict[str, object]:
    fields = payload(there, "ONAPPUSERREADY", ALICE)
    token = there.issue_token(DANA)
    data = {
        "access_token": token.access,
        "refresh_token": token.refresh,
        "expires_in": 3600,
        "member_id": there.member_id,
        "domain": box.world.oauth_host,
        "server_endpoint": box.world.server_endpoint,
    }
    return fields | {"data": data}


def test_an_event_is_told_from_a_page(rf: RequestFactory) -> None:
    def asks(body: str) -> bool:
        return portal_events.is_event(rf.post("/install/?DOMAIN=a.example", body, content_type=FORM))

    assert asks("event=ONAPPUSERREADY&auth%5Bmember_id%5D=m")
    assert not asks("AUTH_ID=a&member_id=m")
    assert not asks("AUTH_ID=a&event=ONAPPUSERREADY")
    assert not asks("")
    assert not portal_events.is_event(rf.get("/install/?event=ONAPPUSERREADY"))
    assert not portal_events.is_event(rf.head("/install/"))
    assert not asks("event=x&y=" + "z" * (256 * 1024))


def test_the_system_user_is_announced_at_the_installers_address(
    client: Client, portal: Portal, alpha: There, box: Sandbox
) -> None:
    assert post(client, "/install/", user_ready(box, alpha)) == 200
    assert PortalToken.objects.get(user_id=DANA).is_system


def test_an_event_of_a_portal_we_do_not_know_is_confirmed_first(
    client: Client, db: None, alpha: There, box: Sandbox
) -> None:
    assert post(client, "/install/", user_ready(box, alpha)) == 200
    assert Portal.objects.get().member_id == alpha.member_id
    assert set(PortalToken.objects.values_list("user_id", flat=True)) == {ALICE, DANA}


def test_a_forged_event_makes_no_portal(client: Client, db: None, alpha: There) -> None:
    fields = payload(alpha, "ONAPPINSTALL")
    fields["auth"] = {"member_id": alpha.member_id, "access_token": "invented", "application_token": "x"}
    assert post(client, "/install/", fields) == 200
    assert not Portal.objects.exists()


def test_a_forged_uninstallation_at_the_installers_address_has_no_effect(
    client: Client, portal: Portal, alpha: There
) -> None:
    fields = payload(alpha, "ONAPPUNINSTALL", auth={"member_id": alpha.member_id, "application_token": "guess"})
    assert post(client, "/install/", fields) == 200
    assert is_installed(portal)


# -- while the database is away ----------------------------------------------------------------------------------------


@pytest.fixture
def away(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the database close any connection that reads portals."""
    settings.SPOOL_DIR = tmp_path
    monkeypatch.setattr(spool, "_away_until", 0.0)  # put back afterwards: the pause is a fact of the process
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE portals_portal RENAME TO portals_portal_kept")
        cursor.execute(
            """CREATE FUNCTION shut_down() RETURNS SETOF portals_portal_kept LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the database is shutting down' USING ERRCODE = '57P01'; END $$"""
        )
        cursor.execute("CREATE VIEW portals_portal AS SELECT * FROM shut_down()")
    yield
    back()


def back() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('portals_portal_kept')")
        if cursor.fetchone() != (None,):
            cursor.execute("DROP VIEW portals_portal")
            cursor.execute("DROP FUNCTION shut_down")
            cursor.execute("ALTER TABLE portals_portal_kept RENAME TO portals_portal")


@pytest.mark.django_db(transaction=True)
def test_an_event_waits_on_disk_while_the_database_is_away(
    client: Client, alpha: There, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    portal = launch(alpha).portal
    PortalToken.objects.update(refreshed_at=timezone.now() - timedelta(minutes=1))
    fields = payload(alpha, "ONAPPUNINSTALL")
    request.getfixturevalue("away")
    # The middleware asks for nothing below /e/, so only the view meets the database.
    assert client.post(path_of(portal), encode_form(fields), content_type=FORM).status_code == 200
    assert [kept.suffix for kept in spool.waiting_records()] == [".event"]
    assert alpha.state.app.token.encode() not in spool.waiting_records()[0].read_bytes()
    back()
    assert spool.replay_records({"event": portal_events.replay_event}) == 1
    apply_events()
    assert not is_installed(portal)
