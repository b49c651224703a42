"""Reversing a change where that is safe, by the functions of the buttons, so it is checked and recorded alike."""

from collections.abc import Callable, Mapping

from django.db import transaction

from b24app.audit import lookup
from b24app.audit.actor import acting_as
from b24app.audit.models import Action, Change, Kind
from b24app.audit.recording import as_stored, record_edit
from b24app.console.senders import registration
from b24app.console.settings.limit_forms import SAVED_FIELDS
from b24app.console.settings.limits import limits_subject, stored_limits
from b24app.console.settings.pausing import drain_portal
from b24app.messaging import enqueue
from b24app.messaging.actions import pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, ConnectionState, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.portals.models import Portal


def undo_change(portal: Portal, change: Change, user_id: int) -> bool:
    """Reverse a change in a user's name; return False, with nothing done, if its object has changed since."""
    reverse = _REVERSALS.get((change.kind, change.action))
    if reverse is None or not lookup.can_undo(change):
        return False
    with acting_as(user_id, undoes=change.uuid):
        return reverse(portal, change)


def _resume_portal(portal: Portal, _change: Change) -> bool:
    if not Rules.objects.filter(portal=portal, paused_at__isnull=False).exists():
        return False
    pauses.resume_portal(portal)
    drain_portal(portal)
    return True


def _pause_portal(portal: Portal, _change: Change) -> bool:
    pauses.pause_portal(portal)
    enqueue.push(portal.pk)
    return True


def _resume_sender(portal: Portal, change: Change) -> bool:
    sender = _find_sender(portal, change)
    if sender is None or sender.paused_at is None:
        return False
    pauses.resume_sender(sender)
    enqueue.drain(sender.connection_id)
    return True


def _pause_sender(portal: Portal, change: Change) -> bool:
    sender = _find_sender(portal, change)
    if sender is None or sender.paused_at is not None:
        return False
    pauses.pause_sender(sender)
    enqueue.push(portal.pk)
    return True


def _restore_sender(portal: Portal, change: Change) -> bool:
    """Restore a removed sender; Bitrix24 may have it a little later, as after each registration that it refuses."""
    sender = _find_sender(portal, change)
    if sender is None or sender.state not in (SenderState.REMOVED, SenderState.REMOVING):
        return False
    registration.save_and_register(sender)
    return True


def _resume_account(portal: Portal, change: Change) -> bool:
    account = Connection.objects.filter(portal=portal, pk=change.object_id or 0, state=ConnectionState.PAUSED).first()
    if account is None:
        return False
    lifecycle.resume_connection(account)
    enqueue.drain(account.pk)
    return True


def _pause_account(portal: Portal, change: Change) -> bool:
    """Pause an account again; not one that was blocked, for which a pause would be something else."""
    account = Connection.objects.filter(portal=portal, pk=change.object_id or 0, state=ConnectionState.ACTIVE).first()
    if account is None or change.before.get("state") != ConnectionState.PAUSED:
        return False
    lifecycle.pause_connection(account)
    enqueue.push(portal.pk)
    return True


def _remove_number(portal: Portal, change: Change) -> bool:
    return stop_list.remove_number(portal, change.object_id or 0)


def _restore_number(portal: Portal, change: Change) -> bool:
    return stop_list.restore_number(portal, change.uuid)


def _restore_limits(portal: Portal, change: Change) -> bool:
    """Store the values from before, if those of the change are still the stored ones."""
    with transaction.atomic():
        if not Rules.objects.filter(portal=portal).exists():
            return False
        now = as_stored(stored_limits(portal))
        if any(now[name] != value for name, value in change.after.items()) or not set(change.before) <= {*SAVED_FIELDS}:
            return False
        with record_edit(limits_subject(portal), lambda: stored_limits(portal)):
            Rules.objects.filter(portal=portal).update(**change.before)
    if pauses.reconsider_waiting(portal):
        drain_portal(portal)
    return True


def _find_sender(portal: Portal, change: Change) -> Sender | None:
    mine = Sender.objects.select_related("connection").exclude(connection__state=ConnectionState.REMOVED)
    sender = mine.filter(portal=portal, pk=change.object_id or 0).first()
    if sender is not None:
        sender.portal = portal
    return sender


_REVERSALS: Mapping[tuple[str, str], Callable[[Portal, Change], bool]] = {
    (Kind.PORTAL, Action.PAUSED): _resume_portal,
    (Kind.PORTAL, Action.RESUMED): _pause_portal,
    (Kind.SENDER, Action.PAUSED): _resume_sender,
    (Kind.SENDER, Action.RESUMED): _pause_sender,
    (Kind.SENDER, Action.REMOVED): _restore_sender,
    (Kind.ACCOUNT, Action.PAUSED): _resume_account,
    (Kind.ACCOUNT, Action.RESUMED): _pause_account,
    (Kind.OPT_OUT, Action.ADDED): _remove_number,
    (Kind.OPT_OUT, Action.REMOVED): _restore_number,
    (Kind.LIMITS, Action.EDITED): _restore_limits,
}
