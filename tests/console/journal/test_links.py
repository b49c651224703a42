"""Links from a figure or a bar into the list of messages: the list shows exactly what was counted."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.journal.links import NONE, messages_url
from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Phase, Reason, Status
from tests import factories

pytestmark = pytest.mark.django_db

ENDS: dict[str, dict[str, Any]] = {
    "waiting": {},
    "unknown": {"phase": Phase.UNKNOWN, "due_at": None, "reason": Reason.TIMED_OUT},
    "sent": {"status": Status.SENT},
    "delivered": {"status": Status.DELIVERED},
    "undelivered": {"status": Status.UNDELIVERED, "reason": Reason.UNREACHED},
    "failed": {"status": Status.FAILED, "reason": Reason.REJECTED},
    "canceled": {"status": Status.FAILED, "reason": Reason.CANCELLED},
    "capped": {"status": Status.FAILED, "reason": Reason.CAPPED},
}


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def listed(client: Client, url: str) -> list[str]:
    """Return the texts of the rows, in order of the alphabet."""
    return sorted(re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', client.get(url).content.decode()))


@pytest.mark.parametrize(
    ("status", "texts"),
    [
        ("waiting", ["waiting"]),
        ("unknown", ["unknown"]),
        ("sent", ["sent"]),
        ("delivered", ["delivered"]),
        ("undelivered", ["undelivered"]),
        ("failed", ["canceled", "capped", "failed"]),
        ("canceled", ["canceled", "capped"]),
        ("failed-only", ["failed"]),
        ("not-arrived", ["canceled", "capped", "failed", "undelivered"]),
        ("rated", ["delivered", "failed", "undelivered"]),
        ("counted", ["canceled", "capped", "delivered", "failed", "sent", "undelivered"]),
        ("", sorted(ENDS)),
    ],
)
def test_a_status_group_lists_what_a_figure_counts(
    alice: Client, sender: Sender, status: str, texts: list[str]
) -> None:
    for text, fields in ENDS.items():
        factories.message(sender, text=text, **fields)
    assert listed(alice, messages_url(sender.portal, status=status)) == texts


def test_countries_and_employees_are_listed_and_so_is_what_has_none(alice: Client, sender: Sender) -> None:
    factories.message(sender, text="to Germany", country="DE", author_id=None)
    factories.message(sender, text="to nowhere", country="")
    factories.message(sender, text="of old", country=None, author_id=factories.BOB)
    assert listed(alice, messages_url(sender.portal, country="DE")) == ["to Germany"]
    assert listed(alice, messages_url(sender.portal, country=NONE)) == ["of old", "to nowhere"]
    assert listed(alice, messages_url(sender.portal, employee=NONE)) == ["to Germany"]
    assert listed(alice, messages_url(sender.portal, employee=factories.BOB)) == ["of old"]


def test_a_bar_of_one_day_and_one_sender_is_listed(alice: Client, sender: Sender) -> None:
    now = timezone.now()
    other = factories.sender(sender.connection)
    for days in (0, 3, 40):
        factories.message(sender, now=now - timedelta(days=days), text=f"{days} days old")
    factories.message(other, now=now - timedelta(days=3), text="the other's")
    day = timezone.localdate(now - timedelta(days=3))
    assert listed(alice, messages_url(sender.portal, sender=sender.uuid, since=day, until=day)) == ["3 days old"]
    old = timezone.localdate(now - timedelta(days=40))
    assert listed(alice, messages_url(sender.portal, since=old, until=old)) == ["40 days old"]


def test_what_a_service_only_pretended_to_send_may_be_left_out(alice: Client, sender: Sender) -> None:
    real = factories.sender(factories.connection(sender.portal, "twilio"))
    factories.message(sender, text="pretended")
    factories.message(real, text="real")
    assert listed(alice, messages_url(sender.portal)) == ["pretended", "real"]
    without = messages_url(sender.portal, without="demo")
    assert listed(alice, without) == ["real"]
    assert "Without: Demo" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", alice.get(without).content.decode()))


def test_a_link_without_conditions_is_the_list_itself(sender: Sender) -> None:
    assert messages_url(sender.portal) == f"/p/{sender.portal.uuid.hex}/journal/"


@pytest.mark.parametrize("wrong", [{"status": "gone"}, {"source": "fax"}, {"reason": "bad luck"}, {"sender": "7"}])
def test_a_link_that_would_list_something_else_is_refused(sender: Sender, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        messages_url(sender.portal, **wrong)  # type: ignore[arg-type]  # all of them are texts


def test_nobody_finds_another_s_messages_by_a_link(alice: Client, sender: Sender) -> None:
    factories.message(sender, text="hers", country="DE")
    assert listed(alice, messages_url(sender.portal, country="DE", employee=factories.ALICE)) == ["hers"]
    there = factories.portal("charlie")
    charlie = factories.visitor(there)
    assert listed(charlie, messages_url(there, country="DE")) == []
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert listed(bob, messages_url(sender.portal, employee=factories.ALICE)) == []
