"""What is stored of a change: who, what, which fields, and with the change or not at all."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.audit import lookup, pruning
from b24app.audit.actor import acting_as
from b24app.audit.models import Action, Change, ChangedMessage, Kind
from b24app.audit.recording import Subject, record_change, record_edit, record_message
from b24app.messaging.models import Sender
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal() -> Portal:
    return factories.portal()


def about(portal: Portal, kind: Kind = Kind.SENDER, pk: int = 5) -> Subject:
    return Subject(portal.pk, kind, pk, "Front desk")


def test_a_change_is_recorded_in_the_name_of_who_acts(portal: Portal) -> None:
    with acting_as(ALICE) as actor:
        by_alice = record_change(Action.PAUSED, about(portal))
    by_sendline = record_change(Action.BLOCKED, about(portal))
    assert (by_alice.user_id, by_sendline.user_id) == (ALICE, None)
    assert actor.recorded == [by_alice.uuid]


def test_a_name_longer_than_its_column_is_cut(portal: Portal) -> None:
    change = record_change(Action.ADDED, Subject(portal.pk, Kind.FILE, name="x" * 300))
    change.refresh_from_db()
    assert change.name == "x" * 200


def test_a_change_that_is_rolled_back_leaves_no_record(portal: Portal) -> None:
    with transaction.atomic():
        record_change(Action.PAUSED, about(portal))
        transaction.set_rollback(True)
    assert not Change.objects.exists()


def test_an_edit_is_recorded_with_the_fields_that_changed(portal: Portal) -> None:
    values: dict[str, object] = {"per_hour": 5, "max_age": timedelta(hours=24), "options": {"key": "old"}}
    with record_edit(about(portal), lambda: values, secret=["options"]):
        values = {"per_hour": 5, "max_age": timedelta(hours=4), "options": {"key": "new"}}
    change = Change.objects.get()
    assert change.action == Action.EDITED
    assert change.before == {"max_age": "P1DT00H00M00S", "options": None}
    assert change.after == {"max_age": "P0DT04H00M00S", "options": None}


def test_an_edit_that_changes_nothing_is_not_recorded(portal: Portal) -> None:
    with record_edit(about(portal), lambda: {"per_hour": 5}):
        pass
    assert not Change.objects.exists()


def test_a_deed_on_many_messages_is_one_row_that_each_of_them_finds(portal: Portal) -> None:
    deed = uuid.uuid4()
    with acting_as(ALICE):
        for message in (11, 12, 13):
            record_message(Action.CANCELED, portal.pk, message, uuid.uuid4(), deed)
        record_message(Action.CANCELED, portal.pk, 14, uuid.uuid4())
    assert list(Change.objects.order_by("pk").values_list("count", "object_id")) == [(3, None), (1, 14)]
    found = [lookup.change_of_message(portal, one, Action.CANCELED) for one in (11, 12, 13, 14)]
    assert [one and one.user_id for one in found] == [ALICE] * 4
    with CaptureQueriesContext(database) as queries:
        together = lookup.changes_of_messages(portal, [11, 12, 14, 15], Action.CANCELED)
    assert (sorted(together), len(queries)) == ([11, 12, 14], 3)
    assert lookup.changes_of_messages(portal, [], Action.CANCELED) == {}
    assert lookup.change_of_message(portal, 15, Action.CANCELED) is None
    assert lookup.change_of_message(portal, 11, Action.MARKED_SENT) is None
    assert lookup.change_of_message(factories.portal(), 11, Action.CANCELED) is None


def test_only_the_latest_change_of_an_object_can_be_undone(portal: Portal) -> None:
    first = record_change(Action.PAUSED, about(portal))
    other = record_change(Action.PAUSED, about(portal, pk=6))
    edited = record_change(Action.EDITED, about(portal, pk=7))
    assert [lookup.can_undo(one) for one in (first, other, edited)] == [True, True, False]
    record_change(Action.RESUMED, about(portal))
    assert [lookup.can_undo(one) for one in (first, other)] == [False, True]


def test_a_change_can_be_undone_for_a_day_and_a_removed_number_for_an_hour(portal: Portal) -> None:
    now = timezone.now()
    paused = record_change(Action.PAUSED, about(portal))
    number = record_change(Action.REMOVED, about(portal, Kind.OPT_OUT))
    for age, expected in ((timedelta(minutes=59), (True, True)), (timedelta(hours=23), (True, False)),
                          (timedelta(hours=25), (False, False))):  # fmt: skip
        paused.at = number.at = now - age
        assert (lookup.can_undo(paused), lookup.can_undo(number)) == expected, age


def test_changes_end_with_their_period(portal: Portal) -> None:
    old = record_change(Action.PAUSED, about(portal, pk=6))
    young = record_change(Action.PAUSED, about(portal))
    Change.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=731))
    assert pruning.prune_changes(1000) == 1
    assert pruning.prune_changes(1000) == 0
    assert list(Change.objects.all()) == [young]


def test_changes_are_erased_in_batches_with_their_portal_alone(portal: Portal) -> None:
    for _ in range(3):
        record_change(Action.PAUSED, about(portal))
    others = record_change(Action.PAUSED, about(factories.portal("charlie")))
    assert [pruning.erase_changes(portal, 2) for _ in range(3)] == [2, 1, 0]
    assert list(Change.objects.all()) == [others]


def test_which_deed_changed_a_message_ends_with_the_message(portal: Portal) -> None:
    with acting_as(BOB):
        for message in (11, 12):
            record_message(Action.CANCELED, portal.pk, message, uuid.uuid4(), uuid.uuid4())
    pruning.forget_messages([11])
    assert list(ChangedMessage.objects.values_list("pk", flat=True)) == [12]


def test_people_are_found_once_each_and_in_their_own_portal(portal: Portal) -> None:
    for user in (BOB, ALICE, BOB, None, 12):
        with acting_as(user):
            record_change(Action.PAUSED, about(portal))
    with acting_as(99):
        record_change(Action.PAUSED, about(factories.portal("charlie")))
    assert lookup.people_of(portal, 10) == [ALICE, BOB, 12]
    assert lookup.people_of(portal, 2) == [ALICE, BOB]
    assert lookup.people_of(factories.portal("nobody"), 10) == []


def test_a_sender_is_recorded_by_its_name_at_that_time(portal: Portal) -> None:
    sender: Sender = factories.sender(factories.connection(portal), names={"en": "Front desk"})
    change = record_change(Action.PAUSED, sender.audit_subject)
    sender.names = {"en": "Reception"}
    sender.save()
    assert (change.kind, change.object_id, change.name) == ("sender", sender.pk, "Front desk")
