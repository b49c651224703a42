"""Portals take turns with reports: a flood of one delays only itself."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from b24app.messaging.models import Connection, DeliveryReport, Sender
from b24app.messaging.models.statuses import Phase, Status
from b24app.messaging.reports import applier, due_queue
from tests import factories

pytestmark = pytest.mark.django_db


def report(connection: Connection, count: int, *, ago: timedelta, ref: str = "nobody's") -> None:
    at = timezone.now() - ago
    row = {"connection": connection, "word": "d", "status": "delivered", "due_at": at, "received_at": at, "ref": ref}
    DeliveryReport.objects.bulk_create([DeliveryReport(fingerprint=f"{ref} {n}", **row) for n in range(count)])


def taken(most: int) -> Counter[int]:
    """How many reports of each connection a round takes."""
    with transaction.atomic():
        return Counter(one.connection_id for one in due_queue.take_due(most))


def test_a_flood_leaves_room_for_others_in_the_next_round(front: Sender) -> None:
    attacker = factories.connection(factories.portal("charlie"))
    report(attacker, 3000, ago=timedelta(hours=1))
    message = factories.message(front, status=Status.SENT, phase=Phase.DONE, ref="7")
    report(front.connection, 1, ago=timedelta(0), ref="7")

    assert taken(500) == {attacker.pk: 250, front.connection_id: 1}
    applier._apply_batch()

    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert DeliveryReport.objects.filter(connection=attacker, tries=0).count() == 2750


def test_many_accounts_of_one_portal_share_its_turn(front: Sender) -> None:
    portal = factories.portal("charlie")
    many = [factories.connection(portal) for _ in range(10)]
    for connection in (*many, front.connection):
        report(connection, 100, ago=timedelta(minutes=1))
    assert taken(200) == {front.connection_id: 100} | {one.pk: 10 for one in many}


def test_a_portal_alone_has_the_whole_round_and_its_oldest_come_first(front: Sender) -> None:
    report(front.connection, 30, ago=timedelta(minutes=1), ref="new")
    report(front.connection, 30, ago=timedelta(minutes=2), ref="old")
    with transaction.atomic():
        found = due_queue.take_due(40)
    assert Counter(one.ref for one in found) == {"old": 30, "new": 10}
    assert [one.pk for one in found] == sorted(one.pk for one in found)


def test_reports_that_are_not_due_are_not_taken_and_the_next_time_is_returned(front: Sender) -> None:
    other = factories.connection(factories.portal("charlie"))
    assert due_queue.first_due_at() is None
    report(front.connection, 1, ago=-timedelta(hours=1))
    report(other, 1, ago=-timedelta(minutes=1))
    assert taken(500) == {}
    first = due_queue.first_due_at()
    assert first == DeliveryReport.objects.get(connection=other).due_at
