"""Employees by name wherever the console showed a number: who reads it, duplicates, and who looks it up."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
import redis
from celery import current_app
from django.test import Client
from django.utils import timezone

from b24app.console.wording.employees import EmployeeNames
from b24app.core.redis import redis_client
from b24app.messaging import enqueue, tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.messaging.models.statistics import Dimension
from b24app.messaging.models.statuses import Change, Status
from b24app.messaging.statistics import breakdowns
from b24app.portals import employees
from b24app.portals.models import Employee, Portal
from b24app.sandbox import Portal as There
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

ERIN, TWIN = 31, 32
EVIL = '<b title="x">Eve</b>'


@pytest.fixture(autouse=True)
def nothing_rung() -> None:
    redis_client().flushdb()


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio"))  # a demo is in no report


def name(portal: Portal, user_id: int, called: str, **ago: float) -> None:
    asked_at = timezone.now() - timedelta(**ago)
    Employee.objects.create(portal=portal, user_id=user_id, name=called, asked_at=asked_at)


def at(portal: Portal, path: str) -> str:
    return f"/p/{portal.uuid.hex}/{path}"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def options(response: Any) -> list[tuple[str, str]]:
    (chooser,) = re.findall(r'<select[^>]*name="employee".*?</select>', response.content.decode(), re.DOTALL)
    return re.findall(r'<option value="([0-9]+)"[^>]*>\s*([^<]*?)\s*</option>', chooser)


def rung() -> list[list[Any]]:
    """Return what each enqueued lookup of names carries: the portal, and the user ids."""
    found = [json.loads(one) for one in redis_client().lrange("care", 0, -1)]
    names = [one for one in found if one["headers"]["task"] == "b24app.messaging.tasks.names"]
    return [json.loads(one["headers"]["argsrepr"].replace("'", '"')) for one in names]


def table(answer: Any) -> list[list[str]]:
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content)))


# -- words ------------------------------------------------------------------------------------------------------------


def test_a_name_where_there_is_one_else_the_number(portal: Portal) -> None:
    name(portal, BOB, "Bob Brown")
    name(portal, ERIN, "")
    people = EmployeeNames.load(portal, [BOB, ERIN, ALICE, None, 0])
    assert [people.display_name(one) for one in (BOB, ERIN, ALICE)] == ["Bob Brown", "Employee 31", "Employee 1"]


def test_two_of_the_same_name_are_told_apart_by_their_numbers(portal: Portal) -> None:
    for one, called in ((ERIN, "Erin Evans"), (TWIN, "erin evans"), (BOB, "Bob Brown")):
        name(portal, one, called)
    assert EmployeeNames.load(portal, [BOB, ERIN, TWIN]).sorted_choices([TWIN, ALICE, ERIN, BOB]) == [
        (BOB, "Bob Brown"),
        (ERIN, "Erin Evans (31)"),
        (TWIN, "erin evans (32)"),
        (ALICE, "Employee 1"),
    ]


# -- the screens ------------------------------------------------------------------------------------------------------


def test_the_journal_s_filter_and_its_chip_have_names_in_their_order(alice: Client, sender: Sender) -> None:
    for author in (BOB, ERIN, TWIN, ALICE):
        factories.message(sender, author_id=author)
    name(sender.portal, BOB, "Zoë Zimmer")
    name(sender.portal, ERIN, EVIL)
    name(sender.portal, ALICE, "álvaro Ruiz")
    page = alice.get(at(sender.portal, "journal/"), {"employee": str(BOB)})
    assert options(page) == [
        ("31", "&lt;b title=&quot;x&quot;&gt;Eve&lt;/b&gt;"),
        ("7", "Zoë Zimmer"),
        ("1", "álvaro Ruiz"),
        ("32", "Employee 32"),
    ]
    assert "Employee: Zoë Zimmer" in words(page)
    assert "Employee: 32" in words(alice.get(at(sender.portal, "journal/"), {"employee": "32"}))


def test_a_message_says_who_wrote_it_to_administrators_alone(alice: Client, bob: Client, sender: Sender) -> None:
    name(sender.portal, BOB, EVIL)
    message = factories.message(sender, author_id=BOB)
    path = at(sender.portal, f"journal/{message.reference}/")
    page = alice.get(path).content.decode()
    assert "&lt;b title=&quot;x&quot;&gt;Eve&lt;/b&gt;</button>" in page
    assert "/company/personal/user/7/" in page
    assert EVIL not in page
    hidden = bob.get(path)
    assert hidden.status_code == 200
    assert "Eve" not in hidden.content.decode()
    assert "Employee" not in words(hidden)


@pytest.mark.parametrize("author", [None, 0])
def test_what_no_employee_wrote_names_nobody(alice: Client, sender: Sender, author: int | None) -> None:
    message = factories.message(sender, author_id=author)
    page = words(alice.get(at(sender.portal, f"journal/{message.reference}/")))
    assert "Employee" not in page
    assert rung() == []


def test_the_stop_list_says_who_added_a_number(alice: Client, portal: Portal) -> None:
    for number, who in (("+12025550147", BOB), ("+12025550148", ERIN), ("+12025550149", None)):
        StoppedNumber.objects.create(portal=portal, number=number, source=StopSource.HAND, added_by=who)
    name(portal, BOB, "Bob Brown")
    page = words(alice.get(at(portal, "stop-list/")))
    assert "Added manually Bob Brown" in page
    assert "Added manually Employee 31" in page


def test_notices_offer_administrators_by_name(alice: Client, portal: Portal) -> None:
    factories.token(portal)
    factories.token(portal, ERIN)
    name(portal, ALICE, "Alice Adams")
    name(portal, ERIN, EVIL)
    page = alice.get(at(portal, "settings/"))
    assert "Alice Adams (you)" in words(page)
    assert "&lt;b title=&quot;x&quot;&gt;Eve&lt;/b&gt;" in page.content.decode()
    assert "employee" not in words(page).split("Recipients")[1].split("Service outage")[0]


def counted(sender: Sender, *authors: int) -> None:
    """Messages of these employees, as the reports count them."""
    for author in authors:
        message = factories.message(sender, author_id=author, day=timezone.localdate(timezone=sender.portal.zone))
        Message.objects.advance([Change(pk=message.pk, status=Status.SENT)])
    breakdowns.count_climbs()


def test_reports_and_their_file_have_names(alice: Client, sender: Sender) -> None:
    counted(sender, BOB, BOB, BOB, ERIN, ERIN, TWIN)
    name(sender.portal, BOB, "Bob Brown")
    name(sender.portal, ERIN, '=HYPERLINK("x")')
    page = words(alice.get(at(sender.portal, "reports/"), {"by": Dimension.EMPLOYEE.value}))
    assert "Bob Brown 3" in page
    assert "Employee 32 1" in page
    link = alice.get(at(sender.portal, "reports/lines/export/"), {"by": "employee"})["HX-Redirect"]
    found = table(Client().get(link))
    assert [[row[0], row[2]] for row in found] == [
        ["Employee", "Messages"],
        ["Bob Brown", "3"],
        ['\'=HYPERLINK("x")', "2"],
        ["Employee 32", "1"],
    ]


def test_the_journal_s_file_has_the_name_beside_the_number(alice: Client, sender: Sender) -> None:
    for author in (BOB, ERIN, None):
        factories.message(sender, author_id=author)
    name(sender.portal, BOB, "=Bob")
    page = alice.get(at(sender.portal, "journal/export/")).content.decode()
    (begin,) = re.findall(r'hx-get="([^"]*/file/[^"]*)"', page)
    titles, *rows = table(Client().get(alice.get(begin.replace("&amp;", "&"))["HX-Redirect"]))
    place = titles.index("Employee")
    assert titles[place + 1] == "Employee name"
    assert [row[place : place + 2] for row in rows] == [["", ""], ["31", ""], ["7", "'=Bob"]]


def test_charlie_reads_nothing_of_alice_s(sender: Sender) -> None:
    name(sender.portal, ALICE, "Alice Adams")
    charlies = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    factories.token(charlies.portal, CHARLIE)
    message = factories.message(charlies, author_id=CHARLIE)
    counted(charlies, CHARLIE)
    StoppedNumber.objects.create(
        portal=charlies.portal, number="+12025550147", source=StopSource.HAND, added_by=CHARLIE
    )
    charlie = factories.visitor(charlies.portal, CHARLIE)
    paths = ("journal/?employee=1", f"journal/{message.reference}/", "stop-list/", "settings/", "reports/?by=employee")
    for path in paths:
        page = charlie.get(at(charlies.portal, path))
        assert page.status_code == 200, path
        assert "Employee 1" in words(page), path
        assert "Adams" not in page.content.decode(), path


# -- asking -----------------------------------------------------------------------------------------------------------


def test_whoever_is_unknown_or_known_for_long_is_asked_for_once_in_a_while(alice: Client, sender: Sender) -> None:
    for author in (BOB, ERIN, TWIN):
        factories.message(sender, author_id=author)
    name(sender.portal, BOB, "Bob Brown", days=1)
    name(sender.portal, ERIN, "Erin Evans", days=31)
    for _ in range(3):
        assert "Erin Evans" in words(alice.get(at(sender.portal, "journal/")))
    assert rung() == [[sender.portal.pk, [ERIN, TWIN]]]
    assert 0 < redis_client().ttl(f"bell:names:{sender.portal.pk}") <= enqueue.EMPLOYEE_NAMES_EVERY


def test_another_portal_is_asked_meanwhile(alice: Client, sender: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    factories.message(sender, author_id=BOB)
    factories.message(other, author_id=CHARLIE)
    alice.get(at(sender.portal, "journal/"))
    factories.visitor(other.portal, CHARLIE).get(at(other.portal, "journal/"))
    assert sorted(rung()) == sorted([[sender.portal.pk, [BOB]], [other.portal.pk, [CHARLIE]]])


def test_nobody_is_asked_for_where_all_are_known(alice: Client, sender: Sender) -> None:
    factories.message(sender, author_id=BOB)
    name(sender.portal, BOB, "")
    alice.get(at(sender.portal, "journal/"))
    assert rung() == []


def test_what_bob_opens_asks_for_nobody(bob: Client, sender: Sender) -> None:
    message = factories.message(sender, author_id=BOB)
    for path in ("", "journal/", f"journal/{message.reference}/"):
        assert bob.get(at(sender.portal, path)).status_code == 200
    assert rung() == []


def test_a_portal_without_the_permission_keeps_numbers_and_is_not_asked(alice: Client, sender: Sender) -> None:
    Portal.objects.update(scope="messageservice,placement,crm,im")
    factories.message(sender, author_id=BOB)
    assert options(alice.get(at(sender.portal, "journal/"))) == [("7", "Employee 7")]
    assert rung() == []


def test_without_redis_the_screens_show_what_they_know(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    factories.message(sender, author_id=BOB)
    monkeypatch.setattr(enqueue, "redis_client", away)
    monkeypatch.setattr(current_app, "send_task", away)
    assert options(alice.get(at(sender.portal, "journal/"))) == [("7", "Employee 7")]


def test_the_task_learns_what_the_next_look_shows(alpha: Portal, there: There) -> None:
    factories.message(factories.sender(factories.connection(alpha)), author_id=BOB)
    alice = factories.visitor(alpha)
    assert options(alice.get(at(alpha, "journal/"))) == [("7", "Employee 7")]
    ((portal_id, ids),) = rung()
    tasks.fetch_employee_names(portal_id, ids)
    assert options(alice.get(at(alpha, "journal/"))) == [("7", "Bob Brown")]


def test_a_portal_that_does_not_answer_keeps_numbers_without_trouble(alpha: Portal, there: There) -> None:
    factories.message(factories.sender(factories.connection(alpha)), author_id=BOB)
    there.switches.down = True
    tasks.fetch_employee_names(alpha.pk, [BOB])
    alpha.refresh_from_db()
    assert (alpha.trouble, alpha.suspension, Employee.objects.count()) == ("", "", 0)
    assert employees.stored_employees(alpha, [BOB]).due == [BOB]
    assert options(factories.visitor(alpha).get(at(alpha, "journal/"))) == [("7", "Employee 7")]


# -- the price --------------------------------------------------------------------------------------------------------


def test_names_cost_one_query_however_many_there_are(
    alice: Client, sender: Sender, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        EmployeeNames.load(sender.portal, range(1, 101))
    with django_assert_num_queries(0):
        EmployeeNames.load(sender.portal, [])
