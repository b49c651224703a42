"""The connections whose leases a board holds: taken, renewed, let go."""

import time
import uuid
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from b24app.core.isolation import work_each, work_isolated
from b24app.core.outage import AWAY
from b24app.messaging import dead_letters, enqueue
from b24app.messaging.dispatch import lease_queries, recovery
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.models.dead_letters import Kind
from providers.kit.contract import Provider
from providers.kit.http import Http

log = structlog.get_logger(__name__)

LINGER = 2.0  # seconds a connection is held after its last message
REST = 60.0  # seconds the open sockets of a connection are kept after that
RENEW_EVERY = 5.0  # seconds


class ConnectionLeases:
    """`leave` hears of every connection that is let go, and rings."""

    binds = False  # whether it holds the accounts that a process of their own keeps bound, or all others

    def __init__(self, leave: Callable[[Visit], None], linger: float) -> None:
        self.leave = leave
        self.linger = linger
        self.holder = uuid.uuid4()
        self.drains: dict[int, Drain] = {}
        self.resting: dict[int, Drain] = {}
        self.renew_at = 0.0

    def renew(self) -> None:
        """Hold the leases; whoever lost one claims nothing more. And see what people changed meanwhile."""
        if time.monotonic() < self.renew_at:
            return
        self.renew_at = time.monotonic() + RENEW_EVERY
        self._forget_resting()
        if not self.drains:
            return
        mine = set(_flat(work_isolated(sorted(self.drains), self._renew, _set_aside)))
        fresh = lease_queries.load_connections(mine)
        for pk, drain in self.drains.items():
            known = fresh.get(pk)
            if (
                known is None
                or known.state != ConnectionState.ACTIVE
                or known.checked_at != drain.connection.checked_at
            ):
                drain.closed = True
            else:
                drain.connection = known
                drain.senders.clear()
                drain.learn()
        work_each(recovery.with_stranded_messages(mine), self._recover, _set_aside)
        self._mark_slow()

    def _mark_slow(self) -> None:
        hanging = [pk for pk, drain in self.drains.items() if drain.hangs and not drain.connection.slow]
        work_each(hanging, self._note_slow, _set_aside)

    def _note_slow(self, pk: int) -> None:
        Connection.objects.filter(pk=pk).update(slow=True)
        self.drains[pk].connection.slow = True

    def _forget_resting(self) -> None:
        now = time.monotonic()
        for pk in [pk for pk, drain in self.resting.items() if now - drain.touched_at > REST]:
            self.resting.pop(pk).http.close()

    def admit(self, rung: set[int]) -> None:
        """Take the leases of connections that were rung for, as far as they are free, and put right what must be."""
        new = rung - self.drains.keys()
        if new:
            taken = _flat(work_isolated(sorted(new), self._acquire, _set_aside))
            lost, known = set(recovery.with_stranded_messages(taken)), lease_queries.load_connections(taken)
            for pk in taken:
                self._open_safely(pk, known.get(pk), lost=pk in lost)
        for pk in rung & self.drains.keys():
            self.drains[pk].touched_at = time.monotonic()

    def _acquire(self, ids: Sequence[int]) -> list[int]:
        return lease_queries.acquire_leases(self.holder, ids, binds=self.binds)

    def _renew(self, ids: Sequence[int]) -> list[int]:
        return lease_queries.renew_leases(self.holder, ids)

    def _recover(self, pk: int) -> None:
        recovery.recover_stranded(self.drains[pk].connection, self.drains[pk].service)

    def _open_safely(self, pk: int, connection: Connection | None, *, lost: bool) -> None:
        try:
            self._open(pk, connection, lost=lost)
        except AWAY:
            raise
        except Exception as error:  # one account must not hold up the others; the sweep rings for it again
            log.exception("connection_not_opened", connection=pk)
            dead_letters.note(Kind.ACCOUNT, pk, error, portal=connection.portal_id if connection else None, retry=True)
            self.drains.pop(pk, None)
            self._give_back([pk], {pk: connection.paced_until if connection else None})

    def _open(self, pk: int, connection: Connection | None, *, lost: bool) -> None:
        left = connection is None or connection.portal.uninstalled_at is not None
        service = None if connection is None or left else recovery.service_of(connection)
        if connection is None or service is None:
            lease_queries.release_leases(self.holder, {pk: connection.paced_until if connection else None})
            if not left:
                self._leave([pk])
            return
        if lost:
            recovery.recover_stranded(connection, service)
        before = self.resting.pop(pk, None)
        same = before is not None and before.connection.checked_at == connection.checked_at
        if before and not same:
            before.http.close()
        drain = self.drains[pk] = self.drain_of(connection, service, before.http if before and same else None)
        if connection.state != ConnectionState.ACTIVE:
            recovery.settle_undeliverable(connection, service)
            drain.closed = True
        drain.learn()

    def drain_of(self, connection: Connection, service: type[Provider], http: Http | None) -> Drain:
        """A connection that was taken, perhaps with the sockets it had a moment ago."""
        return Drain(connection, service, http)

    def let_go_of_idle(self, busy: Container[int]) -> None:
        """Let go of connections with nothing in the air that are closed or had nothing to do for a while."""
        lately = time.monotonic() - self.linger
        done = [pk for pk, one in self.drains.items() if not one.flying and (one.closed or one.touched_at <= lately)]
        self.let_go([pk for pk in done if pk not in busy])

    def let_go(self, ids: Sequence[int]) -> None:
        """Give leases back, and say when each connection is next worth a visit."""
        if not ids:
            return
        # Rings are dropped while a connection is held. From here on they are not, and then it is looked at once more.
        enqueue.clear_many("drain", ids)
        self._give_back(ids, {pk: self.drains[pk].pace.used_until for pk in ids})
        for pk in ids:
            self.resting[pk] = self.drains.pop(pk)
        self._leave(ids)

    def _give_back(self, ids: Sequence[int], paced: Mapping[int, datetime | None]) -> None:
        """A lease that cannot be given back runs out by itself."""
        work_isolated(
            ids, lambda some: lease_queries.release_leases(self.holder, {pk: paced[pk] for pk in some}), _set_aside
        )

    def _leave(self, ids: Sequence[int]) -> None:
        visits = {visit.connection: visit for visit in lease_queries.next_visits(ids)}
        for pk in ids:
            self.leave(visits.get(pk, Visit(pk)))


def _set_aside(pk: int, error: Exception) -> None:
    """The sweep passes it over for a while."""
    dead_letters.note(Kind.ACCOUNT, pk, error, retry=True)


def _flat(found: Iterable[Iterable[int]]) -> list[int]:
    return [pk for some in found for pk in some]
