"""An action on many messages that a page drives step by step: what was asked for, how far it is, and one step of it.

All of it stands in the page, sealed. Closing the page stops it, and pressing twice does everything once.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from django.db.models import Q

from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Place, Search
from b24app.console.journal.search import search_messages
from b24app.console.wording.costs import average_segment_price
from b24app.core import sealing
from b24app.messaging.actions.bulk import ActionResult, BulkAction, eligible_messages, run_action
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase
from b24app.portals.models import Portal
from providers.kit.segments import measure

STEP_SECONDS = 0.8
COUNT_BATCH, RUN_BATCH = 1000, 50
MAX_CHOSEN = 200
PURPOSE = "many"


class BadJob(ValueError):
    """The token was not issued to this visitor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`references` (hex) are the chosen messages; without any, all that the filters `query` find.

    First all are counted, then a person confirms, then the action runs. `place` is the reference of the message before
    which the next step goes on; "" begins.
    """

    act: BulkAction
    query: str = ""
    references: tuple[str, ...] = ()
    asked_at: float  # messages that came later are left alone
    sure: bool = False
    place: str = ""
    over: bool = False
    total: int = 0
    parts: int = 0
    prices: Mapping[str, str] = field(default_factory=dict)  # estimated, by currency
    unpriced: int = 0  # segments of which no price is known
    unknown: int = 0  # of the total
    seen: int = 0  # of the total, in this round
    changed: int = 0

    @property
    def since(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at, UTC)

    def deed_of(self, portal: Portal, user: int) -> uuid.UUID:
        """Return the id under which all steps of the job are recorded as one deed."""
        return uuid.uuid5(portal.uuid, repr((user, self.act.value, self.query, self.references, self.asked_at)))

    def seal_for(self, portal: Portal, user: int) -> str:
        """Return the token that the page keeps, for this visitor alone."""
        claims = {**asdict(self), "for": PURPOSE, "portal": portal.uuid.hex, "user": user}
        return sealing.seal(json.dumps(claims).encode()).decode()

    @classmethod
    def unseal(cls, token: str, portal: Portal, user: int) -> Self:
        """Return the job of a token; raises BadJob."""
        try:
            claims = json.loads(sealing.unseal(token.encode()))
            owner = claims.pop("for"), claims.pop("portal"), claims.pop("user")
            job = cls(**{**claims, "act": BulkAction(claims["act"]), "references": tuple(claims["references"])})
        except (sealing.CannotOpen, ValueError, TypeError, AttributeError, KeyError):
            raise BadJob from None
        if owner != (PURPOSE, portal.uuid.hex, user):
            raise BadJob
        return job

    def as_confirmed(self) -> Self:
        """Return the same job, to be run from its beginning."""
        return replace(self, sure=True, place="", over=False, seen=0, changed=0)


def start_job(act: BulkAction, query: str, references: Sequence[str]) -> Job:
    """Return a job that has counted nothing yet."""
    return Job(act=act, query=query, references=tuple(references[:MAX_CHOSEN]), asked_at=time.time())


def count_step(job: Job, portal: Portal) -> Job:
    """Count on for a moment; the job is `over` when all are counted."""
    targets, senders = _target_messages(job, portal), Sender.objects.filter(portal=portal).in_bulk()
    place, until = targets.find_place(job.place) if job.place else None, time.monotonic() + STEP_SECONDS
    total, estimate, unknown = job.total, _Estimate.begin_with(job), job.unknown
    while True:
        found, place = targets.find_batch(place, COUNT_BATCH, ("text", "sender_id", "phase"))
        total += len(found)
        unknown += sum(phase == Phase.UNKNOWN for *_, phase in found)
        if job.act == BulkAction.RESEND:
            for *_, text, sender, _phase in found:
                estimate.add_message(senders[sender], text)
        if place is None or time.monotonic() > until:
            break
    counted = estimate.write_into(job)
    return replace(counted, total=total, unknown=unknown, over=place is None, place=_place_reference(portal, place))


class _Estimate:
    """Adds up segments and what they cost, as prices have been lately; each sender's is looked up once."""

    def __init__(self, parts: int, unpriced: int, prices: Mapping[str, str]) -> None:
        self._parts, self._unpriced = parts, unpriced
        self._sums = {currency: Decimal(amount) for currency, amount in prices.items()}
        self._known: dict[int, tuple[Decimal | None, str]] = {}

    @classmethod
    def begin_with(cls, job: Job) -> Self:
        return cls(job.parts, job.unpriced, job.prices)

    def add_message(self, sender: Sender, text: str) -> None:
        """Add a message."""
        if sender.pk not in self._known:
            self._known[sender.pk] = average_segment_price(sender)
        price, currency = self._known[sender.pk]
        parts = measure(sender.written(text)).parts
        self._parts += parts
        if price is None:
            self._unpriced += parts
        else:
            self._sums[currency] = self._sums.get(currency, Decimal(0)) + price * parts

    def write_into(self, job: Job) -> Job:
        """Return the job with the sums."""
        prices = {currency: f"{amount:.5f}" for currency, amount in self._sums.items()}
        return replace(job, parts=self._parts, unpriced=self._unpriced, prices=prices)


def run_step(job: Job, portal: Portal, user: int, on_result: Callable[[ActionResult], None]) -> Job:
    """Act for a moment, never on more messages than were counted; the job is `over` when all are done.

    `on_result` is called for every message.
    """
    targets, until = _target_messages(job, portal), time.monotonic() + STEP_SECONDS
    place = targets.find_place(job.place) if job.place else None
    seen, changed, deed = job.seen, job.changed, job.deed_of(portal, user)
    while True:
        found, place = targets.find_batch(place, min(RUN_BATCH, job.total - seen), ())
        keys = [pk for _at, pk in found]
        messages = Message.objects.filter(portal=portal).in_bulk(keys)
        for message in filter(None, map(messages.get, keys)):
            result = run_action(job.act, message, user, job.since, deed)
            changed += result.changed
            on_result(result)
        seen += len(found)
        is_over = place is None or seen >= job.total
        if is_over or time.monotonic() > until:
            break
    return replace(job, seen=seen, changed=changed, over=is_over, place=_place_reference(portal, place))


def _target_messages(job: Job, portal: Portal) -> Search:
    """Return a search for the messages that the job is about and its action would change."""
    if job.references:
        found = Search(portal, Message.objects.filter(portal=portal, reference__in=job.references), Q())
    else:
        found = search_messages(portal, Filters.parse(job.query))
    listed = found.listed.filter(received_at__lte=job.since)
    return Search(portal, listed, found.fitting & eligible_messages(job.act))


def _place_reference(portal: Portal, place: Place | None) -> str:
    if place is None:
        return ""
    return str(Message.objects.values_list("reference", flat=True).get(portal=portal, pk=place[1]).hex)
