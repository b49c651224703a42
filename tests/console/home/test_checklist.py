"""The checklist of the first days: which rows complete which step, and who sees it."""

import re
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.console.home.checklist import build_checklist
from b24app.console.models import Preference
from b24app.messaging.models import Connection, ConnectionState, DayTally, Sender
from b24app.messaging.models.statuses import Origin, Status
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db

DANA = 9
STEPS = [
    "Set country and time zone",
    "Connect an account",
    "Add a sender",
    "Send a test message",
    "Receive a delivery report",
    "First message by a colleague",
]


@pytest.fixture
def portal() -> Portal:
    return factories.portal(time_zone="America/New_York", installed_by=ALICE)


def done(portal: Portal) -> list[str]:
    return [str(step.title) for step in build_checklist(portal).steps if step.is_done]


def account(portal: Portal, service: str = "twilio", **fields: object) -> Connection:
    return factories.connection(portal, service, **fields)


def tally(sender: Sender, status: Status) -> None:
    now = timezone.now()
    DayTally.objects.create(
        portal=sender.portal, day=now.date(), connection=sender.connection, sender=sender, status=status, messages=1
    )


def words(client: Client, portal: Portal) -> str:
    content = client.get(f"/p/{portal.uuid.hex}/").content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def test_a_new_portal_has_six_steps_of_which_its_region_is_one() -> None:
    new = factories.portal(country="")
    assert [step.title for step in build_checklist(new).steps] == STEPS
    assert done(new) == []
    assert build_checklist(new).steps[0].href == f"{address(new, 'home')}#region"
    Portal.objects.filter(pk=new.pk).update(region_set_at=timezone.now())
    new.refresh_from_db()
    assert done(new) == STEPS[:1]


def test_each_step_is_completed_by_its_own_row(portal: Portal) -> None:
    assert done(portal) == STEPS[:1]
    connection = account(portal)
    assert done(portal) == STEPS[:2]
    sender = factories.sender(connection)
    assert done(portal) == STEPS[:3]
    Sender.objects.update(tested_at=timezone.now())
    assert done(portal) == STEPS[:4]
    tally(sender, Status.SENT)
    tally(sender, Status.FAILED)
    assert done(portal) == STEPS[:4]
    tally(sender, Status.UNDELIVERED)
    assert done(portal) == STEPS[:5]
    factories.message(sender, author_id=ALICE)
    factories.message(sender, author_id=BOB, origin=Origin.TEST, message_id=None)
    factories.message(sender, author_id=None)
    assert done(portal) == STEPS[:5]
    factories.message(sender, author_id=BOB)
    assert done(portal) == STEPS
    assert build_checklist(portal).is_complete


def test_who_installed_an_older_portal_is_its_oldest_administrator(portal: Portal) -> None:
    Portal.objects.update(installed_by=None)
    portal.refresh_from_db()
    factories.token(portal, DANA)
    factories.token(portal, ALICE)
    factories.message(factories.sender(account(portal)), author_id=DANA)
    assert STEPS[5] not in done(portal)
    factories.message(Sender.objects.get(), author_id=ALICE)
    assert STEPS[5] in done(portal)


def test_the_demo_service_only_rehearses(portal: Portal) -> None:
    sender = factories.sender(account(portal, "demo"), tested_at=timezone.now())
    tally(sender, Status.DELIVERED)
    factories.message(sender, author_id=BOB)
    checklist = build_checklist(portal)
    assert (done(portal), checklist.is_rehearsing) == (STEPS[:1], True)
    page = words(factories.visitor(portal), portal)
    assert "Getting started 1 of 6" in page
    assert "So far you have rehearsed with the demo service" in page
    account(portal)
    assert not build_checklist(portal).is_rehearsing
    assert done(portal) == STEPS[:2]


def test_a_removed_account_completes_nothing(portal: Portal) -> None:
    factories.sender(account(portal, state=ConnectionState.REMOVED), tested_at=timezone.now())
    assert done(portal) == STEPS[:1]


def test_a_report_is_not_awaited_from_a_service_that_sends_none(portal: Portal) -> None:
    account(portal, "nowhere")
    assert STEPS[4] not in [step.title for step in build_checklist(portal).steps]
    account(portal)
    assert STEPS[4] in [step.title for step in build_checklist(portal).steps]


def test_another_portal_s_rows_complete_nothing(portal: Portal) -> None:
    charlie = factories.portal("charlie")
    sender = factories.sender(account(charlie), tested_at=timezone.now())
    tally(sender, Status.DELIVERED)
    factories.message(sender, author_id=BOB)
    assert done(portal) == STEPS[:1]


def test_it_is_hidden_for_one_administrator_and_shown_again(portal: Portal) -> None:
    factories.sender(account(portal))
    alice, dana = factories.visitor(portal), factories.visitor(portal, DANA)
    assert "Getting started 3 of 6" in words(alice, portal)
    there = address(portal, "checklist")
    answer = alice.post(there, {"hide": "1"})
    assert (answer.status_code, "Checklist hidden. Show it again from Help." in answer["HX-Trigger"]) == (200, True)
    assert "Getting started" not in words(alice, portal)
    assert "Getting started 3 of 6" in words(dana, portal)
    way_back = "Show the setup checklist"
    assert [way_back in one.get(address(portal, "help")).content.decode() for one in (alice, dana)] == [True, False]
    alice.post(there, {"hide": "0"})
    assert "Getting started 3 of 6" in words(alice, portal)


def test_it_is_gone_when_all_is_done(portal: Portal) -> None:
    sender = factories.sender(account(portal), tested_at=timezone.now())
    tally(sender, Status.DELIVERED)
    assert "Getting started 5 of 6" in words(factories.visitor(portal), portal)
    factories.message(sender, author_id=BOB)
    assert "Getting started" not in words(factories.visitor(portal), portal)


def test_employees_neither_see_it_nor_hide_it(portal: Portal) -> None:
    factories.sender(account(portal))
    bob = factories.visitor(portal, BOB, is_admin=False)
    assert "Getting started" not in words(bob, portal)
    assert bob.post(address(portal, "checklist"), {"hide": "1"}).status_code == 403
    assert not Preference.objects.exists()


def test_it_takes_the_same_few_queries_however_many_rows_there_are(portal: Portal) -> None:
    taken = []
    for _ in range(3):
        sender = factories.sender(account(portal), tested_at=timezone.now())
        factories.messages(sender, 5, now=timezone.now() - timedelta(hours=1))
        with CaptureQueriesContext(database) as queries:
            build_checklist(portal)
        taken.append(len(queries))
    assert len(set(taken)) == 1
    assert taken[0] <= 6
