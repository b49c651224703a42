"""The accounts this process keeps bound: its fair share of all SMPP accounts, for as long as it runs."""

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

from b24app.core.database.outage import AWAY
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

SCAN_EVERY = 2.0  # seconds
BATCH_SIZE = 500
UNITS_PER_SECOND = 1_000  # that all sessions of a portal may read: a tenth of a core at most
WARN_EVERY, NOTIFY_AFTER = 60.0, 60.0  # seconds
PROCESSES_KEY, PROCESS_TTL = "smpp:processes", 20.0  # processes alive, and seconds until one counts as gone


@dataclass(frozen=True, slots=True)
class _RankedAccount:
    """An active account and its rank among the accounts of its portal."""

    pk: int
    rank: int
    lease_until: datetime | None

    def is_free(self, now: datetime) -> bool:
        return self.lease_until is None or self.lease_until <= now


class BindLeases(ConnectionLeases):
    """Leases of SMPP accounts: who holds one binds. Nothing is enqueued for them, so they are searched for."""

    smpp_only = True

    def __init__(self, on_event: Callable[[SessionEvent], None]) -> None:
        super().__init__(ignore_release, math.inf)
        self.on_event = on_event
        # One per portal, for as long as one of its sessions uses it.
        self.allowances: WeakValueDictionary[int, RateAllowance] = WeakValueDictionary()
        self.next_scan_at = 0.0
        self.process_count = 1
        self.max_binds = bind_limit.max_binds()
        # Accounts for which there are no files, and since when by the monotonic clock.
        self.waiting_since: dict[int, float] = {}
        self.next_warning_at = 0.0

    def acquire(self, requested: set[int]) -> None:
        if time.monotonic() >= self.next_scan_at:
            self.next_scan_at = time.monotonic() + SCAN_EVERY
            requested |= set(self._find_unbound())
        super().acquire(requested)

    def renew(self) -> None:
        due = time.monotonic() >= self.renew_at
        super().renew()
        if due:
            self.process_count = self._count_processes()
            ranked = _rank_accounts()
            self._close_surplus(ranked)
            self._report_waiting(ranked)
            for drain in self._smpp_drains():
                if not drain.session.is_bound:  # so no claim expires old messages
                    self._resolve_safely(drain)

    def _resolve_safely(self, drain: SmppDrain) -> None:
        """Resolve the messages of an account that is not bound. An error costs no other account. Raise AWAY."""
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
        allowance = self.allowances.get(connection.portal_id) or RateAllowance(UNITS_PER_SECOND)
        self.allowances[connection.portal_id] = allowance
        return SmppDrain(connection, service, self.on_event, allowance)

    def release(self, ids: Sequence[int]) -> None:
        for drain in self._smpp_drains():
            if drain.connection.pk in ids:
                drain.session.stop()
        super().release(ids)
        for pk in ids:
            self.idle.pop(pk).http.close()

    def unregister_process(self) -> None:
        """Leave the processes that share the accounts, so that the others take over."""
        try:
            redis_client().zrem(PROCESSES_KEY, str(self.holder))
        except redis.RedisError:
            log.warning("redis_unavailable", kind="smpp")

    def _smpp_drains(self) -> list[SmppDrain]:
        return [drain for drain in self.drains.values() if isinstance(drain, SmppDrain)]

    def _find_unbound(self) -> list[int]:
        """Return accounts nobody holds: our share of the active ones, and others with messages to resolve."""
        now = timezone.now()
        messages = Message.objects.filter(connection=OuterRef("pk"))
        due = Exists(messages.filter(phase=Phase.WAITING, due_at__lte=now))
        stranded = Exists(messages.filter(phase=Phase.ON_WIRE, lease_until__lt=now))
        others = _smpp_connections().exclude(lease_until__gt=now).exclude(state=ConnectionState.ACTIVE)
        troubled = others.filter(due | stranded).order_by("pk").values_list("pk", flat=True)
        ranked = _rank_accounts()
        room = max(0, self._bind_share(ranked) - len(self.drains))
        sending = [one.pk for one in ranked if one.is_free(now)]
        return [*sending[:room], *troubled[:BATCH_SIZE]]

    def _bind_share(self, ranked: Sequence[_RankedAccount]) -> int:
        """Return how many accounts this process binds: its share, limited by its files."""
        return min(math.ceil(len(ranked) / self.process_count), self.max_binds)

    def _close_surplus(self, ranked: Sequence[_RankedAccount]) -> None:
        """Close what exceeds our share; if files are short, later accounts of a portal in favour of others' first."""
        ranks = {one.pk: one.rank for one in ranked}
        ours = [drain for drain in self._smpp_drains() if not drain.closed]
        ours.sort(key=lambda drain: (ranks.get(drain.connection.pk, 0), drain.connection.pk))
        share = self._bind_share(ranked)
        for drain in ours[share:]:
            drain.closed = True
        kept = ours[:share]
        for waiting in self._accounts_without_files(ranked) if len(kept) == share else ():
            if not kept or ranks.get(kept[-1].connection.pk, 0) <= waiting.rank:
                break
            kept.pop().closed = True

    def _accounts_without_files(self, ranked: Sequence[_RankedAccount]) -> list[_RankedAccount]:
        """Return accounts nobody holds that this process would bind if it could open more files."""
        if math.ceil(len(ranked) / self.process_count) <= self.max_binds:
            return []
        now = timezone.now()
        free = [one for one in ranked if one.is_free(now) and one.pk not in self.drains]
        return free[max(0, self.max_binds - len(self.drains)) :]

    def _report_waiting(self, ranked: Sequence[_RankedAccount]) -> None:
        """Warn operators of accounts without files now and then; tell their administrators once it has lasted."""
        now = time.monotonic()
        waiting = [one.pk for one in self._accounts_without_files(ranked)]
        self.waiting_since = {pk: self.waiting_since.get(pk, now) for pk in waiting}
        if waiting and now >= self.next_warning_at:
            self.next_warning_at = now + WARN_EVERY
            log.warning(
                "accounts_wait_for_files", waiting=len(waiting), bound=len(self.drains), max_binds=self.max_binds
            )
        lasting = [pk for pk, since in self.waiting_since.items() if now - since >= NOTIFY_AFTER]
        if lasting:
            moment = timezone.now()
            # Another process may bind them meanwhile.
            rows = Connection.objects.filter(pk__in=lasting).exclude(lease_until__gt=moment)
            rows = rows.exclude(error_code=bind_limit.NO_ROOM)
            rows.update(error_code=bind_limit.NO_ROOM, error_words=bind_limit.NO_ROOM_WORDS, error_at=moment)

    def _count_processes(self) -> int:
        """Return how many processes share the accounts; without Redis, as many as before."""
        now = time.time()
        try:
            with redis_client().pipeline() as pipe:
                pipe.zadd(PROCESSES_KEY, {str(self.holder): now})
                pipe.zremrangebyscore(PROCESSES_KEY, 0, now - PROCESS_TTL)
                pipe.zcard(PROCESSES_KEY)
                return max(1, int(pipe.execute()[-1]))
        except redis.RedisError:
            return self.process_count


def _smpp_connections() -> "QuerySet[Connection]":
    return Connection.objects.filter(service__in=SMPP_SERVICES, portal__uninstalled_at=None)


def _rank_accounts() -> list[_RankedAccount]:
    """Return all active accounts, every portal's first before any portal's second: no portal crowds out another."""
    rank = Window(RowNumber(), partition_by=F("portal_id"), order_by="pk")
    rows = _smpp_connections().filter(state=ConnectionState.ACTIVE).annotate(rank=rank).order_by("rank", "pk")
    return [_RankedAccount(*row) for row in rows.values_list("pk", "rank", "lease_until")]


def ignore_release(_visit: Visit) -> None:
    """Do nothing: SMPP accounts are searched for, so nothing has to be enqueued."""
