"""The event server at its worst: late, in another order, twice, never (E.5, E.8, F.4)."""

from collections.abc import Callable

import pytest

from tests.faults.house import House, wait
from tests.life.portals import NUMBER, column, deliver, heard, settle, token_users

pytestmark = pytest.mark.long


def test_messages_that_come_late_twice_and_in_another_order_are_sent_once(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", call_delay=1.0, disorder=3.0, picked_again_after=2.0)
    numbers = [f"+1202555{ending:04d}" for ending in range(120, 140)]
    messages = [portal.send(to, code) for to in numbers]
    portal.all_delivered(messages, 30)
    wait(lambda: all(len(portal.messages()[one]["calls"]) == 2 for one in messages), 10)

    assert [len(portal.accepted(to)) for to in numbers] == [1] * len(numbers)
    assert {call["status"] for one in messages for call in portal.messages()[one]["calls"]} == {200}


def test_a_call_that_is_lost_on_the_way_leaves_the_others_alone(new_portal: Callable[..., House]) -> None:
    """Nothing can be done about it: the portal shows it as sent, and we never hear of it (J1, J2)."""
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", lose_calls=1)
    lost, found = portal.send(NUMBER, code), portal.send(NUMBER, code)
    portal.all_delivered([found], 20)

    assert portal.statuses([lost]) == {"sent"}
    assert portal.phase(lost) == "not there"


def test_nothing_waits_for_an_installation_event_that_never_comes(new_portal: Callable[..., House]) -> None:
    """The page brings the tokens, and an administrator's page the application's token (J22)."""
    portal = new_portal(lose_events=-1)
    code = settle(portal)
    deliver(portal, code)

    assert heard(portal, "ONAPPINSTALL") == []
    assert token_users(portal) == {1}
    assert (column(portal, "installed_at") is not None, bool(column(portal, "application_token"))) == (True, True)
