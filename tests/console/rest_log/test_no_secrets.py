"""A whole journey leaves no secret, number or text in the table, on the screen or in the operator's command."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Origin, Status
from b24app.messaging.push import pusher, sender_registration, timeline
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import MethodError, Sandbox
from b24app.sandbox import Portal as There
from b24app.sandbox.phpform import encode_form
from tests import factories
from tests.console.frame.test_launch import ALICE, BOB, launch, visitor
from tests.console.rest_log.test_rest_log import pages
from tests.faults.leaks import Kind, Search, Sentinel
from tests.messaging.steps import apply_events, drain

pytestmark = [pytest.mark.django_db(transaction=True)]

FORM = "application/x-www-form-urlencoded"
NUMBERS = ("+12025550147", "+12025550163", "+12025550178")
TEXTS = ("Your quokka is ready: 4711.", "A wombat was written by hand.", "Nobody reads this numbat.")
SID, AUTH_TOKEN = "AC" + "5" * 32, "auth-token-of-the-account"


class Journey:
    """Alice's portal in the sandbox, and us at its side."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.there = box, box.portal("alpha")
        self.there.switches.sent_after = self.there.switches.row_after = 0.0
        box.sms.switches.drop_reports = True
        self.client = Client()
        self.alice = self.install()
        self.portal = Portal.objects.get()
        account = {"account_sid": SID, "auth_token": AUTH_TOKEN, "base_url": box.sms_url}
        connection = factories.connection(self.portal, "twilio", account=account)
        self.sender = factories.sender(connection, code="front", registered_as="", installation=self.portal.generation)
        sender_registration.register_sender(self.sender)
        self.macs = {urlsplit(one).path.split("/")[-2] for one in (handler_of(self.there), self.events_url())}

    def install(self) -> Client:
        page = launch(self.client, self.there.frame(ALICE))
        alice = visitor(page)
        alice.post(f"/p/{Portal.objects.get().uuid.hex}/install/run/")
        self.there.install_finish(ALICE)
        return alice

    def events_url(self) -> str:
        return signed_urls.events_url(self.portal.uuid.hex, self.portal.generation)

    def call_handler(self, number: str, text: str) -> int:
        """Call the handler as the portal does."""
        _message, address, body = self.there.write_sms(number, text, "front", author=BOB)
        return self.client.post(urlsplit(address).path, body, content_type=FORM).status_code

    def fire(self, event: str) -> int:
        token = self.there.issue_token(ALICE)
        auth = {
            "member_id": self.there.member_id,
            "application_token": self.there.state.app.token,
            "access_token": token.access,
            "refresh_token": token.refresh,
            "expires_in": 3600,
        }
        body = encode_form({"event": event, "data": {"VERSION": 2}, "ts": 1, "auth": auth})
        return self.client.post(urlsplit(self.events_url()).path, body, content_type=FORM).status_code

    def refuse(self, method: str, words: str) -> None:
        """Let the portal refuse a method once, in words that quote what it was sent."""
        self.there.switches.method_errors.append(MethodError(method, "ERROR_CORE", words, times=1))

    def push(self) -> None:
        Message.objects.exclude(message_id=None).update(push_at=timezone.now())
        Portal.objects.update(rest_after=None, push_after=None, push_lease_until=None)
        pusher.push_due(self.portal.pk)

    def write_by_hand(self, number: str, text: str) -> Message:
        links = timeline.links_with_entry(3, 1)
        return factories.message(self.sender, origin=Origin.CARD, message_id=None, links=links, to=number, text=text)

    def sentinels(self) -> Iterator[Sentinel]:
        for number in NUMBERS:
            yield Sentinel(Kind.NUMBER, f"number {number}", number.removeprefix("+1"))
            yield Sentinel(Kind.NUMBER, f"number {number} as written", f"{number[2:5]}-{number[5:8]}-{number[8:]}")
        for text in TEXTS:
            yield Sentinel(Kind.TEXT, text, text)
        for token in self.there.tokens.values():
            yield Sentinel(Kind.TOKEN, "access", token.access)
            if token.refresh:
                yield Sentinel(Kind.TOKEN, "refresh", token.refresh)
        yield Sentinel(Kind.TOKEN, "application_token", self.there.state.app.token)
        for value in (AUTH_TOKEN, self.box.world.client_secret):
            yield Sentinel(Kind.CREDENTIAL, value, value)
        for mac in self.macs:
            yield Sentinel(Kind.ADDRESS, "signature", mac)


def handler_of(there: There) -> str:
    return there.senders["front"].handler


@pytest.fixture
def journey(box: Sandbox) -> Journey:
    """Return the day on which everything happens once, and much of it goes wrong."""
    day = Journey(box)
    token = PortalToken.objects.get(user_id=ALICE)
    assert day.call_handler(NUMBERS[0], TEXTS[0]) == 200
    drain(day.sender.connection_id)
    [message] = Message.objects.all()
    Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED)])
    Message.objects.update(received_at=timezone.now() - timedelta(minutes=2))
    day.refuse("messageservice.message.status.update", f"{NUMBERS[0]} {TEXTS[0]} {token.access}")
    day.push()
    day.push()
    for number, text in zip(NUMBERS[1:], TEXTS[1:], strict=True):
        day.write_by_hand(number, text)
        day.refuse("crm.timeline.logmessage.add", f"{number} {text} {token.access}")
        timeline.write_entries(day.portal.pk)
    timeline.write_entries(day.portal.pk)
    day.there.expire_tokens()
    PortalClient(day.portal).call("profile")
    assert day.fire("ONAPPUPDATE") == 200
    assert day.fire(f"ON{NUMBERS[0]}") == 200
    apply_events(maintain=False)
    launch(day.client, day.there.frame(BOB))
    Sender.objects.update(oldest_generation=5)
    assert day.call_handler(NUMBERS[2], TEXTS[2]) == 403
    return day


def test_everything_that_should_be_recorded_is(journey: Journey) -> None:
    rows = Exchange.objects.filter(peer__in=("bitrix24", "oauth"))
    assert {
        "event.bind", "handler", "messageservice.message.status.update", "messageservice.sender.add",
        "messageservice.sender.list", "crm.timeline.logmessage.add", "oauth/token", "oauth/app.info", "ONAPPUPDATE",
        "/app/", "/install/",
    } <= set(rows.values_list("name", flat=True))  # fmt: skip
    assert set(rows.values_list("method", flat=True)) == {"POST", "GET", "EVENT", "LAUNCH", "CALL"}
    assert rows.filter(error__startswith="ERROR_CORE").count() >= 3


def test_nothing_of_it_holds_a_secret_a_number_or_a_text(journey: Journey) -> None:
    search = Search(journey.sentinels())
    assert search.names(repr(list(Exchange.objects.values())).encode()) == []
    path = f"/p/{journey.portal.uuid.hex}/settings/rest-log/"
    message = Message.objects.get(origin=Origin.PORTAL)
    for query in ({}, {"errors": "1"}, {"message": message.reference.hex}, {"direction": "in"}):
        response = journey.alice.get(path, query)
        assert response.status_code == 200
        assert search.names(response.content) == []
    assert sum(len(page) for page in pages(journey.alice, journey.portal)) > 20
    out = StringIO()
    call_command("rest_log", "--portal", str(journey.portal.pk), "--limit", "1000", "--verbosity", "2", stdout=out)
    assert len(out.getvalue().splitlines()) > 40
    assert search.names(out.getvalue().encode()) == []
