"""Statuses that a portal does not take at once, and messages that come in a burst (C.3, D.8.6, K)."""

from collections.abc import Callable

import pytest

from tests.faults.house import House, wait
from tests.life.portals import NUMBER, column, deliver, open_as, set_columns, settle, token_users

pytestmark = pytest.mark.long

UPDATE = "messageservice.message.status.update"


def outcomes(portal: House) -> list[str]:
    """Return what became of each status that was told, oldest first."""
    return [call["outcome"] for call in portal.ask("rest_log")["rest_log"] if call["method"] == UPDATE]


def hasten(portal: House, message: str) -> None:
    """As if the time had come to tell this status again."""
    set_columns(portal, "push_after = NULL, rest_after = NULL")
    portal.sql("UPDATE messaging_message SET push_at = now() WHERE message_id = %s", message)


def test_a_status_waits_for_an_administrators_confirmation(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", confirm_methods=UPDATE)
    message = portal.send(NUMBER, code)
    wait(lambda: "METHOD_CONFIRM_WAITING" in outcomes(portal), 25, lambda: str(outcomes(portal)))
    assert portal.statuses([message]) == {"sent"}
    portal.ask("switches", confirm={"method": UPDATE, "allow": True})
    hasten(portal, message)

    portal.all_delivered([message], 20)


def test_a_robots_message_that_names_nobody_arrives(new_portal: Callable[..., House]) -> None:
    """The call has no `auth` and no origin; nothing but its address says whose it is (J3, J25)."""
    portal = new_portal()
    code = settle(portal)
    message = portal.ask("send", to=NUMBER, text="Your order is ready.", code=code, author=0, module=None)["message_id"]
    portal.all_delivered([message], 20)

    row = "SELECT author_id, module FROM messaging_message WHERE message_id = %s"
    assert portal.sql(row, message) == [(None, "")]
    assert portal.accepted(NUMBER)


def test_a_status_that_fails_without_a_code_keeps_no_other_waiting(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", down=True)  # so that they are told together
    failing, others = portal.send(NUMBER, code), [portal.send(NUMBER, code) for _ in range(3)]
    wait(lambda: column(portal, "push_after") is not None, 25)
    rule = {"method": UPDATE, "error": "", "description": "Oops", "params": {"MESSAGE_ID": failing}}
    portal.ask("switches", method_errors=[rule], down=False)
    for message in (failing, *others):
        hasten(portal, message)

    portal.all_delivered(others, 10)
    assert (portal.statuses([failing]), "" in outcomes(portal)) == ({"sent"}, True)


def test_a_colleague_tells_what_a_barred_administrator_may_not(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    portal.ask("switches", employ={"id": 2, "name": "Dana", "admin": True})
    code = settle(portal)
    open_as(portal, 2)
    open_as(portal, 1)  # so hers is the freshest, and tried first
    portal.ask("switches", bar=1, no_author=True)
    deliver(portal, code)

    assert token_users(portal) == {2}


def test_what_a_daily_limit_held_back_comes_at_once_and_arrives(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", daily_limit=1)
    messages = [portal.send(NUMBER, code) for _ in range(30)]
    portal.all_delivered(messages[:1], 20)
    assert portal.statuses(messages[1:]) == {"deferred"}
    assert {portal.phase(one) for one in messages[1:]} == {"not there"}
    portal.ask("switches", daily_limit=0, next_day=True)

    portal.all_delivered(messages, 30)
    assert len({entry["reference"] for entry in portal.accepted(NUMBER)}) >= 30
