"""The statements behind the gauges. Each returns rows of gauge, label and value, and at least one row.

They read partial indexes, one probe for each account or portal at most, so that they cost the same with any number of
messages.
"""

from collections.abc import Mapping

COUNTED_TO = 200_000

# Of accounts that somebody could work on now. One that is held is being worked on, at its own rate.
DUE_MESSAGES = """
SELECT 'oldest_due_seconds', queue, coalesce(max(extract(epoch FROM now() - due)), 0)
FROM (VALUES ('dispatch'), ('smpp')) AS q(queue)
LEFT JOIN (
    SELECT CASE WHEN c.service = 'smpp' THEN 'smpp' ELSE 'dispatch' END AS of,
        least((SELECT due_at FROM messaging_message WHERE connection_id = c.id AND phase = 'waiting' AND NOT bulk
               ORDER BY due_at LIMIT 1),
              (SELECT due_at FROM messaging_message WHERE connection_id = c.id AND phase = 'waiting' AND bulk
               ORDER BY due_at LIMIT 1)) AS due
    FROM messaging_connection c JOIN portals_portal p ON p.id = c.portal_id AND p.uninstalled_at IS NULL
    WHERE c.state = 'active' AND (c.lease_until IS NULL OR c.lease_until < now())
      AND (c.throttled_until IS NULL OR c.throttled_until < now())
      AND (c.breaker_until IS NULL OR c.breaker_until < now()) AND (c.paced_until IS NULL OR c.paced_until < now())
) d ON d.of = q.queue AND d.due < now()
GROUP BY queue
"""
DUE_PUSHES = """
SELECT 'oldest_due_seconds', 'push', coalesce(max(extract(epoch FROM now() - d.due)), 0) FROM (
    SELECT (SELECT push_at FROM messaging_message WHERE portal_id = p.id AND push_at IS NOT NULL
            ORDER BY push_at LIMIT 1) AS due
    FROM portals_portal p
    WHERE p.uninstalled_at IS NULL AND p.suspension = '' AND p.no_token_since IS NULL
      AND (p.rest_after IS NULL OR p.rest_after < now()) AND (p.push_after IS NULL OR p.push_after < now())
      AND (p.push_lease_until IS NULL OR p.push_lease_until < now())
) d WHERE d.due < now()
"""
DUE_OTHERS = """
SELECT 'oldest_due_seconds', 'reports', coalesce(extract(epoch FROM now() - min(due_at)), 0)
FROM messaging_deliveryreport WHERE due_at < now()
UNION ALL
SELECT 'oldest_due_seconds', 'events', coalesce(extract(epoch FROM now() - min(due_at)), 0)
FROM messaging_appevent WHERE due_at < now()
UNION ALL
SELECT 'oldest_due_seconds', 'maintenance', coalesce(extract(epoch FROM now() - min(j.due_at)), 0)
FROM messaging_maintenancejob j JOIN portals_portal p ON p.id = j.portal_id
WHERE j.is_urgent AND j.due_at < now() AND p.uninstalled_at IS NULL AND p.suspension = '' AND p.no_token_since IS NULL
"""
MESSAGES = " UNION ALL ".join(
    f"SELECT 'messages', '{phase}', count(*) FROM "  # noqa: S608 - made of constants
    f"(SELECT 1 FROM messaging_message WHERE phase = '{phase}' LIMIT {COUNTED_TO}) counted"
    for phase in ("waiting", "on_wire", "unknown")
)
PROCESSES = """
WITH alive AS (
    SELECT * FROM operations_heartbeat WHERE stopped_at IS NULL AND beat_at > clock_timestamp() - interval '1 minute'
), lost AS (
    SELECT h.* FROM operations_heartbeat h
    WHERE h.stopped_at IS NULL AND h.beat_at <= clock_timestamp() - interval '1 minute'
      AND h.beat_at > clock_timestamp() - interval '1 hour'
      AND NOT EXISTS (SELECT 1 FROM operations_heartbeat n
                      WHERE n.node = h.node AND n.role = h.role AND n.started_at > h.beat_at)
), spools AS (
    SELECT h.spool, bool_or(stopped_at IS NULL AND beat_at > clock_timestamp() - interval '1 minute') AS lives,
        (array_agg(spool_records ORDER BY beat_at DESC))[1] AS records,
        (array_agg(spool_oldest_age + extract(epoch FROM clock_timestamp() - beat_at) ORDER BY beat_at DESC))[1]
            AS oldest
    FROM operations_heartbeat h WHERE h.spool <> '' GROUP BY h.spool
), states AS (
    SELECT s.state, coalesce(sum(records), 0) AS records, coalesce(max(oldest) FILTER (WHERE records > 0), 0) AS oldest
    FROM (VALUES ('live', true), ('abandoned', false)) AS s(state, lives) LEFT JOIN spools ON spools.lives = s.lives
    GROUP BY s.state
)
SELECT 'processes', role, count(*) FROM alive GROUP BY role
UNION ALL SELECT 'processes_lost', role, count(*) FROM lost GROUP BY role
UNION ALL SELECT 'clock_skew_seconds', role, max(abs(clock_ahead)) FROM alive GROUP BY role
UNION ALL SELECT 'turn_age_seconds', role, max(turn_age) FROM alive WHERE turn_age IS NOT NULL GROUP BY role
UNION ALL SELECT 'node_spool_records', state, records FROM states
UNION ALL SELECT 'node_spool_oldest_seconds', state, oldest FROM states
"""
PORTALS = """
SELECT 'portals', suspension, count(*) FROM portals_portal WHERE uninstalled_at IS NULL GROUP BY suspension
UNION ALL SELECT 'portals_without_token', '', count(*) FROM portals_portal
    WHERE uninstalled_at IS NULL AND no_token_since IS NOT NULL
UNION ALL SELECT 'accounts', state, count(*) FROM messaging_connection GROUP BY state
"""
SET_ASIDE = """
SELECT 'dead_letters', kind, count(*) FROM messaging_deadletter GROUP BY kind
UNION ALL SELECT 'dead_letters', 'none', 0
"""
DATABASE = """
SELECT 'database_connections', coalesce(state, 'other'), count(*) FROM pg_stat_activity
WHERE datname = current_database() GROUP BY state
UNION ALL SELECT 'database_connections_max', '', current_setting('max_connections')::float
UNION ALL SELECT 'database_deadlocks', '', deadlocks FROM pg_stat_database WHERE datname = current_database()
UNION ALL SELECT 'database_transaction_seconds', '', coalesce(max(extract(epoch FROM now() - xact_start)), 0)
    FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
UNION ALL SELECT 'database_bytes', '', pg_database_size(current_database())
"""
CANARIES = """
SELECT 'canary_seconds', path, seconds FROM operations_canary
UNION ALL
SELECT 'canary_age_seconds', path, extract(epoch FROM clock_timestamp() - coalesce(finished_at, started_at))
FROM operations_canary
"""

QUERIES: Mapping[str, str] = {
    "due_messages": DUE_MESSAGES,
    "due_pushes": DUE_PUSHES,
    "due_others": DUE_OTHERS,
    "messages": MESSAGES,
    "processes": PROCESSES,
    "portals": PORTALS,
    "set_aside": SET_ASIDE,
    "database": DATABASE,
    "canaries": CANARIES,
}
