"""Invented tokens: what a stranger may cost us, the OAuth server and the portals."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from werkzeug.wrappers import Request, Response

from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging.app_events.acceptance import unsigned_budget
from b24app.messaging.models import AppEvent, Message
from b24app.portals.callers import caller_limits
from b24app.portals.errors import Busy
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as There
from b24app.sandbox import phpform
from b24app.sandbox.runtime import certificates
from b24app.sandbox.runtime.web import Server, json_response
from tests import factories
from tests.messaging.steps import apply_events
from tests.portals.launches import ALICE, posted

FORM = "application/x-www-form-urlencoded"
AT_ONCE = 8  # threads of a web process
FAR = 0.3  # seconds to the OAuth server and back, as over the internet


class Authority:
    """An OAuth server that counts requests and knows no token, or fails."""

    def __init__(self, folder: Path) -> None:
        self.asked = self.now = self.most = 0
        self.silent, self.delay = False, 0.0
        self._lock = threading.Lock()
        ca_file, context = certificates.load_or_create(folder)
        self.ca_file = str(ca_file)
        self._server = Server(0, self._answer, context)
        self.host = f"127.0.0.1:{self._server.port}"
        self._server.start()

    def _answer(self, _request: Request) -> Response:
        with self._lock:
            self.asked += 1
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.delay)
        with self._lock:
            self.now -= 1
        if self.silent:
            return Response("Bad gateway", 502)
        return json_response({"error": "invalid_client", "error_description": "Invalid client"}, 400)

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def authorities(folder: Path, settings: Settings) -> Iterator[list[Authority]]:
    """Two, as in production; both may be asked."""
    both = [Authority(folder), Authority(folder)]
    settings.B24_OAUTH_HOSTS = [one.host for one in both]
    settings.EXTRA_CA_FILE = both[0].ca_file
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    yield both
    for one in both:
        one.stop()


def open_page(portal: Portal, token: str = "", path: str = "/app/", **fields: str) -> Any:
    """Open our page with a form that claims to be of this portal."""
    said = {"AUTH_ID": token or uuid.uuid4().hex, "member_id": portal.member_id, **fields}
    return Client().post(f"{path}?DOMAIN={portal.domain}&PROTOCOL=1", said)


def tell(portal: Portal) -> int:
    """Post an event to the installer's address that claims to be of this portal."""
    auth = {"member_id": portal.member_id, "access_token": uuid.uuid4().hex, "application_token": "guess"}
    body = phpform.encode_form({"event": "ONAPPINSTALL", "data": {}, "auth": auth})
    return Client().post("/install/", body, content_type=FORM).status_code


@pytest.mark.django_db
def test_the_second_server_is_asked_only_where_the_first_is_silent_or_not_named(authorities: list[Authority]) -> None:
    first, second = authorities
    named = f"https://{first.host}/rest/"
    open_page(factories.portal(), SERVER_ENDPOINT=named)
    assert (first.asked, second.asked) == (1, 0)
    first.silent = True
    open_page(factories.portal(), SERVER_ENDPOINT=named)
    assert (first.asked, second.asked) == (2, 1)
    first.silent = False
    open_page(factories.portal())
    assert (first.asked, second.asked) == (3, 2)


@pytest.mark.django_db
def test_a_refused_token_is_not_asked_about_again_for_a_minute(authorities: list[Authority]) -> None:
    portal, token = factories.portal(), uuid.uuid4().hex
    for path in ("/app/", "/install/", "/card/", "/session/", "/app/"):
        assert b"sendline-ticket" not in open_page(portal, token, path, DOMAIN=portal.domain).content
    assert authorities[0].asked == 1
    open_page(portal)
    assert authorities[0].asked == 2


@pytest.mark.django_db
def test_a_token_is_asked_about_again_after_a_silence(authorities: list[Authority]) -> None:
    for one in authorities:
        one.silent = True
    portal, token = factories.portal(), uuid.uuid4().hex
    open_page(portal, token)
    open_page(portal, token)
    assert [one.asked for one in authorities] == [2, 2]


@pytest.mark.django_db
@pytest.mark.parametrize("knock", [open_page, tell])
def test_a_stranger_leaves_no_row(authorities: list[Authority], knock: Callable[[Portal], object]) -> None:
    for portal in (factories.portal(), Portal(member_id=uuid.uuid4().hex, domain="nobody.example")):
        knock(portal)
    assert not Exchange.objects.exists()
    assert Portal.objects.count() == 1
    assert not PortalToken.objects.exists()


@pytest.mark.django_db
def test_a_token_of_another_portal_leaves_no_row_under_the_one_it_names(alpha: There, beta: There) -> None:
    charlies = factories.portal("charlie", member_id=beta.member_id, domain=beta.domain)
    query, form = posted(alpha.frame(ALICE, install=False))
    Client().post(f"/app/?{urlencode(query)}", form | {"member_id": beta.member_id})
    assert not Exchange.objects.filter(portal_id=charlies.pk).exists()


@pytest.mark.django_db
def test_a_confirmed_launch_is_written_down(portal: Portal) -> None:
    assert list(Exchange.objects.filter(peer="oauth").values_list("status", flat=True)) == [200]


# -- many at once ------------------------------------------------------------------------------------------------------


def alone(work: Callable[[], object]) -> Callable[[], float]:
    """Run it in a thread that leaves no connection behind; return when it was done."""

    def do() -> float:
        try:
            work()
        finally:
            connections.close_all()
        return time.monotonic()

    return do


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("named", ["the victim", "nobody"])
def test_320_invented_tokens_at_once_do_not_hold_up_a_portals_messages(
    authorities: list[Authority], named: str
) -> None:
    """They share a web process with it, and each question takes a thread."""
    for one in authorities:
        one.delay = FAR
    sender = factories.sender(factories.connection(factories.portal("victim")))
    claimed = sender.portal if named == "the victim" else Portal(member_id=uuid.uuid4().hex, domain="n.example")
    address = urlsplit(signed_urls.handler_url(sender.uuid.hex, 1)).path

    def call() -> None:
        said = {"message_id": uuid.uuid4().hex, "message_to": "+12025550147", "message_body": "Hello"}
        assert Client().post(address, urlencode(said), content_type=FORM).status_code == 200

    with ThreadPoolExecutor(AT_ONCE) as threads:
        began, calls = time.monotonic(), []
        for _ in range(20):
            strange = [threads.submit(alone(lambda: open_page(claimed))) for _ in range(16)]
            calls.append(threads.submit(alone(call)))
        took = [done.result(120) - began for done in calls]
        for launch in strange:
            launch.result(120)
    asked, most = sum(one.asked for one in authorities), max(one.most for one in authorities)
    assert Message.objects.count() == 20
    assert not Exchange.objects.exists()
    assert most <= 2
    assert asked < 160
    assert median(took) < 6.0  # seconds; with a question each in turn it would be at least 6, and 12 for the last


@pytest.mark.django_db
def test_strangers_cost_few_questions_however_quickly_they_are_answered(
    authorities: list[Authority], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_limits, "REFUSALS_PER_SECOND", 0.0)
    portal = factories.portal(application_token="secret")
    open_page(portal)
    each = sum(one.asked for one in authorities)
    for _ in range(100):
        assert b"sendline-ticket" not in open_page(portal).content
    assert sum(one.asked for one in authorities) == each * caller_limits.REFUSALS_AT_ONCE

    open_page(Portal(member_id=uuid.uuid4().hex, domain="new.example"))  # strangers without a portal have a budget too
    assert sum(one.asked for one in authorities) == each * (caller_limits.REFUSALS_AT_ONCE + 1)
    with caller_limits.hold_slot(portal, "secret"):  # the portal's own people are asked about all the same
        pass
    monkeypatch.setattr(caller_limits, "REFUSALS_PER_SECOND", 1e6)
    open_page(portal)
    assert sum(one.asked for one in authorities) == each * (caller_limits.REFUSALS_AT_ONCE + 2)


@pytest.mark.django_db
def test_a_portals_own_people_have_places_that_strangers_cannot_take() -> None:
    portal, other = factories.portal(application_token="secret"), factories.portal("other")
    with caller_limits.hold_slot(portal, "guess"), caller_limits.hold_slot(portal, ""):
        with pytest.raises(Busy), caller_limits.hold_slot(portal, "guess"):
            pass
        with (
            caller_limits.hold_slot(portal, "secret"),
            caller_limits.hold_slot(other, ""),
            caller_limits.hold_slot(None, ""),
        ):
            pass


@pytest.mark.django_db
def test_whose_token_was_confirmed_before_is_no_stranger_at_that_portal(portal: Portal, beta: There) -> None:
    token = PortalToken.objects.get().access  # of the launch that made the portal
    charlies = factories.portal("charlie", member_id=beta.member_id)
    with caller_limits.hold_slot(portal, ""), caller_limits.hold_slot(portal, ""):
        with caller_limits.hold_slot(portal, "", token):
            pass
        with (
            caller_limits.hold_slot(charlies, ""),
            pytest.raises(Busy),
            caller_limits.hold_slot(charlies, "", token),
        ):
            pass


@pytest.mark.django_db
def test_above_the_budget_an_opening_is_asked_to_try_again_and_an_event_waits(authorities: list[Authority]) -> None:
    portal = factories.portal()
    unsigned_budget.reset()
    with caller_limits.hold_slot(portal, ""), caller_limits.hold_slot(portal, ""):
        assert b"sendline-ticket" not in open_page(portal).content
        assert tell(portal) == 200
        apply_events()
    assert sum(one.asked for one in authorities) == 0
    assert AppEvent.objects.get().tries == 1


@pytest.mark.django_db
def test_above_the_budget_an_event_at_the_address_we_bound_waits(portal: Portal, alpha: There) -> None:
    PortalToken.objects.all().delete()
    token = alpha.issue_token(ALICE)
    auth = {"member_id": alpha.member_id, "access_token": token.access, "refresh_token": token.refresh}
    auth |= {"application_token": "new", "server_endpoint": alpha.world.server_endpoint, "expires_in": "3600"}
    body = phpform.encode_form({"event": "ONAPPUPDATE", "data": {"VERSION": "2"}, "auth": auth})
    bound = urlsplit(signed_urls.events_url(portal.uuid.hex, portal.generation)).path
    with caller_limits.hold_slot(portal, ""), caller_limits.hold_slot(portal, ""):
        assert Client().post(bound, body, content_type=FORM).status_code == 200
        apply_events()
    assert AppEvent.objects.get().tries == 1
    AppEvent.objects.update(due_at=timezone.now())
    apply_events(maintain=False)
    assert not AppEvent.objects.exists()
    assert (Portal.objects.get().version, Portal.objects.get().application_token) == ("2", "new")
