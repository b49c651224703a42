"""Make the portal's senders equal to ours.

Saving commits the sender as *registering*, then the portal is asked; whatever interrupts that is settled by comparing
lists. Only codes that this installation recorded as removed are ever deleted.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import structlog
from django.utils import timezone

from b24app.core import addresses
from b24app.messaging import noticing
from b24app.messaging.models import Sender, SenderState
from b24app.portals.errors import Refused
from b24app.portals.models import Portal
from b24app.portals.rest import call

log = structlog.get_logger(__name__)

WANTED = (SenderState.REGISTERING, SenderState.REGISTERED, SenderState.REFUSED)
ADD, UPDATE = "messageservice.sender.add", "messageservice.sender.update"
LIST, DELETE = "messageservice.sender.list", "messageservice.sender.delete"
ALREADY, ABSENT = "ERROR_SENDER_ALREADY_INSTALLED", "ERROR_SENDER_NOT_FOUND"
NO_SUCH_METHOD = "ERROR_METHOD_NOT_FOUND"


def save(sender: Sender) -> None:
    """Commit a sender that the portal shall have; a new one gets its code, which never changes."""
    sender.code = sender.code or f"sendline-{sender.uuid.hex[:12]}"
    sender.state, sender.removed_at = SenderState.REGISTERING, None
    sender.error_code = sender.error_words = ""
    sender.save()


def register(sender: Sender) -> Sender:
    """Ask the portal to have this sender as we have it.

    The portal's refusal is kept on the sender (`refused`). Raises NotNow, InDoubt, NoToken or PortalGone; the sender
    then stays *registering* and is settled by the next `reconcile`.
    """
    try:
        _add(sender)
    except Refused as no:
        if no.code.upper() != ALREADY:
            return _refused(sender, no)
        return _update(sender)
    return _registered(sender)


def remove(sender: Sender) -> Sender:
    """Take the sender out of the portal's menu; its address goes on being answered. Raises as `register` does."""
    sender.state = SenderState.REMOVING
    sender.save(update_fields=["state"])
    _delete(sender.portal, sender.code)
    return _removed(sender)


def reconcile(portal: Portal) -> int:
    """Compare the portal's list with ours, re-add and update what differs; answers how many had to be re-added.

    Raises as `register` does.
    """
    there = {str(code) for code in call(portal, LIST) or []}
    added = 0
    for sender in portal.senders.exclude(state=SenderState.DRAFT).order_by("id"):
        sender.portal = portal
        if sender.state in WANTED:
            added += _settle_wanted(sender, is_there=sender.code in there)
        elif sender.code in there:
            _delete(portal, sender.code)
            _removed(sender)
        elif sender.state == SenderState.REMOVING:
            _removed(sender)
    Portal.objects.filter(pk=portal.pk).update(senders_checked_at=timezone.now())
    noticing.senders_added(portal, added)
    return added


def is_current(sender: Sender) -> bool:
    """Was the portal told what we would tell it now?"""
    return sender.registered_as == _digest(_wording(sender))


def _settle_wanted(sender: Sender, *, is_there: bool) -> int:
    if not is_there:
        was = sender.state
        return int(register(sender).state == SenderState.REGISTERED and was == SenderState.REGISTERED)
    if sender.state == SenderState.REGISTERED and is_current(sender):
        return 0
    _update(sender)
    return 0


def _wording(sender: Sender) -> dict[str, Any]:
    """What the portal is told besides code and type; descriptions only work as an object when names are one."""
    return {
        "HANDLER": addresses.handler(sender.uuid.hex, sender.generation),
        "NAME": _languages(sender.names) or {"en": sender.code},
        "DESCRIPTION": _languages(sender.descriptions) or _languages(sender.names),
    }


def _languages(texts: Mapping[str, str]) -> dict[str, str]:
    """Universal language first: the portal takes the first entry for everybody else. Keys are two letters."""
    return {
        key: texts[key] for key in sorted(texts, key=lambda key: (key != "en", key)) if len(key) == 2 and texts[key]
    }


def _digest(wording: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wording, sort_keys=True).encode()).hexdigest()


def _add(sender: Sender) -> None:
    call(sender.portal, ADD, {"CODE": sender.code, "TYPE": "SMS", **_wording(sender)})


def _update(sender: Sender) -> Sender:
    try:
        call(sender.portal, UPDATE, {"CODE": sender.code, **_wording(sender)})
    except Refused as no:
        if no.code.upper() not in (ABSENT, NO_SUCH_METHOD):
            return _refused(sender, no)
        return _replace(sender)
    return _registered(sender)


def _replace(sender: Sender) -> Sender:
    """Older portals cannot update: delete and add under the same code, so robots keep their choice."""
    _delete(sender.portal, sender.code)
    try:
        _add(sender)
    except Refused as no:
        return _refused(sender, no)
    return _registered(sender)


def _delete(portal: Portal, code: str) -> None:
    try:
        call(portal, DELETE, {"CODE": code})
    except Refused as no:
        if no.code.upper() != ABSENT:
            raise


def _registered(sender: Sender) -> Sender:
    sender.state, sender.registered_as = SenderState.REGISTERED, _digest(_wording(sender))
    sender.error_code = sender.error_words = ""
    return _settled(sender, "state", "registered_as", "error_code", "error_words")


def _refused(sender: Sender, no: Refused) -> Sender:
    sender.state, sender.error_code, sender.error_words = SenderState.REFUSED, no.code[:60], no.words[:300]
    log.warning("sender_refused", sender=sender.pk, code=no.code)
    return _settled(sender, "state", "error_code", "error_words")


def _settled(sender: Sender, *columns: str) -> Sender:
    """Write what the portal answered, unless the sender was removed meanwhile: then it stays so, and goes again."""
    wanted = Sender.objects.filter(pk=sender.pk, state__in=WANTED)
    if not wanted.update(**{column: getattr(sender, column) for column in columns}):
        sender.refresh_from_db(fields=["state"])
    return sender


def _removed(sender: Sender) -> Sender:
    sender.state, sender.removed_at, sender.registered_as = SenderState.REMOVED, timezone.now(), ""
    sender.save(update_fields=["state", "removed_at", "registered_as"])
    return sender
