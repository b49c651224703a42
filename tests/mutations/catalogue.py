"""Small ways in which the code may go wrong, each with the tests that must notice it."""

from collections.abc import Sequence
from dataclasses import dataclass

PORTALS, MESSAGING, FRAME = "b24app/portals", "b24app/messaging", "b24app/console/frame"
APP_EVENTS = "tests/messaging/app_events/test_app_events.py"
MAINTENANCE = "tests/messaging/maintenance/test_maintenance.py"
ROUNDS = "tests/messaging/test_rounds.py"
LOST_TOKENS = "tests/messaging/push/test_lost_tokens.py"
SILENT = "tests/messaging/push/test_silent_portals.py"
PUSHER = "tests/messaging/push/test_pusher.py"
IDENTITY = "tests/portals/test_identity.py"
ADDRESS = "tests/portals/rest/test_portal_address.py"
RENEWAL = "tests/portals/rest/test_token_renewal.py"


@dataclass(frozen=True)
class Mutation:
    """`old`, which stands in the file once, becomes `new`; one of the tests must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]


MUTATIONS = (
    # -- what once went unnoticed: nobody is woken, and nobody looks ----------------------------------------------
    Mutation(
        "an opening that finds an update asks for no check",
        f"{FRAME}/launch.py",
        "    if opening.wants_check:\n        request_check(launch.portal.pk)\n",
        "    if opening.wants_check:\n        pass\n",
        [f"{APP_EVENTS}::test_a_portal_that_was_updated_silently_gets_back_its_handlers_and_senders"],
    ),
    Mutation(
        "an event of an update asks for no check",
        f"{MESSAGING}/app_events/applier.py",
        "        MaintenanceJob.objects.request(portal.pk)\n",
        "        pass\n",
        [f"{APP_EVENTS}::test_a_late_update_does_not_undo_the_finished_installation"],
    ),
    Mutation(
        "Reconnect asks for no check",
        f"{FRAME}/launch.py",
        "    request_check(portal.pk)\n    enqueue.push(portal.pk)\n",
        "    enqueue.push(portal.pk)\n",
        [f"{LOST_TOKENS}::test_reconnect_wakes_who_checks_the_portal_and_who_pushes_to_it"],
    ),
    Mutation(
        "Reconnect enqueues no push",
        f"{FRAME}/launch.py",
        "    request_check(portal.pk)\n    enqueue.push(portal.pk)\n",
        "    request_check(portal.pk)\n",
        [f"{LOST_TOKENS}::test_reconnect_wakes_who_checks_the_portal_and_who_pushes_to_it"],
    ),
    Mutation(
        "no old token is kept alive",
        f"{MESSAGING}/maintenance/runner.py",
        "    token_renewal.keep_alive(portal)\n",
        "",
        [f"{MAINTENANCE}::test_a_token_that_nobody_used_for_four_months_is_kept_alive"],
    ),
    Mutation(
        "the sweep erases no portal that left",
        f"{MESSAGING}/tasks.py",
        '    "to_erase_portals": _enqueue_portal_erasures,\n',
        "",
        [f"{ROUNDS}::test_the_sweep_wakes_whoever_has_something_to_do"],
    ),
    Mutation(
        "the sweep enqueues no push",
        f"{MESSAGING}/tasks.py",
        '    "to_push": _enqueue_pushes,\n',
        "",
        [f"{ROUNDS}::test_the_sweep_wakes_whoever_has_something_to_do"],
    ),
    Mutation(
        "nobody enqueues the routine checks",
        f"{MESSAGING}/tasks.py",
        '    "to_maintain": _enqueue_maintenance,\n',
        "",
        [f"{ROUNDS}::test_the_round_of_maintenance_wakes_the_routine_checks"],
    ),
    Mutation(
        "no portal has a routine check that is due",
        f"{MESSAGING}/maintenance/due_jobs.py",
        "    return _portals_in_order(_due_jobs().filter(_costs_no_needless_refresh()), ROUTINE_PER_ROUND)\n",
        "    return []\n",
        [f"{MAINTENANCE}::test_a_routine_check_is_made_while_a_token_is_live"],
    ),
    Mutation(
        "no portal has statuses that are due",
        f"{MESSAGING}/sweep.py",
        "    rows = rows.exclude(postponing.waiting_for_token(now))\n",
        "    rows = rows.none()\n",
        [f"{SILENT}::test_a_due_status_is_found_by_the_sweep_unless_its_portal_is_to_be_left_alone"],
    ),
    Mutation(
        "a refresh makes the OAuth server's host the portal's domain",
        f"{PORTALS}/rest/token_renewal.py",
        "        error_policy.forget_client_refusals(portal)\n",
        "        error_policy.forget_client_refusals(portal)\n"
        "        error_policy.update_portal(portal, domain=host)\n",
        [f"{ADDRESS}::test_a_refresh_never_makes_the_authorization_server_the_portals_domain"],
    ),
    Mutation(
        "each status has a parameter named token",
        f"{MESSAGING}/push/due_statuses.py",
        '"STATUS": message.status}',
        '"STATUS": message.status, "token": "x"}',
        ["tests/portals/rest/test_sent_parameters.py::test_no_call_carries_a_reserved_name"],
    ),
    # -- whom the application believes ----------------------------------------------------------------------------
    Mutation(
        "a token of another application opens ours",
        f"{PORTALS}/applications/matching.py",
        "        if application is None or not _is_added_for(application, portal, owner):\n"
        "            raise UnknownApplication\n",
        "        if application is None:\n            return None\n",
        [f"{IDENTITY}::test_a_token_of_another_application_is_refused"],
    ),
    Mutation(
        "a token of one portal opens another",
        f"{PORTALS}/callers/claims.py",
        "        if owner.member_id != claim.member_id:\n",
        "        if False:\n",
        [f"{IDENTITY}::test_a_foreign_member_id_is_refused"],
    ),
    Mutation(
        "a page at a foreign address is believed",
        f"{PORTALS}/identity.py",
        "    if not page_address.is_accepted(domain, owner, claim.access):\n",
        "    if False:\n",
        [f"{IDENTITY}::test_a_foreign_domain_is_refused"],
    ),
    Mutation(
        "an event of an earlier installation has an effect",
        f"{MESSAGING}/app_events/applier.py",
        "    if event.is_signed and event.generation != portal.generation:\n",
        "    if False:\n",
        ["tests/webhooks/test_portal_events.py::test_an_address_of_an_earlier_installation_has_no_effect"],
    ),
    Mutation(
        "strangers' events have no budget",
        f"{MESSAGING}/app_events/acceptance.py",
        "    if not unsigned_budget.take():\n",
        "    if False:\n",
        [f"{APP_EVENTS}::test_strangers_events_cost_neither_rows_nor_questions_beyond_a_budget"],
    ),
    Mutation(
        "a refused token is asked about again at once",
        f"{PORTALS}/callers/claims.py",
        "    if caller_limits.was_token_refused(claim.access):\n",
        "    if False:\n",
        ["tests/portals/test_caller_limits.py::test_a_refused_token_is_not_asked_about_again_for_a_minute"],
    ),
    Mutation(
        "strangers' questions have no budget",
        f"{PORTALS}/callers/caller_limits.py",
        "            if budget is not None:\n                budget.spend()\n",
        "",
        ["tests/portals/test_caller_limits.py::test_strangers_cost_few_questions_however_quickly_they_are_answered"],
    ),
    Mutation(
        "an opening does not wait for an uninstallation that came before it",
        f"{FRAME}/launch.py",
        "            for applied in app_events.apply_departures(_claimed_portal(posted)):\n",
        "            for applied in app_events.apply_departures(_claimed_portal(posted))[:0]:\n",
        [f"{APP_EVENTS}::test_a_return_quicker_than_any_worker_finds_nothing_either"],
    ),
    # -- tokens ---------------------------------------------------------------------------------------------------
    Mutation(
        "an employee's token replaces an administrator's",
        f"{PORTALS}/identity.py",
        "    if right.is_admin and pair.refresh:\n",
        "    if pair.refresh:\n",
        ["tests/portals/test_callers.py::test_an_opening_changes_what_its_caller_may"],
    ),
    Mutation(
        "everybody who wants a token refreshes it",
        f"{PORTALS}/rest/token_renewal.py",
        "    return free.update(lease_until=now + LEASE) == 1\n",
        "    return free.update(lease_until=now + LEASE) >= 0\n",
        [f"{RENEWAL}::test_however_many_want_it_a_token_is_refreshed_once"],
    ),
    Mutation(
        "a replayed pair overwrites a newer one",
        f"{PORTALS}/rest/token_renewal.py",
        '    same = PortalToken.objects.filter(pk=record["pk"], generation=record["generation"])\n',
        '    same = PortalToken.objects.filter(pk=record["pk"])\n',
        [f"{RENEWAL}::test_a_replay_does_not_overwrite_a_newer_pair"],
    ),
    Mutation(
        "a routine check refreshes tokens",
        f"{MESSAGING}/maintenance/due_jobs.py",
        "    return Exists(live) | Q(done_at__lt=now - STALE_AFTER) | Q(kind=JobKind.TOKENS)\n",
        "    return Exists(live) | Q(due_at__lte=now)\n",
        [f"{MAINTENANCE}::test_a_quiet_portal_is_not_refreshed_by_a_timer"],
    ),
    Mutation(
        "a portal that is off is asked as often as any",
        f"{MESSAGING}/maintenance/runner.py",
        'update(due_at=next_try, tries=F("tries") + 1)',
        'update(due_at=next_try, tries=F("tries"))',
        [f"{MAINTENANCE}::test_a_portal_that_is_off_is_refreshed_a_few_times_a_day_and_then_hardly_at_all"],
    ),
    # -- what a portal is told ------------------------------------------------------------------------------------
    Mutation(
        "a token is renewed for a portal that is off",
        f"{MESSAGING}/push/pusher.py",
        "    if portal.push_failures and not answering.is_answering(portal):\n",
        "    if False:\n",
        [f"{SILENT}::test_a_portal_that_is_off_is_tried_ever_more_rarely_and_no_token_is_renewed_for_it"],
    ),
    Mutation(
        "an early status is told once",
        f"{MESSAGING}/push/answers.py",
        "    return message.received_at + SETTLED_AFTER if early else None\n",
        "    return None\n",
        [f"{PUSHER}::test_an_early_status_is_pushed_once_more_forty_seconds_after_receipt"],
    ),
    Mutation(
        "a message that the portal does not have yet is given up",
        f"{MESSAGING}/push/answers.py",
        "    if now < message.received_at + NOT_FOUND_FOR and message.push_tries < len(NOT_FOUND_DELAYS):\n",
        "    if False:\n",
        [f"{PUSHER}::test_a_message_the_portal_does_not_have_yet_is_retried_a_moment_later"],
    ),
    Mutation(
        "pushes fill the portal's bucket",
        f"{MESSAGING}/push/pusher.py",
        "    error_policy.update_portal(portal, push_after=until)\n    return until\n",
        "    return None\n",
        [f"{PUSHER}::test_many_thousand_statuses_leave_room_in_the_portals_bucket"],
    ),
    Mutation(
        "a visit that lost its lease goes on",
        f"{MESSAGING}/push/pusher.py",
        "    if not lease.update(push_lease_until=until):\n        return False\n",
        "    lease.update(push_lease_until=until)\n",
        [f"{PUSHER}::test_a_visit_that_lost_its_lease_pushes_nothing_more"],
    ),
    Mutation(
        "an uninstallation is concluded from our own wrong secret",
        f"{MESSAGING}/maintenance/probes.py",
        "    if portal.may_be_our_fault:\n        return\n",
        "",
        [f"{MAINTENANCE}::test_a_wrong_secret_of_our_own_never_counts_as_an_uninstallation"],
    ),
    Mutation(
        "an application that is missing for a moment counts as uninstalled",
        f"{MESSAGING}/maintenance/probes.py",
        "    if timezone.now() - since >= GONE_AFTER:\n",
        "    if timezone.now() >= since:\n",
        [f"{MAINTENANCE}::test_a_portal_that_answers_again_within_the_week_stays_installed"],
    ),
    Mutation(
        "portals that are off take every place of a pusher",
        "b24app/core/bulkhead.py",
        "        if last is None and not _hold(self._hurried, held):\n            return None\n",
        "",
        ["tests/core/test_bulkhead.py::test_peers_that_have_just_answered_find_a_place_whoever_is_waited_for"],
    ),
)
