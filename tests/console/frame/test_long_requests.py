"""Requests that wait for somebody else or compute for long: so many of a portal, so many in all, and the rest at once.

What waits is found out, not remembered: every address of the console is asked beside a server that counts who connects.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from b24app.console.frame.launch_retry import MAX_TRIES
from b24app.console.frame.long_requests import FILES, LAUNCHES, PAGES, hold_launch, hold_page
from b24app.core.concurrency_limit import Busy
from b24app.core.redis import redis_client
from b24app.messaging.models import Connection, Message
from b24app.portals.callers import caller_limits
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests import factories
from tests.console.frame.test_launch import ALICE, launch, start_of, ticket_of, visitor
from tests.console.test_strangers import DOORS, World

# Screens whose POST takes a place of the portal, with what is posted; the first lot asks a portal or a service.
ACCOUNT = {"account-title": "New", "account-account_sid": "AC" + "0" * 32, "account-auth_token": "t" * 32}
SENDER = {"sender-name_en": "Desk", "sender-max_age": "24", "sender-signature": "+12025550142"}
OUTSIDE: dict[str, dict[str, str]] = {
    "install-run": {},
    "connect-service": ACCOUNT,
    "connection": ACCOUNT,
    "connection-remove": {},
    "sender-new": SENDER,
    "sender": SENDER,
    "sender-register": {},
    "sender-remove": {},
    "senders-compare": {},
    "senders-addresses": {},
    "sender-address": {},
}
MUCH: dict[str, dict[str, str]] = {
    "connection-pause": {},
    "connection-resume": {},
    "sender-pause": {},
    "sender-resume": {},
    "limits": {},
    "pause": {},
    "resume": {},
    "stoplist-bring": {},
    "change-undo": {},
    "journal-many": {"act": "resend", "all": "1"},
}
READ_OUTSIDE = {"sender-new", "sender", "own-numbers"}  # whose GET asks the service or the portal for numbers


def test_pages_that_only_read_always_find_a_thread() -> None:
    web = next(line for line in Path("Procfile").read_text().splitlines() if line.startswith("web:"))
    threads = int(re.findall(r"--threads (\d+)", web)[0])
    assert LAUNCHES.in_all + PAGES.in_all + FILES.in_all <= threads - 2


# -- what waits for others ---------------------------------------------------------------------------------------------


class Elsewhere:
    """A server that hangs up on everybody and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _address = self._server.accept()
            except OSError:
                return
            self.connections += 1
            wire.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Elsewhere]:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    server = Elsewhere()
    settings.B24_OAUTH_HOSTS = [f"127.0.0.1:{server.port}"]
    yield server
    server.close()


@pytest.fixture
def outside(db: None, elsewhere: Elsewhere) -> World:
    """Alice's and Charlie's portals, with accounts of Twilio, and all of their servers are that one."""
    redis_client().flushdb()
    world = World()
    world.ids["service"] = "twilio"
    address = f"http://127.0.0.1:{elsewhere.port}"
    account = {"account_sid": "AC" + "0" * 32, "auth_token": "t" * 32, "base_url": address}
    Connection.objects.update(service="twilio", account=account)
    for portal in (world.alice, world.charlie):
        factories.token(portal)
    everything = Portal.objects.all()
    everything.update(
        client_endpoint=f"https://127.0.0.1:{elsewhere.port}/rest/", oauth_host=f"127.0.0.1:{elsewhere.port}"
    )
    for form in (OUTSIDE["connect-service"], OUTSIDE["connection"]):
        form["account-base_url"] = address
    return world


def walk(world: World, client: Client) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Every address of Alice's by GET and by POST, with what a person would post."""
    for name, door in DOORS.items():
        form = {**OUTSIDE, **MUCH}.get(name) or {key: value.format(**world.ids) for key, value in door.form.items()}
        address = world.address(name, world.alice)
        if "get" in door.methods:
            yield name, "get", partial(client.get, address)
        if "post" in door.methods:
            yield name, "post", partial(client.post, address, form)


@contextmanager
def places_taken(portal: Portal) -> Iterator[None]:
    with ExitStack() as held:
        held.enter_context(FILES.hold(portal.uuid.hex))
        for _ in range(PAGES.per_tenant):
            held.enter_context(hold_page(portal))
        yield


def is_busy(answer: Any) -> bool:
    """Told to come again: by a toast over the page as it is, or by a page that does so itself."""
    told = "Sendline is busy right now" in answer.get("HX-Trigger", "")
    assert (answer.status_code == 204 and answer["Retry-After"] == "5") if told else True
    return told or b"delay:5s" in getattr(answer, "content", b"")


def test_what_waits_for_a_portal_or_a_service_is_known(outside: World, elsewhere: Elsewhere) -> None:
    """So that the next test looks at the right thing: without a limit these addresses do connect."""
    alice, found = factories.visitor(outside.alice), set()
    for name, method, ask in walk(outside, alice):
        before = elsewhere.connections
        ask()
        if elsewhere.connections > before:
            found.add((name, method))
    assert found == {(name, "post") for name in OUTSIDE} | {(name, "get") for name in READ_OUTSIDE}


def test_a_portal_whose_places_are_taken_is_answered_at_once_and_nobody_is_asked(
    outside: World, elsewhere: Elsewhere
) -> None:
    alice, busy, before = factories.visitor(outside.alice), set(), outside.rows()
    slowest = 0.0
    with places_taken(outside.alice):
        for name, method, ask in walk(outside, alice):
            if name not in {**OUTSIDE, **MUCH}:
                continue
            started = time.monotonic()
            if is_busy(ask()):
                busy.add((name, method))
            slowest = max(slowest, time.monotonic() - started)
    assert busy == {(name, "post") for name in {**OUTSIDE, **MUCH}}
    assert elsewhere.connections == 0
    assert outside.rows() == before
    assert slowest < 3


def test_no_other_address_waits_unseen(outside: World, elsewhere: Elsewhere) -> None:
    alice = factories.visitor(outside.alice)
    with places_taken(outside.alice):
        for _name, _method, ask in walk(outside, alice):
            assert ask().status_code < 500
    assert elsewhere.connections == 0


def test_another_portal_has_places_of_its_own(outside: World, elsewhere: Elsewhere) -> None:
    charlie = factories.visitor(outside.charlie)
    compare = reverse("senders-compare", kwargs={"key": outside.charlie.uuid.hex})
    with places_taken(outside.alice):
        assert not is_busy(charlie.post(compare))
    assert elsewhere.connections > 0


def test_above_the_limit_of_all_everybody_is_told(outside: World, elsewhere: Elsewhere) -> None:
    charlie = factories.visitor(outside.charlie)
    compare = reverse("senders-compare", kwargs={"key": outside.charlie.uuid.hex})
    with ExitStack() as held:
        for number in range(PAGES.in_all):
            held.enter_context(PAGES.hold(f"another {number}"))
        assert is_busy(charlie.post(compare))
    assert elsewhere.connections == 0


def test_a_form_without_the_numbers_of_the_service_is_shown_all_the_same(outside: World) -> None:
    alice = factories.visitor(outside.alice)
    with places_taken(outside.alice):
        page = alice.get(outside.address("sender", outside.alice))
    assert page.status_code == 200
    assert 'name="sender-signature"' in page.content.decode()


def test_acts_on_many_messages_wait_for_their_turn_and_go_on(outside: World) -> None:
    alice, there = factories.visitor(outside.alice), outside.address("journal-many", outside.alice)
    with places_taken(outside.alice):
        page = alice.post(there, {"act": "resend", "all": "1"}).content.decode()
    assert 'hx-trigger="load delay:5s"' in page
    [job] = set(re.findall(r'"job": "([^"]*)"', page))
    asked = alice.post(there, {"job": job}).content.decode()
    assert "Resend 2 messages?" in asked
    [job] = set(re.findall(r'"job": "([^"]*)"', asked))
    with places_taken(outside.alice):
        page = alice.post(there, {"job": job, "sure": "1"}).content.decode()
        assert Message.objects.count() == 2
    [job] = set(re.findall(r'"job": "([^"]*)"', page))
    assert "Sending 2 messages" in alice.post(there, {"job": job})["HX-Trigger"]
    assert Message.objects.count() == 4


def test_a_service_is_waited_for_ten_seconds_in_all(outside: World) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:  # which connects, and says nothing
        form = {**ACCOUNT, "account-base_url": f"http://127.0.0.1:{server.getsockname()[1]}"}
        started = time.monotonic()
        page = factories.visitor(outside.alice).post(outside.address("connect-service", outside.alice), form)
    assert 5 < time.monotonic() - started < 15
    assert page.status_code == 200
    assert "no answer within 10 s" in page.content.decode()
    assert not Connection.objects.filter(title="New").exists()


# -- launches ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hanging(transactional_db: None, box: Sandbox) -> There:
    """Alice's portal, which has opened us and now takes long for every answer."""
    there = box.portal("alpha")
    launch(Client(), there.frame(ALICE))
    there.install_finish(ALICE)
    return there


def at_once(*asks: Callable[[], Any]) -> list[tuple[Any, float]]:
    """Return the responses and how long each took; the first has begun when the others do."""

    def timed(ask: Callable[[], Any]) -> tuple[Any, float]:
        started = time.monotonic()
        try:
            return ask(), time.monotonic() - started
        finally:
            database.close()

    with ThreadPoolExecutor(len(asks)) as pool:
        return [answer.result() for answer in [pool.submit(timed, ask) for ask in asks]]


@pytest.mark.parametrize("address", ["/app/", "/install/", "/card/"])
def test_a_portal_that_hangs_holds_its_own_launches_and_nobody_elses(
    hanging: There, box: Sandbox, address: str
) -> None:
    there = box.portal("beta")
    launch(Client(), there.frame(ALICE))
    frame = hanging.frame(ALICE)
    frame |= {"action": frame["action"].replace("/app/", address)}
    beta = there.frame(ALICE)
    hanging.switches.slow = 2.5

    def later() -> Any:
        time.sleep(1.2)
        return launch(Client(), beta)

    def opened() -> Any:
        return launch(Client(), frame)

    answers = at_once(*[opened] * (LAUNCHES.per_tenant + 1), later)
    refused = [took for answer, took in answers[:-1] if answer.status_code == 503]
    assert 1 <= len(refused) <= 2  # one more where the OAuth server was asked for all of them in the same moment
    assert max(refused) < 2
    assert answers[-1][0].status_code == 200
    assert ticket_of(answers[-1][0])
    with hold_launch(frame["fields"]["member_id"]):  # what it held it has given back
        pass


def test_the_third_page_of_one_portal_is_told_at_once_while_two_wait(hanging: There) -> None:
    alice = visitor(launch(Client(), hanging.frame(ALICE)))
    compare = reverse("senders-compare", kwargs={"key": Portal.objects.get().uuid.hex})
    hanging.switches.slow = 2.5

    def asks(after: float) -> Callable[[], Any]:
        def ask() -> Any:
            time.sleep(after)
            started = time.monotonic()
            answer = alice.post(compare)
            return answer, time.monotonic() - started

        return ask

    answers = [answer for answer, _took in at_once(asks(0), asks(0), asks(1.0))]
    busy = [took for answer, took in answers if is_busy(answer)]
    assert len(busy) == 1
    assert busy[0] < 1.4


def test_a_portal_is_waited_for_five_seconds_behind_a_launch(hanging: There) -> None:
    hanging.switches.slow = 12.0
    started = time.monotonic()
    page = launch(Client(), hanging.frame(ALICE))
    assert 4 < time.monotonic() - started < 9
    assert page.status_code == 200


@contextmanager
def launches_taken(member_id: str) -> Iterator[None]:
    with ExitStack() as held:
        for _ in range(LAUNCHES.per_tenant):
            held.enter_context(hold_launch(member_id))
        yield


def again_of(page: Any) -> str:
    return str(re.findall(r'name="again" value="([^"]+)"', page.content.decode())[0])


@pytest.mark.parametrize("address", ["/app/", "/install/"])
def test_a_launch_that_came_too_soon_posts_itself_again(
    hanging: There, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    frame = hanging.frame(ALICE)
    frame |= {"action": frame["action"].replace("/app/", address)}
    before = list(PortalToken.objects.values())
    with launches_taken(frame["fields"]["member_id"]):
        page = launch(Client(), frame)
    assert (page.status_code, page["Retry-After"], page["Cache-Control"]) == (503, "5", "no-store")
    assert not [one for one in caplog.records if one.levelname == "ERROR"]  # nothing is wrong with us
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{hanging.domain}")
    shown = page.content.decode()
    assert "This page tries again automatically" in shown
    assert "console/again" in shown
    assert 2 <= float(re.findall(r'data-seconds="([^"]+)"', shown)[0]) <= 6
    for secret in ("AUTH_ID", "REFRESH_ID", "APPLICATION_TOKEN", "member_id"):
        assert frame["fields"][secret] not in shown
    assert list(PortalToken.objects.values()) == before

    opened: Any = Client().post(
        urlsplit(frame["action"])._replace(scheme="", netloc="").geturl(), {"again": again_of(page)}
    )
    assert opened.status_code == 200
    assert ticket_of(opened)
    assert start_of(opened).startswith("/p/")


def test_a_page_that_tried_often_leaves_it_to_the_reader(hanging: There) -> None:
    frame = hanging.frame(ALICE)
    address = urlsplit(frame["action"])._replace(scheme="", netloc="").geturl()
    with launches_taken(frame["fields"]["member_id"]):
        page: Any = launch(Client(), frame)
        for _ in range(MAX_TRIES):
            page = Client().post(address, {"again": again_of(page)})
    shown = page.content.decode()
    assert "data-seconds" not in shown
    assert "Try again in a minute" in shown
    opened: Any = Client().post(address, {"again": again_of(page)})
    assert ticket_of(opened)


@pytest.mark.parametrize("again", ["", "nonsense", "gAAAAA=="])
def test_what_is_posted_again_must_be_ours(client: Client, db: None, again: str) -> None:
    page = client.post("/app/", {"again": again, "AUTH_ID": "guessed"})
    assert page.status_code == 200
    assert "We couldn’t verify your session" in page.content.decode()


def test_a_ticket_is_asked_for_again_a_little_later(hanging: There) -> None:
    known = hanging.frame(ALICE)["init"]
    fields = {name: known[name] for name in ("AUTH_ID", "AUTH_EXPIRES", "DOMAIN", "PROTOCOL", "LANG")}
    fields["member_id"] = known["MEMBER_ID"]
    with launches_taken(known["MEMBER_ID"]):
        refused = Client().post(reverse("session"), fields)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert refused.json() == {"ticket": "", "seconds": 0}
    assert Client().post(reverse("session"), fields).json()["ticket"]


def test_a_reconnection_that_came_too_soon_is_not_spent(hanging: There) -> None:
    portal = Portal.objects.get()
    page = visitor(launch(Client(), hanging.frame(ALICE))).get(f"/p/{portal.uuid.hex}/reconnect/").content.decode()
    state = re.findall(r"state=([^&\"]+)", page)[0].replace("%3A", ":")
    back = {"code": hanging.issue_code(ALICE), "state": state}
    with launches_taken(state.partition(":")[0]):
        busy = Client().get(reverse("oauth"), back)
    assert (busy.status_code, busy["Refresh"]) == (503, "5")
    assert "This page tries again automatically" in busy.content.decode()
    portal.refresh_from_db()
    assert portal.reconnect_nonce
    assert "Bitrix24 is connected" in Client().get(reverse("oauth"), back).content.decode()


def test_a_launch_that_nobody_was_asked_about_comes_again_too(hanging: There) -> None:
    """What strangers may cost is limited where the OAuth server is asked, too."""
    frame = hanging.frame(ALICE)
    # One that no other test has brought: a refused one is remembered.
    frame["fields"] |= {"AUTH_ID": uuid4().hex * 2, "APPLICATION_TOKEN": "guessed"}
    with caller_limits.hold_slot(Portal.objects.get(), ""), caller_limits.hold_slot(Portal.objects.get(), ""):
        page = launch(Client(), frame)
        ticket = Client().post(reverse("session"), frame["fields"])
    assert (page.status_code, ticket.status_code) == (503, 503)
    assert "This page tries again automatically" in page.content.decode()


def test_strangers_with_ever_new_names_do_not_take_more_than_there_is(db: None) -> None:
    with ExitStack() as held:
        for number in range(LAUNCHES.in_all):
            held.enter_context(hold_launch(f"{number:032x}"))
        page = Client().post("/app/", {"AUTH_ID": "x" * 70, "member_id": "f" * 32})
        with pytest.raises(Busy), hold_launch("another"):
            pass
    assert page.status_code == 503
