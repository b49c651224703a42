"""A portal that asked to be forgotten is forgotten, and nobody else is."""

import pytest
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.portals.models import Portal
from tests import factories
from tests.messaging.privacy.schema_rows import Ids, add_rows, count_rows, models_of_portals
from tests.messaging.steps import accept_message, drain, erase_portals

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(sender: Sender) -> Portal:
    accept_message(sender)
    drain(sender.connection_id)
    Portal.objects.update(uninstalled_at=timezone.now(), erase_at=timezone.now())
    return Portal.objects.get()


def test_nothing_of_the_portal_is_left_in_any_table(left: Portal) -> None:
    message = Message.objects.get()
    add_rows(message)
    ids: Ids = {
        Portal: {left.pk},
        Connection: {message.connection_id},
        Sender: {message.sender_id},
        Message: {message.pk},
    }
    tables = models_of_portals()
    assert len(tables) > 25
    assert [model.__name__ for model in tables if not count_rows(model, ids)] == []
    erase_portals()
    assert [model.__name__ for model in tables if count_rows(model, ids)] == []


def test_another_portal_keeps_everything(left: Portal) -> None:
    charlie = factories.portal()
    StoppedNumber.objects.create(portal=charlie, number="+12025550147", source=StopSource.HAND)
    Exchange.objects.create(portal_id=charlie.pk, at=timezone.now(), peer="bitrix24", method="POST", host="h", path="/")
    erase_portals()
    assert list(Portal.objects.all()) == [charlie]
    assert Exchange.objects.count() == 1
    assert StoppedNumber.objects.count() == 1


def test_a_stopped_number_outlives_the_messages_to_it(left: Portal) -> None:
    entry = StoppedNumber.objects.create(portal=left, number="+12025550100", source=StopSource.REFUSAL)
    Message.objects.filter(to=entry.number).delete()
    assert list(StoppedNumber.objects.all()) == [entry]


def test_a_portal_that_came_back_is_left_alone(left: Portal) -> None:
    Portal.objects.update(uninstalled_at=None)
    erase_portals()
    assert Message.objects.count() == 1


def test_without_the_tick_nothing_is_forgotten(left: Portal) -> None:
    Portal.objects.update(erase_at=None)
    erase_portals()
    assert Message.objects.count() == 1
