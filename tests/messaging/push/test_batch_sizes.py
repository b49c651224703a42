"""A batch that takes too long is made smaller, so that no status stands at the head of the line for ever."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.core.wait_limit import limit_waiting
from b24app.messaging import tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox.rest.run import Runner
from tests.messaging.push.statuses import UPDATE, many_sent_statuses, sent_status

ALLOWED = 1.0  # seconds for an answer, instead of a worker's twenty


@pytest.fixture(autouse=True)
def short_waits() -> Iterator[None]:
    with limit_waiting(each=ALLOWED, total=600):
        yield


def push_until_told(portal: Portal, visits: int) -> int:
    """Push as often as the portal is due, and return after how many visits nothing was due any more."""
    for visit in range(1, visits + 1):
        tasks.push_statuses(portal.pk)
        if not Message.objects.exclude(push_at=None).exists():
            return visit
        Portal.objects.update(push_after=None)
    return -1


def test_a_portal_too_slow_for_fifty_statuses_gets_fewer_at_a_time(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 100)
    alpha.switches.slow_command = 0.04
    assert 0 < push_until_told(live, 6) <= 3
    live.refresh_from_db()
    assert {one.status for one in alpha.messages} == {"delivered"}
    assert live.push_batch_size < 25


def test_batches_grow_again_when_the_portal_is_quick_again(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, 150)
    Portal.objects.update(push_batch_size=1, push_failures=4)
    tasks.push_statuses(live.pk)
    sizes = [call.params["cmd"] for call in alpha.rest_log if call.method == "batch"]
    assert sizes == [1, 2, 4, 8, 16, 32, 50, 37]
    live.refresh_from_db()
    assert (live.push_batch_size, live.push_failures) == (50, 0)


def test_a_status_over_which_the_portal_hangs_does_not_block_the_others(
    alpha: SandboxPortal, live: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = many_sent_statuses(alpha, sender, 20)
    run = Runner._run_command

    def hang(runner: Runner, command: str, results: dict[str, object]) -> object:
        time.sleep(3 * ALLOWED if str(first.message_id) in command else 0)
        return run(runner, command, results)

    monkeypatch.setattr(Runner, "_run_command", hang)  # no switch hangs over one message
    assert push_until_told(live, 12) == -1
    assert Message.objects.filter(pushed=Status.DELIVERED).count() == len(others)
    stuck = Message.objects.exclude(push_at=None).get()
    assert (stuck.pk, stuck.push_error) == (first.pk, "NO_ANSWER")
    assert stuck.push_at is not None
    assert stuck.push_at > timezone.now()


def test_an_error_without_a_code_concerns_its_own_status_only(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    _, wrong, *others = many_sent_statuses(alpha, sender, 20)
    alpha.switches.method_errors = [MethodError(UPDATE, "", params={"MESSAGE_ID": str(wrong.message_id)})]
    assert push_until_told(live, 12) == -1
    assert Message.objects.filter(pushed=Status.DELIVERED).count() == len(others) + 1
    wrong.refresh_from_db()
    assert (wrong.pushed, bool(wrong.push_error)) == (Status.SENT, True)


def test_a_stuck_status_is_given_up_after_some_days(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "", "The module is not installed.")]
    waited = timedelta()
    for _ in range(20):
        tasks.push_statuses(live.pk)
        message.refresh_from_db()
        if message.push_at is None:
            break
        waited += max(message.push_at - timezone.now(), timedelta())
        Portal.objects.update(push_after=None)
        Message.objects.update(push_at=timezone.now())
    live.refresh_from_db()
    assert (message.push_at, bool(message.push_error), live.statuses_given_up) == (None, True, 1)
    assert waited > timedelta(days=3)


def test_a_portal_that_is_off_keeps_its_statuses_in_one_line(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 60)
    alpha.switches.down = True
    for _ in range(8):
        tasks.push_statuses(live.pk)
        Portal.objects.update(push_after=None)
    live.refresh_from_db()
    assert live.push_failures == 8
    assert Message.objects.filter(push_at__lte=timezone.now(), push_error="", push_tries=0).count() == 60
    alpha.switches.down = False
    assert push_until_told(live, 2) > 0
