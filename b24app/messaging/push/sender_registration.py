"""Make the portal's senders equal to ours.

Saving commits the sender as *registering*, then the portal is asked; whatever interrupts that is settled by comparing
lists. Only codes that this installation recorded as removed are ever deleted.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import structlog
from django.db.models import Case, F, QuerySet, Subquery, When
from django.db.models.functions import Least
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.intake.admission import GRACE_PERIOD
from b24app.messaging.models import Sender, SenderState
from b24app.messaging.notices import detection
from b24app.portals.client import PortalClient
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

WANTED = (SenderState.REGISTERING, SenderState.REGISTERED, SenderState.REFUSED)
ADD, UPDATE = "messageservice.sender.add", "messageservice.sender.update"
LIST, DELETE = "messageservice.sender.list", "messageservice.sender.delete"
ALREADY, ABSENT = "ERROR_SENDER_ALREADY_INSTALLED", "ERROR_SENDER_NOT_FOUND"
NO_SUCH_METHOD = "ERROR_METHOD_NOT_FOUND"
ADDRESS = ("generation", "oldest_generation", "previous_until", "installation")


def save_sender(sender: Sender) -> None:
    """Commit a sender that the portal shall have; a new one gets its code, which never changes.

    One that was removed comes back under its code, but at a new address: the one before is refused from now on.
    """
    sender.code = sender.code or f"sendline-{sender.uuid.hex[:12]}"
    comes_back = sender.state in (SenderState.REMOVING, SenderState.REMOVED)
    sender.state, sender.removed_at = SenderState.REGISTERING, None
    sender.error_code = sender.error_words = ""
    if sender._state.adding:
        sender.installation = sender.portal.generation
        sender.save()
        return
    # Not the address: it may have been replaced since this sender was read.
    sender.save(update_fields=[field.name for field in sender._meta.concrete_fields if _is_kept(field)])
    if comes_back:
        _give_new_address(Sender.objects.filter(pk=sender.pk), sender.portal)
    sender.refresh_from_db(fields=ADDRESS)


def renew_address(sender: Sender) -> Sender:
    """Give a sender a new address and ask the portal to call that.

    The one before is answered until the portal has the new one. Raises as `register` does; then the next `reconcile`
    goes on.
    """
    if renew_addresses(Sender.objects.filter(pk=sender.pk)):
        sender.refresh_from_db(fields=["state", *ADDRESS])
        return register_sender(sender)
    return sender


def renew_addresses(chosen: QuerySet[Sender]) -> int:
    """Give new addresses to those of these senders that the portal shall have; answers to how many.

    The portal is told by the next `reconcile`, and calls the ones before until then.
    """
    return chosen.filter(state__in=WANTED).update(generation=F("generation") + 1, state=SenderState.REGISTERING)


def register_sender(sender: Sender) -> Sender:
    """Ask the portal to have this sender as we have it.

    The portal's refusal is kept on the sender (`refused`). Raises NotNow, InDoubt, NoToken or PortalGone; the sender
    then stays *registering* and is settled by the next `reconcile`.
    """
    _leave_earlier_installations(sender.portal)
    sender.refresh_from_db(fields=ADDRESS)
    try:
        _add(sender)
    except PortalRefused as no:
        if no.code.upper() != ALREADY:
            return _refused(sender, no)
        return _update(sender)
    return _registered(sender)


def remove_sender(sender: Sender) -> Sender:
    """Take the sender out of the portal's menu; its address goes on being answered. Raises as `register` does."""
    sender.state = SenderState.REMOVING
    sender.save(update_fields=["state"])
    _delete(sender.portal, sender.code)
    return _removed(sender)


def reconcile_senders(portal: Portal) -> int:
    """Compare the portal's list with ours, re-add and update what differs; answers how many had to be re-added.

    Raises as `register` does.
    """
    _leave_earlier_installations(portal)
    there = {str(code) for code in PortalClient(portal).call(LIST) or []}
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
    detection.senders_added(portal, added)
    return added


def is_current(sender: Sender) -> bool:
    """Was the portal told what we would tell it now?"""
    return sender.registered_as == _digest(_wording(sender))


def _settle_wanted(sender: Sender, *, is_there: bool) -> int:
    if not is_there:
        was = sender.state
        return int(register_sender(sender).state == SenderState.REGISTERED and was == SenderState.REGISTERED)
    if sender.state == SenderState.REGISTERED and is_current(sender) and sender.oldest_generation == sender.generation:
        return 0
    _update(sender)
    return 0


def _wording(sender: Sender) -> dict[str, Any]:
    """What the portal is told besides code and type; descriptions only work as an object when names are one."""
    return {
        "HANDLER": signed_urls.handler_url(sender.uuid.hex, sender.generation),
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
    PortalClient(sender.portal).call(ADD, {"CODE": sender.code, "TYPE": "SMS", **_wording(sender)})


def _update(sender: Sender) -> Sender:
    try:
        PortalClient(sender.portal).call(UPDATE, {"CODE": sender.code, **_wording(sender)})
    except PortalRefused as no:
        if no.code.upper() not in (ABSENT, NO_SUCH_METHOD):
            return _refused(sender, no)
        return _replace(sender)
    return _registered(sender)


def _replace(sender: Sender) -> Sender:
    """Older portals cannot update: delete and add under the same code, so robots keep their choice."""
    _delete(sender.portal, sender.code)
    try:
        _add(sender)
    except PortalRefused as no:
        return _refused(sender, no)
    return _registered(sender)


def _delete(portal: Portal, code: str) -> None:
    try:
        PortalClient(portal).call(DELETE, {"CODE": code})
    except PortalRefused as no:
        if no.code.upper() != ABSENT:
            raise


def _registered(sender: Sender) -> Sender:
    """Write that the portal has the sender as we told it: from now on the addresses before are refused."""
    told = sender.generation
    wanted = Sender.objects.filter(pk=sender.pk, state__in=WANTED)
    confirmed = wanted.filter(generation=told).update(
        state=SenderState.REGISTERED,
        registered_as=_digest(_wording(sender)),
        error_code="",
        error_words="",
        oldest_generation=told,
        previous_until=Case(
            When(oldest_generation__lt=told, then=timezone.now() + GRACE_PERIOD), default=F("previous_until")
        ),
    )
    if not confirmed:
        # Its address was replaced meanwhile, and what we told may have reached the portal last: it is told once more,
        # and until it says that it knows, what it calls is answered.
        wanted.update(
            state=SenderState.REGISTERING, registered_as="", oldest_generation=Least(F("oldest_generation"), told)
        )
    sender.refresh_from_db(fields=["state", "registered_as", "error_code", "error_words", *ADDRESS])
    return _update(sender) if not confirmed and sender.state in WANTED else sender


def _leave_earlier_installations(portal: Portal) -> None:
    """Give new addresses to senders whose address the portal was given in an installation before this one."""
    mine = Sender.objects.filter(portal=portal)
    _give_new_address(mine.filter(installation__lt=F("portal__generation")), portal)
    mine.filter(installation=None).update(installation=_installation(portal))


def _give_new_address(chosen: QuerySet[Sender], portal: Portal) -> None:
    """For senders that the portal has not now: nothing is under way, so the addresses before are refused at once."""
    chosen.update(
        generation=F("generation") + 1,
        oldest_generation=F("generation") + 1,
        previous_until=None,
        registered_as="",
        installation=_installation(portal),
    )


def _installation(portal: Portal) -> Subquery:
    return Subquery(Portal.objects.filter(pk=portal.pk).values("generation"))


def _is_kept(field: Any) -> bool:
    return not field.primary_key and field.name not in ADDRESS


def _refused(sender: Sender, no: PortalRefused) -> Sender:
    sender.state, sender.error_code, sender.error_words = SenderState.REFUSED, no.code[:60], no.message[:300]
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
