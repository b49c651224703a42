"""Portals are kept in order: what they lost comes back within minutes, and one that is off is left alone."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.audit.models import Change
from b24app.messaging import tasks
from b24app.messaging.maintenance import due_jobs, requests, runner
from b24app.messaging.models import Connection, MaintenanceJob, Sender
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.push import sender_registration
from b24app.portals.event_handlers import EVENTS
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories

LIST = "messageservice.sender.list"


@pytest.fixture
def registered(live: Portal, connection: Connection) -> Sender:
    sender = Sender(portal=live, connection=connection, names={"en": "Acme"})
    sender_registration.save_sender(sender)
    return sender_registration.register_sender(sender)


def pass_time(**duration: float) -> None:
    """Move everything that waits for a moment that much nearer."""
    delta = timedelta(**duration)
    MaintenanceJob.objects.update(
        due_at=F("due_at") - delta, done_at=F("done_at") - delta, lease_until=F("lease_until") - delta
    )
    Portal.objects.update(
        rest_after=F("rest_after") - delta,
        suspended_until=F("suspended_until") - delta,
        suspended_since=F("suspended_since") - delta,
        erase_at=F("erase_at") - delta,
    )
    PortalToken.objects.update(
        expires_at=F("expires_at") - delta, refreshed_at=F("refreshed_at") - delta, lease_until=F("lease_until") - delta
    )


def maintain() -> list[int]:
    """Do what the sweep and the maintenance round would; return whom they visited."""
    due_jobs.add_missing_jobs()
    portals = list(dict.fromkeys([*due_jobs.urgent_portals(), *due_jobs.routine_portals()]))
    for portal_id in portals:
        runner.run_due_jobs(portal_id)
    return portals


def count_calls(there: SandboxPortal, method: str) -> int:
    return len([call for call in there.rest_log if call.method == method])


def count_refreshes(there: SandboxPortal) -> int:
    return len([token for token in there.tokens.values() if not token.refresh])


# -- what was lost comes back ------------------------------------------------------------------------------------------


def test_senders_wiped_while_the_portal_is_busy_are_back_within_minutes(
    alpha: SandboxPortal, live: Portal, registered: Sender
) -> None:
    alpha.state.senders.clear()
    alpha.switches.method_errors = [MethodError(LIST, "QUERY_LIMIT_EXCEEDED", status=503, times=2)]
    requests.request_check(live.pk)
    for _ in range(3):
        maintain()
        pass_time(minutes=2)
    maintain()
    assert list(alpha.senders) == [registered.code]


def test_a_sender_deleted_but_not_yet_added_again_is_back_within_minutes(
    alpha: SandboxPortal, live: Portal, registered: Sender
) -> None:
    alpha.switches.update_missing = True
    alpha.switches.method_errors = [
        MethodError("messageservice.sender.add", "QUERY_LIMIT_EXCEEDED", status=503, times=1)
    ]
    registered.names = {"en": "Acme Care"}
    sender_registration.save_sender(registered)
    requests.request_check(live.pk)
    maintain()
    assert not alpha.senders
    pass_time(minutes=2)
    maintain()
    assert [one.names["**"] for one in alpha.senders.values()] == ["Acme Care"]


def test_a_sender_the_portal_refuses_does_not_keep_the_others_out(
    alpha: SandboxPortal, live: Portal, registered: Sender, connection: Connection
) -> None:
    removed = factories.sender(connection, code="sendline-0", state="removing", registered_as="")
    Sender.objects.filter(pk=registered.pk).update(code="sendline-9")
    alpha.state.senders["sendline-0"] = alpha.state.senders.pop(registered.code)
    alpha.switches.method_errors = [MethodError("messageservice.sender.delete", "ERROR_CORE", times=1)]
    requests.request_check(live.pk)
    maintain()
    assert set(alpha.senders) == {"sendline-0", "sendline-9"}
    job = MaintenanceJob.objects.get(kind=JobKind.SENDERS)
    assert (job.error, job.tries, job.is_urgent) == ("ERROR_CORE", 1, True)
    pass_time(minutes=20)
    maintain()
    assert set(alpha.senders) == {"sendline-9"}
    removed.refresh_from_db()
    assert removed.state == "removed"


def test_a_request_that_comes_during_a_run_is_not_lost(live: Portal, alpha: SandboxPortal) -> None:
    requests.request_check(live.pk)
    (job, *_) = due_jobs.claim_jobs(live.pk)
    MaintenanceJob.objects.request(live.pk)
    runner._finish_job(job)
    job.refresh_from_db()
    assert (job.is_urgent, job.lease_until, job.error) == (True, None, "")
    assert job.due_at <= timezone.now()


def test_two_workers_do_not_run_a_portals_jobs_at_once(live: Portal) -> None:
    requests.request_check(live.pk)
    assert len(due_jobs.claim_jobs(live.pk)) == 3
    assert due_jobs.claim_jobs(live.pk) == []
    assert due_jobs.urgent_portals() == []
    pass_time(minutes=6)  # the first was killed
    assert due_jobs.urgent_portals() == [live.pk]


def test_the_sweep_finds_a_request_that_no_worker_was_woken_for(
    live: Portal, alpha: SandboxPortal, registered: Sender
) -> None:
    alpha.state.senders.clear()
    MaintenanceJob.objects.request(live.pk)
    assert due_jobs.urgent_portals() == [live.pk]
    tasks.maintain_portal(live.pk)
    assert list(alpha.senders) == [registered.code]
    assert due_jobs.urgent_portals() == []


def test_an_older_process_asks_for_a_check_by_the_task_it_knows(
    live: Portal, alpha: SandboxPortal, registered: Sender
) -> None:
    alpha.state.senders.clear()
    tasks.check_portal(live.pk, "now")
    maintain()
    assert list(alpha.senders) == [registered.code]


def test_a_portal_gets_the_jobs_that_it_lacks(live: Portal) -> None:
    MaintenanceJob.objects.request(live.pk)
    due_jobs.add_missing_jobs()
    due_jobs.add_missing_jobs()
    jobs = MaintenanceJob.objects.order_by("kind").values_list("kind", "is_urgent")
    assert list(jobs) == [
        ("events", True), ("places", True), ("senders", True), ("statuses", False), ("tokens", False),
    ]  # fmt: skip


# -- event handlers ----------------------------------------------------------------------------------------------------


def test_event_handlers_that_were_lost_are_bound_again(alpha: SandboxPortal, live: Portal) -> None:
    maintain()
    requests.request_check(live.pk)
    maintain()
    assert {one.event for one in alpha.handlers} == set(EVENTS)
    alpha.handlers.clear()
    pass_time(days=1, minutes=1)
    live.tokens.update(expires_at=timezone.now() + timedelta(hours=1))
    maintain()
    assert {one.event for one in alpha.handlers} == set(EVENTS)


def test_events_follow_a_new_address_key(alpha: SandboxPortal, live: Portal, settings: Settings) -> None:
    alpha.handlers.clear()
    requests.request_check(live.pk)
    maintain()
    old = {one.handler for one in alpha.handlers}
    settings.ADDRESS_KEYS = ["a" * 40, *settings.ADDRESS_KEYS]
    requests.request_check(live.pk)
    maintain()
    now = {one.handler for one in alpha.handlers}
    assert len(now) == 1
    assert now != old
    assert sorted(one.event for one in alpha.handlers) == sorted(EVENTS)


# -- a portal that is off ----------------------------------------------------------------------------------------------


def test_a_portal_that_is_off_is_refreshed_a_few_times_a_day_and_then_hardly_at_all(
    alpha: SandboxPortal, live: Portal
) -> None:
    alpha.switches.down = True
    requests.request_check(live.pk)
    for _ in range(24 * 12):
        maintain()
        pass_time(minutes=5)
    first_day = count_refreshes(alpha)
    for _ in range(24 * 10):
        maintain()
        pass_time(hours=1)
    assert first_day <= 8
    assert count_refreshes(alpha) - first_day <= 11  # once a day


def test_a_quiet_portal_is_not_refreshed_by_a_timer(alpha: SandboxPortal, live: Portal) -> None:
    requests.request_check(live.pk)
    maintain()
    for _ in range(29):
        pass_time(days=1)
        maintain()
    assert count_refreshes(alpha) == 0
    pass_time(days=2)
    maintain()
    assert count_refreshes(alpha) == 1


def test_a_token_that_nobody_used_for_four_months_is_kept_alive(alpha: SandboxPortal, live: Portal) -> None:
    MaintenanceJob.objects.create(portal=live, kind=JobKind.TOKENS, due_at=timezone.now())
    PortalToken.objects.update(refreshed_at=timezone.now() - timedelta(days=121), expires_at=timezone.now())
    maintain()
    assert count_refreshes(alpha) == 1
    MaintenanceJob.objects.update(due_at=timezone.now())
    maintain()
    assert count_refreshes(alpha) == 1


def test_a_routine_check_is_made_while_a_token_is_live(alpha: SandboxPortal, live: Portal) -> None:
    requests.request_check(live.pk)
    maintain()
    alpha.state.senders.clear()
    pass_time(days=1, minutes=1)
    maintain()
    assert (count_calls(alpha, LIST), count_refreshes(alpha)) == (1, 0)
    PortalToken.objects.update(expires_at=timezone.now() + timedelta(minutes=30))
    assert maintain() == [live.pk]
    assert (count_calls(alpha, LIST), count_refreshes(alpha)) == (2, 0)


def test_a_missing_permission_is_not_asked_for_every_few_minutes(alpha: SandboxPortal, live: Portal) -> None:
    alpha.switches.insufficient_scope = True
    requests.request_check(live.pk)
    for _ in range(6):
        maintain()
        pass_time(minutes=5)
    assert count_calls(alpha, LIST) <= 2


def test_fifty_portals_that_are_off_do_not_keep_a_healthy_one_waiting(
    alpha: SandboxPortal, live: Portal, registered: Sender
) -> None:
    dead = [factories.portal(f"dead{number}") for number in range(60)]
    for portal in dead:
        MaintenanceJob.objects.request(portal.pk)
    MaintenanceJob.objects.update(due_at=timezone.now() - timedelta(hours=1))
    MaintenanceJob.objects.request(live.pk)
    alpha.state.senders.clear()
    for _ in range(3):
        maintain()
        pass_time(seconds=10)
    assert list(alpha.senders) == [registered.code]


def test_a_portal_without_a_token_is_checked_as_soon_as_it_has_one(
    alpha: SandboxPortal, live: Portal, registered: Sender
) -> None:
    alpha.state.senders.clear()
    PortalToken.objects.update(dead_reason="invalid_grant")
    requests.request_check(live.pk)
    maintain()
    live.refresh_from_db()
    assert live.no_token_since is not None
    assert maintain() == []
    PortalToken.objects.update(dead_reason="")
    Portal.objects.update(no_token_since=None)
    maintain()
    assert list(alpha.senders) == [registered.code]


def test_no_worker_is_kept_busy_by_a_portal_without_a_token(live: Portal) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    requests.request_check(live.pk)

    assert runner.run_due_jobs(live.pk) is None


# -- suspended portals -------------------------------------------------------------------------------------------------


def suspend(portal: Portal, kind: Suspension) -> None:
    now = timezone.now()
    Portal.objects.filter(pk=portal.pk).update(suspension=kind, suspended_since=now, suspended_until=now)


def test_a_suspended_portal_is_probed_and_checked_once_it_answers(
    alpha: SandboxPortal, live: Portal, registered: Sender
) -> None:
    suspend(live, Suspension.PLAN)
    alpha.state.senders.clear()
    maintain()
    live.refresh_from_db()
    assert live.suspension == ""
    maintain()
    assert list(alpha.senders) == [registered.code]


def test_a_suspended_portal_that_stays_so_is_probed_rarely(alpha: SandboxPortal, live: Portal) -> None:
    alpha.switches.lapsed_plan = True
    suspend(live, Suspension.PLAN)
    for _ in range(24):
        maintain()
        pass_time(hours=1)
    live.refresh_from_db()
    assert live.suspension == Suspension.PLAN
    assert 1 <= count_calls(alpha, "app.info") <= 2


def test_a_suspended_portal_that_is_silent_is_probed_rarely(alpha: SandboxPortal, live: Portal) -> None:
    alpha.switches.down = True
    suspend(live, Suspension.DELETED)
    for _ in range(24):
        maintain()
        pass_time(hours=1)
    live.refresh_from_db()
    assert live.suspension == Suspension.DELETED
    assert count_refreshes(alpha) <= 5


def test_an_uninstallation_nobody_reported_is_found_out_after_a_week(alpha: SandboxPortal, live: Portal) -> None:
    alpha.handlers.clear()  # so the event is lost
    alpha.uninstall()
    requests.request_check(live.pk)
    for _ in range(6):
        maintain()
        pass_time(days=1)
    live.refresh_from_db()
    assert (live.suspension, live.uninstalled_at) == (Suspension.GONE, None)
    for _ in range(3):
        pass_time(days=1)
        maintain()
    live.refresh_from_db()
    assert live.uninstalled_at is not None
    assert not PortalToken.objects.exists()
    assert live.erase_at is not None
    assert live.erase_at > timezone.now() + timedelta(days=27)
    assert list(Change.objects.values_list("action", "user_id")) == [("uninstalled", None)]


def test_a_portal_that_answers_again_within_the_week_stays_installed(alpha: SandboxPortal, live: Portal) -> None:
    alpha.switches.not_installed = True
    requests.request_check(live.pk)
    for _ in range(5):
        maintain()
        pass_time(days=1)
    alpha.switches.not_installed = False
    for _ in range(5):
        maintain()
        pass_time(days=1)
    live.refresh_from_db()
    assert (live.suspension, live.uninstalled_at) == ("", None)


def test_a_wrong_secret_of_our_own_never_counts_as_an_uninstallation(
    alpha: SandboxPortal, live: Portal, settings: Settings
) -> None:
    right = settings.B24_CLIENT_SECRET
    settings.B24_CLIENT_SECRET = "wrong"
    requests.request_check(live.pk)
    PortalToken.objects.update(expires_at=timezone.now())
    for _ in range(10):
        maintain()
        pass_time(days=1)
    live.refresh_from_db()
    assert (live.suspension, live.uninstalled_at, live.seems_uninstalled) == (Suspension.GONE, None, False)
    settings.B24_CLIENT_SECRET = right
    for _ in range(2):
        maintain()
        pass_time(days=1)
    live.refresh_from_db()
    assert (live.suspension, live.uninstalled_at, live.client_refused_at) == ("", None, None)
