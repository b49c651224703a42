"""What is past a portal's retention periods is deleted, all else stays, and nobody waits for it."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging.models import DayTally, DeliveryReport, Message, MessagePart, Sender
from b24app.messaging.models.statuses import Status
from b24app.messaging.privacy import departed, retention
from b24app.portals.models import CrmName, Portal
from tests import factories
from tests.concurrency import hold_lock

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def aged(sender: Sender, days: float, **fields: object) -> Message:
    """Create a delivered message of so many days ago."""
    return factories.message(
        sender, now=timezone.now() - days * DAY, raw_to="0147", status=Status.DELIVERED, **{"parts": 1, **fields}
    )


def report(message: Message) -> DeliveryReport:
    return DeliveryReport.objects.create(
        connection=message.connection, fingerprint=f"of {message.pk}", word="delivered", message=message, due_at=None,
        recipient=message.to, received_at=message.received_at,
    )  # fmt: skip


def exchange(portal_id: int | None, at: datetime, message: Message | None = None) -> Exchange:
    return Exchange.objects.create(
        at=at, portal_id=portal_id, message_id=message.pk if message else None, peer="demo", method="POST", host="h",
        path="/",
    )  # fmt: skip


def test_texts_and_numbers_go_first_and_the_rest_of_the_message_stays(sender: Sender) -> None:
    old, young = aged(sender, 91), aged(sender, 89)
    reported = report(old)
    retention.prune_messages()
    old.refresh_from_db()
    young.refresh_from_db()
    reported.refresh_from_db()
    assert (old.text, old.to, old.raw_to, reported.recipient) == ("", "", "", "")
    assert (old.status, old.parts, reported.word) == (Status.DELIVERED, 1, "delivered")
    assert (young.text, young.to, young.raw_to) == ("Your order is ready.", "+12025550147", "0147")


def test_a_message_is_deleted_with_its_dependents_and_the_tallies_stay(sender: Sender) -> None:
    old, young = aged(sender, 366), aged(sender, 364)
    for message in (old, young):
        report(message)
        exchange(sender.portal_id, timezone.now(), message)
        MessagePart.objects.create(connection=sender.connection, ref=f"part of {message.pk}", message=message)
    again = aged(sender, 1, resend_of=old)
    DayTally.objects.create(
        portal=sender.portal, day=old.day, connection=sender.connection, sender=sender, status=Status.DELIVERED,
        messages=1,
    )  # fmt: skip
    retention.prune_messages()
    assert list(Message.objects.order_by("pk")) == [young, again]
    assert Message.objects.get(pk=again.pk).resend_of_id is None
    assert [one.message_id for one in DeliveryReport.objects.all()] == [young.pk]
    assert [one.message_id for one in MessagePart.objects.all()] == [young.pk]
    assert [one.message_id for one in Exchange.objects.all()] == [young.pk]
    assert DayTally.objects.get().messages == 1


def test_each_portal_has_its_own_periods(sender: Sender) -> None:
    Portal.objects.update(keep_texts=8 * DAY, keep_messages=30 * DAY, keep_exchanges=3 * DAY)
    other = factories.sender(factories.connection(factories.portal("charlie")))
    for one in (sender, other):
        aged(one, 31, text="31 days")
        aged(one, 9, text="9 days")
        exchange(one.portal_id, timezone.now() - 4 * DAY)
        exchange(one.portal_id, timezone.now() - 2 * DAY)
    retention.prune_messages()
    assert [one.text for one in Message.objects.filter(sender=sender)] == [""]
    assert [one.text for one in Message.objects.filter(sender=other).order_by("pk")] == ["31 days", "9 days"]
    assert Exchange.objects.filter(portal_id=sender.portal_id).count() == 1
    assert Exchange.objects.filter(portal_id=other.portal_id).count() == 2


def test_unowned_rows_are_deleted_after_thirty_days(sender: Sender) -> None:
    for days in (29, 31):
        at = timezone.now() - days * DAY
        exchange(None, at)
        for due_at in (None, timezone.now()):
            DeliveryReport.objects.create(
                connection=sender.connection, fingerprint=f"{days} {due_at}", word="?", due_at=due_at, received_at=at
            )
    retention.prune_messages()
    assert Exchange.objects.get().at > timezone.now() - 30 * DAY
    kept = {(one.fingerprint.split()[0], one.due_at is None) for one in DeliveryReport.objects.all()}
    assert kept == {("29", True), ("29", False), ("31", False)}


def test_many_are_deleted_in_small_batches_with_the_portals_in_turn(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    other = factories.sender(factories.connection(factories.portal("charlie")))
    one_moment = timezone.now() - 400 * DAY
    for _ in range(7):
        factories.message(sender, now=one_moment, status=Status.DELIVERED)
        aged(other, 100)
    retention.prune_messages()
    assert not Message.objects.filter(sender=sender).exists()
    assert [one.text for one in Message.objects.filter(sender=other)] == [""] * 7


def test_what_is_recorded_of_a_portal_after_its_row_is_gone_goes_with_the_next_round(sender: Sender) -> None:
    gone = [factories.portal("gone").pk for _ in range(3)]
    for portal_id in (*gone, sender.portal_id):
        exchange(portal_id, timezone.now())
        exchange(portal_id, timezone.now() - 2 * DAY)
    exchange(None, timezone.now())
    Portal.objects.filter(pk__in=gone).delete()
    assert retention.prune_messages() == 6
    assert sorted(Exchange.objects.values_list("portal_id", flat=True), key=str) == [*[sender.portal_id] * 2, None]


def test_portals_that_are_gone_are_looked_for_among_some_ids_at_a_time(sender: Sender) -> None:
    near, far = sender.portal_id + 1_000, sender.portal_id + 1_000_000
    for portal_id in (sender.portal_id, near, near, far):
        exchange(portal_id, timezone.now())
    assert departed.find_between(0, near) == [near]
    assert departed.find_between(near + 1, far) == [far]
    assert departed.find_between(near + 1, far - 1) == []
    assert departed.delete_exchanges(near, 1) == 1
    assert Exchange.objects.filter(portal_id=near).count() == 1


def test_a_round_ends_when_its_time_is_up_and_the_next_continues(sender: Sender) -> None:
    aged(sender, 400)
    assert retention.prune_messages(seconds=0) == 0
    assert Message.objects.count() == 1
    assert retention.prune_messages() > 0
    assert not Message.objects.exists()


def test_nothing_is_written_if_nothing_is_due(sender: Sender) -> None:
    aged(sender, 91)
    retention.prune_messages()
    emptied_to = Portal.objects.get().texts_emptied_to
    assert emptied_to is not None
    assert emptied_to > timezone.now() - 91 * DAY
    assert retention.prune_messages() == 0
    assert Portal.objects.get().texts_emptied_to == emptied_to


@pytest.mark.django_db(transaction=True)
def test_a_locked_row_is_skipped_and_emptied_later(sender: Sender) -> None:
    locked, free = aged(sender, 100, text="held"), aged(sender, 95, text="free")
    with hold_lock(lambda: Message.objects.select_for_update().get(pk=locked.pk)):
        assert retention.prune_messages() == 1
        assert list(Message.objects.order_by("pk").values_list("text", flat=True)) == ["held", ""]
        assert Portal.objects.get().texts_emptied_to == locked.received_at
    assert retention.prune_messages() == 1
    assert not Message.objects.exclude(text="").filter(pk__in=[locked.pk, free.pk]).exists()


def test_names_of_crm_items_go_when_nobody_has_looked_at_them_for_a_month(sender: Sender) -> None:
    at = timezone.now() - 31 * DAY
    for number, asked_at in ((1, at), (2, timezone.now())):
        CrmName.objects.create(
            portal=sender.portal, viewer=0, type_id=3, item_id=number, name="Jane Doe", asked_at=asked_at
        )
    retention.prune_messages()
    assert list(CrmName.objects.values_list("item_id", flat=True)) == [2]


def test_the_text_of_a_scheduled_message_is_kept_from_the_time_it_is_scheduled_for(sender: Sender) -> None:
    now = timezone.now()
    waiting = factories.message(sender, now=now - 95 * DAY, scheduled_at=now + DAY, due_at=now + DAY)
    young = aged(sender, 95, scheduled_at=now - 89 * DAY)
    old = aged(sender, 95, scheduled_at=now - 91 * DAY)
    retention.prune_messages()
    for message in (waiting, young, old):
        message.refresh_from_db()
    assert [(one.text != "", one.to != "") for one in (waiting, young, old)] == [
        (True, True),
        (True, True),
        (False, False),
    ]
