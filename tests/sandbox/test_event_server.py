"""The event server: what comes late, in another order, ever more rarely, never (docs/bitrix24.md E.5, E.8, F.4)."""

import time
from itertools import pairwise
from urllib.parse import parse_qs

import pytest

from b24app.sandbox import Portal, Sandbox
from tests.sandbox.clients import Listener, Rest

NUMBER = "+12025550100"


def bind(rest: Rest, app: Listener, *names: str) -> None:
    for name in names:
        assert rest("event.bind", event=name, handler=f"{app.url}/events/")[0] == 200


def texts(app: Listener) -> list[str]:
    return [parse_qs(arrival.body.decode())["message_body"][0] for arrival in app.arrivals]


def test_an_event_may_come_late(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPPAYMENT")
    alpha.switches.event_delay = 0.3
    began = time.monotonic()
    alpha.fire("ONAPPPAYMENT")

    assert box.wait_until(lambda: bool(app.arrivals))
    assert time.monotonic() - began >= 0.3


def test_what_is_said_late_was_true_when_it_was_sent(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPUNINSTALL")
    alpha.switches.event_delay = 0.2
    before = alpha.state.app.token
    alpha.reinstall()

    assert box.wait_until(lambda: bool(app.arrivals))
    assert alpha.state.app.token != before
    assert parse_qs(app.arrivals[0].body.decode())["auth[application_token]"] == [before]


def test_a_handler_call_that_comes_late_finds_the_message_sent(
    box: Sandbox, alpha: Portal, app: Listener, sender: str
) -> None:
    alpha.switches.call_delay = 0.4
    message = alpha.send_sms(NUMBER, "Hello", sender)

    assert box.wait_until(lambda: message.status == "sent")
    assert (app.arrivals, message.calls) == ([], [])
    assert box.wait_until(lambda: message.handler_status == 200)


def test_a_lost_call_is_sent_all_the_same(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.switches.lose_calls = 1
    lost, found = alpha.send_sms(NUMBER, "lost", sender), alpha.send_sms(NUMBER, "found", sender)

    assert box.wait_until(lambda: bool(app.arrivals) and {lost.status, found.status} == {"sent"})
    assert texts(app) == ["found"]
    assert [(call.status, call.error) for call in lost.calls] == [(None, "lost")]


def test_a_lost_event_is_not_repeated(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPPAYMENT")
    alpha.switches.lose_events = 1
    assert [alpha.fire("ONAPPPAYMENT", {"STATUS": status}) for status in ("F", "S")] == [1, 1]

    assert box.wait_until(lambda: len(alpha.handlers[0].calls) == 2)
    assert [call.error for call in alpha.handlers[0].calls] == ["lost", ""]
    assert [parse_qs(one.body.decode())["data[STATUS]"] for one in app.arrivals] == [["S"]]


def test_messages_overtake_one_another(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.switches.disorder = 0.5
    sent = [f"text {number}" for number in range(12)]
    for text in sent:
        alpha.send_sms(NUMBER, text, sender)

    assert box.wait_until(lambda: len(app.arrivals) == 12)
    assert sorted(texts(app)) == sorted(sent)
    assert texts(app) != sent


@pytest.mark.parametrize("status", [503, 200])
def test_a_handler_that_fails_is_called_ever_more_rarely(
    box: Sandbox, alpha: Portal, app: Listener, sender: str, status: int
) -> None:
    alpha.switches.penalty = True
    app.status = status
    for _ in range(4):
        message = alpha.send_sms(NUMBER, "Hello", sender)
        assert box.wait_until(lambda one=message: bool(one.calls))  # type: ignore[misc]  # bound for this round
    times = [message.calls[0].at for message in alpha.messages]
    gaps = [later - earlier for earlier, later in pairwise(times)]

    assert (gaps[2] >= 0.7, gaps[2] < 0.2) == ((True, False) if status == 503 else (False, True))


def test_one_slow_portal_costs_the_others_their_turn(
    box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str
) -> None:
    """The event server knows the application, not its tenants."""
    beta = box.portal("beta")
    beta.install()
    beta.state.senders = dict(alpha.senders)
    alpha.switches.penalty = beta.switches.penalty = True
    app.status = 503
    for _ in range(3):
        alpha.send_sms(NUMBER, "Hello", sender)
        assert box.wait_until(lambda: bool(alpha.messages[-1].calls))
    app.status = 200
    began = time.time()
    message = beta.send_sms(NUMBER, "Hello", sender)

    assert box.wait_until(lambda: message.handler_status == 200)
    assert message.calls[0].at - began >= 0.3
