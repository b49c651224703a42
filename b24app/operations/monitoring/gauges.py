"""Gauges read from the database: how old the oldest due work is, who lives, what waits where.

Only the elected process reads and shows them. Each group has two seconds; one that fails is left out and named.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db import connection as database
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from b24app.messaging import enqueue
from b24app.operations.monitoring.gauge_queries import QUERIES

log = structlog.get_logger(__name__)

TIMEOUT = "2s"
COSTLY, COSTLY_EVERY = ("due_messages", "due_pushes", "portals"), 28.0  # seconds: every second turn
ROLES = ("web", "webhooks", "worker", "pusher", "smpp", "beat")

# Name: what it says, and its label. Prefixed with `sendline_` when shown.
GAUGES: Mapping[str, tuple[str, str]] = {
    "oldest_due_seconds": ("Age of the oldest work that is due and that nobody holds, by queue.", "queue"),
    "messages": ("Messages that are not done, by phase; counted up to 200,000.", "phase"),
    "processes": ("Processes that live, by role.", "role"),
    "processes_lost": ("Processes that went silent in the last hour without being replaced, by role.", "role"),
    "clock_skew_seconds": ("Largest difference of a process's clock from the database's, by role.", "role"),
    "turn_age_seconds": ("Longest time since a dispatcher's last turn, by role.", "role"),
    "node_spool_records": ("Records on the disks of nodes that live, and on those of nodes that do not.", "state"),
    "node_spool_oldest_seconds": ("Age of the oldest of these records.", "state"),
    "sweep_age_seconds": ("Time since the last sweep.", ""),
    "portals": ("Installed portals, by why we do not call them; empty where we do.", "suspension"),
    "portals_without_token": ("Installed portals that an administrator has to reconnect.", ""),
    "accounts": ("Accounts, by state.", "state"),
    "dead_letters": ("Work set aside, by kind.", "kind"),
    "database_connections": ("Connections to the database, by state.", "state"),
    "database_connections_max": ("Connections that the database allows.", ""),
    "database_deadlocks": ("Deadlocks since the database's statistics began.", ""),
    "database_transaction_seconds": ("Age of the oldest open transaction.", ""),
    "database_bytes": ("Size of the database.", ""),
    "canary_seconds": ("Time of the last canary that came back, by queue.", "queue"),
    "canary_age_seconds": ("Time since a canary last came back, by queue.", "queue"),
    "gauges_failed": ("Groups of gauges that could not be read.", "group"),
}  # fmt: skip

Values = dict[str, dict[str, float]]  # by gauge, then by the value of its label
Rows = list[tuple[Any, ...]]
_costly: dict[str, tuple[float, Rows]] = {}  # when a group was read, and what


class DatabaseGauges(Collector):
    """Shows the values that were read last; none while this process is not elected."""

    def __init__(self) -> None:
        self._values: Values = {}
        self._lock = threading.Lock()

    def show(self, values: Values) -> None:
        """Replace the values."""
        with self._lock:
            self._values = values

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the values as Prometheus's client wants them."""
        with self._lock:
            values = self._values
        for name, (text, label) in GAUGES.items():
            if name in values:
                family = GaugeMetricFamily(f"sendline_{name}", text, labels=[label] if label else [])
                for key, value in values[name].items():
                    family.add_metric([key] if label else [], value)
                yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing: what is shown changes with the election."""
        return []


_gauges = DatabaseGauges()
REGISTRY.register(_gauges)


def show_nothing() -> None:
    """Show no gauges: another process does."""
    _gauges.show({})
    _costly.clear()


def read_gauges() -> Values:
    """Read all gauges that are due, show them with the others and return them."""
    values: Values = {"gauges_failed": {}}
    for group in QUERIES:
        rows = _rows_of_group(group)
        values["gauges_failed"][group] = float(not rows)
        for name, label, value in rows:
            if value is not None:
                values.setdefault(name, {})[label or ""] = float(value)
    for name in ("processes", "processes_lost"):
        if not values["gauges_failed"]["processes"]:
            values[name] = dict.fromkeys(ROLES, 0.0) | _by_single_role(values.get(name, {}))
    sweep_age = enqueue.seconds_since_sweep()
    if sweep_age != float("inf"):
        values["sweep_age_seconds"] = {"": sweep_age}
    _gauges.show(values)
    return values


def _by_single_role(counts: Mapping[str, float]) -> dict[str, float]:
    """Return counts by role; a process that works two queues, as in `worker+pusher`, counts for both."""
    found: dict[str, float] = {}
    for roles, count in counts.items():
        for role in roles.split("+"):
            found[role] = found.get(role, 0.0) + count
    return found


def _rows_of_group(group: str) -> Rows:
    """Return the rows of a group; of one that costs a probe for each account or portal, those of a moment ago."""
    read_at, rows = _costly.get(group, (float("-inf"), []))
    if time.monotonic() - read_at < COSTLY_EVERY:
        return rows
    try:
        rows = _read_rows(QUERIES[group])
    except (DatabaseError, InterfaceError) as error:
        log.warning("gauges_failed", group=group, error=type(error).__name__)
        rows = []
    if group in COSTLY:
        _costly[group] = (time.monotonic(), rows)
    return rows


def _read_rows(sql: str) -> Rows:
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT}'")
        cursor.execute(sql)
        return list(cursor.fetchall())
