"""A task over many messages that a page drives step by step: what was asked for, how far it is, and one step of it.

All of it stands in the page, sealed. Whoever closes the page stops it, and pressing twice does everything once.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q

from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Place, Search
from b24app.console.journal.search import search
from b24app.core import sealing
from b24app.messaging.actions.bulk import Act, Done, eligible_messages, run_action
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase
from b24app.portals.models import Portal
from providers.kit.segments import measure

STEP_SECONDS = 0.8
COUNTED_AT_ONCE, DONE_AT_ONCE = 1000, 50
MOST_CHOSEN = 200
PURPOSE = "many"


class BadJob(ValueError):
    """Nothing that this visitor was given by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`references` (hex) are the chosen messages; without any, all that the filters `query` finds are meant.

    First all are counted, then a person says yes, then they are done. `place` is the reference of the message before
    which the next step goes on; "" begins.
    """

    act: Act
    query: str = ""
    references: tuple[str, ...] = ()
    asked_at: float  # what came later is not meant
    sure: bool = False
    place: str = ""
    over: bool = False
    total: int = 0
    parts: int = 0
    unknown: int = 0  # of the total
    seen: int = 0  # of the total, in this round
    changed: int = 0

    @property
    def since(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at, UTC)

    def sealed(self, portal: Portal, user: int) -> str:
        """What the page keeps of it, for this visitor alone."""
        said = {**asdict(self), "for": PURPOSE, "portal": portal.uuid.hex, "user": user}
        return sealing.seal(json.dumps(said).encode()).decode()

    @classmethod
    def opened(cls, token: str, portal: Portal, user: int) -> Self:
        """Read it; raises BadJob."""
        try:
            said = json.loads(sealing.unseal(token.encode()))
            claim = said.pop("for"), said.pop("portal"), said.pop("user")
            job = cls(**{**said, "act": Act(said["act"]), "references": tuple(said["references"])})
        except (sealing.CannotOpen, ValueError, TypeError, AttributeError, KeyError):
            raise BadJob from None
        if claim != (PURPOSE, portal.uuid.hex, user):
            raise BadJob
        return job

    def confirmed(self) -> Self:
        """The same job, to be done from its beginning."""
        return replace(self, sure=True, place="", over=False, seen=0, changed=0)


def begun(act: Act, query: str, references: Sequence[str]) -> Job:
    """A job that has counted nothing yet."""
    return Job(act=act, query=query, references=tuple(references[:MOST_CHOSEN]), asked_at=time.time())


def counted(job: Job, portal: Portal) -> Job:
    """Count on for a moment; `over` when all are counted."""
    meant, senders = _meant(job, portal), _senders(portal)
    place, until = meant.place(job.place) if job.place else None, time.monotonic() + STEP_SECONDS
    total, parts, unknown = job.total, job.parts, job.unknown
    while True:
        found, place = meant.after(place, COUNTED_AT_ONCE, ("text", "sender_id", "phase"))
        total += len(found)
        unknown += sum(phase == Phase.UNKNOWN for *_, phase in found)
        if job.act == Act.RESEND:
            parts += sum(measure(senders[sender].written(text)).parts for *_, text, sender, _phase in found)
        if place is None or time.monotonic() > until:
            break
    return replace(job, total=total, parts=parts, unknown=unknown, over=place is None, place=_reference(portal, place))


def done(job: Job, portal: Portal, user: int, ring: Callable[[Done], None]) -> Job:
    """Do on for a moment, never more than were counted; `over` when all are done. `ring` hears of every message."""
    meant, until = _meant(job, portal), time.monotonic() + STEP_SECONDS
    place = meant.place(job.place) if job.place else None
    seen, changed = job.seen, job.changed
    while True:
        found, place = meant.after(place, min(DONE_AT_ONCE, job.total - seen), ())
        keys = [pk for _at, pk in found]
        messages = Message.objects.filter(portal=portal).in_bulk(keys)
        for message in filter(None, map(messages.get, keys)):
            result = run_action(job.act, message, user, job.since)
            changed += result.changed
            ring(result)
        seen += len(found)
        over = place is None or seen >= job.total
        if over or time.monotonic() > until:
            break
    return replace(job, seen=seen, changed=changed, over=over, place=_reference(portal, place))


def _meant(job: Job, portal: Portal) -> Search:
    """The messages that the job is about and its act would change."""
    if job.references:
        found = Search(portal, Message.objects.filter(portal=portal, reference__in=job.references), Q())
    else:
        found = search(portal, Filters.of(job.query))
    listed = found.listed.filter(received_at__lte=job.since)
    return Search(portal, listed, found.fitting & eligible_messages(job.act))


def _senders(portal: Portal) -> dict[int, Sender]:
    return Sender.objects.filter(portal=portal).in_bulk()


def _reference(portal: Portal, place: Place | None) -> str:
    if place is None:
        return ""
    return str(Message.objects.values_list("reference", flat=True).get(portal=portal, pk=place[1]).hex)
