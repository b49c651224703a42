"""Administrators are told in Bitrix24 what went wrong and what is well again. What cannot be told now is told later."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from b24app.core.isolation import work_each
from b24app.messaging import dead_letters
from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.notices import Notice, NoticeKind, NoticeRules
from b24app.messaging.notices import detection, texts
from b24app.messaging.notices.detection import NoticeMessage
from b24app.portals import scopes
from b24app.portals.client import PortalClient
from b24app.portals.errors import NotNow, PortalError, PortalRefused
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

METHOD, SCOPE = "im.notify.system.add", "im"
LEASE = timedelta(minutes=5)  # longer than ten calls to a portal that hardly answers
AGAIN = timedelta(minutes=10)
REFUSED_FOR = timedelta(hours=1)


def send_due(portal_id: int) -> datetime | None:
    """See how the portal's subjects are, and tell what is due; answers when to come back."""
    portal = Portal.objects.get(pk=portal_id)
    now = timezone.now()
    if not portal.may_be_called(now):
        return None
    detection.sync_notices(portal, now)
    rules = detection.rules_of(portal)
    people = detection.people_to_notify(portal, rules) if scopes.has_scopes(portal, SCOPE) else []

    def work(notice: Notice) -> None:
        if _claim(notice, now):
            _free(notice, _tell(portal, notice, rules, people))

    work_each(Notice.objects.filter(portal=portal, due_at__lte=now).order_by("pk"), work, _set_aside)
    waiting = Notice.objects.filter(portal=portal, due_at__isnull=False).order_by("due_at")
    return waiting.values_list("due_at", flat=True).first()


def _set_aside(notice: Notice, error: Exception) -> None:
    """It is looked at again when the lease that was taken for it is over."""
    dead_letters.note(Kind.NOTICE, notice.pk, error, portal=notice.portal_id, retry=True)


def _claim(notice: Notice, now: datetime) -> bool:
    """Only one process tells a notice."""
    mine = Notice.objects.filter(pk=notice.pk, due_at=notice.due_at)
    notice.due_at = now + LEASE
    return mine.update(due_at=notice.due_at) == 1


def _free(notice: Notice, until: datetime | None) -> None:
    """Look at it again then, unless something new is due at once; None: when it is so again."""
    Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).update(due_at=until)


def _tell(portal: Portal, notice: Notice, rules: NoticeRules, people: Sequence[int]) -> datetime | None:
    """Say of one subject what is due; answers when it is looked at next."""
    say, later = detection.next_step(notice, timezone.now())
    connection = Connection.objects.filter(portal=portal, pk=notice.subject).defer("account").first()
    if say is None:
        return later or _rest(notice)
    if not rules.wants(notice.kind):
        # What happened once is not told later either; what goes on is, when it is switched on.
        return _rest(notice) if _is_over(notice) else timezone.now() + detection.LOOK_SELDOM
    if say is NoticeMessage.WELL and connection is not None and connection.state != ConnectionState.ACTIVE:
        return _rest(notice)  # a person turned it off: it does not work again
    if not people:
        return timezone.now() + REFUSED_FOR
    return _say(
        portal, notice, say, people, texts.text_of(notice, portal, connection, is_well=say is NoticeMessage.WELL)
    )


def _is_over(notice: Notice) -> bool:
    return not notice.is_on or notice.kind == NoticeKind.SENDERS


def _rest(notice: Notice) -> datetime | None:
    """Nothing is so any more, and nobody has to hear of it: it is looked at no more. What happened once is over."""
    values: dict[str, object] = {"told": "", "reached": {}}
    if notice.kind == NoticeKind.SENDERS:
        values["is_on"] = False
    Notice.objects.filter(pk=notice.pk).update(**values)
    return None


def _say(portal: Portal, notice: Notice, say: NoticeMessage, people: Sequence[int], words: str) -> datetime | None:
    """Tell everybody who does not have this word yet; who was reached is kept, whatever becomes of the others."""
    is_well = say is NoticeMessage.WELL
    reached = dict(notice.reached)
    for user_id in people:
        has = reached.get(str(user_id), "")
        if (not has) if is_well else (has == notice.word):
            continue
        try:
            with scopes.tolerate_missing_scope(portal):
                PortalClient(portal).call(METHOD, {"USER_ID": user_id, "MESSAGE": words, "TAG": notice.tag})
        except PortalRefused as no:  # of this person: the others may well be told
            log.info("notice_refused", portal=portal.pk, user=user_id, code=no.code)
            continue
        except PortalError as error:
            Notice.objects.filter(pk=notice.pk).update(reached=reached)
            return (error.until if isinstance(error, NotNow) else None) or timezone.now() + AGAIN
        if is_well:
            del reached[str(user_id)]
        else:
            reached[str(user_id)] = notice.word
    if is_well:
        return _rest(notice)
    return _told(notice, reached)


def _told(notice: Notice, reached: dict[str, str]) -> datetime | None:
    now = timezone.now()
    if notice.word not in reached.values():  # everybody was refused
        return now + REFUSED_FOR
    Notice.objects.filter(pk=notice.pk).update(told=notice.word, told_at=now, reached=reached)
    if notice.kind != NoticeKind.SENDERS:
        return now + detection.LOOK_EVERY
    if Notice.objects.filter(pk=notice.pk, due_at=notice.due_at).exists():  # no more were added meanwhile
        _rest(notice)
    return None
