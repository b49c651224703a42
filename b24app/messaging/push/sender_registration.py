"""Register our senders in the portal, and keep its list equal to ours.

Saving commits a sender as *registering*, then the portal is called; whatever interrupts that is repaired by comparing
the lists. Only codes that this installation recorded as removed are ever deleted.
"""

from typing import Any

import structlog
from django.db import transaction
from django.db.models import Case, F, QuerySet, Subquery, When
from django.db.models.functions import Least
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change, record_edit
from b24app.messaging.intake.admission import GRACE_PERIOD
from b24app.messaging.models import Sender, SenderState
from b24app.messaging.notices import detection
from b24app.messaging.push.registered_fields import is_current, registration_digest, registration_fields
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest.client import PortalClient

log = structlog.get_logger(__name__)

WANTED = (SenderState.REGISTERING, SenderState.REGISTERED, SenderState.REFUSED)
ADD, UPDATE = "messageservice.sender.add", "messageservice.sender.update"
LIST, DELETE = "messageservice.sender.list", "messageservice.sender.delete"
ALREADY_EXISTS, NOT_FOUND = "ERROR_SENDER_ALREADY_INSTALLED", "ERROR_SENDER_NOT_FOUND"
NO_SUCH_METHOD = "ERROR_METHOD_NOT_FOUND"
EDITED_COLUMNS = (
    "names", "descriptions", "signature", "options", "bulk", "max_age", "transactional", "per_hour", "per_day",
    "smart", "latin",
)  # fmt: skip
ADDRESS_COLUMNS = ("generation", "oldest_generation", "previous_until", "installation")


def save_sender(sender: Sender) -> None:
    """Commit a sender that is to be registered; a new one gets its code, which never changes.

    A removed sender returns under its code but at a new address: its former address is refused from now on.
    """
    sender.code = sender.code or f"sendline-{sender.uuid.hex[:12]}"
    was_removed = sender.state in (SenderState.REMOVING, SenderState.REMOVED)
    sender.state, sender.removed_at = SenderState.REGISTERING, None
    sender.error_code = sender.error_words = ""
    if sender._state.adding:
        sender.installation = sender.portal.generation
        with transaction.atomic():
            sender.save()
            record_change(Action.ADDED, sender.audit_subject)
        return
    # Some of a service's own options may be secret.
    with record_edit(sender.audit_subject, lambda: _edited_columns(sender), secret=["options"]):
        # Without the address, which may have been replaced since this sender was read.
        sender.save(update_fields=[field.name for field in sender._meta.concrete_fields if _is_saved(field)])
        if was_removed:
            _replace_addresses(Sender.objects.filter(pk=sender.pk), sender.portal)
            record_change(Action.RESTORED, sender.audit_subject)
    sender.refresh_from_db(fields=ADDRESS_COLUMNS)


def _edited_columns(sender: Sender) -> dict[str, object]:
    """Return what is stored of all that an administrator edits; locked, so that no other edit comes between."""
    stored = Sender.objects.select_for_update(no_key=True).filter(pk=sender.pk).values(*EDITED_COLUMNS)
    columns: dict[str, object] = stored.get()
    return columns


def renew_address(sender: Sender) -> Sender:
    """Give a sender a new address and register that in the portal.

    The former address is accepted until the portal has confirmed the new one. Raise as `register_sender` does; the
    next `reconcile_senders` then continues.
    """
    if renew_addresses(Sender.objects.filter(pk=sender.pk)):
        sender.refresh_from_db(fields=["state", *ADDRESS_COLUMNS])
        return register_sender(sender)
    return sender


def renew_addresses(chosen: QuerySet[Sender]) -> int:
    """Give new addresses to those of the senders that are to be registered; return how many.

    The next `reconcile_senders` registers them; until then the portal calls the former ones.
    """
    with transaction.atomic():
        senders = list(chosen.filter(state__in=WANTED).select_for_update(no_key=True, of=("self",)).order_by("pk"))
        keys = [one.pk for one in senders]
        Sender.objects.filter(pk__in=keys).update(generation=F("generation") + 1, state=SenderState.REGISTERING)
        if senders:
            all_of_them = Subject(senders[0].portal_id, Kind.SENDER)
            subject = senders[0].audit_subject if len(senders) == 1 else all_of_them
            record_change(Action.ADDRESS, subject, count=len(senders))
    return len(senders)


def register_sender(sender: Sender) -> Sender:
    """Register or update a sender in the portal.

    A refusal is stored on the sender, which becomes *refused*. Raise NotNow, InDoubt, NoToken or PortalGone; the
    sender then stays *registering* until the next `reconcile_senders`.
    """
    _renew_earlier_addresses(sender.portal)
    sender.refresh_from_db(fields=ADDRESS_COLUMNS)
    try:
        _add_to_portal(sender)
    except PortalRefused as no:
        if no.code.upper() != ALREADY_EXISTS:
            return _record_refused(sender, no)
        return _update_in_portal(sender)
    return _record_registered(sender)


def remove_sender(sender: Sender) -> Sender:
    """Remove a sender from the portal's menu; its address is still answered. Raise as `register_sender` does."""
    with transaction.atomic():
        if sender.state not in (SenderState.REMOVING, SenderState.REMOVED):
            record_change(Action.REMOVED, sender.audit_subject)
        sender.state = SenderState.REMOVING
        sender.save(update_fields=["state"])
    _delete_from_portal(sender.portal, sender.code)
    return _record_removed(sender)


def reconcile_senders(portal: Portal) -> int:
    """Compare the portal's list with ours and repair what differs; return how many senders had to be added again.

    Raise as `register_sender` does, and the last PortalRefused once the other senders are done.
    """
    _renew_earlier_addresses(portal)
    there = {str(code) for code in PortalClient(portal).call(LIST) or []}
    added, refusal = 0, None
    for sender in portal.senders.exclude(state=SenderState.DRAFT).order_by("id"):
        sender.portal = portal
        try:
            added += _reconcile_sender(sender, is_there=sender.code in there)
        except PortalRefused as no:
            log.warning("sender_not_reconciled", sender=sender.pk, code=no.code)
            refusal = no
    _record_reconciled(portal, added)
    if refusal is not None:
        raise refusal
    return added


def _record_reconciled(portal: Portal, added: int) -> None:
    with transaction.atomic():
        Portal.objects.filter(pk=portal.pk).update(senders_checked_at=timezone.now())
        detection.record_restored_senders(portal, added)
        if added:
            record_change(Action.RESTORED, Subject(portal.pk, Kind.SENDER), count=added)


def _reconcile_sender(sender: Sender, *, is_there: bool) -> int:
    """Repair one sender; return 1 if it had to be added again, else 0."""
    if sender.state in WANTED:
        return _reconcile_wanted(sender, is_there=is_there)
    if is_there:
        _delete_from_portal(sender.portal, sender.code)
    if is_there or sender.state == SenderState.REMOVING:
        _record_removed(sender)
    return 0


def _reconcile_wanted(sender: Sender, *, is_there: bool) -> int:
    if not is_there:
        was = sender.state
        return int(register_sender(sender).state == SenderState.REGISTERED and was == SenderState.REGISTERED)
    if sender.state == SenderState.REGISTERED and is_current(sender) and sender.oldest_generation == sender.generation:
        return 0
    _update_in_portal(sender)
    return 0


def _add_to_portal(sender: Sender) -> None:
    PortalClient(sender.portal).call(ADD, {"CODE": sender.code, "TYPE": "SMS", **registration_fields(sender)})


def _update_in_portal(sender: Sender) -> Sender:
    try:
        PortalClient(sender.portal).call(UPDATE, {"CODE": sender.code, **registration_fields(sender)})
    except PortalRefused as no:
        if no.code.upper() not in (NOT_FOUND, NO_SUCH_METHOD):
            return _record_refused(sender, no)
        return _replace_in_portal(sender)
    return _record_registered(sender)


def _replace_in_portal(sender: Sender) -> Sender:
    """Delete and add a sender for portals that cannot update; under the same code, so robots keep their choice."""
    _delete_from_portal(sender.portal, sender.code)
    try:
        _add_to_portal(sender)
    except PortalRefused as no:
        return _record_refused(sender, no)
    return _record_registered(sender)


def _delete_from_portal(portal: Portal, code: str) -> None:
    try:
        PortalClient(portal).call(DELETE, {"CODE": code})
    except PortalRefused as no:
        if no.code.upper() != NOT_FOUND:
            raise


def _record_registered(sender: Sender) -> Sender:
    """Record that the portal has the sender as registered: from now on its former addresses are refused."""
    registered = sender.generation
    wanted = Sender.objects.filter(pk=sender.pk, state__in=WANTED)
    confirmed = wanted.filter(generation=registered).update(
        state=SenderState.REGISTERED,
        registered_as=registration_digest(registration_fields(sender)),
        error_code="",
        error_words="",
        oldest_generation=registered,
        previous_until=Case(
            When(oldest_generation__lt=registered, then=timezone.now() + GRACE_PERIOD), default=F("previous_until")
        ),
    )
    if not confirmed:
        # Its address was replaced in the meantime, and ours may have reached the portal last: the new address is
        # registered again, and until the portal confirms it, the one it calls is accepted.
        wanted.update(
            state=SenderState.REGISTERING, registered_as="", oldest_generation=Least(F("oldest_generation"), registered)
        )
    sender.refresh_from_db(fields=["state", "registered_as", "error_code", "error_words", *ADDRESS_COLUMNS])
    return _update_in_portal(sender) if not confirmed and sender.state in WANTED else sender


def _renew_earlier_addresses(portal: Portal) -> None:
    """Give new addresses to senders whose address was registered in an installation before this one."""
    senders = Sender.objects.filter(portal=portal)
    _replace_addresses(senders.filter(installation__lt=F("portal__generation")), portal)
    senders.filter(installation=None).update(installation=_current_installation(portal))


def _replace_addresses(chosen: QuerySet[Sender], portal: Portal) -> None:
    """Replace the addresses of senders that the portal does not have: no call is on its way, so refuse them at once."""
    chosen.update(
        generation=F("generation") + 1,
        oldest_generation=F("generation") + 1,
        previous_until=None,
        registered_as="",
        installation=_current_installation(portal),
    )


def _current_installation(portal: Portal) -> Subquery:
    return Subquery(Portal.objects.filter(pk=portal.pk).values("generation"))


def _is_saved(field: Any) -> bool:
    return not field.primary_key and field.name not in ADDRESS_COLUMNS


def _record_refused(sender: Sender, no: PortalRefused) -> Sender:
    sender.state, sender.error_code, sender.error_words = SenderState.REFUSED, no.code[:60], no.message[:300]
    log.warning("sender_refused", sender=sender.pk, code=no.code)
    return _save_answer(sender, "state", "error_code", "error_words")


def _save_answer(sender: Sender, *columns: str) -> Sender:
    """Save the portal's answer, unless the sender was removed in the meantime: that is then done again."""
    wanted = Sender.objects.filter(pk=sender.pk, state__in=WANTED)
    if not wanted.update(**{column: getattr(sender, column) for column in columns}):
        sender.refresh_from_db(fields=["state"])
    return sender


def _record_removed(sender: Sender) -> Sender:
    sender.state, sender.removed_at, sender.registered_as = SenderState.REMOVED, timezone.now(), ""
    sender.save(update_fields=["state", "removed_at", "registered_as"])
    return sender
