"""The whole journey on one page: each task does what is due at one place and rings for what comes next."""

from celery import shared_task

from b24app.journal import pruning
from b24app.messaging import bell, caps, dispatch, erasing, push, reports, senders, sweep
from b24app.portals import tokens
from b24app.portals.errors import PortalError
from b24app.portals.models import Portal


@shared_task(name="b24app.messaging.tasks.drain")
def drain(connection_id: int, later: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery passes by position
    """Step 2: what is due on a connection goes to its service."""
    bell.heard("drain", connection_id, later=later)
    visit = dispatch.drain(connection_id)
    if visit.again:
        bell.drain(connection_id, slow=visit.slow, at=visit.again)
    if visit.early_reports:
        bell.settle(connection_id)
    if visit.to_ask:
        bell.poll(connection_id, slow=visit.slow, at=visit.to_ask)


@shared_task(name="b24app.messaging.tasks.settle")
def settle(connection_id: int, later: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery passes by position
    """Step 3: what the service reported changes the rows, and their portal wants to know."""
    bell.heard("settle", connection_id, later=later)
    again = reports.settle(connection_id)
    if again:
        bell.settle(connection_id, at=again)
    _ring_for_portal(connection_id)


@shared_task(name="b24app.messaging.tasks.poll")
def poll(connection_id: int, later: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery passes by position
    """Step 3, the other way round: the service is asked."""
    bell.heard("poll", connection_id, later=later)
    again = reports.poll(connection_id)
    bell.settle(connection_id)
    if again:
        bell.poll(connection_id, at=again)


@shared_task(name="b24app.messaging.tasks.push")
def tell(portal_id: int, later: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery passes by position
    """Step 4: the portal is told."""
    bell.heard("push", portal_id, later=later)
    again = push.drain(portal_id)
    if again:
        bell.push(portal_id, at=again)


@shared_task(name="b24app.messaging.tasks.reconcile")
def reconcile(portal_id: int, later: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery passes by position
    """The portal's senders are made equal to ours; its troubles are on its row already."""
    bell.heard("reconcile", portal_id, later=later)
    try:
        senders.reconcile(Portal.objects.get(pk=portal_id))
    except PortalError:
        return


@shared_task(name="b24app.messaging.tasks.sweep")
def look_round() -> None:
    """Every ten seconds: ring for everything the rows show is due. Losing all of Redis costs one round."""
    if not bell.begin_sweep():
        return
    sweep.tell_long_waits()
    for connection_id, slow in sweep.to_drain():
        bell.drain(connection_id, slow=slow)
    for connection_id in sweep.to_settle():
        bell.settle(connection_id)
    for connection_id, slow in sweep.to_poll():
        bell.poll(connection_id, slow=slow)
    for portal_id in sweep.to_push():
        bell.push(portal_id)


@shared_task(name="b24app.messaging.tasks.care")
def care() -> None:
    """Every few minutes: visit portals that were not looked at for long, keep tokens alive, forget and prune."""
    for portal_id in sweep.to_visit():
        bell.reconcile(portal_id)
    tokens.keep_alive()
    erasing.erase_due()
    pruning.prune()
    caps.forget_old()


def _ring_for_portal(connection_id: int) -> None:
    due = push.next_due_of_connection(connection_id)
    if due:
        bell.push(due[0], at=due[1])
