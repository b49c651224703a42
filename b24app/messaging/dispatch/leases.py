"""The connections a dispatcher leases: acquired, renewed, released."""

import time
import uuid
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from itertools import chain

import structlog

from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_each, work_isolated
from b24app.messaging import dead_letters, enqueue
from b24app.messaging.dispatch import lease_queries, recovery, takeovers
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.dispatch.takeovers import AcquiredLease
from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.models.dead_letters import Kind
from providers.kit.contract import Provider
from providers.kit.http import Http

log = structlog.get_logger(__name__)

LINGER = 2.0  # seconds a lease is held after the last message
KEEP_SOCKETS_FOR = 60.0  # seconds after the release
RENEW_EVERY = 5.0  # seconds


class ConnectionLeases:
    """The leased connections, as drains. `on_release` gets the next visit of each released one."""

    smpp_only = False  # lease only SMPP accounts, or only others

    def __init__(self, on_release: Callable[[Visit], None], linger: float) -> None:
        self.on_release = on_release
        self.linger = linger
        self.holder = uuid.uuid4()
        self.drains: dict[int, Drain] = {}
        self.idle: dict[int, Drain] = {}
        self.renew_at = 0.0

    def renew(self) -> None:
        """Renew the leases, after which one that was lost claims no more, and reload what people may have changed."""
        if time.monotonic() < self.renew_at:
            return
        self.renew_at = time.monotonic() + RENEW_EVERY
        self._close_idle()
        if not self.drains:
            return
        ours = set(chain.from_iterable(work_isolated(sorted(self.drains), self._renew_some, _note_failed_account)))
        fresh = lease_queries.load_connections(ours)
        for pk, drain in self.drains.items():
            current = fresh.get(pk)
            if (
                current is None
                or current.state != ConnectionState.ACTIVE
                or current.checked_at != drain.connection.checked_at
            ):
                drain.closed = True
            else:
                drain.connection = current
                drain.senders.clear()
                drain.refresh()
        work_each(recovery.with_stranded_messages(ours), self._recover_one, _note_failed_account)
        self._mark_slow()

    def _mark_slow(self) -> None:
        unresponsive = [pk for pk, drain in self.drains.items() if drain.is_unresponsive and not drain.connection.slow]
        work_each(unresponsive, self._mark_one_slow, _note_failed_account)

    def _mark_one_slow(self, pk: int) -> None:
        Connection.objects.filter(pk=pk).update(slow=True)
        self.drains[pk].connection.slow = True

    def _close_idle(self) -> None:
        now = time.monotonic()
        for pk in [pk for pk, drain in self.idle.items() if now - drain.last_active_at > KEEP_SOCKETS_FOR]:
            self.idle.pop(pk).http.close()

    def acquire(self, requested: set[int]) -> None:
        """Acquire the free leases among `requested`, and recover what earlier holders left."""
        new = requested - self.drains.keys()
        if new:
            leases = list(chain.from_iterable(work_isolated(sorted(new), self._acquire_some, _note_failed_account)))
            acquired = [one.connection for one in leases]
            stranded = set(recovery.with_stranded_messages(acquired))
            takeovers.record_takeovers(self.holder, leases, stranded)
            connections = lease_queries.load_connections(acquired)
            for pk in acquired:
                self._open_safely(pk, connections.get(pk), stranded=pk in stranded)
        for pk in requested & self.drains.keys():
            self.drains[pk].last_active_at = time.monotonic()

    def _acquire_some(self, ids: Sequence[int]) -> list[AcquiredLease]:
        return lease_queries.acquire_leases(self.holder, ids, smpp_only=self.smpp_only)

    def _renew_some(self, ids: Sequence[int]) -> list[int]:
        return lease_queries.renew_leases(self.holder, ids)

    def _recover_one(self, pk: int) -> None:
        recovery.recover_stranded(self.drains[pk].connection, self.drains[pk].service)

    def _open_safely(self, pk: int, connection: Connection | None, *, stranded: bool) -> None:
        try:
            self._open_connection(pk, connection, stranded=stranded)
        except AWAY:
            raise
        except Exception as error:  # one account must not hold up the others; the sweep enqueues it again
            log.exception("connection_open_failed", connection=pk)
            dead_letters.note(Kind.ACCOUNT, pk, error, portal=connection.portal_id if connection else None, retry=True)
            self.drains.pop(pk, None)
            self._release_leases([pk], {pk: connection.paced_until if connection else None})

    def _open_connection(self, pk: int, connection: Connection | None, *, stranded: bool) -> None:
        is_gone = connection is None or connection.portal.uninstalled_at is not None
        service = None if connection is None or is_gone else recovery.load_service(connection)
        if connection is None or service is None:
            lease_queries.release_leases(self.holder, {pk: connection.paced_until if connection else None})
            if not is_gone:
                self._report_released([pk])
            return
        if stranded:
            recovery.recover_stranded(connection, service)
        previous = self.idle.pop(pk, None)
        is_same = previous is not None and previous.connection.checked_at == connection.checked_at
        if previous and not is_same:
            previous.http.close()
        drain = self.drains[pk] = self.create_drain(
            connection, service, previous.http if previous and is_same else None
        )
        if connection.state != ConnectionState.ACTIVE:
            recovery.resolve_unsendable(connection, service)
            drain.closed = True
        drain.refresh()

    def create_drain(self, connection: Connection, service: type[Provider], http: Http | None) -> Drain:
        """Return a drain for a leased connection, perhaps with the sockets it had a moment ago."""
        return Drain(connection, service, http)

    def release_idle(self, busy: Container[int]) -> None:
        """Release connections with nothing in flight that are closed or had nothing to do for a while."""
        lately = time.monotonic() - self.linger
        idle = [
            pk for pk, one in self.drains.items() if not one.in_flight and (one.closed or one.last_active_at <= lately)
        ]
        self.release([pk for pk in idle if pk not in busy])

    def release(self, ids: Sequence[int]) -> None:
        """Release leases and report when each connection is next worth a visit."""
        if not ids:
            return
        # While a lease is held, enqueueing its connection is without effect. From here on it is not, and then the rows
        # are read once more: so nothing that comes due meanwhile is missed.
        enqueue.clear_many("drain", ids)
        self._release_leases(ids, {pk: self.drains[pk].rate_limit.used_until for pk in ids})
        for pk in ids:
            self.idle[pk] = self.drains.pop(pk)
        self._report_released(ids)

    def _release_leases(self, ids: Sequence[int], paced: Mapping[int, datetime | None]) -> None:
        """Write the release. A lease that cannot be released ends by itself."""
        work_isolated(
            ids,
            lambda some: lease_queries.release_leases(self.holder, {pk: paced[pk] for pk in some}),
            _note_failed_account,
        )

    def _report_released(self, ids: Sequence[int]) -> None:
        visits = {visit.connection: visit for visit in lease_queries.next_visits(ids)}
        for pk in ids:
            self.on_release(visits.get(pk, Visit(pk)))


def _note_failed_account(pk: int, error: Exception) -> None:
    """Set the account aside, so that the sweep skips it for a while."""
    dead_letters.note(Kind.ACCOUNT, pk, error, retry=True)
