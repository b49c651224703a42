"""Every task: each does what is due at one place and enqueues what comes next.

The functions may be renamed, but not the names they are registered under: old and new processes share the queue
during an upgrade.
"""

from contextlib import suppress

from celery import shared_task
from django.utils import timezone

from b24app.core.bulkhead import COME_BACK, Bulkhead
from b24app.messaging import dead_letters, enqueue, isolated_steps, sweep
from b24app.messaging.app_events import applier as app_events
from b24app.messaging.connections import balances
from b24app.messaging.dead_letters import note_task_errors
from b24app.messaging.dispatch import dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.enqueue import Delay
from b24app.messaging.guards import limits
from b24app.messaging.isolated_steps import Steps
from b24app.messaging.maintenance import due_jobs, requests, runner
from b24app.messaging.notices import delivery
from b24app.messaging.privacy import number_erasure, portal_erasure, retention
from b24app.messaging.push import portal_copies, pusher, timeline
from b24app.messaging.reports import applier, polling
from b24app.messaging.statistics import breakdowns, monthly
from b24app.portals import answering, employees
from b24app.portals.crm_names import names
from b24app.portals.errors import PortalError
from b24app.portals.models import Portal

bulkhead = Bulkhead()


@shared_task(name="b24app.messaging.tasks.drain")
def drain_connection(connection_id: int, delay: str = Delay.NOW) -> None:
    """Let this process's dispatcher send what is due on a connection."""
    if delay != Delay.NOW:  # that one is cleared when the dispatcher releases the lease
        enqueue.clear("drain", connection_id, delay)
    dispatcher.notify_dispatcher(connection_id)


def enqueue_next_visit(visit: Visit) -> None:
    """Enqueue what is due next on a connection whose lease was released."""
    if visit.next_at:
        enqueue.drain(visit.connection, slow=visit.slow, at=visit.next_at)
    if visit.poll_at:
        enqueue.poll(visit.connection, slow=visit.slow, at=visit.poll_at)


@shared_task(name="b24app.messaging.tasks.settle")
def apply_reports(_all: int = 0, delay: str = Delay.NOW) -> None:
    """Apply stored delivery reports and enqueue pushes to their portals."""
    enqueue.clear("settle", 0, delay)
    applied = applier.apply_due()
    if applied.again:
        enqueue.apply_reports(at=applied.again)
    for portal_id, at in applied.pushes.items():
        enqueue.push(portal_id, at=at)


@shared_task(name="b24app.messaging.tasks.poll")
@note_task_errors("poll")
def poll_connection(connection_id: int, delay: str = Delay.NOW) -> None:
    """Fetch the statuses of messages from a service that is polled."""
    enqueue.clear("poll", connection_id, delay)
    with bulkhead.place(("connection", connection_id), is_noted=False) as is_free:
        again = polling.poll_due(connection_id) if is_free else timezone.now() + COME_BACK
    enqueue.apply_reports()
    if again:
        enqueue.poll(connection_id, at=again)


@shared_task(name="b24app.messaging.tasks.push")
@note_task_errors("push")
def push_statuses(portal_id: int, delay: str = Delay.NOW) -> None:
    """Push statuses to a portal."""
    enqueue.clear("push", portal_id, delay)
    with bulkhead.place(("portal", portal_id), can_hurry=True) as is_free:
        again = pusher.push_due(portal_id) if is_free else timezone.now() + COME_BACK
    if again:
        enqueue.push(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.maintain")
@note_task_errors("maintain")
def maintain_portal(portal_id: int, delay: str = Delay.NOW) -> None:
    """Run the maintenance jobs that are due in a portal."""
    enqueue.clear("maintain", portal_id, delay)
    with bulkhead.place(("portal", portal_id), can_hurry=True) as is_free:
        again = runner.run_due_jobs(portal_id) if is_free else timezone.now() + COME_BACK
    if again:
        enqueue.maintain(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.reconcile")
@note_task_errors("reconcile")
def check_portal(portal_id: int, _delay: str = Delay.NOW) -> None:
    """Have a portal checked, for processes of an older version during an upgrade."""
    requests.request_check(portal_id)


@shared_task(name="b24app.messaging.tasks.app_event")
@note_task_errors("app_event")
def apply_app_event(event_id: int, delay: str = Delay.NOW) -> None:
    """Apply an event of the application's life."""
    enqueue.clear("app_event", event_id, delay)
    app_events.enqueue_applied(app_events.apply_event(event_id))


@shared_task(name="b24app.messaging.tasks.erase_portal")
@note_task_errors("erase_portal")
def erase_portal(portal_id: int, delay: str = Delay.NOW) -> None:
    """Erase a part of the data of a portal that left."""
    enqueue.clear("erase_portal", portal_id, delay)
    if portal_erasure.erase_portal(portal_id):
        enqueue.erase_portal(portal_id)


@shared_task(name="b24app.messaging.tasks.copies")
@note_task_errors("copies")
def check_copies(portal_id: int, delay: str = Delay.NOW) -> None:
    """Look into other addresses that use a portal's member_id, and carry out what an administrator decided on them."""
    enqueue.clear("copies", portal_id, delay)
    if portal_copies.settle_copies(portal_id):
        requests.request_check(portal_id)
    enqueue.push(portal_id)


@shared_task(name="b24app.messaging.tasks.note")
@note_task_errors("note")
def write_timeline(portal_id: int, delay: str = Delay.NOW) -> None:
    """Write messages sent from CRM cards into their timelines."""
    enqueue.clear("note", portal_id, delay)
    with bulkhead.place(("portal", portal_id)) as is_free:
        again = timeline.write_entries(portal_id) if is_free else timezone.now() + COME_BACK
    if again:
        enqueue.note(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.notify")
@note_task_errors("notify")
def notify_administrators(portal_id: int, delay: str = Delay.NOW) -> None:
    """Notify a portal's administrators of problems and of their end."""
    enqueue.clear("notify", portal_id, delay)
    with bulkhead.place(("portal", portal_id)) as is_free:
        again = delivery.send_due(portal_id) if is_free else timezone.now() + COME_BACK
    if again:
        enqueue.notify(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.names")
@note_task_errors("names")
def fetch_employee_names(portal_id: int, user_ids: list[int]) -> None:
    """Ask a portal for names of employees, who are shown by number until it answers."""
    with bulkhead.place(("portal", portal_id)) as is_free, suppress(PortalError):
        if is_free:
            employees.fetch_employees(Portal.objects.get(pk=portal_id), user_ids)


@shared_task(name="b24app.messaging.tasks.crm_names")
@note_task_errors("crm_names")
def fetch_crm_names(portal_id: int, viewer: int, items: list[tuple[int, int]]) -> None:
    """Ask a portal for names of CRM items, whose messages show numbers until it answers."""
    with bulkhead.place(("portal", portal_id)) as is_free:
        if is_free:
            names.fetch_names(Portal.objects.get(pk=portal_id), viewer, [(type_id, one) for type_id, one in items])


@shared_task(name="b24app.messaging.tasks.ask")
@note_task_errors("ask")
def ask_portal(portal_id: int) -> None:
    """Ask a portal whether it answers; what it says is on its row then."""
    with bulkhead.place(("portal", portal_id)) as is_free:
        if is_free:
            answering.ask_portal(Portal.objects.get(pk=portal_id))


@shared_task(name="b24app.messaging.tasks.erase")
@note_task_errors("erase")
def erase_number(erasure_id: int, delay: str = Delay.NOW) -> None:
    """Erase a part of a phone number's data."""
    enqueue.clear("erase", erasure_id, delay)
    again = number_erasure.run_erasure(erasure_id)
    if again:
        enqueue.erase(erasure_id, at=again)


def _enqueue_drains() -> None:
    for connection_id, is_slow in sweep.to_drain():
        enqueue.drain(connection_id, slow=is_slow)


def _enqueue_reports() -> None:
    if sweep.reports_are_due():
        enqueue.apply_reports()


def _enqueue_polls() -> None:
    for connection_id, is_slow in sweep.to_poll():
        enqueue.poll(connection_id, slow=is_slow)


def _enqueue_pushes() -> None:
    for portal_id in sweep.to_push():
        enqueue.push(portal_id)


def _enqueue_notices() -> None:
    for portal_id in sweep.to_notify():
        enqueue.notify(portal_id)


def _enqueue_timelines() -> None:
    for portal_id in sweep.to_note():
        enqueue.note(portal_id)


def _enqueue_failure_checks() -> None:
    for portal_id in sweep.to_watch():
        enqueue.notify(portal_id)


def _enqueue_erasures() -> None:
    for erasure_id in sweep.to_erase():
        enqueue.erase(erasure_id)


def _enqueue_app_events() -> None:
    for event_id in sweep.to_apply_app_events():
        enqueue.app_event(event_id)


def _enqueue_copy_checks() -> None:
    for portal_id in sweep.to_check_copies():
        enqueue.check_copies(portal_id)


def _enqueue_urgent_maintenance() -> None:
    for portal_id in due_jobs.urgent_portals():
        enqueue.maintain(portal_id)


def _enqueue_maintenance() -> None:
    for portal_id in due_jobs.routine_portals():
        enqueue.maintain(portal_id)


def _enqueue_portal_erasures() -> None:
    for portal_id in sweep.to_leave():
        enqueue.erase_portal(portal_id)


SWEEP: Steps = {
    "tell_long_waits": sweep.push_long_waits,
    "to_drain": _enqueue_drains,
    "to_settle": _enqueue_reports,
    "to_poll": _enqueue_polls,
    "to_push": _enqueue_pushes,
    "to_notify": _enqueue_notices,
    "to_note": _enqueue_timelines,
    "to_erase": _enqueue_erasures,
    "to_apply_app_events": _enqueue_app_events,
    "to_maintain_urgently": _enqueue_urgent_maintenance,
    "to_erase_portals": _enqueue_portal_erasures,
    "count_climbs": breakdowns.count_climbs,
}
MAINTENANCE: Steps = {
    "add_missing_jobs": due_jobs.add_missing_jobs,
    "to_maintain": _enqueue_maintenance,
    "to_watch": _enqueue_failure_checks,
    "to_check_copies": _enqueue_copy_checks,
    "sum_up_months": monthly.roll_up_months,
    "prune": retention.prune_messages,
    "forget_caps": limits.prune_uses,
    "refresh_balances": balances.refresh_balances,
    "forget_healed": dead_letters.forget_healed,
}


@shared_task(name="b24app.messaging.tasks.sweep")
def run_sweep() -> None:
    """Enqueue everything the rows show is due, every ten seconds. Losing all of Redis costs one round."""
    if enqueue.begin_sweep():
        isolated_steps.run_steps(SWEEP)


@shared_task(name="b24app.messaging.tasks.care")
def run_maintenance() -> None:
    """Check portals and prune, every few minutes."""
    isolated_steps.run_steps(MAINTENANCE)
