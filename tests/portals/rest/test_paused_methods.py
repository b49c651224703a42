"""Methods that a portal cannot run: what is not asked for again, until when, and that nothing else suffers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.portals import answering
from b24app.portals.errors import MethodPaused, PortalRefused, Postponed
from b24app.portals.models import PausedMethod, Portal
from b24app.portals.rest.client import BatchCommand, PortalClient
from b24app.sandbox import Portal as There
from tests.portals.launches import asked, launch

LIST, ADD, UPDATE = "messageservice.sender.list", "messageservice.sender.add", "messageservice.sender.update"
STATUS = "messageservice.message.status.update"
HOUR, DAY = 3600, 86400
BLOCKED = "Method is blocked due to operation time limit."
Force = Callable[..., None]


def in_seconds(moment: object) -> float:
    """Return how many seconds ahead a moment is."""
    return (moment - timezone.now()).total_seconds()  # type: ignore[operator,no-any-return]


def let_ask_again(*, age: timedelta) -> None:
    """Let the pauses, which began so long ago, be over."""
    now = timezone.now()
    PausedMethod.objects.update(since=now - age, ask_at=now)


# -- operating time ----------------------------------------------------------------------------------------------------


def test_a_method_over_its_operating_time_is_left_alone_and_the_portal_is_not(
    portal: Portal, alpha: There, forced: Force
) -> None:
    forced("OPERATION_TIME_LIMIT", BLOCKED, method="scope", status=429)
    client = PortalClient(portal)
    with pytest.raises(MethodPaused) as caught:
        client.call("scope")
    assert in_seconds(caught.value.until) == pytest.approx(60, abs=2)
    assert client.call(LIST) == []
    assert client.call("app.info")
    with pytest.raises(MethodPaused) as again:
        client.call("scope")
    assert again.value.until == caught.value.until
    assert asked(alpha, "scope") == ["OPERATION_TIME_LIMIT"]
    portal.refresh_from_db()
    assert (portal.rest_after, portal.suspension) == (None, "")


def test_it_is_called_again_when_its_time_has_come_and_then_freely(portal: Portal, alpha: There, forced: Force) -> None:
    forced("OPERATION_TIME_LIMIT", BLOCKED, method="scope", status=429)
    with pytest.raises(MethodPaused):
        PortalClient(portal).call("scope")
    let_ask_again(age=timedelta(minutes=1))
    assert PortalClient(portal).call("scope")
    assert asked(alpha, "scope") == ["OPERATION_TIME_LIMIT", "ok"]
    assert not PausedMethod.objects.exists()


def test_a_batch_leaves_out_a_method_over_its_time_and_does_the_others(
    portal: Portal, alpha: There, forced: Force
) -> None:
    forced("OPERATION_TIME_LIMIT", BLOCKED, status=429, times=2)
    commands = [BatchCommand("app.info"), BatchCommand(LIST), BatchCommand("app.info")]
    for _ in range(2):
        answers = PortalClient(portal).batch(commands)
        assert [type(answer.error) for answer in answers] == [Postponed, type(None), Postponed]
        assert answers[1].result == []
    assert asked(alpha, "app.info") == ["OPERATION_TIME_LIMIT"] * 2  # by the first batch; the second held none


def test_a_batch_of_nothing_else_is_not_sent(portal: Portal, alpha: There) -> None:
    alpha.switches.operation_limit = True
    status = BatchCommand(STATUS, {"CODE": "front", "MESSAGE_ID": "0" * 32, "STATUS": "delivered"})
    answers = PortalClient(portal).batch([status, status])
    assert [type(answer.error) for answer in answers] == [Postponed, Postponed]
    with pytest.raises(MethodPaused) as caught:
        PortalClient(portal).batch([status, status])
    assert caught.value.until is not None
    assert asked(alpha, "batch") == ["ok"]


def test_a_screen_that_asks_whether_the_portal_answers_is_not_kept_from_it(
    portal: Portal, alpha: There, forced: Force
) -> None:
    forced("OPERATION_TIME_LIMIT", BLOCKED, method=STATUS, status=429)
    PortalClient(portal).batch([BatchCommand(STATUS)])
    answering.ask_portal(portal)
    portal.refresh_from_db()
    assert asked(alpha, "app.info") == ["ok"]
    assert portal.silent_since is None


# -- methods that are not there, and permissions that were not granted -------------------------------------------------


def test_a_method_that_is_not_there_is_asked_for_rarely(portal: Portal, alpha: There) -> None:
    alpha.switches.update_missing = True
    for _ in range(3):
        with pytest.raises(PortalRefused) as caught:
            PortalClient(portal).call(UPDATE, {"CODE": "front"})
        assert (caught.value.code, caught.value.message) == ("ERROR_METHOD_NOT_FOUND", "Method not found!")
    assert asked(alpha, UPDATE) == ["ERROR_METHOD_NOT_FOUND"]
    row = PausedMethod.objects.get()
    assert (row.portal_id, row.method, row.code) == (portal.pk, UPDATE, "ERROR_METHOD_NOT_FOUND")
    assert in_seconds(row.since) == pytest.approx(0, abs=5)
    assert in_seconds(row.ask_at) == pytest.approx(HOUR, abs=5)


@pytest.mark.parametrize(("age", "seconds"), [(timedelta(days=2), 2 * DAY), (timedelta(days=300), 7 * DAY)])
def test_the_longer_it_has_not_been_there_the_more_rarely(
    portal: Portal, alpha: There, age: timedelta, seconds: int
) -> None:
    alpha.switches.update_missing = True
    with pytest.raises(PortalRefused):
        PortalClient(portal).call(UPDATE)
    let_ask_again(age=age)
    with pytest.raises(PortalRefused):
        PortalClient(portal).call(UPDATE)
    assert asked(alpha, UPDATE) == ["ERROR_METHOD_NOT_FOUND"] * 2
    assert in_seconds(PausedMethod.objects.get().ask_at) == pytest.approx(seconds, abs=5)


def test_a_portal_that_has_been_updated_is_found_out(portal: Portal, alpha: There) -> None:
    alpha.switches.update_missing = True
    with pytest.raises(PortalRefused):
        PortalClient(portal).call(UPDATE)
    alpha.switches.update_missing = False
    let_ask_again(age=timedelta(hours=1))
    with pytest.raises(PortalRefused) as caught:
        PortalClient(portal).call(UPDATE, {"CODE": "front", "NAME": "Front desk"})
    assert caught.value.code == "ERROR_SENDER_NOT_FOUND"


def test_what_one_portal_has_not_got_is_asked_of_another(portal: Portal, alpha: There, beta: There) -> None:
    alpha.switches.update_missing = True
    theirs = launch(beta).portal
    with pytest.raises(PortalRefused):
        PortalClient(portal).call(UPDATE)
    with pytest.raises(PortalRefused) as caught:
        PortalClient(theirs).call(UPDATE)
    assert caught.value.code != "ERROR_METHOD_NOT_FOUND"
    assert list(PausedMethod.objects.values_list("portal_id", flat=True)) == [portal.pk]


def test_a_missing_permission_is_asked_for_rarely(portal: Portal, alpha: There) -> None:
    alpha.switches.insufficient_scope = True
    for _ in range(3):
        with pytest.raises(PortalRefused) as caught:
            PortalClient(portal).call(LIST)
        assert caught.value.code == "INSUFFICIENT_SCOPE"
    assert asked(alpha, LIST) == ["ok", "insufficient_scope"]  # the first by the launch
    assert in_seconds(PausedMethod.objects.get().ask_at) == pytest.approx(HOUR, abs=5)


def test_another_set_of_permissions_is_asked_for_at_once(portal: Portal, alpha: There) -> None:
    alpha.switches.insufficient_scope = True
    with pytest.raises(PortalRefused):
        PortalClient(portal).call(LIST)
    alpha.switches.insufficient_scope = False
    Portal.objects.update(scope="messageservice")
    portal.refresh_from_db()
    assert PortalClient(portal).call(LIST) == []
    assert not PausedMethod.objects.exists()


def test_a_person_who_saves_a_sender_is_always_answered_by_the_portal(portal: Portal, alpha: There) -> None:
    alpha.switches.insufficient_scope = True
    for method in (LIST, ADD, ADD):
        with pytest.raises(PortalRefused):
            PortalClient(portal).call(method)
    assert asked(alpha, ADD) == ["insufficient_scope"] * 2
    # Once that works, the permission is there for the whole family.
    alpha.switches.insufficient_scope = False
    values = {"CODE": "front", "TYPE": "SMS", "HANDLER": "https://sendline.example/h/", "NAME": "Front desk"}
    assert PortalClient(portal).call(ADD, values) is True
    assert PortalClient(portal).call(LIST) == ["front"]


def test_in_a_batch_only_the_refused_method_is_left_out(portal: Portal, alpha: There, forced: Force) -> None:
    forced("ERROR_METHOD_NOT_FOUND", "Method not found!", status=404)
    for _ in range(2):
        first, second = PortalClient(portal).batch([BatchCommand("app.info"), BatchCommand(LIST)])
        assert first.error is not None
        assert first.error.code == "ERROR_METHOD_NOT_FOUND"
        assert second.result == []
    assert asked(alpha, "app.info") == ["ERROR_METHOD_NOT_FOUND"]
    assert asked(alpha, LIST)[-2:] == ["ok", "ok"]


def test_a_status_is_never_given_up_by_memory(portal: Portal, alpha: There, forced: Force) -> None:
    forced("ERROR_METHOD_NOT_FOUND", "Method not found!", method=STATUS, status=404)
    status = BatchCommand(STATUS, {"CODE": "front", "MESSAGE_ID": "0" * 32, "STATUS": "delivered"})
    PortalClient(portal).batch([status])
    (answer,) = PortalClient(portal).batch([status])
    assert answer.error is not None
    assert answer.error.code == "ERROR_MESSAGE_NOT_FOUND"
