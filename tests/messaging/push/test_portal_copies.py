"""A restored copy of a portal sends nothing by its own: from the handler's door to the service and the portal."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.audit.models import Change
from b24app.messaging import sweep, tasks
from b24app.messaging.connections import lifecycle
from b24app.messaging.intake import batch_insert
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.messaging.push import sender_registration
from b24app.portals.models import CopyState, Portal, PortalCopy, PortalToken
from b24app.portals.rest import author_tokens
from b24app.sandbox import MethodError, delivery
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox.delivery import SendRequest
from tests import factories
from tests.messaging.steps import drain, reload

COPY = "copy.example"
FORM = "application/x-www-form-urlencoded"
ELSEWHERE: dict[str, Any] = {"domain": COPY, "client_endpoint": f"https://{COPY}/rest/"}


@pytest.fixture
def sender(alpha: SandboxPortal, live: Portal, connection: Connection) -> Sender:
    """Return a sender that the portal really has."""
    Portal.objects.filter(pk=live.pk).update(application_token=alpha.state.app.token)
    live.refresh_from_db()
    new = Sender(portal=live, connection=connection, names={"en": "Acme"}, signature="+12025550142")
    sender_registration.save_sender(new)
    return sender_registration.register_sender(new)


@pytest.fixture(autouse=True)
def _first_day(alpha: SandboxPortal) -> Iterator[None]:
    yield
    alpha.rename("localhost")


def call(alpha: SandboxPortal, sender: Sender, *, author: int = 1, address: str = "", **auth: str) -> int:
    """Call the handler as the portal does, or as its copy with other fields in `auth`; return the status."""
    overrides: dict[str, Any] = {"auth": auth} if auth else {}
    wish = SendRequest("+12025550147", "Hello", sender.code, author, "bizproc", overrides)
    _row, handler, body = delivery.write_message(alpha.world, alpha.state, wish)
    return Client().post(urlsplit(address or handler).path, body, content_type=FORM).status_code


def newest() -> Message:
    return Message.objects.latest("pk")


def settle(portal: Portal) -> None:
    """Let the worker do what the handler's door has enqueued."""
    tasks.check_copies(portal.pk)


def look_at(portal: Portal) -> PortalCopy:
    return PortalCopy.objects.get(portal=portal)


def test_a_copys_message_is_stored_and_not_sent(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    assert call(alpha, sender, **ELSEWHERE) == 200
    held = newest()
    assert (held.phase, held.wait, held.detail) == (Phase.WAITING, Wait.COPY, COPY)
    assert held.due_at == held.expires_at
    drain(sender.connection_id)
    assert (reload(held).phase, held.attempts) == (Phase.WAITING, 0)
    copy = look_at(live)
    assert (copy.host, copy.state, copy.checked_at) == (COPY, CopyState.NOTICED, None)
    assert call(alpha, sender) == 200
    drain(sender.connection_id)
    assert newest().status == Status.SENT
    assert PortalCopy.objects.count() == 1


def test_a_message_of_the_portal_is_sent_whatever_it_calls_itself(alpha: SandboxPortal, sender: Sender) -> None:
    host = alpha.state.host
    oauth = alpha.world.oauth_host
    names: list[dict[str, Any]] = [
        {"domain": alpha.domain},
        {"domain": host},
        {"domain": alpha.domain.upper()},
        {"domain": oauth},
        {"domain": "oauth.bitrix24.example"},
        {"domain": "authority.example", "server_endpoint": "https://authority.example/rest/"},
        {"domain": ""},
        {"domain": "no host at all"},
    ]
    for auth in names:
        assert call(alpha, sender, **auth) == 200, auth
        assert newest().wait == Wait.NONE, auth
    assert call(alpha, sender, author=0) == 200
    assert newest().wait == Wait.NONE
    assert not PortalCopy.objects.exists()


def test_behind_the_oauth_servers_name_the_rest_address_tells(alpha: SandboxPortal, sender: Sender) -> None:
    auth: dict[str, Any] = {"domain": alpha.world.oauth_host, "client_endpoint": f"https://{COPY}/rest/"}
    assert call(alpha, sender, **auth) == 200
    assert newest().detail == COPY


def test_the_usual_call_costs_no_query_more(alpha: SandboxPortal, sender: Sender) -> None:
    call(alpha, sender)
    with CaptureQueriesContext(database) as queries:
        call(alpha, sender)
    # Each statement has a savepoint of its own, for the test has a transaction open.
    assert [one["sql"].split()[0] for one in queries] == ["SAVEPOINT", "RELEASE"]


def test_a_move_that_the_oauth_server_confirms_is_no_copy(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    alpha.rename("127.0.0.7")
    assert call(alpha, sender) == 200
    held = newest()
    assert held.wait == Wait.COPY
    settle(live)
    live.refresh_from_db()
    assert live.domain == alpha.domain
    assert not PortalCopy.objects.exists()
    assert (reload(held).wait, held.detail) == (Wait.NONE, "")
    drain(sender.connection_id)
    assert reload(held).status == Status.SENT
    call(alpha, sender)
    drain(sender.connection_id)
    assert newest().status == Status.SENT
    assert not Change.objects.filter(action="address").exists()


def test_what_is_no_move_gets_the_portal_new_addresses_that_the_copy_does_not_know(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    former = alpha.senders[sender.code].handler
    call(alpha, sender, **ELSEWHERE)
    settle(live)
    assert look_at(live).checked_at is not None
    assert sweep.to_check_copies() == []
    tasks.maintain_portal(live.pk)
    assert alpha.senders[sender.code].handler != former
    # The copy's calls without an author name no address; only the portal knows the new one.
    assert call(alpha, sender, author=0, address=former) == 403
    assert call(alpha, sender, author=0) == 200
    assert newest().wait == Wait.NONE
    assert call(alpha, sender, address=former, **ELSEWHERE) == 200
    assert newest().wait == Wait.COPY
    settle(live)
    assert Change.objects.filter(action="address").count() == 1


def test_a_silent_oauth_server_is_asked_again(
    alpha: SandboxPortal, sender: Sender, live: Portal, settings: Any
) -> None:
    call(alpha, sender, **ELSEWHERE)
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9"]
    settle(live)
    copy = look_at(live)
    assert copy.due_at is not None
    assert timezone.now() < copy.due_at <= timezone.now() + timedelta(minutes=5)
    PortalCopy.objects.update(due_at=timezone.now())
    assert sweep.to_check_copies() == [live.pk]


def test_without_a_token_an_administrator_decides(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    PortalToken.objects.all().delete()
    call(alpha, sender, **ELSEWHERE)
    settle(live)
    assert (look_at(live).due_at, look_at(live).checked_at is not None) == (None, True)


def decide(portal: Portal, state: str) -> None:
    """Do what the screen does."""
    alice = factories.visitor(portal)
    page = alice.post(f"/p/{portal.uuid.hex}/addresses/{look_at(portal).uuid}/", {"state": state})
    assert page.status_code == 200
    settle(portal)


def test_an_allowed_address_sends_what_was_held_and_what_comes(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    call(alpha, sender, **ELSEWHERE)
    held = newest()
    decide(live, "allowed")
    drain(sender.connection_id)
    assert reload(held).status == Status.SENT
    sender_registration.reconcile_senders(live)
    batch_insert._settings_cache.forget(sender.uuid)  # five seconds later
    call(alpha, sender, **ELSEWHERE)
    assert newest().wait == Wait.NONE
    assert list(Change.objects.filter(kind="portal").values_list("action", "name", "user_id")) == [("added", COPY, 1)]


def test_a_blocked_address_sends_nothing_and_is_refused(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    call(alpha, sender, **ELSEWHERE)
    held = newest()
    decide(live, "blocked")
    assert (reload(held).status, held.reason, held.attempts) == (Status.FAILED, Reason.CANCELLED, 0)
    batch_insert._settings_cache.forget(sender.uuid)
    assert call(alpha, sender, **ELSEWHERE) == 403
    assert call(alpha, sender) == 200
    assert Message.objects.count() == 2


def test_pausing_and_resuming_releases_nothing_of_a_copy(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    call(alpha, sender, **ELSEWHERE)
    held, account = newest(), Connection.objects.get(pk=sender.connection_id)
    alice = factories.visitor(live)
    for path in ("settings/pause/", "settings/resume/"):
        assert alice.post(f"/p/{live.uuid.hex}/{path}").status_code == 200
    lifecycle.pause_connection(account)
    lifecycle.resume_connection(account)
    drain(account.pk)
    assert (reload(held).wait, held.attempts) == (Wait.COPY, 0)


def test_a_copys_message_that_nobody_decides_on_expires(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    call(alpha, sender, **ELSEWHERE)
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.update(expires_at=past, due_at=past)
    drain(sender.connection_id)
    assert (newest().status, newest().reason, newest().attempts) == (Status.FAILED, Reason.EXPIRED, 0)


def test_a_token_that_a_copy_brings_is_not_stored(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    call(alpha, sender, author=7, **ELSEWHERE)
    assert author_tokens.find_tokens(live, [7]) == {}
    PortalToken.objects.update(dead_reason="invalid_grant")
    Portal.objects.update(no_token_since=timezone.now())
    call(alpha, sender, author=7, **ELSEWHERE)
    assert not PortalToken.objects.filter(user_id=7).exists()


def test_no_more_than_ten_addresses_are_kept(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    for number in range(12):
        assert call(alpha, sender, domain=f"copy{number}.example") == 200
        assert newest().wait == Wait.COPY
    assert PortalCopy.objects.count() == 10


def test_a_failed_registration_of_the_new_address_leaves_the_former_one_in_service(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    former = alpha.senders[sender.code].handler
    call(alpha, sender, **ELSEWHERE)
    settle(live)
    alpha.switches.method_errors = [MethodError("messageservice.*", "INTERNAL_SERVER_ERROR", status=500)]
    tasks.maintain_portal(live.pk)
    assert Sender.objects.get().state == SenderState.REGISTERING
    assert call(alpha, sender, address=former) == 200


def test_a_copy_of_the_whole_box_sends_nothing(alpha: SandboxPortal, sender: Sender, live: Portal) -> None:
    """As Bitrix24 restores it: the same member_id, senders, tokens and application_token at another address."""
    copy = alpha.clone("alpha-restored", "127.0.0.11")
    try:
        assert call(copy, sender) == 200
        assert (newest().wait, newest().detail) == (Wait.COPY, copy.domain)
        settle(live)
        live.refresh_from_db()
        assert (live.domain, live.client_endpoint) == (alpha.domain, alpha.client_endpoint)
        tasks.maintain_portal(live.pk)
        assert copy.senders[sender.code].handler != alpha.senders[sender.code].handler
        assert [call(copy, sender, author=0), call(alpha, sender, author=0)] == [403, 200]
        drain(sender.connection_id)
        assert list(Message.objects.order_by("pk").values_list("status", flat=True)) == [Status.QUEUED, Status.SENT]
    finally:
        alpha.world.portals.pop("alpha-restored")


def test_a_move_is_noticed_though_the_token_has_expired_earlier_than_we_think(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    alpha.move("127.0.0.59")
    alpha.expire_tokens()  # our clock is behind
    assert call(alpha, sender) == 200
    held = newest()
    assert held.wait == Wait.COPY
    settle(live)
    live.refresh_from_db()
    assert (live.client_endpoint, live.domain) == (alpha.client_endpoint, alpha.domain)
    assert (reload(held).wait, PortalCopy.objects.exists()) == (Wait.NONE, False)
    assert PortalToken.objects.get().generation == 1
