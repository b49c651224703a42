"""What there is to be told of a portal, and when: the rows of notices follow what the other rows show.

Trouble that may pass is told when it has lasted for two minutes, of one subject at most once an hour. That it is over
is told to those who heard of it, and that waits for no hour, for it replaces the very notification they have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.notices import Notice, NoticeKind, NoticeRules
from b24app.messaging.models.statuses import Phase
from b24app.messaging.notices.texts import SILENT
from b24app.portals.models import Portal, PortalToken

LASTS = timedelta(minutes=2)
AT_MOST_EVERY = timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=1)  # at trouble, for its end is to be noticed
LOOK_SELDOM = timedelta(minutes=5)  # at what only a person ends
MOST_COUNTED = 1000
MOST_PEOPLE = 10

SENDS_NO_MORE = Q(state=ConnectionState.BLOCKED) | Q(breaker_until__isnull=False)
IS_LOW = Q(balance__lt=F("low_balance"))
ENDS_BY_ITSELF = (NoticeKind.BROKEN, NoticeKind.PORTAL)  # and then people want to know


class NoticeMessage(Enum):
    TROUBLE = "trouble"
    WELL = "well"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so now. `since` where its row knows."""

    kind: NoticeKind
    subject: int
    word: str
    since: datetime | None = None


def in_use() -> Q:
    """Of a connection: somebody counts on it."""
    return Q(state__in=[ConnectionState.ACTIVE, ConnectionState.BLOCKED])


def find_conditions(portal: Portal) -> Iterator[Condition]:
    """All that is so and worth a notice."""
    if portal.no_token_since:
        yield Condition(NoticeKind.PORTAL, 0, "token", portal.no_token_since)
    for one in Connection.objects.filter(in_use(), SENDS_NO_MORE | IS_LOW, portal=portal).defer("account"):
        if one.state == ConnectionState.BLOCKED:
            yield Condition(NoticeKind.BROKEN, one.pk, one.blocked_reason or "auth", one.blocked_since)
        elif one.breaker_until is not None:
            yield Condition(NoticeKind.BROKEN, one.pk, SILENT)
        is_low = one.balance is not None and one.low_balance is not None and one.balance < one.low_balance
        if is_low and one.blocked_reason != "balance":
            yield Condition(NoticeKind.BALANCE, one.pk, str(one.balance))
    unknown = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN)[:MOST_COUNTED].count()
    if unknown:
        yield Condition(NoticeKind.UNDECIDED, 0, str(unknown))


def sync_notices(portal: Portal, now: datetime) -> None:
    """Make the portal's notices say what is so now."""
    present = {(fact.kind.value, fact.subject): fact for fact in find_conditions(portal)}
    with transaction.atomic():
        rows = list(Notice.objects.select_for_update().filter(portal=portal).order_by("pk"))
        known = {(row.kind, row.subject) for row in rows}
        new = [
            Notice(
                portal=portal, kind=fact.kind, subject=fact.subject, word=fact.word, since=fact.since or now, due_at=now
            )
            for key, fact in present.items()
            if key not in known
        ]
        Notice.objects.bulk_create(new, ignore_conflicts=True)
        for row in rows:
            if row.kind != NoticeKind.SENDERS and _turn(row, present.get((row.kind, row.subject)), now):
                row.save(update_fields=["is_on", "since", "word", "told", "reached", "due_at"])


def _turn(row: Notice, fact: Condition | None, now: datetime) -> bool:
    """Answers whether the row says something else now."""
    before = (row.is_on, row.word, row.told)
    if fact is not None:
        if not row.is_on:
            row.is_on, row.since, row.due_at = True, fact.since or now, now
        row.word = fact.word
        if row.kind == NoticeKind.UNDECIDED and row.told and int(row.told) > int(row.word):
            row.told = row.word  # fewer than were told: no news, but the next more are
            row.reached = dict.fromkeys(row.reached, row.word)
    elif row.is_on:
        row.is_on, row.since, row.due_at = False, now, now
    return before != (row.is_on, row.word, row.told)


def next_step(row: Notice, now: datetime) -> tuple[NoticeMessage | None, datetime | None]:
    """What is to be said of a subject now, or when it is to be looked at again; (None, None): it is at rest."""
    if not row.is_on:
        ready = row.since + LASTS
        if not row.reached or row.kind not in ENDS_BY_ITSELF:
            return None, None
        return (NoticeMessage.WELL, None) if ready <= now else (None, ready)
    later = now + (LOOK_EVERY if row.kind in ENDS_BY_ITSELF else LOOK_SELDOM)
    if row.told == row.word:
        return None, later
    ready = row.since if row.kind in (NoticeKind.SENDERS, NoticeKind.BALANCE) else row.since + LASTS
    if row.told_at is not None:
        ready = max(ready, row.told_at + AT_MOST_EVERY)
    return (NoticeMessage.TROUBLE, None) if ready <= now else (None, min(ready, later))


def senders_added(portal: Portal, count: int) -> None:
    """The portal had lost so many senders and has them again."""
    if not count:
        return
    now = timezone.now()
    with transaction.atomic():
        row = Notice.objects.select_for_update().filter(portal=portal, kind=NoticeKind.SENDERS, subject=0).first()
        row = row or Notice(portal=portal, kind=NoticeKind.SENDERS, is_on=False)
        untold = int(row.word or 0) if row.is_on else 0
        row.is_on, row.word, row.told, row.due_at, row.reached = True, str(untold + count), "", now, {}
        row.since = now
        row.save()


def rules_of(portal: Portal) -> NoticeRules:
    """What a portal wants to be told; the usual, unsaved, where nobody has said."""
    return NoticeRules.objects.filter(portal=portal).first() or NoticeRules(portal=portal)


def administrators(portal: Portal) -> list[int]:
    """User ids of those who were administrators when the portal last said so, the first to come first."""
    known = PortalToken.objects.filter(portal=portal, is_admin=True, is_system=False).order_by("pk")
    return list(known.values_list("user_id", flat=True))


def people_to_notify(portal: Portal, rules: NoticeRules) -> list[int]:
    """Who is told: those who were chosen and still administrate, else the first administrator."""
    admins = administrators(portal)
    chosen = [user_id for user_id in admins if user_id in rules.user_ids]
    return (chosen or admins[:1])[:MOST_PEOPLE]


def portals_to_sync() -> Q:
    """Of a portal: something is so of which its notices do not know yet."""

    def known(kind: NoticeKind, subject: Any, portal: str) -> Exists:
        rows = Notice.objects.filter(portal=OuterRef(portal), kind=kind, subject=subject, is_on=True)
        return Exists(rows)

    accounts = Connection.objects.filter(in_use(), portal=OuterRef("pk"))
    broken = accounts.filter(SENDS_NO_MORE).exclude(known(NoticeKind.BROKEN, OuterRef("pk"), "portal"))
    low = accounts.filter(IS_LOW).exclude(blocked_reason="balance")
    low = low.exclude(known(NoticeKind.BALANCE, OuterRef("pk"), "portal"))
    unknown = Message.objects.filter(portal=OuterRef("pk"), phase=Phase.UNKNOWN)
    shut_out = Q(no_token_since__isnull=False) & ~known(NoticeKind.PORTAL, 0, "pk")
    undecided = Exists(unknown) & ~known(NoticeKind.UNDECIDED, 0, "pk")
    return Exists(broken) | Exists(low) | shut_out | undecided
