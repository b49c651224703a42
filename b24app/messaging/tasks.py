"""The whole journey on one page: each task does what is due at one place and rings for what comes next."""

from contextlib import suppress

from celery import shared_task
from django.utils import timezone

from b24app.core.bulkhead import COME_BACK, Bulkhead
from b24app.messaging import dead_letters, enqueue, isolated_steps, sweep
from b24app.messaging.connections import balances
from b24app.messaging.dead_letters import noted_task
from b24app.messaging.dispatch import dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.guards import limits
from b24app.messaging.isolated_steps import Steps
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.notices import delivery
from b24app.messaging.privacy import number_erasure, portal_erasure, retention
from b24app.messaging.push import pusher, sender_registration, timeline
from b24app.messaging.reports import applier, polling
from b24app.messaging.statistics import breakdowns, monthly
from b24app.portals import employees, placements, tokens
from b24app.portals.errors import PortalError
from b24app.portals.models import Portal, PortalToken

slow = Bulkhead()


@shared_task(name="b24app.messaging.tasks.drain")
def drain(connection_id: int, when: str = enqueue.Delay.NOW) -> None:
    """Step 2: what is due on a connection goes to its service."""
    if when != enqueue.Delay.NOW:  # that one is forgotten when the board lets go
        enqueue.clear("drain", connection_id, when)
    dispatcher.notify_dispatcher(connection_id)


def left(visit: Visit) -> None:
    """A connection was let go: ring for what is due there next."""
    if visit.again:
        enqueue.drain(visit.connection, slow=visit.slow, at=visit.again)
    if visit.to_ask:
        enqueue.poll(visit.connection, slow=visit.slow, at=visit.to_ask)


@shared_task(name="b24app.messaging.tasks.settle")
def settle(_all: int = 0, when: str = enqueue.Delay.NOW) -> None:
    """Step 3: what services reported changes the rows, and their portals want to know."""
    enqueue.clear("settle", 0, when)
    settled = applier.apply_due()
    if settled.again:
        enqueue.apply_reports(at=settled.again)
    for portal_id, at in settled.pushes.items():
        enqueue.push(portal_id, at=at)


@shared_task(name="b24app.messaging.tasks.poll")
@noted_task("poll")
def poll(connection_id: int, when: str = enqueue.Delay.NOW) -> None:
    """Step 3, the other way round: the service is asked."""
    enqueue.clear("poll", connection_id, when)
    with slow.place(("connection", connection_id)) as free:
        again = polling.poll_due(connection_id) if free else timezone.now() + COME_BACK
    enqueue.apply_reports()
    if again:
        enqueue.poll(connection_id, at=again)


@shared_task(name="b24app.messaging.tasks.push")
@noted_task("push")
def tell(portal_id: int, when: str = enqueue.Delay.NOW) -> None:
    """Step 4: the portal is told."""
    enqueue.clear("push", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = pusher.push_due(portal_id) if free else timezone.now() + COME_BACK
    if again:
        enqueue.push(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.reconcile")
@noted_task("reconcile")
def reconcile(portal_id: int, when: str = enqueue.Delay.NOW) -> None:
    """The portal's senders and tabs are made equal to ours; its troubles are on its row already."""
    enqueue.clear("reconcile", portal_id, when)
    with slow.place(("portal", portal_id)) as free, suppress(PortalError):
        if free:
            portal = Portal.objects.get(pk=portal_id)
            sender_registration.reconcile_senders(portal)
            if portal.tabs_bound_at is None:
                placements.bind_tabs(portal)


@shared_task(name="b24app.messaging.tasks.note")
@noted_task("note")
def note(portal_id: int, when: str = enqueue.Delay.NOW) -> None:
    """What was sent from CRM cards is noted in their timelines."""
    enqueue.clear("note", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = timeline.write_entries(portal_id) if free else timezone.now() + COME_BACK
    if again:
        enqueue.note(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.notify")
@noted_task("notify")
def notify(portal_id: int, when: str = enqueue.Delay.NOW) -> None:
    """The portal's administrators are told what went wrong, and what is well again."""
    enqueue.clear("notify", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = delivery.send_due(portal_id) if free else timezone.now() + COME_BACK
    if again:
        enqueue.notify(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.names")
@noted_task("names")
def names(portal_id: int, user_ids: list[int]) -> None:
    """A portal is asked what its employees are called; while it does not say, they keep their numbers."""
    with slow.place(("portal", portal_id)) as free, suppress(PortalError):
        if free:
            employees.fetch_employees(Portal.objects.get(pk=portal_id), user_ids)


@shared_task(name="b24app.messaging.tasks.erase")
@noted_task("erase")
def erase(erasure_id: int, when: str = enqueue.Delay.NOW) -> None:
    """A number is forgotten, a piece at a time."""
    enqueue.clear("erase", erasure_id, when)
    again = number_erasure.run_erasure(erasure_id)
    if again:
        enqueue.erase(erasure_id, at=again)


def _ring_to_drain() -> None:
    for connection_id, slow in sweep.to_drain():
        enqueue.drain(connection_id, slow=slow)


def _ring_to_settle() -> None:
    if sweep.reports_are_due():
        enqueue.apply_reports()


def _ring_to_poll() -> None:
    for connection_id, slow in sweep.to_poll():
        enqueue.poll(connection_id, slow=slow)


def _ring_to_push() -> None:
    for portal_id in sweep.to_push():
        enqueue.push(portal_id)


def _ring_to_notify() -> None:
    for portal_id in sweep.to_notify():
        enqueue.notify(portal_id)


def _ring_to_erase() -> None:
    for erasure_id in sweep.to_erase():
        enqueue.erase(erasure_id)


def _ring_to_reconcile() -> None:
    for portal_id in sweep.to_visit():
        enqueue.reconcile(portal_id)


def _keep_tokens_alive() -> None:
    held = [int(key) for key in dead_letters.held(Kind.TOKEN)]
    tokens.keep_alive(_set_token_aside, without=held)


def _set_token_aside(token: PortalToken, error: Exception) -> None:
    dead_letters.note(Kind.TOKEN, token.pk, error, portal=token.portal_id, retry=True)


SWEEP: Steps = {
    "tell_long_waits": sweep.tell_long_waits,
    "to_drain": _ring_to_drain,
    "to_settle": _ring_to_settle,
    "to_poll": _ring_to_poll,
    "to_push": _ring_to_push,
    "to_notify": _ring_to_notify,
    "to_erase": _ring_to_erase,
    "count_climbs": breakdowns.count_climbs,
}
CARE: Steps = {
    "to_reconcile": _ring_to_reconcile,
    "keep_tokens_alive": _keep_tokens_alive,
    "erase_portals": portal_erasure.erase_due,
    "sum_up_months": monthly.roll_up_months,
    "prune": retention.prune_messages,
    "forget_caps": limits.prune_uses,
    "refresh_balances": balances.refresh_balances,
    "forget_healed": dead_letters.forget_healed,
}


@shared_task(name="b24app.messaging.tasks.sweep")
def look_round() -> None:
    """Every ten seconds: ring for everything the rows show is due. Losing all of Redis costs one round."""
    if enqueue.begin_sweep():
        isolated_steps.run_steps(SWEEP)


@shared_task(name="b24app.messaging.tasks.care")
def care() -> None:
    """Every few minutes: visit portals that were not looked at for long, keep tokens alive, forget and prune."""
    isolated_steps.run_steps(CARE)
