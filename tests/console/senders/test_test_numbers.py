"""Numbers offered for a test: outcomes of the demo service, recent ones, the visitor's own; the answer in place."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.core.redis import redis_client
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Status
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests import factories
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db

PANEL = {"HX-Target": "test-panel"}


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice"), "twilio"))


def there(sender: Sender, name: str = "test") -> str:
    return address(sender.portal, name, sender=sender.uuid)


def offered(response: Any) -> list[str]:
    return re.findall(r'data-fill="id_to" data-value="([^"]*)"', response.content.decode())


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_recent_numbers_of_this_visitor_without_repeats(alice: Client, sender: Sender) -> None:
    now = timezone.now()
    for number, ago in (("0147", 1), ("0148", 2), ("0147", 3), ("0149", 4), ("0150", 5)):
        at = now - timedelta(minutes=ago)
        factories.message(sender, origin=Origin.TEST, message_id=None, to=f"+1202555{number}", now=at)
    factories.message(sender, origin=Origin.TEST, message_id=None, author_id=BOB, to="+12025550151")
    factories.message(sender, to="+12025550152")
    for name in ("test", "sender-ready"):
        assert offered(alice.get(there(sender, name))) == ["+12025550147", "+12025550148", "+12025550149"]


def test_the_demo_service_offers_each_of_its_outcomes(alice: Client, sender: Sender) -> None:
    assert offered(alice.get(there(sender))) == []
    demo = factories.sender(factories.connection(sender.portal, "demo"))
    page = alice.get(there(demo))
    assert [number[-2:] for number in offered(page)] == ["00", "80", "90", "95", "96", "97", "98", "99"]
    assert "Delivered Not delivered Invalid number Opted out Balance used up" in words(page)


@pytest.mark.django_db(transaction=True)
def test_the_visitor_s_own_numbers_come_from_the_portal_and_stay_nowhere(alpha: Portal, there: There) -> None:
    alice = factories.visitor(alpha, ALICE)
    url = address(alpha, "own-numbers")
    assert offered(alice.get(url)) == []  # not permitted
    there.state.app.scope = ["messageservice", "user_basic"]
    Portal.objects.update(scope="messageservice,user_basic", country="US")
    assert offered(alice.get(url)) == ["+12025550171", "+12025550172"]
    there.switches.set("down", True)
    silent = alice.get(url)
    assert (silent.status_code, silent.content) == (200, b"")


def test_employees_are_told_nobody_s_numbers(bob: Client, sender: Sender) -> None:
    for name in ("test", "sender-ready"):
        assert bob.get(there(sender, name)).status_code == 403
    assert bob.get(address(sender.portal, "own-numbers")).status_code == 403


def test_a_stranger_s_sender_is_neither_shown_nor_tested(alice: Client, sender: Sender) -> None:
    foreign = factories.sender(factories.connection(factories.portal("charlie"), "demo"))
    url = address(sender.portal, "test", sender=foreign.uuid)
    assert alice.get(address(sender.portal, "sender-ready", sender=foreign.uuid)).status_code == 404
    assert alice.post(url, {"to": "+12025550147", "text": "Hello"}).status_code == 404
    assert not Message.objects.exists()


def test_the_form_is_answered_in_its_place_and_its_button_keeps_its_word(alice: Client, sender: Sender) -> None:
    answer = alice.post(there(sender), {"to": "+12025550147", "text": "Hello"}, headers=PANEL)
    content = answer.content.decode()
    assert content.lstrip().startswith('<section class="card c7" aria-labelledby="test-title">')
    assert "Delivery progress" in content
    assert 'btn--filled" type="submit"><span>Send</span>' in content
    assert 'value="+12025550147"' in content
    wrong = alice.post(there(sender), {"to": "no number", "text": "Hello"}, headers=PANEL)
    assert wrong.content.decode().lstrip().startswith('<section class="card c7" aria-labelledby="test-title">')
    assert 'aria-invalid="true"' in wrong.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("service", "says"),
    [
        ("twilio", "Test message delivered. Employees can use this sender in Bitrix24."),
        ("demo", "The demo service delivered it. Connect an SMS service to send real messages."),
    ],
)
def test_the_end_says_what_comes_next(alice: Client, sender: Sender, service: str, says: str) -> None:
    tested = factories.sender(factories.connection(sender.portal, service))
    alice.post(there(tested), {"to": "+12025550147", "text": "Hello"})
    progress = address(sender.portal, "test-progress", reference=Message.objects.get().reference)
    assert says not in words(alice.get(progress))
    now = timezone.now()
    Message.objects.update(status=Status.DELIVERED, phase=Phase.DONE, due_at=None, sent_at=now, final_at=now)
    assert says in words(alice.get(progress))


def test_the_wizard_ends_with_a_test(alice: Client, sender: Sender) -> None:
    page = alice.get(there(sender, "sender-ready")).content.decode()
    assert "“Front desk” is ready" in page
    assert page.index('id="id_to"') < page.index("Available in")
