"""Employees' names: fetched a page at a time, stored for a month, and not fetched for a day after a refusal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.portals import employees
from b24app.portals.errors import InDoubt, NotNow
from b24app.portals.models import Employee, PausedMethod, Portal
from b24app.sandbox import Portal as There
from b24app.sandbox.rest import table
from b24app.sandbox.rest.call import Method
from b24app.sandbox.state import User
from tests import factories
from tests.portals.launches import ALICE, BOB, DANA, asked, launch

Force = Callable[..., None]
NOBODY = 404


def filters(there: There) -> list[Any]:
    """Return the ids that each call asked for."""
    return [call.params["FILTER"]["ID"] for call in there.rest_log if call.method == "user.get"]  # type: ignore[index]


def aged(**by: float) -> None:
    Employee.objects.update(asked_at=timezone.now() - timedelta(**by))


def test_names_are_learnt_in_one_call_and_read_from_rows_in_one_query(portal: Portal, alpha: There) -> None:
    assert employees.stored_employees(portal, [ALICE, BOB]).names == {}
    employees.fetch_employees(portal, [BOB, ALICE, BOB])
    assert filters(alpha) == [[ALICE, BOB]]
    with CaptureQueriesContext(database) as queries:
        assert employees.stored_employees(portal, [ALICE, BOB, DANA]).names == {ALICE: "Alice Adams", BOB: "Bob Brown"}
    assert len(queries) == 1
    assert asked(alpha, "user.get") == ["ok"]


def test_of_nobody_nothing_is_asked(portal: Portal, alpha: There) -> None:
    with CaptureQueriesContext(database) as queries:
        assert employees.stored_employees(portal, []) == employees.StoredEmployees({}, ())
        employees.fetch_employees(portal, [])
    assert (len(queries), filters(alpha)) == (0, [])


def test_who_is_dismissed_keeps_the_name(portal: Portal, alpha: There) -> None:
    alpha.set_user(BOB, active=False)
    employees.fetch_employees(portal, [BOB])
    assert employees.stored_employees(portal, [BOB]).names == {BOB: "Bob Brown"}


def test_whom_the_portal_does_not_know_is_not_asked_for_again_before_a_month(portal: Portal, alpha: There) -> None:
    employees.fetch_employees(portal, [ALICE, NOBODY])
    assert employees.stored_employees(portal, [ALICE, NOBODY]) == employees.StoredEmployees({ALICE: "Alice Adams"}, [])
    aged(days=29)
    employees.fetch_employees(portal, [ALICE, NOBODY])
    assert filters(alpha) == [[ALICE, NOBODY]]
    aged(days=30)
    assert employees.stored_employees(portal, [ALICE, NOBODY]).due == [ALICE, NOBODY]


def test_a_name_is_asked_for_again_after_a_month_and_shows_meanwhile(portal: Portal, alpha: There) -> None:
    employees.fetch_employees(portal, [ALICE, BOB])
    aged(days=31)
    alpha.set_user(ALICE, last_name="Archer")
    del alpha.state.users[BOB]
    assert employees.stored_employees(portal, [ALICE, BOB]).names == {ALICE: "Alice Adams", BOB: "Bob Brown"}
    employees.fetch_employees(portal, [ALICE, BOB])
    assert employees.stored_employees(portal, [ALICE, BOB]) == employees.StoredEmployees({ALICE: "Alice Archer"}, [])


def test_many_are_asked_for_a_page_at_a_time_and_too_many_another_time(portal: Portal, alpha: There) -> None:
    alpha.state.users |= {one: User(one, "Number", str(one)) for one in range(1000, 1250)}
    employees.fetch_employees(portal, range(1000, 1250))
    assert [len(ids) for ids in filters(alpha)] == [50, 50, 50, 50]
    assert employees.stored_employees(portal, range(1000, 1250)).names == {
        one: f"Number {one}" for one in range(1000, 1200)
    }
    assert employees.stored_employees(portal, range(1000, 1250)).due == list(range(1200, 1250))


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Alice", "", "Alice"),
        ("", "Adams", "Adams"),
        ("", "", None),
        ("  Anna\n", "\tde  la Cruz ", "Anna de la Cruz"),
        ("<b>Eve</b>", "O'Neil", "<b>Eve</b> O'Neil"),
        ("Null\0", "Half", "Null\ufffd Half"),  # of half a letter the portal says WRONG_ENCODING
        ("أحمد", "علي", "أحمد علي"),
        ("x" * 150, "y" * 150, "x" * 150 + " " + "y" * 49),
    ],
)
def test_a_name_is_first_and_last_as_the_portal_writes_them(
    portal: Portal, alpha: There, first: str, last: str, name: str | None
) -> None:
    alpha.set_user(ALICE, name=first, last_name=last)
    employees.fetch_employees(portal, [ALICE])
    assert employees.stored_employees(portal, [ALICE]).names.get(ALICE) == name
    assert employees.stored_employees(portal, [ALICE]).due == []


def test_a_portal_known_to_lack_the_permission_is_not_asked(portal: Portal, alpha: There) -> None:
    portal.scope = "messageservice,placement,crm,im"
    employees.fetch_employees(portal, [ALICE])
    assert employees.stored_employees(portal, [ALICE]) == employees.StoredEmployees({}, [])
    assert (asked(alpha, "user.get"), Employee.objects.count()) == ([], 0)


@pytest.mark.parametrize("scope", ["user_brief", "user_basic", "user"])
def test_any_permission_to_read_users_will_do(portal: Portal, alpha: There, scope: str) -> None:
    portal.scope, alpha.state.app.scope = f"messageservice,{scope}", ["messageservice", scope]
    employees.fetch_employees(portal, [ALICE])
    assert employees.stored_employees(portal, [ALICE]).names == {ALICE: "Alice Adams"}


def test_a_permission_that_turns_out_to_lack_bothers_nobody_for_a_day(portal: Portal, alpha: There) -> None:
    employees.fetch_employees(portal, [ALICE])
    aged(days=31)
    portal.trouble = "what it was"
    portal.save()
    alpha.state.app.scope.remove("user_brief")
    for _ in range(2):
        employees.fetch_employees(portal, [ALICE, BOB])
    assert asked(alpha, "user.get") == ["ok", "insufficient_scope"]
    portal.refresh_from_db()
    assert (portal.trouble, portal.suspension) == ("what it was", "")
    assert employees.stored_employees(portal, [ALICE, BOB]) == employees.StoredEmployees({ALICE: "Alice Adams"}, [])
    Employee.objects.update(asked_at=timezone.now() - employees.NAME_TTL)
    PausedMethod.objects.update(ask_at=timezone.now())
    alpha.state.app.scope.append("user_brief")
    employees.fetch_employees(portal, [ALICE, BOB])
    assert employees.stored_employees(portal, [ALICE, BOB]).names == {ALICE: "Alice Adams", BOB: "Bob Brown"}


def test_a_refusal_is_believed_for_a_day(portal: Portal, forced: Force) -> None:
    forced("ERROR_METHOD_NOT_FOUND", method="user.get", status=404, times=-1)
    employees.fetch_employees(portal, [ALICE])
    (row,) = Employee.objects.all()
    left = row.asked_at + employees.NAME_TTL - timezone.now()
    assert timedelta(hours=23) < left <= timedelta(days=1)


def test_a_portal_that_does_not_answer_loses_nothing(portal: Portal, alpha: There) -> None:
    employees.fetch_employees(portal, [ALICE])
    aged(days=31)
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        employees.fetch_employees(portal, [ALICE, BOB])
    portal.refresh_from_db()
    assert portal.trouble == ""
    assert employees.stored_employees(portal, [ALICE, BOB]) == employees.StoredEmployees(
        {ALICE: "Alice Adams"}, [ALICE, BOB]
    )
    alpha.switches.down = False
    employees.fetch_employees(portal, [ALICE, BOB])
    assert employees.stored_employees(portal, [ALICE, BOB]).names == {ALICE: "Alice Adams", BOB: "Bob Brown"}


def test_what_came_before_a_limit_is_kept(portal: Portal, alpha: There) -> None:
    alpha.state.users |= {one: User(one, "Number", str(one)) for one in range(1000, 1060)}
    alpha.switches.operating_cost, alpha.switches.operating_limit = 10.0, 5.0
    with pytest.raises(NotNow):
        employees.fetch_employees(portal, range(1000, 1060))
    assert asked(alpha, "user.get") == ["ok", "OPERATION_TIME_LIMIT"]
    assert employees.stored_employees(portal, range(1000, 1060)).names == {
        one: f"Number {one}" for one in range(1000, 1050)
    }
    assert employees.stored_employees(portal, range(1000, 1060)).due == list(range(1050, 1060))


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], object]) -> None:
    """Make the sandbox's user.get answer something else."""
    monkeypatch.setitem(table.METHODS, "user.get", Method("", lambda _call: answer()))


@pytest.mark.parametrize("answer", [None, {}, "people", True])
def test_an_answer_nobody_can_read_changes_nothing(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    employees.fetch_employees(portal, [ALICE])
    aged(days=31)
    answering(monkeypatch, lambda: answer)
    with pytest.raises(InDoubt):
        employees.fetch_employees(portal, [ALICE])
    assert employees.stored_employees(portal, [ALICE]) == employees.StoredEmployees({ALICE: "Alice Adams"}, [ALICE])


def test_rows_that_make_no_sense_are_passed_over(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [None, "x", {"NAME": "No number"}, {"ID": "x"}, {"ID": DANA, "NAME": "Not asked for"}, {"ID": BOB}]
    answering(monkeypatch, lambda: rows)
    employees.fetch_employees(portal, [ALICE, BOB])
    assert list(Employee.objects.order_by("user_id").values_list("user_id", "name")) == [(ALICE, ""), (BOB, "")]


def test_another_tenants_employee_of_the_same_number_is_another(portal: Portal, alpha: There, beta: There) -> None:
    charlies = launch(beta).portal
    employees.fetch_employees(portal, [ALICE])
    assert employees.stored_employees(charlies, [ALICE]) == employees.StoredEmployees({}, [ALICE])
    employees.fetch_employees(charlies, [ALICE])
    assert employees.stored_employees(charlies, [ALICE]).names == {ALICE: "Charlie Clark"}
    assert employees.stored_employees(portal, [ALICE]).names == {ALICE: "Alice Adams"}


def test_no_transaction_is_open_while_the_portal_is_asked(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, depths = connections["default"], []

    def answer() -> object:
        depths.append(len(mine.savepoint_ids))
        return []

    depth = len(mine.savepoint_ids)  # of the test itself
    answering(monkeypatch, answer)
    employees.fetch_employees(portal, [ALICE])
    assert depths == [depth]
    assert Employee.objects.count() == 1


def test_no_name_gets_into_the_record_or_the_log(
    portal: Portal, alpha: There, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    employees.fetch_employees(portal, [ALICE, BOB])
    spoken = repr(list(Exchange.objects.values()))
    assert "user.get" in spoken
    written = "".join([spoken, *capsys.readouterr(), caplog.text])
    assert "Adams" not in written
    assert "Brown" not in written


@pytest.mark.django_db
def test_names_go_with_their_portal() -> None:
    portal, other = factories.portal("alice"), factories.portal("charlie")
    for one in (portal, other):
        Employee.objects.create(portal=one, user_id=ALICE, name="Somebody", asked_at=timezone.now())
    portal.delete()
    assert [row.portal for row in Employee.objects.all()] == [other]
