"""The accounts that this process keeps bound: its fair share of all of them, for as long as it lives."""

import math
import time
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

import redis
import structlog
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from b24app.core.redis import client
from b24app.messaging import dispatch
from b24app.messaging.dispatch import BOUND, Visit
from b24app.messaging.holding import Holding
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.sending import Drain
from b24app.messaging.smpp.allowance import Allowance
from b24app.messaging.smpp.flights import BoundDrain
from b24app.messaging.smpp.session import News
from b24app.messaging.statuses import Phase
from providers.kit.contract import Provider
from providers.kit.http import Http
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0  # seconds
AT_ONCE = 500
UNITS_A_SECOND = 1_000  # that all sessions of a portal read: about a tenth of a core at most
PROCESSES, SEEN_FOR = "smpp:processes", 20.0  # who lives, and for how many seconds after the last sign


class Binds(Holding):
    """A lease is who binds. Nobody rings here: what wants to be bound is looked for."""

    binds = True

    def __init__(self, tell: Callable[[News], None]) -> None:
        super().__init__(nobody, math.inf)
        self.tell = tell
        # One of each portal, for as long as one of its sessions has it.
        self.allowances: WeakValueDictionary[int, Allowance] = WeakValueDictionary()
        self.look_at = 0.0
        self.living = 1

    def admit(self, rung: set[int]) -> None:
        if time.monotonic() >= self.look_at:
            self.look_at = time.monotonic() + LOOK_EVERY
            rung |= set(self._wanting())
        super().admit(rung)

    def renew(self) -> None:
        due = time.monotonic() >= self.renew_at
        super().renew()
        if due:
            self.living = self._count_living()
            self._give_back_what_is_over()
            for drain in self._mine():
                if not drain.session.bound:  # and nobody claims what has become too old
                    dispatch.settle_waiting(drain.connection, drain.service)

    def drain_of(self, connection: Connection, service: type[Provider], http: Http | None) -> Drain:
        if http is not None:
            http.close()
        if not issubclass(service, Smpp):
            raise TypeError(service.code)
        allowance = self.allowances.get(connection.portal_id) or Allowance(UNITS_A_SECOND)
        self.allowances[connection.portal_id] = allowance
        return BoundDrain(connection, service, self.tell, allowance)

    def let_go(self, ids: Sequence[int]) -> None:
        for drain in self._mine():
            if drain.connection.pk in ids:
                drain.session.stop()
        super().let_go(ids)
        for pk in ids:
            self.resting.pop(pk).http.close()

    def leave_the_others(self) -> None:
        """This process ends: the others share what it had."""
        try:
            client().zrem(PROCESSES, str(self.holder))
        except redis.RedisError:
            log.warning("bell_away", kind="smpp")

    def _mine(self) -> list[BoundDrain]:
        return [drain for drain in self.drains.values() if isinstance(drain, BoundDrain)]

    def _wanting(self) -> list[int]:
        """Accounts that nobody holds: our share of those that send, and others with something to put right."""
        now = timezone.now()
        mine = Message.objects.filter(connection=OuterRef("pk"))
        due = Exists(mine.filter(phase=Phase.WAITING, due_at__lte=now))
        lost = Exists(mine.filter(phase=Phase.ON_WIRE, lease_until__lt=now))
        free = _all_bound().exclude(lease_until__gt=now).order_by("pk").values_list("pk", flat=True)
        sending, others = free.filter(state=ConnectionState.ACTIVE), free.exclude(state=ConnectionState.ACTIVE)
        room = max(0, self._share() - len(self.drains))
        return [*sending[:room], *others.filter(due | lost)[:AT_ONCE]]

    def _give_back_what_is_over(self) -> None:
        mine = [drain for drain in self._mine() if not drain.closed]
        for drain in mine[self._share() :]:
            drain.closed = True

    def _share(self) -> int:
        return math.ceil(_all_bound().filter(state=ConnectionState.ACTIVE).count() / self.living)

    def _count_living(self) -> int:
        """The processes that share; without Redis, as many as there were."""
        now = time.time()
        try:
            with client().pipeline() as pipe:
                pipe.zadd(PROCESSES, {str(self.holder): now})
                pipe.zremrangebyscore(PROCESSES, 0, now - SEEN_FOR)
                pipe.zcard(PROCESSES)
                return max(1, int(pipe.execute()[-1]))
        except redis.RedisError:
            return self.living


def _all_bound() -> "QuerySet[Connection]":
    return Connection.objects.filter(service__in=BOUND, portal__uninstalled_at=None)


def nobody(_visit: Visit) -> None:
    """What is due next is looked for, so there is nobody to ring for."""
