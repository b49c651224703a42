"""Settle what is held of addresses that use a portal's member_id: a move is sent, a copy waits for an administrator."""

from datetime import timedelta

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.push import sender_registration
from b24app.portals.callers import address_check, portal_copies
from b24app.portals.errors import InDoubt, NotNow, PortalError
from b24app.portals.models import CopyState, Portal, PortalCopy

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
ASKED_AGAIN_AFTER = timedelta(minutes=5)  # where the OAuth server did not answer


def held_messages(portal: Portal, host: str) -> "QuerySet[Message]":
    """Return the messages that wait for an address to be confirmed; by account, as the index of due messages begins."""
    accounts = list(Connection.objects.filter(portal=portal).values_list("pk", flat=True))
    return Message.objects.filter(connection__in=accounts, phase=Phase.WAITING, wait=Wait.COPY, detail=host)


def settle_copies(portal_id: int) -> bool:
    """Look into the addresses that are due: ask the OAuth server about new ones, carry out what was decided on others.

    Return whether senders got new handler addresses, which the portal has to be told. They do before an administrator
    has decided: a copy knows only the former ones, and its calls without an author name no address by which they could
    be told apart. What is released here is found by the sweep.
    """
    portal, has_new_addresses = Portal.objects.get(pk=portal_id), False
    for copy in PortalCopy.objects.filter(portal=portal, due_at__lte=timezone.now()).order_by("pk"):
        if copy.state == CopyState.NOTICED:
            has_new_addresses |= _look_into(portal, copy)
            continue
        if copy.state == CopyState.ALLOWED:
            _release_messages(portal, copy.host)
        else:
            _cancel_messages(portal, copy.host)
        # Decided anew meanwhile: then it is due as it is.
        PortalCopy.objects.filter(pk=copy.pk, state=copy.state, due_at=copy.due_at).update(due_at=None)
    return has_new_addresses


def _look_into(portal: Portal, copy: PortalCopy) -> bool:
    """Release what a move has held; for anything else return whether senders got new handler addresses."""
    again = None
    if not portal_copies.is_among(copy.host, portal_copies.own_hosts(portal)):
        try:
            address_check.refresh_address(portal)
        except (InDoubt, NotNow):
            again = timezone.now() + ASKED_AGAIN_AFTER
        except PortalError:
            pass  # nobody can be asked: an administrator decides
    if portal_copies.is_among(copy.host, portal_copies.own_hosts(portal)):
        _release_messages(portal, copy.host)
        copy.delete()
        return False
    noticed = PortalCopy.objects.filter(pk=copy.pk, state=CopyState.NOTICED)
    noticed.update(checked_at=timezone.now(), due_at=again)
    if copy.checked_at is not None:
        return False
    log.warning("portal_copy_noticed", portal=portal.pk)
    return sender_registration.renew_addresses(Sender.objects.filter(portal=portal)) > 0


def _release_messages(portal: Portal, host: str) -> None:
    held = held_messages(portal, host)
    while batch := list(held.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]):
        _release_batch(batch)


@retry_on_deadlock
def _release_batch(messages: list[int]) -> None:
    held = Message.objects.filter(pk__in=messages, phase=Phase.WAITING, wait=Wait.COPY)
    held.update(wait=Wait.NONE, detail="", due_at=timezone.now())


def _cancel_messages(portal: Portal, host: str) -> None:
    held = held_messages(portal, host)
    while batch := list(held.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]):
        Message.objects.advance(
            Change(pk=pk, status=Status.FAILED, reason=Reason.CANCELLED, detail=host) for pk in batch
        )
