"""A portal that does not answer is asked ever more rarely, with the token as it is, and old statuses are given up."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.models import PausedMethod, Portal, PortalToken
from b24app.portals.rest.client import PortalClient
from b24app.portals.status_timing import DELETED_AFTER
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.push.statuses import UPDATE, many_sent_statuses, open_application, sent_status

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def renewals(alpha: SandboxPortal) -> int:
    """Return how many refresh tokens were used."""
    return sum(not token.refresh for token in alpha.tokens.values())


def try_for(portal: Portal, span: timedelta) -> list[timedelta]:
    """Push whenever the portal is due, for so long; return the waits. Time passes by moving what waits for it."""
    waits: list[timedelta] = []
    while sum(waits, timedelta()) < span:
        assert sweep.to_push() == [portal.pk]
        tasks.push_statuses(portal.pk)
        assert sweep.to_push() == []
        portal.refresh_from_db()
        assert portal.push_after is not None
        waits.append(portal.push_after - timezone.now())
        Portal.objects.update(push_after=timezone.now())
        for token in PortalToken.objects.all():
            token.expires_at -= waits[-1]
            token.save()
    return waits


@pytest.mark.parametrize("trouble", ["down", "non_json"])
def test_a_portal_that_is_off_is_tried_ever_more_rarely_and_no_token_is_renewed_for_it(
    alpha: SandboxPortal, live: Portal, sender: Sender, trouble: str
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.set(trouble, True)
    waits = try_for(live, 3 * DAY)
    assert len(waits) < 32
    assert waits[-1] > 3 * HOUR
    assert renewals(alpha) == 0
    message.refresh_from_db()
    assert (message.pushed, message.push_error, live.statuses_given_up) == (Status.SENT, "", 0)


def test_a_portal_that_is_on_again_is_told_with_a_token_renewed_once(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    alpha.switches.down = True
    try_for(live, 2 * HOUR)
    alpha.expire_tokens()
    alpha.switches.down = False
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert alpha.messages[-1].status == "delivered"
    assert (renewals(alpha), live.push_failures, live.push_after) == (1, 0, None)


def test_a_portal_that_breaks_down_at_every_call_counts_as_silent(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError("*", "INTERNAL_SERVER_ERROR", status=500)]
    waits = try_for(live, DAY)
    assert len(waits) < 20
    assert renewals(alpha) == 0


def test_an_answer_to_home_brings_the_statuses_of_a_silent_portal_forward(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    Portal.objects.update(push_failures=12, push_after=timezone.now() + 3 * HOUR)
    alpha.switches.down = True
    tasks.ask_portal(live.pk)
    assert sweep.to_push() == []
    alpha.switches.down = False
    tasks.ask_portal(live.pk)
    assert sweep.to_push() == [live.pk]
    tasks.push_statuses(live.pk)
    assert alpha.messages[-1].status == "delivered"


def test_a_pause_for_the_portals_bucket_does_not_end_with_an_answer(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    Portal.objects.update(push_after=timezone.now() + timedelta(seconds=9))
    tasks.ask_portal(live.pk)
    assert sweep.to_push() == []


def test_a_status_is_given_up_once_the_portal_has_deleted_the_message_and_does_not_answer(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    old = sent_status(alpha, sender, seconds_ago=(DELETED_AFTER + HOUR).total_seconds())
    younger = sent_status(alpha, sender, seconds_ago=(DELETED_AFTER - HOUR).total_seconds())
    alpha.switches.down = True
    tasks.push_statuses(live.pk)
    for row in (old, younger, live):
        row.refresh_from_db()
    assert (old.push_at, old.push_error, old.pushed) == (None, "NO_ANSWER", Status.SENT)
    assert (younger.push_error, live.statuses_given_up) == ("", 1)
    assert younger.push_at is not None


def test_however_many_statuses_of_deleted_messages_are_given_up_by_one_visit(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 1_100, seconds_ago=(DELETED_AFTER + HOUR).total_seconds())
    many_sent_statuses(alpha, sender, 2)
    alpha.switches.down = True
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert live.statuses_given_up == 1_100
    assert Message.objects.filter(push_at=None, push_error="NO_ANSWER").count() == 1_100
    assert Message.objects.filter(push_error="", push_at__lte=timezone.now()).count() == 2


def test_a_status_that_was_given_up_is_shown_on_its_message(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = sent_status(alpha, sender, seconds_ago=(DELETED_AFTER + HOUR).total_seconds())
    alpha.switches.down = True
    tasks.push_statuses(live.pk)
    page = text_of(factories.visitor(live), f"/p/{live.uuid.hex}/journal/{message.reference}/")
    assert "Bitrix24 did not accept the status “Delivered”" in page
    assert "NO_ANSWER" in page


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("switch", ["not_installed", "lapsed_plan", "payment_required", "deleted"])
def test_old_statuses_of_a_suspended_portal_are_given_up_at_its_probe(
    alpha: SandboxPortal, live: Portal, sender: Sender, switch: str
) -> None:
    old = sent_status(alpha, sender, seconds_ago=(DELETED_AFTER + HOUR).total_seconds())
    younger = sent_status(alpha, sender)
    alpha.switches.set(switch, True)
    tasks.push_statuses(live.pk)
    for row in (old, younger, live):
        row.refresh_from_db()
    assert live.suspension != ""
    assert (old.push_at, bool(old.push_error), live.statuses_given_up) == (None, True, 1)
    alpha.switches.set(switch, False)
    Portal.objects.update(suspended_until=timezone.now())
    tasks.push_statuses(live.pk)  # the probe
    younger.refresh_from_db()
    assert (younger.pushed, younger.push_at) == (Status.DELIVERED, None)


def test_an_old_status_is_not_given_up_while_a_limit_says_wait(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    old = sent_status(alpha, sender, seconds_ago=(DELETED_AFTER + HOUR).total_seconds())
    alpha.messages[-1].created = time.time()  # it has not been deleted, which we cannot know
    alpha.switches.method_errors = [MethodError("batch", "QUERY_LIMIT_EXCEEDED", status=503, times=1)]
    tasks.push_statuses(live.pk)
    old.refresh_from_db()
    assert (old.push_error, old.push_at is not None) == ("", True)
    Portal.objects.update(rest_after=timezone.now())
    tasks.push_statuses(live.pk)
    old.refresh_from_db()
    assert old.pushed == Status.DELIVERED


def test_our_own_wrong_client_id_is_not_tried_again_for_ten_minutes(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    PortalToken.objects.update(expires_at=timezone.now() - HOUR)
    alpha.switches.method_errors = [MethodError("oauth.token", "wrong_client", status=200)]
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert sweep.to_push() == []
    assert live.rest_after is not None
    assert timedelta(minutes=9) < live.rest_after - timezone.now() < timedelta(minutes=11)


def test_a_due_status_is_found_by_the_sweep_unless_its_portal_is_to_be_left_alone(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    factories.sender(factories.connection(factories.portal("charlie")))  # has nothing to push
    assert sweep.to_push() == []
    sent_status(alpha, sender)
    assert sweep.to_push() == [live.pk]
    later = timezone.now() + HOUR
    for wait in (
        {"push_after": later},
        {"rest_after": later},
        {"push_lease_until": later},
        {"suspended_until": later, "suspension": "plan"},
        {"uninstalled_at": timezone.now()},
    ):
        Portal.objects.filter(pk=live.pk).update(**wait)
        assert sweep.to_push() == [], wait
        live.save()
    assert sweep.to_push() == [live.pk]
    assert [call.method for call in alpha.rest_log].count(UPDATE) == 0


def test_an_opening_brings_the_statuses_of_a_silent_portal_forward(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    Portal.objects.update(push_failures=12, push_after=timezone.now() + 3 * HOUR)
    open_application(alpha, 7)
    assert sweep.to_push() == []  # Bob's tokens are not stored
    open_application(alpha, 1)
    assert sweep.to_push() == [live.pk]
    tasks.push_statuses(live.pk)
    assert alpha.messages[-1].status == "delivered"


@pytest.mark.parametrize("switch", ["not_installed", "deleted"])
def test_a_portal_that_was_gone_for_some_minutes_gets_its_statuses_minutes_later(
    alpha: SandboxPortal, live: Portal, sender: Sender, switch: str
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.set(switch, True)
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert live.suspended_until is not None
    assert live.suspended_until - timezone.now() < timedelta(minutes=6)
    assert sweep.to_push() == []
    alpha.switches.set(switch, False)
    Portal.objects.update(suspended_until=timezone.now())
    assert sweep.to_push() == [live.pk]
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    live.refresh_from_db()
    assert (message.pushed, live.suspension) == (Status.DELIVERED, "")


def test_statuses_wait_for_their_method_and_the_portal_for_nothing(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "OPERATION_TIME_LIMIT", status=429, times=1)]
    tasks.push_statuses(live.pk)
    Message.objects.update(push_at=timezone.now())
    for _ in range(3):
        tasks.push_statuses(live.pk)
        assert sweep.to_push() == []
    assert [call.outcome for call in alpha.rest_log if call.method == UPDATE] == ["OPERATION_TIME_LIMIT"]
    live.refresh_from_db()
    assert live.may_be_called(timezone.now())
    assert PortalClient(live).call("messageservice.sender.list") is not None
    PausedMethod.objects.update(ask_at=timezone.now())
    Portal.objects.update(push_after=None)
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    assert message.pushed == Status.DELIVERED
