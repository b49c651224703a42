"""The accounts that this process keeps bound: its fair share of all of them, for as long as it lives."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

import redis
import structlog
from django.db.models import Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from b24app.core.outage import AWAY
from b24app.core.redis import redis_client
from b24app.messaging import dead_letters
from b24app.messaging.dispatch import recovery
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.dispatch.lease_queries import SMPP_SERVICES, Visit
from b24app.messaging.dispatch.leases import ConnectionLeases
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import Phase
from b24app.messaging.smpp import bind_limit
from b24app.messaging.smpp.rate_allowance import RateAllowance
from b24app.messaging.smpp.session_events import SessionEvent
from b24app.messaging.smpp.smpp_drain import SmppDrain
from providers.kit.contract import Provider
from providers.kit.http import Http
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0  # seconds
AT_ONCE = 500
UNITS_A_SECOND = 1_000  # that all sessions of a portal read: about a tenth of a core at most
SAY_EVERY, LASTS = 60.0, 60.0  # seconds
PROCESSES, SEEN_FOR = "smpp:processes", 20.0  # who lives, and for how many seconds after the last sign


@dataclass(frozen=True, slots=True)
class _Ranked:
    """An account that sends, and the how manieth of its portal's it is."""

    pk: int
    rank: int
    lease_until: datetime | None

    def is_free(self, now: datetime) -> bool:
        return self.lease_until is None or self.lease_until <= now


class BindLeases(ConnectionLeases):
    """A lease is who binds. Nobody rings here: what wants to be bound is looked for."""

    smpp_only = True

    def __init__(self, tell: Callable[[SessionEvent], None]) -> None:
        super().__init__(nobody, math.inf)
        self.tell = tell
        # One of each portal, for as long as one of its sessions has it.
        self.allowances: WeakValueDictionary[int, RateAllowance] = WeakValueDictionary()
        self.look_at = 0.0
        self.living = 1
        self.most = bind_limit.most_binds()
        self.waits_since: dict[int, float] = {}  # accounts for which there are no files, by the monotonic clock
        self.say_at = 0.0

    def acquire(self, rung: set[int]) -> None:
        if time.monotonic() >= self.look_at:
            self.look_at = time.monotonic() + LOOK_EVERY
            rung |= set(self._wanting())
        super().acquire(rung)

    def renew(self) -> None:
        due = time.monotonic() >= self.renew_at
        super().renew()
        if due:
            self.living = self._count_living()
            ranked = _ranked()
            self._give_back_what_is_over(ranked)
            self._say_what_waits(ranked)
            for drain in self._mine():
                if not drain.session.is_bound:  # and nobody claims what has become too old
                    self._settle_safely(drain)

    def _settle_safely(self, drain: SmppDrain) -> None:
        """What cannot be put right of one account costs no other. Raises AWAY."""
        try:
            recovery.resolve_unsendable(drain.connection, drain.service)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one account raises
            dead_letters.note(Kind.ACCOUNT, drain.connection.pk, error, portal=drain.connection.portal_id, retry=True)

    def create_drain(self, connection: Connection, service: type[Provider], http: Http | None) -> Drain:
        if http is not None:
            http.close()
        if not issubclass(service, Smpp):
            raise TypeError(service.code)
        allowance = self.allowances.get(connection.portal_id) or RateAllowance(UNITS_A_SECOND)
        self.allowances[connection.portal_id] = allowance
        return SmppDrain(connection, service, self.tell, allowance)

    def release(self, ids: Sequence[int]) -> None:
        for drain in self._mine():
            if drain.connection.pk in ids:
                drain.session.stop()
        super().release(ids)
        for pk in ids:
            self.idle.pop(pk).http.close()

    def leave_the_others(self) -> None:
        """This process ends: the others share what it had."""
        try:
            redis_client().zrem(PROCESSES, str(self.holder))
        except redis.RedisError:
            log.warning("bell_away", kind="smpp")

    def _mine(self) -> list[SmppDrain]:
        return [drain for drain in self.drains.values() if isinstance(drain, SmppDrain)]

    def _wanting(self) -> list[int]:
        """Accounts that nobody holds: our share of those that send, and others with something to put right."""
        now = timezone.now()
        mine = Message.objects.filter(connection=OuterRef("pk"))
        due = Exists(mine.filter(phase=Phase.WAITING, due_at__lte=now))
        lost = Exists(mine.filter(phase=Phase.ON_WIRE, lease_until__lt=now))
        others = _all_bound().exclude(lease_until__gt=now).exclude(state=ConnectionState.ACTIVE)
        troubled = others.filter(due | lost).order_by("pk").values_list("pk", flat=True)
        ranked = _ranked()
        room = max(0, self._room(ranked) - len(self.drains))
        sending = [one.pk for one in ranked if one.is_free(now)]
        return [*sending[:room], *troubled[:AT_ONCE]]

    def _room(self, ranked: Sequence[_Ranked]) -> int:
        """How many of them this process binds: its share, as far as its files go."""
        return min(math.ceil(len(ranked) / self.living), self.most)

    def _give_back_what_is_over(self, ranked: Sequence[_Ranked]) -> None:
        """What is over our share; and where files are short, later accounts of a portal for first ones of others."""
        ranks = {one.pk: one.rank for one in ranked}
        mine = [drain for drain in self._mine() if not drain.closed]
        mine.sort(key=lambda drain: (ranks.get(drain.connection.pk, 0), drain.connection.pk))
        room = self._room(ranked)
        for drain in mine[room:]:
            drain.closed = True
        kept = mine[:room]
        for waiting in self._without_files(ranked) if len(kept) == room else ():
            if not kept or ranks.get(kept[-1].connection.pk, 0) <= waiting.rank:
                break
            kept.pop().closed = True

    def _without_files(self, ranked: Sequence[_Ranked]) -> list[_Ranked]:
        """Accounts that nobody holds, and that this process would bind if it could open more files."""
        if math.ceil(len(ranked) / self.living) <= self.most:
            return []
        now = timezone.now()
        free = [one for one in ranked if one.is_free(now) and one.pk not in self.drains]
        return free[max(0, self.most - len(self.drains)) :]

    def _say_what_waits(self, ranked: Sequence[_Ranked]) -> None:
        """Tell the operator now and then, and the administrators of the account once it has lasted."""
        now = time.monotonic()
        waiting = [one.pk for one in self._without_files(ranked)]
        self.waits_since = {pk: self.waits_since.get(pk, now) for pk in waiting}
        if waiting and now >= self.say_at:
            self.say_at = now + SAY_EVERY
            log.warning("accounts_wait_for_files", waiting=len(waiting), bound=len(self.drains), most=self.most)
        lasting = [pk for pk, since in self.waits_since.items() if now - since >= LASTS]
        if lasting:
            moment = timezone.now()
            rows = Connection.objects.filter(pk__in=lasting).exclude(lease_until__gt=moment)  # nobody has it meanwhile
            rows = rows.exclude(error_code=bind_limit.NO_ROOM)
            rows.update(error_code=bind_limit.NO_ROOM, error_words=bind_limit.NO_ROOM_WORDS, error_at=moment)

    def _count_living(self) -> int:
        """The processes that share; without Redis, as many as there were."""
        now = time.time()
        try:
            with redis_client().pipeline() as pipe:
                pipe.zadd(PROCESSES, {str(self.holder): now})
                pipe.zremrangebyscore(PROCESSES, 0, now - SEEN_FOR)
                pipe.zcard(PROCESSES)
                return max(1, int(pipe.execute()[-1]))
        except redis.RedisError:
            return self.living


def _all_bound() -> "QuerySet[Connection]":
    return Connection.objects.filter(service__in=SMPP_SERVICES, portal__uninstalled_at=None)


def _ranked() -> list[_Ranked]:
    """All accounts that send, the first of each portal before the second of any: no portal crowds out another."""
    rank = Window(RowNumber(), partition_by=F("portal_id"), order_by="pk")
    rows = _all_bound().filter(state=ConnectionState.ACTIVE).annotate(rank=rank).order_by("rank", "pk")
    return [_Ranked(*row) for row in rows.values_list("pk", "rank", "lease_until")]


def nobody(_visit: Visit) -> None:
    """What is due next is looked for, so there is nobody to ring for."""
