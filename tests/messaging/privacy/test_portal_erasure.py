"""A portal that asked to be forgotten is forgotten, and nobody else is."""

import uuid

import pytest
from django.utils import timezone

from b24app.audit.models import Action, Change, ChangedMessage
from b24app.audit.recording import record_message
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, DayTally, Message, Sender
from b24app.messaging.models.guards import CapUse, Rules, StoppedNumber, StopSource
from b24app.messaging.privacy import portal_erasure
from b24app.portals.models import Employee, Portal
from tests import factories
from tests.messaging.steps import accept_message, drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(sender: Sender) -> Portal:
    accept_message(sender)
    drain(sender.connection_id)
    Portal.objects.update(uninstalled_at=timezone.now(), erase_at=timezone.now())
    return Portal.objects.get()


def test_everything_of_the_portal_goes(left: Portal) -> None:
    StoppedNumber.objects.create(portal=left, number="+12025550147", source=StopSource.HAND)
    Rules.objects.create(portal=left, portal_per_hour=5)
    CapUse.objects.create(portal=left, kind="recipient_hour", key="+12025550147", since=timezone.now(), used=1)
    Employee.objects.create(portal=left, user_id=1, name="Alice Adams", asked_at=timezone.now())
    waiting = factories.message(left.senders.get())
    record_message(Action.CANCELED, left.pk, waiting.pk, waiting.reference, uuid.uuid4())
    for _ in range(3):
        portal_erasure.erase_due()
    gone = (Portal, Connection, Sender, Message, DayTally, Exchange, StoppedNumber, Rules, CapUse, Employee)
    for model in (*gone, Change, ChangedMessage):
        assert not model.objects.exists(), model


def test_another_portal_keeps_everything(left: Portal) -> None:
    charlie = factories.portal()
    StoppedNumber.objects.create(portal=charlie, number="+12025550147", source=StopSource.HAND)
    Exchange.objects.create(portal_id=charlie.pk, at=timezone.now(), peer="bitrix24", method="POST", host="h", path="/")
    for _ in range(3):
        portal_erasure.erase_due()
    assert list(Portal.objects.all()) == [charlie]
    assert Exchange.objects.count() == 1
    assert StoppedNumber.objects.count() == 1


def test_a_stopped_number_outlives_the_messages_to_it(left: Portal) -> None:
    entry = StoppedNumber.objects.create(portal=left, number="+12025550100", source=StopSource.REFUSAL)
    Message.objects.filter(to=entry.number).delete()
    assert list(StoppedNumber.objects.all()) == [entry]


def test_a_portal_that_came_back_is_left_alone(left: Portal) -> None:
    Portal.objects.update(uninstalled_at=None)
    portal_erasure.erase_due()
    assert Message.objects.count() == 1


def test_without_the_tick_nothing_is_forgotten(left: Portal) -> None:
    Portal.objects.update(erase_at=None)
    portal_erasure.erase_due()
    assert Message.objects.count() == 1
