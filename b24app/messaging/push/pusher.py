"""Push statuses to the portal in batches of at most 50; its errors are handled as docs/bitrix24.md K says."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from b24app.core.lease_release import release_leases
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Status
from b24app.messaging.push import answers, author_statuses, batching, due_statuses, postponing
from b24app.portals import answering
from b24app.portals.errors import InDoubt, NoToken, PortalError
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import PortalClient

LEASE = timedelta(seconds=90)
BATCHES_PER_VISIT = 20
REFILL = timedelta(seconds=10)  # frees 20 of the 50 calls in the portal's bucket, on any plan (docs/bitrix24.md C.4)


def push_due(portal_id: int) -> datetime | None:
    """Push a portal's due statuses; return when to come back, None if nothing is due or another process pushes."""
    later = batching.wait_until(portal_id)
    if later:
        return later
    now = timezone.now()
    free = Q(push_lease_until=None) | Q(push_lease_until__lt=now)
    free &= Q(push_after=None) | Q(push_after__lte=now)
    if not Portal.objects.filter(free, pk=portal_id).update(push_lease_until=now + LEASE):
        return None
    portal = Portal.objects.get(pk=portal_id)
    again: datetime | None = None
    try:
        again = _push_portal(portal)
    finally:
        lease = Portal.objects.filter(pk=portal_id, push_lease_until=portal.push_lease_until)
        release_leases(lambda: lease.update(push_lease_until=None))
    return again or _next_push_at(portal)


def _renew_lease(portal: Portal) -> bool:
    """Extend the lease for one more batch; return False if it was lost, because the statuses may be stale by now."""
    until = timezone.now() + LEASE
    lease = Portal.objects.filter(pk=portal.pk, push_lease_until=portal.push_lease_until)
    if not lease.update(push_lease_until=until):
        return False
    portal.push_lease_until = until
    return True


def _next_push_at(portal: Portal) -> datetime | None:
    first = Message.objects.filter(portal=portal, push_at__isnull=False).order_by("push_at")
    due = first.values_list("push_at", flat=True).first()
    if due is None or portal.uninstalled_at is not None:
        return None
    waits = [portal.rest_after, portal.suspended_until, portal.push_after]
    if portal.no_token_since is not None:
        waits.append(portal.token_retry_at)
    return max(filter(None, (due, *waits)))


def _push_portal(portal: Portal) -> datetime | None:
    now = timezone.now()
    if not portal.may_be_called(now):
        return None
    # A portal that was silent is asked first: a token may have to be renewed for the batch, and in vain.
    if portal.push_failures and not answering.is_answering(portal):
        silence = InDoubt("NO_ANSWER")
        if not answering.has_moved(portal, silence):
            return postponing.postpone_pushes(portal, silence)
    again = None if postponing.waits_for_token(portal, now) else _push_batches(portal)
    return _push_for_authors(portal) if postponing.waits_for_token(portal, timezone.now()) else again


def _push_batches(portal: Portal) -> datetime | None:
    for turn in range(BATCHES_PER_VISIT):
        later = batching.wait_until(portal.pk) if turn else None
        if later:
            return later
        messages = due_statuses.find_due(portal, batching.batch_size(portal, is_first=not turn))
        if not messages or not portal.may_be_called(timezone.now()) or not _renew_lease(portal):
            return None
        error = _push_batch(portal, messages)
        if error and answering.has_moved(portal, error):
            continue
        if error:
            return postponing.postpone_pushes(portal, error)
    # So the bucket never fills up, and screens that call the portal in the meantime are not refused.
    until = timezone.now() + REFILL
    error_policy.update_portal(portal, push_after=until)
    return until


def _push_for_authors(portal: Portal) -> datetime | None:
    """Push with the tokens of authors what each of them has written, as no administrator's token works."""
    pushed = False
    for token, theirs in author_statuses.find_pushable(portal):
        messages = due_statuses.find_due(portal, batching.batch_size(portal), theirs)
        if not messages or not portal.may_be_called(timezone.now()) or not _renew_lease(portal):
            continue
        error = _push_batch(portal, messages, token)
        if isinstance(error, NoToken):
            author_statuses.set_apart(messages, error)
        elif error:
            return postponing.postpone_pushes(portal, error)
        pushed = True
    return author_statuses.come_back_at(portal, pushed=pushed)


def _push_batch(portal: Portal, messages: Sequence[Message], token: PortalToken | None = None) -> PortalError | None:
    """Push these statuses in one call; return the error that concerns the portal as a whole, if there is one."""
    # Whether or not the call succeeds, the portal may show `queued` from here on, until it gets a later status.
    queued = [one.pk for one in messages if one.status == Status.QUEUED]
    if queued:
        Message.objects.filter(pk__in=queued).update(pushed=Status.QUEUED)
    started = time.monotonic()
    try:
        commands = [due_statuses.update_command(message) for message in messages]
        results = PortalClient(portal, token=token).batch(commands)
    except PortalError as error:
        if isinstance(error, InDoubt) and error.code not in answering.NOT_THE_PORTAL:
            _note_silence(portal, messages, error)
        return error
    refusal = answers.record_answers(messages, results)
    if refusal is None:
        _note_answer(portal, len(messages), time.monotonic() - started)
    return refusal


def _note_answer(portal: Portal, count: int, seconds: float) -> None:
    size = batching.size_after_answer(portal.push_batch_size, count, seconds)
    changes: dict[str, object] = {"push_batch_size": size, "push_failures": 0, "push_after": None}
    changed = {name: value for name, value in changes.items() if getattr(portal, name) != value}
    if changed:
        error_policy.update_portal(portal, **changed)


def _note_silence(portal: Portal, messages: Sequence[Message], error: InDoubt) -> None:
    """Make batches smaller; a status without an answer alone, of a portal that has just answered, is to blame."""
    if len(messages) == 1 and portal.push_failures:
        answers.retry_or_give_up(messages[0], error.code, timezone.now())
    error_policy.update_portal(portal, push_batch_size=batching.size_without_answer(len(messages)))
