"""The rounds that beat begins wake whoever has something to do, though nobody has enqueued it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging import tasks
from b24app.messaging.models import Connection, MaintenanceJob, Sender
from b24app.messaging.models.app_events import AppEvent
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from tests import factories

PAST = timedelta(minutes=1)


@pytest.fixture
def sender(connection: Connection) -> Sender:
    redis_client().flushdb()
    return factories.sender(connection)


def woken() -> set[tuple[str, int]]:
    """Return the kinds of tasks that were enqueued, with the keys they are about."""
    keys = [bytes(key).decode().split(":") for key in redis_client().scan_iter("bell:*")]
    return {(kind, int(pk)) for _bell, kind, pk, _delay in keys}


def test_the_sweep_wakes_whoever_has_something_to_do(portal: Portal, sender: Sender) -> None:
    now = timezone.now()
    factories.message(sender)
    factories.message(sender, status=Status.DELIVERED, final_at=now, push_at=now)
    factories.message(sender, status=Status.SENT, sent_at=now, poll_at=now)
    left = factories.portal("left", uninstalled_at=now, erase_at=now - PAST)
    event = AppEvent.objects.create(portal=portal, generation=1, name="ONAPPPAYMENT", payload={}, due_at=now)
    asked = factories.portal("asked")
    MaintenanceJob.objects.create(portal=asked, kind=JobKind.SENDERS, is_urgent=True)
    tasks.run_sweep()

    connection = sender.connection_id
    assert woken() == {
        ("drain", connection),
        ("poll", connection),
        ("push", portal.pk),
        ("erase_portal", left.pk),
        ("app_event", event.pk),
        ("maintain", asked.pk),
    }


def test_the_round_of_maintenance_wakes_the_routine_checks(portal: Portal, sender: Sender) -> None:
    factories.token(portal)
    MaintenanceJob.objects.create(portal=portal, kind=JobKind.SENDERS, due_at=timezone.now() - PAST)
    tasks.run_sweep()
    assert ("maintain", portal.pk) not in woken()
    tasks.run_maintenance()

    assert ("maintain", portal.pk) in woken()
