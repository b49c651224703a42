"""Send notifications to administrators in Bitrix24: alerts, and recoveries. What cannot be sent now is retried."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from b24app.core.isolation import work_each
from b24app.messaging import dead_letters
from b24app.messaging.models import Connection, ConnectionState, Sender, SenderState
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.notices import Notice, NoticeKind, NoticeRules
from b24app.messaging.notices import detection, texts
from b24app.messaging.notices.detection import Announcement
from b24app.portals import scopes
from b24app.portals.errors import InDoubt, NotNow, PortalError, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest.client import PortalClient

log = structlog.get_logger(__name__)

METHOD, SCOPE = "im.notify.system.add", "im"
LEASE = timedelta(minutes=5)  # longer than ten calls to a portal that is very slow
RETRY_AFTER, LONGEST_RETRY = timedelta(minutes=10), timedelta(days=1)
RETRY_REFUSED_AFTER = timedelta(hours=1)


def send_due(portal_id: int) -> datetime | None:
    """Update a portal's notices and send those that are due; return when to come back."""
    portal = Portal.objects.get(pk=portal_id)
    now = timezone.now()
    if not portal.may_be_called(now):
        return None
    detection.sync_notices(portal, now)
    rules = detection.notice_rules(portal)
    people = detection.people_to_notify(portal, rules) if scopes.has_scopes(portal, SCOPE) else []

    def work(notice: Notice) -> None:
        if _claim_notice(notice, now):
            _schedule_next(notice, _process_notice(portal, notice, rules, people))

    work_each(Notice.objects.filter(portal=portal, due_at__lte=now).order_by("pk"), work, _set_aside_notice)
    waiting = Notice.objects.filter(portal=portal, due_at__isnull=False).order_by("due_at")
    return waiting.values_list("due_at", flat=True).first()


def _set_aside_notice(notice: Notice, error: Exception) -> None:
    """Leave it until the lease on it ends; then it is processed again."""
    dead_letters.note(Kind.NOTICE, notice.pk, error, portal=notice.portal_id, retry=True)


def _claim_notice(notice: Notice, now: datetime) -> bool:
    """Take the lease on a notice, so that only one process sends it; return whether that succeeded."""
    unclaimed = Notice.objects.filter(pk=notice.pk, due_at=notice.due_at)
    notice.due_at = now + LEASE
    return unclaimed.update(due_at=notice.due_at) == 1


def _schedule_next(notice: Notice, due_at: datetime | None) -> None:
    """Set when a notice is processed next, unless a change made it due meanwhile; None: when it is active again."""
    Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).update(due_at=due_at)


def _process_notice(portal: Portal, notice: Notice, rules: NoticeRules, people: Sequence[int]) -> datetime | None:
    """Send what is due about one subject; return when to process it next, None if it was closed."""
    announcement, later = detection.next_step(notice, timezone.now())
    connection, sender = _load_subject(portal, notice)
    if announcement is None:
        return later or _close_notice(notice)
    if not rules.wants(notice.kind):
        # A single event is dropped; a condition that lasts is announced if the portal enables this kind later.
        return _close_notice(notice) if _has_ended(notice) else timezone.now() + detection.CHECK_SELDOM
    is_recovery = announcement is Announcement.RECOVERY
    if is_recovery and _is_turned_off(connection, sender):
        return _close_notice(notice)
    if not people:
        return timezone.now() + RETRY_REFUSED_AFTER
    if notice.kind == NoticeKind.FAILURES and sender is None:
        return _close_notice(notice)
    text = texts.notice_text(notice, portal, connection, sender, is_recovery=is_recovery)
    return _notify_people(portal, notice, announcement, people, text)


def _load_subject(portal: Portal, notice: Notice) -> tuple[Connection | None, Sender | None]:
    """Return the account or the sender that a notice is about, if it is about one."""
    if notice.kind == NoticeKind.COPY:
        return None, None
    if notice.kind == NoticeKind.FAILURES:
        senders = Sender.objects.select_related("connection").defer("connection__account")
        return None, senders.filter(portal=portal, pk=notice.subject).first()
    return Connection.objects.filter(portal=portal, pk=notice.subject).defer("account").first(), None


def _is_turned_off(connection: Connection | None, sender: Sender | None) -> bool:
    """Return whether a person stopped the subject, so that it has not recovered."""
    if sender is not None:
        is_removed = sender.state in (SenderState.REMOVING, SenderState.REMOVED)
        return is_removed or sender.paused_at is not None or sender.connection.state != ConnectionState.ACTIVE
    return connection is not None and connection.state != ConnectionState.ACTIVE


def _has_ended(notice: Notice) -> bool:
    return not notice.is_on or notice.kind == NoticeKind.SENDERS


def _close_notice(notice: Notice) -> datetime | None:
    """Close a notice: the condition has ended and nobody needs a follow-up, or the event was announced."""
    values: dict[str, object] = {"told": "", "reached": {}}
    if notice.kind == NoticeKind.SENDERS:
        values["is_on"] = False
    Notice.objects.filter(pk=notice.pk).update(**values)
    return None


def _notify_people(
    portal: Portal, notice: Notice, announcement: Announcement, people: Sequence[int], text: str
) -> datetime | None:
    """Notify everybody who does not have this detail yet; record who was reached even if others are not."""
    is_recovery = announcement is Announcement.RECOVERY
    reached = dict(notice.reached)
    for user_id in people:
        last_detail = reached.get(str(user_id), "")
        if (not last_detail) if is_recovery else (last_detail == notice.word):
            continue
        try:
            with scopes.tolerate_missing_scope(portal):
                PortalClient(portal).call(METHOD, {"USER_ID": user_id, "MESSAGE": text, "TAG": notice.tag})
        except PortalRefused as no:  # concerns this person; the others may be reached
            log.info("notice_refused", portal=portal.pk, user=user_id, code=no.code)
            continue
        except PortalError as error:
            Notice.objects.filter(pk=notice.pk).update(reached=reached)
            return _next_try(notice, error)
        if is_recovery:
            del reached[str(user_id)]
        else:
            reached[str(user_id)] = notice.word
    if is_recovery:
        return _close_notice(notice)
    return _record_sent(notice, reached)


def _next_try(notice: Notice, error: PortalError) -> datetime:
    """Return when to try again: where the portal is silent, after as long as the notice has waited, a day at most.

    Each try may renew a token, and a portal may be off for weeks (docs/bitrix24.md J35).
    """
    now = timezone.now()
    if isinstance(error, NotNow) and error.until is not None:
        return error.until
    waited = now - notice.since if isinstance(error, InDoubt) else RETRY_AFTER
    return now + min(max(waited, RETRY_AFTER), LONGEST_RETRY)


def _record_sent(notice: Notice, reached: dict[str, str]) -> datetime | None:
    now = timezone.now()
    if notice.word not in reached.values():  # everybody was refused
        return now + RETRY_REFUSED_AFTER
    Notice.objects.filter(pk=notice.pk).update(told=notice.word, told_at=now, reached=reached)
    if notice.kind != NoticeKind.SENDERS:
        return now + detection.CHECK_EVERY
    if Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).exists():  # no more were added meanwhile
        _close_notice(notice)
    return None
