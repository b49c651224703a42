"""Writing from a CRM card: templates, what stands against a message, sending later, canceling and resending."""

import re
import uuid
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.audit.models import Change
from b24app.console.card.forms import read_time
from b24app.console.frame import card_tokens
from b24app.console.models import TextTemplate
from b24app.core.redis import redis_client
from b24app.messaging.actions import messages
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.models import Employee, Portal
from tests import factories

ALICE, BOB, CHARLIE = factories.ALICE, factories.BOB, factories.CHARLIE
HERS, FELIX_S, FIRM_S = "+12025550142", "+12025550143", "+12025550144"
VALUES = {
    "contact_name": "Emma Evans",
    "contact_first_name": "Emma",
    "company_name": "Harbour Joinery",
    "item_title": "Website order",
    "amount": "1250 USD",
}
DEAL = Entity(
    OwnerType.DEAL,
    1,
    "Website order",
    (
        Phone(HERS, "MOBILE", "Emma Evans", "Emma"),
        Phone(FELIX_S, "MOBILE", "Felix Ford", "Felix"),
        Phone(FIRM_S, "WORK", "Harbour Joinery"),
    ),
    VALUES,
)


@pytest.fixture
def sender(db: None) -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice", time_zone="America/New_York")))


@pytest.fixture
def template(portal: Portal) -> TextTemplate:
    text = "Hello {contact_first_name}, {item_title}: {amount}."
    return TextTemplate.objects.create(portal=portal, title="Invoice", text=text)


def at(portal: Portal, user: int = ALICE, *more: str, entity: Entity = DEAL) -> str:
    return "/".join([f"/p/{portal.uuid.hex}/card", card_tokens.seal_card_token(entity, portal, user), *more, ""])


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def text_of(response: Any) -> str:
    match = re.search(r"<textarea[^>]*>\s*([^<]*)<", response.content.decode())
    assert match is not None
    return match[1]


def posted(sender: Sender, **fields: str) -> dict[str, str]:
    form = {"to": "0", "sender": sender.uuid.hex, "text": "Your order is ready.", "nonce": str(uuid.uuid4())}
    return form | {"when": "now"} | fields


# -- templates ---------------------------------------------------------------------------------------------------------


def test_a_template_is_filled_with_the_values_of_the_card(
    portal: Portal, sender: Sender, bob: Client, template: TextTemplate
) -> None:
    page = bob.get(at(portal, BOB)).content.decode()
    assert f'<option value="{template.uuid.hex}">Invoice</option>' in page
    form = posted(sender, text="", template=template.uuid.hex)
    filled = bob.post(at(portal, BOB, "fill"), form)
    assert text_of(filled) == "Hello Emma, Website order: 1250 USD."
    assert "1 segment" in words(filled)
    assert "data-first" in filled.content.decode()
    assert not Message.objects.exists()


def test_another_number_brings_the_name_of_its_owner_unless_the_text_was_changed(
    portal: Portal, sender: Sender, alice: Client, template: TextTemplate
) -> None:
    form = posted(sender, template=template.uuid.hex, to="1", changed="to")
    fill = at(portal, ALICE, "fill")
    answer = alice.post(fill, form | {"text": "Hello Emma, Website order: 1250 USD."})
    assert text_of(answer) == "Hello Felix, Website order: 1250 USD."
    assert "data-first" not in answer.content.decode()
    assert text_of(alice.post(fill, form | {"text": "Hello Emma!"})) == "Hello Emma!"


def test_a_template_goes_below_a_text_that_somebody_wrote(
    portal: Portal, sender: Sender, alice: Client, template: TextTemplate
) -> None:
    form = posted(sender, template=template.uuid.hex, text="Good news.")
    answer = alice.post(at(portal, ALICE, "fill"), form)
    assert text_of(answer) == "Good news.\nHello Emma, Website order: 1250 USD."


def test_a_field_without_a_value_is_marked_and_stops_the_message(
    portal: Portal, sender: Sender, alice: Client, template: TextTemplate
) -> None:
    form = posted(sender, template=template.uuid.hex, text="", to="2")  # the company's number has no person
    text = text_of(alice.post(at(portal, ALICE, "fill"), form))
    assert text == "Hello {Contact first name}, Website order: 1250 USD."
    answer = alice.post(at(portal), posted(sender, text=text, to="2"))
    assert "These fields have no value. Replace or remove them: {Contact first name}" in words(answer)
    assert text_of(answer) == text
    assert not Message.objects.exists()


def test_the_values_of_the_card_can_be_put_into_the_text(portal: Portal, sender: Sender, bob: Client) -> None:
    page = bob.get(at(portal, BOB)).content.decode()
    assert re.search(r'data-insert="1250 USD"[^>]*>.*?Amount', page, re.DOTALL)
    evil = Entity(OwnerType.DEAL, 1, "x", DEAL.phones, {"item_title": '"><script>alert(1)</script>'})
    assert "<script>alert" not in bob.get(at(portal, BOB, entity=evil)).content.decode()


def test_another_portals_template_fills_nothing(portal: Portal, sender: Sender, alice: Client) -> None:
    theirs = TextTemplate.objects.create(portal=factories.portal("charlie"), title="Theirs", text="Charlie's")
    assert "Theirs" not in words(alice.get(at(portal)))
    form = posted(sender, template=theirs.uuid.hex, text="Mine.")
    assert text_of(alice.post(at(portal, ALICE, "fill"), form)) == "Mine."


# -- later -------------------------------------------------------------------------------------------------------------


def tomorrow(hour: int = 9) -> datetime:
    """Return an hour of tomorrow in New York, as the field holds it."""
    day = timezone.localdate(timezone=factories_zone()) + timedelta(days=1)
    return datetime.combine(day, time(hour), factories_zone())


def factories_zone() -> Any:
    return Portal(time_zone="America/New_York").zone


def test_a_message_is_scheduled_in_the_time_zone_of_the_portal(portal: Portal, sender: Sender, bob: Client) -> None:
    when = tomorrow()
    response = bob.post(at(portal, BOB), posted(sender, when="later", at=when.strftime("%Y-%m-%dT%H:%M")))
    message = Message.objects.get()
    assert (message.scheduled_at, message.due_at, message.wait) == (when, when, "scheduled")
    assert message.expires_at == when + sender.max_age
    assert "Scheduled for tomorrow, 9:00" in response["HX-Trigger"].encode().decode("unicode_escape").replace(
        "\u202f", " "
    )
    assert "Scheduled" in words(response)
    assert "Scheduled for" in words(response)
    assert "Cancel sending" in words(response)
    assert not redis_client().keys("bell:drain:*")
    assert not redis_client().keys("bell:note:*")


def test_two_clicks_schedule_one_message(portal: Portal, sender: Sender, alice: Client) -> None:
    form = posted(sender, when="later", at=tomorrow().strftime("%Y-%m-%dT%H:%M"))
    for _ in range(2):
        alice.post(at(portal), form)
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "Choose a date and time."),
        ("soon", "Choose a date and time."),
        ("9999-99-99T00:00", "Choose a date and time."),
        ("2020-01-01T09:00", "Choose a time within the next 21 days."),
        ("2999-01-01T09:00", "Choose a time within the next 21 days."),
    ],
)
def test_a_time_that_cannot_be_is_said_at_its_field(
    portal: Portal, sender: Sender, alice: Client, given: str, told: str
) -> None:
    response = alice.post(at(portal), posted(sender, when="later", at=given))
    assert told in words(response)
    assert text_of(response) == "Your order is ready."
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("given", "utc"),
    [
        ("2026-03-08T01:30", datetime(2026, 3, 8, 6, 30, tzinfo=UTC)),
        ("2026-03-08T02:30", datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),  # skipped: 3:30
        ("2026-11-01T01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # comes twice: the first
        ("2026-11-01T09:00", datetime(2026, 11, 1, 14, 0, tzinfo=UTC)),
        ("2026-11-01T14:00:00+00:00", datetime(2026, 11, 1, 14, 0, tzinfo=UTC)),
    ],
)
def test_clocks_that_change_are_heeded(given: str, utc: datetime) -> None:
    assert read_time(given, factories_zone()) == utc


def schedule(sender: Sender, author: int = BOB) -> Message:
    links = {"bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "1"}]}
    return messages.compose_message(
        sender.portal, sender, HERS, "Later.", origin=Origin.CARD, author_id=author, links=links,
        send_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip


def test_its_author_and_an_administrator_cancel_it(portal: Portal, sender: Sender, alice: Client, bob: Client) -> None:
    Employee.objects.create(portal=portal, user_id=BOB, name="Bob Brown", asked_at=timezone.now())
    own, other = schedule(sender), schedule(sender)
    answer = bob.post(at(portal, BOB, str(own.reference), "cancel"))
    assert "Message canceled." in answer["HX-Trigger"]
    assert "Canceled by you" in words(answer)
    assert "Canceled by Bob Brown" in words(alice.get(at(portal)))
    alice.post(at(portal, ALICE, str(other.reference), "cancel"))
    for message, who in ((own, BOB), (other, ALICE)):
        message.refresh_from_db()
        assert (message.status, message.reason) == (Status.FAILED, Reason.CANCELLED)
        assert Change.objects.get(object_id=message.pk).user_id == who
    page = words(bob.get(at(portal, BOB)))
    assert "Canceled before sending" in page
    assert "Failed" not in page


def test_nobody_cancels_what_is_not_theirs(portal: Portal, sender: Sender, alice: Client, bob: Client) -> None:
    message = schedule(sender, ALICE)
    assert "Cancel sending" not in words(bob.get(at(portal, BOB)))
    assert bob.post(at(portal, BOB, str(message.reference), "cancel")).status_code == 404
    on_wire = factories.message(sender, to=HERS, author_id=ALICE, phase=Phase.ON_WIRE)
    assert bob.post(at(portal, BOB, str(on_wire.reference), "cancel")).status_code == 404
    elsewhere = Entity(OwnerType.CONTACT, 9, "Nobody", (Phone("+12025550199", "MOBILE"),))
    for more in ("cancel", "resend"):
        place = at(portal, ALICE, str(message.reference), more, entity=elsewhere)
        assert alice.post(place).status_code == 404
    theirs = factories.portal("charlie")
    charlie = factories.visitor(theirs, CHARLIE)
    assert charlie.post(at(theirs, CHARLIE, str(message.reference), "cancel")).status_code == 404
    message.refresh_from_db()
    assert message.phase == Phase.WAITING


def test_what_has_left_is_not_canceled(portal: Portal, sender: Sender, bob: Client) -> None:
    message = factories.message(sender, to=HERS, author_id=BOB, status=Status.SENT)
    answer = bob.post(at(portal, BOB, str(message.reference), "cancel"))
    assert "Too late" in answer["HX-Trigger"]
    message.refresh_from_db()
    assert message.status == Status.SENT


# -- what stands against it --------------------------------------------------------------------------------------------


def test_an_opted_out_number_is_said_at_once_and_gets_nothing(portal: Portal, sender: Sender, bob: Client) -> None:
    StoppedNumber.objects.create(portal=portal, number=HERS, source=StopSource.HAND)
    told = "This number is on your opt-out list and cannot receive messages."
    assert told in words(bob.get(at(portal, BOB)))
    answer = bob.post(at(portal, BOB), posted(sender))
    assert told in words(answer)
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Message.objects.exists()
    assert told not in words(bob.post(at(portal, BOB, "count"), posted(sender, to="1")))


def quiet_now(portal: Portal) -> datetime:
    """Let it be quiet in Washington for two more hours; return when that ends."""
    local = timezone.now().astimezone(factories_zone()).replace(second=0, microsecond=0)
    ends = local + timedelta(hours=2)
    factories.rules(portal, quiet_from=(local - timedelta(hours=1)).time(), quiet_until=ends.time())
    return ends


def test_in_quiet_hours_a_better_time_is_offered_and_one_click_takes_it(
    portal: Portal, sender: Sender, bob: Client
) -> None:
    ends = quiet_now(portal)
    page = bob.get(at(portal, BOB)).content.decode()
    offered = re.search(r'name="send_at" value="([^"]+)"', page)
    assert offered is not None
    assert datetime.fromisoformat(offered[1]) == ends
    bob.post(at(portal, BOB), posted(sender, send_at=offered[1]))
    assert Message.objects.get().scheduled_at == ends


def test_a_sender_that_observes_quiet_hours_says_when_it_sends(portal: Portal, sender: Sender, bob: Client) -> None:
    ends = quiet_now(portal)
    Sender.objects.update(transactional=False)
    page = bob.get(at(portal, BOB))
    assert "The message is sent when they end" in words(page)
    assert 'name="send_at" value' not in page.content.decode()
    later = (ends + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    assert "quiet hours" not in words(bob.post(at(portal, BOB, "count"), posted(sender, when="later", at=later)))


def test_the_last_message_that_did_not_arrive_is_told(portal: Portal, sender: Sender, bob: Client) -> None:
    lost = factories.message(
        sender, to=HERS, status=Status.UNDELIVERED, reason=Reason.UNREACHED, final_at=timezone.now()
    )
    assert re.search(
        "Last message to this number, today, .*: not delivered. The phone", words(bob.get(at(portal, BOB)))
    )
    Message.objects.filter(pk=lost.pk).update(status=Status.FAILED, reason=Reason.CANCELLED)
    assert "Last message to this number" not in words(bob.get(at(portal, BOB)))


def test_the_same_text_shortly_before_is_told_and_still_sent(portal: Portal, sender: Sender, bob: Client) -> None:
    factories.message(sender, to=HERS, text="Your order is ready.", status=Status.SENT)
    assert "The same text was sent to this number shortly before." in words(
        bob.post(at(portal, BOB, "count"), posted(sender))
    )
    bob.post(at(portal, BOB), posted(sender))
    assert Message.objects.count() == 2


# -- the history -------------------------------------------------------------------------------------------------------


def test_the_totals_of_a_card(portal: Portal, sender: Sender, alice: Client) -> None:
    assert "talk__totals" not in alice.get(at(portal)).content.decode()
    paid = {"price": Decimal("0.40"), "currency": "EUR"}
    factories.message(sender, to=HERS, status=Status.DELIVERED, **paid)
    factories.message(sender, to=FELIX_S, status=Status.UNDELIVERED, **paid)
    factories.message(sender, to=FELIX_S, status=Status.FAILED, reason=Reason.CANCELLED)
    factories.message(sender, to="+12025550199", status=Status.FAILED, **paid)
    page = words(alice.get(at(portal)))
    assert "3 messages 1 not delivered EUR 0.80" in page


def test_a_message_that_did_not_arrive_is_resent_once(portal: Portal, sender: Sender, bob: Client) -> None:
    lost = factories.message(sender, to=HERS, status=Status.UNDELIVERED, reason=Reason.UNREACHED)
    assert "Resend" in words(bob.get(at(portal, BOB)))
    place = at(portal, BOB, str(lost.reference), "resend")
    assert "Resend this message?" in words(bob.get(place))
    assert Message.objects.count() == 1
    for _ in range(2):
        bob.post(place)
    again = Message.objects.get(origin=Origin.RESEND)
    assert (again.resend_of, again.to, again.text, again.author_id) == (lost, HERS, lost.text, BOB)
    assert redis_client().keys("bell:drain:*")
    assert "Resend" not in words(bob.get(at(portal, BOB))).replace("Resent manually", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": Status.DELIVERED},
        {"status": Status.FAILED, "reason": Reason.OPT_OUT},
        {"status": Status.FAILED, "text": ""},
        {"phase": Phase.UNKNOWN, "due_at": None},
    ],
)
def test_what_may_not_be_resent_is_not(portal: Portal, sender: Sender, alice: Client, fields: dict[str, Any]) -> None:
    message = factories.message(sender, to=HERS, **fields)
    page = alice.get(at(portal)).content.decode()
    assert f"{message.reference}/resend" not in page
    answer = alice.post(at(portal, ALICE, str(message.reference), "resend"))
    assert "This message can no longer be resent." in answer["HX-Trigger"]
    assert Message.objects.count() == 1


def test_no_line_ends_in_a_dot_of_its_own(portal: Portal, sender: Sender, alice: Client) -> None:
    factories.message(sender, to=HERS)
    meta = re.search(r'<p class="talk__meta">(.*?)</p>', alice.get(at(portal)).content.decode(), re.DOTALL)
    assert meta is not None
    assert "·" not in meta[1]
