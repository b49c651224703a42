"""How many messages may be in flight: slow gateways of one portal, and what they leave to the others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import SimpleQueue
from typing import Any

import pytest

from b24app.messaging.dispatch import budget
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.dispatch.drain import Drain, host_of
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from b24app.sandbox import Sandbox
from providers.http import OwnGateway
from providers.kit.contract import Provider
from providers.mobizon import Mobizon
from providers.smpp import Smpp
from providers.twilio import Twilio
from tests import factories

pytestmark = pytest.mark.django_db

SLOW_FOR = 12.0  # seconds
_numbers = count(1)


# --- a real dispatcher and real servers ------------------------------------------------------------------------------


class Gateways(ThreadingHTTPServer):
    """Answers on every address of the loopback, well, but after a while."""

    daemon_threads = True
    request_queue_size = 512
    after = 0.0


class Answering(BaseHTTPRequestHandler):
    server: Gateways

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.after)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def gateways(after: float) -> Iterator[Gateways]:
    server = Gateways(("0.0.0.0", 0), Answering)  # noqa: S104 - the loopback has many addresses
    server.after = after
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def a_gateway(portal: Portal, server: Gateways) -> Sender:
    """Return a sender of the generic gateway at an address of its own."""
    url = f"http://127.0.1.{next(_numbers)}:{server.server_address[1]}/send"
    return factories.sender(factories.connection(portal, "http", account={"url": url}))


def a_twilio_account(portal: Portal, sms: Sandbox) -> Sender:
    account = {"account_sid": "AC" + "1" * 32, "auth_token": "tokentokentoken", "base_url": sms.sms_url}
    return factories.sender(factories.connection(portal, "twilio", account=account))


class SteppedDispatcher:
    """A process's dispatcher, run by the test."""

    def __init__(self) -> None:
        self.loop = Dispatcher(lambda _visit: None, inbox=SimpleQueue())

    def send(self, *senders: Sender) -> list[Message]:
        messages = [factories.message(sender) for sender in senders]
        for sender in senders:
            self.loop.inbox.put(sender.connection_id)
        return messages

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.loop.run_once(0.02)

    def seconds_until_sent(self, message: Message) -> float:
        began = notified = time.monotonic()
        while Message.objects.get(pk=message.pk).status != Status.SENT:
            self.loop.run_once(0.02)
            if time.monotonic() - notified > 1.0:  # as the sweep would: on a busy machine an answer may have come late
                self.loop.inbox.put(message.connection_id)
                notified = time.monotonic()
            assert time.monotonic() - began < 60
        return time.monotonic() - began


@pytest.fixture
def dispatcher() -> Iterator[SteppedDispatcher]:
    dispatcher = SteppedDispatcher()
    yield dispatcher
    dispatcher.loop.threads.shutdown(cancel_futures=True)


@pytest.mark.long
def test_slow_gateways_of_one_portal_delay_neither_a_gateway_nor_a_service_of_another(
    sms: Sandbox, dispatcher: SteppedDispatcher
) -> None:
    alpha, beta = factories.portal(), factories.portal()
    with gateways(after=SLOW_FOR) as slow, gateways(after=0.0) as quick:
        own, twilio = a_gateway(beta, quick), a_twilio_account(beta, sms)
        idle = max(dispatcher.seconds_until_sent(dispatcher.send(one)[0]) for one in (own, twilio) * 2)
        attackers = [a_gateway(alpha, slow) for _ in range(80)]
        dispatcher.send(*attackers * 2)
        taken: list[float] = []
        end = time.monotonic() + SLOW_FOR - 2
        while time.monotonic() < end:
            dispatcher.run_for(2.5)  # so long that nobody knows whether they still answer
            taken += [dispatcher.seconds_until_sent(dispatcher.send(one)[0]) for one in (own, twilio)]
        Connection.objects.filter(pk=own.connection_id).update(slow=True)  # as if it had hung before
        dispatcher.loop.leases.renew_at = 0.0
        taken.append(dispatcher.seconds_until_sent(dispatcher.send(own)[0]))
    assert max(taken) < idle * 3 + 0.7
    assert len(taken) >= 5


@pytest.mark.long
def test_gateways_that_answered_well_and_then_hang_leave_room_for_others(
    sms: Sandbox, dispatcher: SteppedDispatcher
) -> None:
    alpha, beta = factories.portal(), factories.portal()
    with gateways(after=0.0) as theirs:
        attackers = [a_gateway(alpha, theirs) for _ in range(20)]
        Connection.objects.update(rate=1000.0, concurrency=32)
        for message in dispatcher.send(*attackers * 15):
            dispatcher.seconds_until_sent(message)
        theirs.after = SLOW_FOR
        dispatcher.send(*attackers * 20)
        dispatcher.run_for(1.0)
        assert dispatcher.loop._in_flight_count() <= budget.MAX_IN_FLIGHT // 2
        victims = [a_twilio_account(factories.portal(), sms) for _ in range(10)] + [a_twilio_account(beta, sms)]
        took = [dispatcher.seconds_until_sent(message) for message in dispatcher.send(*victims)]
    assert max(took) < 5.0


# --- the budgets -----------------------------------------------------------------------------------------------------


def a_drain(
    portal: int, url: str = "https://gw.example.com/", *, in_flight: int = 0, unresponsive: bool = False, slots: int = 2
) -> Drain:
    """Return the drain of a connection that is in no database."""
    connection = Connection(pk=next(_numbers), portal_id=portal, service="http", account={"url": url}, rate=1000.0)
    drain = Drain(connection, OwnGateway)
    drain.window, drain.connection.concurrency = in_flight + slots, in_flight + slots
    began = 0.0 if unresponsive else time.monotonic()
    drain.in_flight = {number: (Message(pk=number), began) for number in range(in_flight)}
    drain.last_finished_at = began
    return drain


def limits(*drains: Drain) -> list[int]:
    found = {
        request.connection: request.limit
        for request in budget.claim_capacity({one.connection.pk: one for one in drains})
    }
    return [found.get(one.connection.pk, 0) for one in drains]


def test_a_portal_alone_gets_half_and_the_next_half_of_the_rest() -> None:
    assert limits(*(a_drain(portal, f"https://gw{portal}.example.com/", slots=500) for portal in (1, 2, 3))) == [
        96,
        48,
        24,
    ]


def test_all_accounts_of_a_portal_share_its_budget() -> None:
    assert limits(a_drain(1, slots=90), a_drain(1, slots=90), a_drain(2, slots=10)) == [90, 6, 10]


def test_portals_with_many_messages_all_get_a_good_share() -> None:
    drains = [a_drain(portal, f"https://gw{portal}.example.com/", slots=500) for portal in (1, 2, 3)]
    for _ in range(50):
        for drain in drains:
            drain.in_flight = dict(list(drain.in_flight.items())[: len(drain.in_flight) // 2])
            drain.window = drain.connection.concurrency = 500
        for drain, limit in zip(drains, limits(*drains), strict=True):
            first = next(_numbers) * 1000
            drain.in_flight |= {
                number: (Message(pk=number), time.monotonic()) for number in range(first, first + limit)
            }
    shares = [len(drain.in_flight) for drain in drains]
    assert min(shares) >= 24
    assert 130 <= sum(shares) <= 192


def test_slow_sends_have_a_budget_per_portal_per_host_and_in_all() -> None:
    def slow(portal: int, url: str = "") -> Drain:
        drain = a_drain(portal, url or f"https://gw{next(_numbers)}.example.com/")
        drain.connection.slow = True
        return drain

    assert sum(limits(*(slow(1) for _ in range(40)))) == budget.SLOW_MAX_PER_PORTAL
    assert sum(limits(*(slow(portal, "https://one.example.com/") for portal in range(40)))) == 16
    assert sum(limits(*(slow(portal) for portal in range(100)))) == budget.SLOW_MAX_IN_FLIGHT


def test_sends_that_started_before_an_account_was_slow_use_no_slow_budget_of_another_portal() -> None:
    hanging = [a_drain(1, f"https://gw{number}.example.com/", in_flight=2, unresponsive=True) for number in range(48)]
    slow = a_drain(2, "https://other.example.com/")
    slow.connection.slow = True
    assert limits(*hanging, slow, a_drain(3, "https://third.example.com/"))[48:] == [1, 2]


def test_a_host_is_sick_when_it_hangs_for_several_portals_and_its_service_is_not() -> None:
    hanging = [a_drain(portal, in_flight=1, unresponsive=True) for portal in range(budget.SICK_HOST_PORTALS)]
    there, elsewhere = a_drain(10), a_drain(11, "https://other.example.com/")
    assert limits(*hanging, there, elsewhere) == [0, 0, 0, 1, 2]


def test_one_portal_alone_makes_no_host_sick_for_others() -> None:
    hanging = [a_drain(1, in_flight=1, unresponsive=True) for _ in range(20)]
    assert limits(*hanging, a_drain(2))[-1] == 2


def test_one_host_cannot_take_all() -> None:
    drains = [a_drain(portal, in_flight=9) for portal in range(16)]
    assert limits(*drains, a_drain(90), a_drain(91, "https://other.example.com/"))[-2:] == [0, 2]


def test_there_are_never_more_sends_than_threads() -> None:
    hanging = [a_drain(portal, in_flight=8, unresponsive=True) for portal in range(31)]
    waiting = [a_drain(portal, f"https://gw{portal}.example.com/") for portal in range(100, 130)]
    assert sum(limits(*hanging, *waiting)) <= budget.MAX_IN_FLIGHT + budget.SLOW_MAX_IN_FLIGHT - 248


def test_connections_that_got_no_turn_come_first_in_the_next_round() -> None:
    drains = [a_drain(portal, f"https://gw{portal}.example.com/", slots=8) for portal in range(60)]
    asked: set[int] = set()
    for _ in range(4):
        asked |= {number for number, limit in enumerate(limits(*drains)) if limit}
    assert asked == set(range(60))


@pytest.mark.parametrize(
    ("service", "account", "host"),
    [
        (OwnGateway, {"url": "https://GW.example.com:8443/send?to={to}"}, "gw.example.com:8443"),
        (Twilio, {"base_url": "https://my.example.com/"}, "my.example.com"),
        (Twilio, {}, "api.twilio.com"),
        (Smpp, {"host": "smpp.example.com:3550", "system_id": "https://api.twilio.com/"}, "smpp.example.com:3550"),
        (Mobizon, {"base_url": "https://api.mobizon.kz"}, "api.mobizon.kz"),
        (OwnGateway, {"url": "https://[oops/"}, "http"),
    ],
)
def test_the_host_of_an_account_is_the_one_it_sends_to(
    service: type[Provider], account: dict[str, str], host: str
) -> None:
    assert host_of(service, account) == host
