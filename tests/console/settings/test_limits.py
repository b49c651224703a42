"""Limits, quiet hours and pauses on the screens: what administrators set, and what everybody reads of it."""

import json
import re
from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging.guards import limits, stop_list
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import CapUse, Rules, StoppedNumber, StopSource
from b24app.messaging.models.statuses import Reason, Status, Wait
from b24app.portals.models import Portal
from tests import factories
from tests.console.settings.page_forms import read_form
from tests.factories import BOB

pytestmark = pytest.mark.django_db

NOTHING = {"quiet_from": "21:00", "quiet_until": "09:00", "duplicate_minutes": "10"}


@pytest.fixture
def portal() -> Portal:
    return factories.portal(time_zone="Asia/Almaty")


@pytest.fixture
def sender(portal: Portal) -> Sender:
    return factories.sender(factories.connection(portal, title="Main account"))


def at(portal: Portal, path: str = "") -> str:
    return f"/p/{portal.uuid.hex}/{path}"


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())).replace("\u00a0", " ")


def page_of(client: Client, message: Message) -> str:
    return text(client.get(at(message.portal, f"journal/{message.reference}/")))


# -- limits -----------------------------------------------------------------------------------------------------------


def test_the_usual_rules_are_none_but_a_warning_of_repeats(alice: Client, portal: Portal) -> None:
    page = alice.get(at(portal, "settings/limits/")).content.decode()
    assert re.search(r'name="warn"[^>]* checked', page)
    assert not re.search(r'name="quiet"[^>]* checked', page)
    assert 'value="21:00"' in page
    assert 'value="09:00"' in page
    assert 'value="10"' in page
    assert not Rules.objects.exists()


def test_limits_are_saved_and_what_the_old_ones_held_is_looked_at_again(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    later = timezone.now() + timedelta(minutes=40)
    held = factories.message(sender, wait=Wait.CAP, due_at=later)
    paused = factories.message(sender, wait=Wait.PAUSED, due_at=later)
    typed = {"portal_per_hour": "500", "employee_per_hour": "50", "recipient_per_hour": "5", "recipient_per_day": "10"}
    answer = alice.post(at(portal, "settings/limits/"), {**NOTHING, **typed, "quiet": "on", "quiet_from": "22:30"})
    assert "Limits saved" in answer["HX-Trigger"]
    rules = Rules.objects.get()
    assert (rules.portal_per_hour, rules.employee_per_hour) == (500, 50)
    assert (rules.recipient_per_hour, rules.recipient_per_day) == (5, 10)
    assert (rules.quiet_from, rules.quiet_until, rules.duplicate_minutes) == (time(22, 30), time(9), 0)
    for message in (held, paused):
        message.refresh_from_db()
    assert held.wait == Wait.NONE
    assert held.due_at is not None
    assert held.due_at <= timezone.now()
    assert (paused.wait, paused.due_at) == (Wait.PAUSED, later)
    settings = text(alice.get(at(portal, "settings/")))
    assert "Quiet hours: 22:30 to 09:00." in settings
    assert "4 limits set" in settings


def test_hours_are_typed_as_people_write_them_and_shown_the_same_to_everybody(alice: Client, portal: Portal) -> None:
    alice.post(at(portal, "settings/limits/"), {**NOTHING, "quiet": "on", "quiet_from": "9.30 pm", "quiet_until": "8"})
    rules = Rules.objects.get()
    assert (rules.quiet_from, rules.quiet_until) == (time(21, 30), time(8))
    page = alice.get(at(portal, "settings/limits/")).content.decode()
    assert 'value="21:30"' in page
    assert 'value="08:00"' in page
    assert 'type="time"' not in page


def test_limits_can_be_taken_away_again(alice: Client, portal: Portal) -> None:
    since = timezone.now()
    Rules.objects.create(portal=portal, portal_per_hour=5, quiet_from=time(21), quiet_until=time(9), paused_at=since)
    alice.post(at(portal, "settings/limits/"), {**NOTHING, "warn": "on", "duplicate_minutes": "15"})
    rules = Rules.objects.get()
    assert (rules.portal_per_hour, rules.quiet_from, rules.quiet_until) == (None, None, None)
    assert (rules.duplicate_minutes, rules.paused_at) == (15, since)


def test_limits_that_another_administrator_changed_meanwhile_stay(alice: Client, portal: Portal) -> None:
    Rules.objects.create(portal=portal, portal_per_hour=5, quiet_from=time(21), quiet_until=time(9))
    url = at(portal, "settings/limits/")
    typed = read_form(alice.get(url).content.decode(), "limits")
    Rules.objects.update(portal_per_hour=7, quiet_from=time(22), quiet_until=time(8), duplicate_minutes=0)
    alice.post(url, typed | {"recipient_per_day": ["3"]})
    rules = Rules.objects.get()
    assert (rules.portal_per_hour, rules.recipient_per_day) == (7, 3)
    assert (rules.quiet_from, rules.quiet_until, rules.duplicate_minutes) == (time(22), time(8), 0)
    alice.post(url, typed | {"quiet_until": ["10 am"]})
    rules.refresh_from_db()
    assert (rules.portal_per_hour, rules.recipient_per_day) == (7, 3)
    assert (rules.quiet_from, rules.quiet_until) == (time(21), time(10))  # one pair, as it stood on the page


def test_hours_typed_in_another_way_are_not_a_change(alice: Client, portal: Portal) -> None:
    Rules.objects.create(portal=portal, quiet_from=time(21), quiet_until=time(9))
    url = at(portal, "settings/limits/")
    typed = read_form(alice.get(url).content.decode(), "limits")
    Rules.objects.update(quiet_from=time(22))
    alice.post(url, typed | {"quiet_from": ["9 pm"]})
    assert Rules.objects.get().quiet_from == time(22)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("portal_per_hour", {"portal_per_hour": "0"}),
        ("recipient_per_day", {"recipient_per_day": "many"}),
        ("quiet_from", {"quiet": "on", "quiet_from": "late"}),
        ("quiet_until", {"quiet": "on", "quiet_until": ""}),
        ("quiet_until", {"quiet": "on", "quiet_until": "21:00"}),
        ("duplicate_minutes", {"duplicate_minutes": "0"}),
    ],
)
def test_a_wrong_limit_is_said_beside_its_field_and_nothing_is_saved(
    alice: Client, portal: Portal, field: str, typed: dict[str, str]
) -> None:
    answer = alice.post(at(portal, "settings/limits/"), {**NOTHING, **typed})
    assert answer.status_code == 200
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Rules.objects.exists()


def test_a_senders_limits_are_shown_beside_it(alice: Client, portal: Portal, sender: Sender) -> None:
    Sender.objects.update(per_hour=50, per_day=1250)
    assert "max. 50 per hour max. 1,250 per day" in text(alice.get(at(portal, "senders/")))


# -- pauses -----------------------------------------------------------------------------------------------------------


def test_pausing_a_sender_says_first_what_waits_and_when_it_expires(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    # 14:05 tomorrow in the portal's zone, whatever the hour is now.
    local = timezone.now().astimezone(portal.zone)
    tomorrow = (local + timedelta(days=1)).replace(hour=14, minute=5, second=0, microsecond=0)
    for minutes in (0, 10, 180):
        factories.message(sender, expires_at=tomorrow + timedelta(minutes=minutes))
    question = text(alice.get(at(portal, f"senders/{sender.uuid}/pause/")))
    assert "Pause sender “Front desk”?" in question
    assert re.search(
        r"3 messages are queued\. The first one expires tomorrow, 2:05 PM if it is not sent by then\.", question
    )
    assert "2 messages: tomorrow, 2:05 PM – tomorrow, 2:15 PM" in question
    assert "1 message: tomorrow, 5:05 PM" in question
    sender.refresh_from_db()
    assert sender.paused_at is None
    assert Message.objects.filter(wait=Wait.NONE).count() == 3


def test_a_paused_sender_is_shown_as_such_and_resumed(alice: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender)
    assert (
        "Sender paused. 1 message is queued." in alice.post(at(portal, f"senders/{sender.uuid}/pause/"))["HX-Trigger"]
    )
    sender.refresh_from_db()
    assert sender.paused_at is not None
    assert re.search(r"Paused by Employee 1 since .* 1 message is queued\.", text(alice.get(at(portal, "senders/"))))
    assert "An administrator paused the sender “Front desk”." in page_of(alice, message)
    answer = alice.post(at(portal, f"senders/{sender.uuid}/resume/"))
    assert "Sender resumed. 1 message is queued and sent next." in answer["HX-Trigger"]
    message.refresh_from_db()
    assert message.wait == Wait.NONE
    assert Sender.objects.filter(pk=sender.pk, paused_at=None).exists()


def test_resuming_says_when_what_waits_is_sent(alice: Client, portal: Portal, sender: Sender) -> None:
    def resume() -> str:
        return str(json.loads(alice.post(at(portal, f"senders/{sender.uuid}/resume/"))["HX-Trigger"])["toast"]["words"])

    assert resume() == "Sender resumed."
    today = timezone.localtime(timezone=portal.zone).replace(hour=23, minute=59, second=0, microsecond=0)
    for minutes in (0, 60):
        factories.message(sender, wait=Wait.RETRY, due_at=today + timedelta(minutes=minutes))
    assert resume().replace("\u202f", " ") == "Sender resumed. 2 messages are queued, next attempt at 11:59 PM."
    later = factories.sender(sender.connection, paused_at=timezone.now())
    factories.message(later)
    assert resume().startswith("Sender resumed. 2 messages are queued, next attempt at")
    Rules.objects.create(portal=portal, paused_at=timezone.now())
    assert resume() == "Sender resumed. 2 messages stay queued because of another pause."
    account = alice.post(at(portal, f"senders/accounts/{sender.connection.uuid}/resume/"))
    assert "Account resumed. 3 messages stay queued because of another pause." in account["HX-Trigger"]


def test_pausing_an_account_asks_first_too(alice: Client, portal: Portal, sender: Sender) -> None:
    question = text(alice.get(at(portal, f"senders/accounts/{sender.connection.uuid}/pause/")))
    assert "Pause account “Main account”?" in question
    assert "No messages in the queue." in question
    sender.connection.refresh_from_db()
    assert sender.connection.state == "active"


def test_all_sending_is_paused_and_everybody_who_can_mend_it_is_told(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    message = factories.message(sender)
    other = factories.message(factories.sender(factories.connection(factories.portal("charlie"))))
    assert "Pause all sending?" in text(alice.get(at(portal, "settings/pause/")))
    assert not Rules.objects.exists()
    assert "All sending paused. 1 message is queued." in alice.post(at(portal, "settings/pause/"))["HX-Trigger"]
    for place, words in (
        ("", "All sending is paused"),
        ("senders/", "Sending is paused."),
        ("settings/", "Paused"),
    ):
        assert words in text(alice.get(at(portal, place))), place
    assert "An administrator paused all sending." in page_of(alice, message)
    other.refresh_from_db()
    assert other.wait == Wait.NONE
    resumed = alice.post(at(portal, "settings/resume/"))
    assert "Sending resumed. 1 message is queued and sent next." in resumed["HX-Trigger"]
    assert "All sending is paused" not in text(alice.get(at(portal)))


# -- what a message says ----------------------------------------------------------------------------------------------


def test_a_message_that_a_limit_holds_says_until_when(alice: Client, portal: Portal, sender: Sender) -> None:
    later = timezone.now() + timedelta(hours=2)
    message = factories.message(sender, wait=Wait.CAP, due_at=later)
    page = page_of(alice, message)
    assert "Sending limit reached. The message is sent in the next hour or day." in page
    assert "Until:" in page
    assert "Waiting until" in page
    assert "It will be too old by then" not in page
    assert at(portal, "settings/limits/") in alice.get(at(portal, f"journal/{message.reference}/")).content.decode()
    assert re.search(r"Limit reached, until (today|tomorrow)", text(alice.get(at(portal, "journal/"))))


def test_a_message_that_expires_before_the_morning_says_so(alice: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, wait=Wait.QUIET_HOURS)
    Message.objects.update(due_at=message.expires_at)
    page = page_of(alice, message)
    assert "It will expire before it can be sent" in page
    assert "Expires" in page
    assert "Quiet hours" in text(alice.get(at(portal, "journal/")))


def test_a_number_on_the_stop_list_is_named_with_a_way_to_its_entry(
    alice: Client, bob: Client, portal: Portal, sender: Sender
) -> None:
    failed = {"status": Status.FAILED, "reason": Reason.OPT_OUT, "final_at": timezone.now()}
    message = factories.message(sender, author_id=BOB, service_code=stop_list.CODE, **failed)
    address = at(portal, "stop-list/?phone=%2B12025550147")
    there = at(portal, f"journal/{message.reference}/")
    assert address not in alice.get(there).content.decode()
    StoppedNumber.objects.create(portal=portal, number=message.to, source=StopSource.HAND)
    page = page_of(alice, message)
    assert "Not sent: this number is on your opt-out list. You were not charged." in page
    assert stop_list.CODE not in page
    assert address in alice.get(there).content.decode()
    assert "stop-list" not in bob.get(there).content.decode()


def test_an_opt_out_at_the_service_keeps_its_own_words(alice: Client, sender: Sender) -> None:
    failed = {"status": Status.FAILED, "reason": Reason.OPT_OUT, "final_at": timezone.now()}
    message = factories.message(sender, service_code="21610", **failed)
    page = page_of(alice, message)
    assert "The recipient has opted out of messages from this sender." in page
    assert "Code 21610" in page


def test_a_message_above_a_recipients_limit_is_explained(alice: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, status=Status.FAILED, reason=Reason.CAPPED, final_at=timezone.now())
    assert "Not sent: this number has reached the limit you set." in page_of(alice, message)
    journal = text(alice.get(at(portal, "journal/"), {"error": "capped"}))
    assert "Recipient limit reached" in journal
    assert message.text in journal


def test_a_possible_repeat_is_marked_for_administrators(
    alice: Client, bob: Client, portal: Portal, sender: Sender
) -> None:
    first = factories.message(sender, status=Status.SENT)
    second = factories.message(sender, status=Status.SENT, repeats=first.reference, author_id=BOB)
    assert "The same text was sent to this number shortly before." in page_of(alice, second)
    assert (
        at(portal, f"journal/{first.reference}/")
        in alice.get(at(portal, f"journal/{second.reference}/")).content.decode()
    )
    assert "possible duplicate" in text(alice.get(at(portal, "journal/")))
    assert "shortly before" not in page_of(bob, second)
    assert "possible duplicate" not in text(bob.get(at(portal, "journal/")))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    assert "Duplicate detection" not in text(alice.get(at(portal)))
    CapUse.objects.create(portal=portal, kind=limits.LimitKind.DUPLICATES, since=hour, used=3)
    assert "Possible duplicates, 24 hours 3" in text(alice.get(at(portal)))


def test_an_employee_finds_no_way_to_the_rules(bob: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, wait=Wait.CAP, author_id=BOB)
    page = bob.get(at(portal, f"journal/{message.reference}/")).content.decode()
    assert "Sending limit reached." in page
    assert "settings/limits" not in page
    for path in ("settings/limits/", "settings/pause/", "settings/resume/", f"senders/{sender.uuid}/pause/"):
        assert bob.post(at(portal, path), NOTHING).status_code == 403, path
    assert not Rules.objects.exists()
    sender.refresh_from_db()
    assert sender.paused_at is None
