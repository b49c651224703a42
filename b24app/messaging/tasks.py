"""The whole journey on one page: each task does what is due at one place and rings for what comes next."""

from contextlib import suppress

from celery import shared_task
from django.utils import timezone

from b24app.messaging import (
    balances,
    bell,
    board,
    breakdowns,
    caps,
    erasing,
    forgetting,
    months,
    notices,
    push,
    reports,
    retention,
    senders,
    settling,
    sweep,
    timeline,
)
from b24app.messaging.dispatch import Visit
from b24app.messaging.lanes import COME_BACK, SlowLane
from b24app.portals import employees, placements, tokens
from b24app.portals.errors import PortalError
from b24app.portals.models import Portal

slow = SlowLane()


@shared_task(name="b24app.messaging.tasks.drain")
def drain(connection_id: int, when: str = bell.When.NOW) -> None:
    """Step 2: what is due on a connection goes to its service."""
    if when != bell.When.NOW:  # that one is forgotten when the board lets go
        bell.heard("drain", connection_id, when)
    board.ring(connection_id)


def left(visit: Visit) -> None:
    """A connection was let go: ring for what is due there next."""
    if visit.again:
        bell.drain(visit.connection, slow=visit.slow, at=visit.again)
    if visit.to_ask:
        bell.poll(visit.connection, slow=visit.slow, at=visit.to_ask)


@shared_task(name="b24app.messaging.tasks.settle")
def settle(_all: int = 0, when: str = bell.When.NOW) -> None:
    """Step 3: what services reported changes the rows, and their portals want to know."""
    bell.heard("settle", 0, when)
    settled = settling.settle()
    if settled.again:
        bell.settle(at=settled.again)
    for portal_id, at in settled.pushes.items():
        bell.push(portal_id, at=at)


@shared_task(name="b24app.messaging.tasks.poll")
def poll(connection_id: int, when: str = bell.When.NOW) -> None:
    """Step 3, the other way round: the service is asked."""
    bell.heard("poll", connection_id, when)
    with slow.place(("connection", connection_id)) as free:
        again = reports.poll(connection_id) if free else timezone.now() + COME_BACK
    bell.settle()
    if again:
        bell.poll(connection_id, at=again)


@shared_task(name="b24app.messaging.tasks.push")
def tell(portal_id: int, when: str = bell.When.NOW) -> None:
    """Step 4: the portal is told."""
    bell.heard("push", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = push.drain(portal_id) if free else timezone.now() + COME_BACK
    if again:
        bell.push(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.reconcile")
def reconcile(portal_id: int, when: str = bell.When.NOW) -> None:
    """The portal's senders and tabs are made equal to ours; its troubles are on its row already."""
    bell.heard("reconcile", portal_id, when)
    with slow.place(("portal", portal_id)) as free, suppress(PortalError):
        if free:
            portal = Portal.objects.get(pk=portal_id)
            senders.reconcile(portal)
            if portal.tabs_bound_at is None:
                placements.bind_tabs(portal)


@shared_task(name="b24app.messaging.tasks.note")
def note(portal_id: int, when: str = bell.When.NOW) -> None:
    """What was sent from CRM cards is noted in their timelines."""
    bell.heard("note", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = timeline.write(portal_id) if free else timezone.now() + COME_BACK
    if again:
        bell.note(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.notify")
def notify(portal_id: int, when: str = bell.When.NOW) -> None:
    """The portal's administrators are told what went wrong, and what is well again."""
    bell.heard("notify", portal_id, when)
    with slow.place(("portal", portal_id)) as free:
        again = notices.tell(portal_id) if free else timezone.now() + COME_BACK
    if again:
        bell.notify(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.names")
def names(portal_id: int, user_ids: list[int]) -> None:
    """A portal is asked what its employees are called; while it does not say, they keep their numbers."""
    with slow.place(("portal", portal_id)) as free, suppress(PortalError):
        if free:
            employees.learn(Portal.objects.get(pk=portal_id), user_ids)


@shared_task(name="b24app.messaging.tasks.erase")
def erase(erasure_id: int, when: str = bell.When.NOW) -> None:
    """A number is forgotten, a piece at a time."""
    bell.heard("erase", erasure_id, when)
    again = forgetting.forget(erasure_id)
    if again:
        bell.erase(erasure_id, at=again)


@shared_task(name="b24app.messaging.tasks.sweep")
def look_round() -> None:
    """Every ten seconds: ring for everything the rows show is due. Losing all of Redis costs one round."""
    if not bell.begin_sweep():
        return
    sweep.tell_long_waits()
    for connection_id, slow in sweep.to_drain():
        bell.drain(connection_id, slow=slow)
    if sweep.reports_are_due():
        bell.settle()
    for connection_id, slow in sweep.to_poll():
        bell.poll(connection_id, slow=slow)
    for portal_id in sweep.to_push():
        bell.push(portal_id)
    for portal_id in sweep.to_notify():
        bell.notify(portal_id)
    for erasure_id in sweep.to_erase():
        bell.erase(erasure_id)
    breakdowns.count_climbs()


@shared_task(name="b24app.messaging.tasks.care")
def care() -> None:
    """Every few minutes: visit portals that were not looked at for long, keep tokens alive, forget and prune."""
    for portal_id in sweep.to_visit():
        bell.reconcile(portal_id)
    tokens.keep_alive()
    erasing.erase_due()
    months.sum_up()
    retention.prune()
    caps.forget_old()
    balances.refresh()
