"""The book-keeping is shown books that do not balance: a suite that cannot fail would prove nothing."""

from dataclasses import replace

import pytest

from tests.chaos.books import CONCURRENCY, Finding, findings
from tests.chaos.event_log import Event
from tests.chaos.evidence import Acceptance, Call, Evidence, Hit, LogLine, Row, Told, Written
from tests.chaos.unknown import explanations

AT = 1000.0
WRITTEN = Written(7, "alpha", "m7", "twilio", "+12025550100", "Order 7", [Call(AT, 200)], "delivered")
ROW = Row(
    1, "alpha", "m7", 3, "delivered", "done", "", "delivered", "", untold=False, origin="portal", first_attempt=AT
)
REPORTS = [Told("sent", genuine=True, status=200, at=AT), Told("delivered", genuine=True, status=200, at=AT + 1)]
ENTRY = Acceptance("Order 7", AT + 1, "delivered", 1, REPORTS)
UNKNOWN = replace(ROW, status="queued", phase="unknown", reason="interrupted", pushed="sent")
SHOWN_SENT = replace(WRITTEN, shown="sent")
MUTE = replace(ENTRY, status="queued", reports=[])
KILL = Event(4, "worker killed", {"worker": "worker-a"}, begun=AT + 2, healed=AT + 5)


def day(
    written: Written = WRITTEN, row: Row | None = ROW, entry: Acceptance | None = ENTRY, **more: object
) -> Evidence:
    """Return a day with one message."""
    rows, ledger = [row] if row else [], [entry] if entry else []
    return replace(Evidence([written], rows, ledger, hits=[], events=[]), **more)  # type: ignore[arg-type]


def books(evidence: Evidence) -> list[str]:
    return [found.book for found in findings(evidence)]


def test_a_good_day_balances() -> None:
    assert findings(day()) == []


def test_a_message_that_was_answered_200_and_is_nowhere_is_lost() -> None:
    [found] = findings(day(row=None))
    assert (found.book, found.at) == ("lost", AT)
    assert "message 7 (alpha, twilio, +12025550100) m7" in found.who


def test_a_message_whose_call_failed_may_be_nowhere() -> None:
    unheard = replace(WRITTEN, calls=[Call(AT, None)], shown="sent")
    assert findings(day(unheard, row=None, entry=None)) == []


def test_a_message_whose_call_failed_is_known_and_sent_at_most_once() -> None:
    unheard = replace(WRITTEN, calls=[Call(AT, None)])
    assert findings(day(unheard)) == []
    assert books(day(unheard, ledger=[ENTRY, ENTRY])) == ["doubled"]


def test_two_rows_for_one_message_are_double() -> None:
    assert books(day(rows=[ROW, replace(ROW, id=2)])) == ["doubled"]


@pytest.mark.parametrize("ledger", [[ENTRY, ENTRY], [replace(ENTRY, accepted=2)]], ids=["text", "reference"])
def test_a_second_acceptance_is_double(ledger: list[Acceptance]) -> None:
    [found] = findings(day(ledger=ledger))
    assert (found.book, found.at) == ("doubled", ENTRY.at)
    assert "row 1" in found.who


def test_what_an_administrator_sent_again_is_not_double() -> None:
    assert findings(day(ledger=[ENTRY, ENTRY], resent=frozenset({"Order 7"}))) == []


def test_a_row_nobody_wrote_is_found() -> None:
    [found] = findings(day(rows=[ROW, replace(ROW, id=2, message_id="m8")]))
    assert (found.book, found.words) == ("doubled", "nobody wrote this message")


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, status="queued", phase="waiting", pushed="sent"),
        replace(ROW, status="queued", phase="on_wire", pushed="sent"),
        replace(ROW, untold=True),
    ],
    ids=["waiting", "on the wire", "untold"],
)
def test_what_is_not_done_after_quiet_is_stuck(row: Row) -> None:
    [found] = findings(day(row=row))
    assert (found.book, found.who) == ("stuck", "row 1 alpha m7")


def test_reports_and_records_that_are_left_are_stuck() -> None:
    assert books(day(reports_due=1)) == ["stuck"]
    assert books(day(spooled=1)) == ["stuck"]


def test_a_fate_that_the_service_did_not_tell_is_found() -> None:
    failed = replace(ROW, status="undelivered", pushed="undelivered")
    [found] = findings(day(replace(WRITTEN, shown="undelivered"), failed))
    assert found.book == "fate"
    assert "is undelivered , the service says delivered: sent 200, delivered 200" in found.words


def test_a_delivered_message_that_no_service_took_is_found() -> None:
    assert books(day(entry=None)) == ["fate"]


def test_a_failure_without_a_reason_is_found() -> None:
    refused = replace(WRITTEN, to="+12025550199", shown="failed")
    row = replace(ROW, status="failed", pushed="failed")
    assert books(day(refused, row, None)) == ["fate"]
    assert findings(day(refused, replace(row, reason="invalid_number"), None)) == []


@pytest.mark.parametrize("status", [None, 503])
def test_a_report_that_never_came_in_leaves_the_message_sent(status: int | None) -> None:
    gateway = replace(SHOWN_SENT, service="plain")
    missed = replace(ENTRY, reports=[replace(REPORTS[1], status=status)])
    sent = replace(ROW, status="sent", pushed="sent")
    assert "fate" not in books(day(gateway, sent, missed))
    assert "fate" in books(day(replace(gateway, shown="delivered"), ROW, missed))


def test_a_forged_report_says_nothing() -> None:
    forged = replace(ENTRY, reports=[replace(REPORTS[1], genuine=False, status=403)])
    assert findings(day(replace(SHOWN_SENT, service="plain"), replace(ROW, status="sent", pushed="sent"), forged)) == []


def test_a_service_that_can_be_asked_tells_what_its_reports_did_not() -> None:
    missed = replace(ENTRY, reports=[])
    assert books(day(SHOWN_SENT, replace(ROW, status="sent", pushed="sent"), missed)) == ["fate"]


def test_a_final_word_that_the_portal_does_not_show_is_untold() -> None:
    [found] = findings(day(SHOWN_SENT))
    assert (found.book, found.words) == ("untold", "is delivered, told delivered ; the portal shows sent")


def test_an_unknown_outcome_without_a_cause_is_unexplained() -> None:
    [found] = findings(day(SHOWN_SENT, UNKNOWN, MUTE))
    assert (found.book, found.words) == ("unexplained", "unknown (interrupted) without a fault that explains it")


@pytest.mark.parametrize("fault", ["hold", "close", "nonsense", "hang"])
def test_an_unknown_outcome_is_explained_by_the_fault_that_hit_it(fault: str) -> None:
    row = replace(UNKNOWN, reason="timed_out")
    mine = Hit("Order 7", fault, AT + 1, accepted=True, seconds=33)
    assert findings(day(SHOWN_SENT, row, MUTE, hits=[mine])) == []
    assert books(day(SHOWN_SENT, row, MUTE, hits=[replace(mine, text="Order 8")])) == ["unexplained"]


@pytest.mark.parametrize(("fault", "seconds"), [("throttle", 0), ("hold", 5)])
def test_a_refusal_or_a_slow_answer_explains_no_unknown_outcome(fault: str, seconds: float) -> None:
    hit = Hit("Order 7", fault, AT, accepted=False, seconds=seconds)
    assert books(day(SHOWN_SENT, UNKNOWN, MUTE, hits=[hit])) == ["unexplained"]


def test_an_unknown_outcome_is_explained_by_the_kill_that_it_was_on_the_wire_at() -> None:
    assert findings(day(SHOWN_SENT, UNKNOWN, MUTE, events=[KILL])) == []
    assert explanations(day(SHOWN_SENT, UNKNOWN, MUTE, events=[KILL]))[1].event == 4


@pytest.mark.parametrize(
    "event",
    [
        replace(KILL, begun=AT - 60),
        replace(KILL, begun=AT + 600),
        replace(KILL, kind="postgresql restarted"),
        replace(KILL, kind="worker stopped", facts={"seconds to end": 3}),
        replace(KILL, facts={"impossible": "worker-a was down"}),
    ],
    ids=["before", "long after", "postgresql", "a clean stop", "not done"],
)
def test_other_events_explain_no_unknown_outcome(event: Event) -> None:
    assert books(day(SHOWN_SENT, UNKNOWN, MUTE, events=[event])) == ["unexplained"]


def test_a_worker_that_had_to_be_killed_after_sigterm_was_killed() -> None:
    event = replace(KILL, kind="worker stopped", begun=AT - 55, facts={"killed after": 57.0})
    assert findings(day(SHOWN_SENT, UNKNOWN, MUTE, events=[event])) == []


@pytest.mark.parametrize(("held", "books_that_do_not_balance"), [(25, []), (5, ["unexplained"])])
def test_a_clean_stop_may_give_up_only_what_a_service_held_for_long(
    held: float, books_that_do_not_balance: list[str]
) -> None:
    stop = replace(KILL, kind="worker stopped", facts={"seconds to end": 15.0})
    hit = Hit("Order 7", "hold", AT + 1, accepted=True, seconds=held)
    assert books(day(SHOWN_SENT, UNKNOWN, MUTE, hits=[hit], events=[stop])) == books_that_do_not_balance


def test_one_kill_explains_no_more_than_a_connections_concurrency() -> None:
    several = range(CONCURRENCY + 1)
    written = [replace(SHOWN_SENT, number=one, message_id=f"m{one}", text=f"Order {one}") for one in several]
    rows = [replace(UNKNOWN, id=one, message_id=f"m{one}") for one in several]
    evidence = Evidence(written, rows, [], hits=[], events=[KILL])
    assert [found.words for found in findings(evidence)] == ["9 unknown outcomes of one kill"]
    assert findings(replace(evidence, written=written[1:], rows=rows[1:])) == []


def test_a_door_that_answers_500_is_found() -> None:
    broken = replace(WRITTEN, calls=[Call(AT, 500)], shown="sent")
    assert findings(day(broken, row=None, entry=None)) == [
        Finding("doors", "message 7 (alpha, twilio, +12025550100) m7", "the handler answered 500", AT)
    ]
    assert books(day(entry=replace(ENTRY, reports=[*REPORTS, replace(REPORTS[0], status=500)]))) == ["doors"]
    assert books(day(entry=replace(ENTRY, reports=[*REPORTS, replace(REPORTS[0], genuine=False)]))) == ["doors"]


def test_a_deadlock_that_was_not_repeated_is_found() -> None:
    assert books(day(deadlocks=["ERROR: deadlock detected"])) == ["deadlock"]
    assert findings(day(deadlocks=["ERROR: deadlock detected"], deadlocks_repeated=1)) == []


def test_what_broke_what_was_set_aside_and_who_died_is_found() -> None:
    line = LogLine("worker-a-1", AT, "b24app", "task failed", "KeyError", "{}")
    found = books(day(broken=[line], poisoned=1, died=[(AT, "beat-3")]))
    assert found == ["set aside", "died", "log"]
