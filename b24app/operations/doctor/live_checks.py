"""The checks of `manage.py doctor` alone: they ask stores and the network."""

from collections.abc import Mapping
from functools import partial

from b24app.operations.doctor import canary, database, outside, queues, redis_server, spool_disk
from b24app.operations.doctor.findings import Check

DATABASE, REDIS = "DATABASE_URL", "REDIS_URL"


def list_live(pools: Mapping[str, int]) -> tuple[Check, ...]:
    """Return the checks; `pools` are the connections that processes may open."""
    return (
        Check("canary", canary.check_canary),
        Check("stored-secrets", canary.check_stored_secrets, store=DATABASE),
        Check("spooled-secrets", canary.check_spooled_secrets),
        Check("spool-depth", spool_disk.check_depth),
        Check("database", database.check_server, store=DATABASE),
        Check("database-password", database.check_password, store=DATABASE),
        Check("database-durability", database.check_durability, store=DATABASE),
        Check("database-timeouts", database.check_timeouts, store=DATABASE),
        Check("database-log", database.check_server_log, store=DATABASE),
        Check("database-connections", partial(database.check_connections, pools), store=DATABASE),
        Check("database-clock", database.check_clock, store=DATABASE),
        Check("migrations", database.check_migrations, store=DATABASE),
        Check("redis", redis_server.check_server, store=REDIS),
        Check("redis-password", redis_server.check_password, store=REDIS),
        Check("redis-memory", redis_server.check_memory, store=REDIS),
        Check("redis-disk", redis_server.check_persistence, store=REDIS),
        Check("redis-clock", redis_server.check_clock, store=REDIS),
        Check("broker", redis_server.check_broker, store=REDIS),
        Check("consumers", redis_server.check_consumers, store=REDIS),
        Check("sweep", redis_server.check_sweep, store=REDIS),
        Check("due", queues.check_due, store=DATABASE),
        Check("dead-letters", queues.check_dead_letters, store=DATABASE),
        Check("dns", outside.check_dns),
        Check("tls", outside.check_tls),
        Check("handler-call", outside.check_handler_call),
        Check("oauth", outside.check_oauth_hosts),
    )
