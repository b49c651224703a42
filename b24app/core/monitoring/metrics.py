"""Every counter and histogram of the application; `/metrics` of each process shows what that process did.

No label names a tenant, a message or a host that a tenant chose, and each has few values: what comes from outside is
mapped to a known word, or to `other`.
"""

import re

from prometheus_client import Counter, Gauge, Histogram

OTHER = "other"
_REST_GROUPS = frozenset(
    {
        "app",
        "batch",
        "bizproc",
        "crm",
        "event",
        "events",
        "im",
        "messageservice",
        "oauth",
        "placement",
        "profile",
        "user",
    }
)
_REST_ERRORS = frozenset(
    {
        "ACCESS_DENIED", "AUTHORIZATION_ERROR", "ERROR_MESSAGE_NOT_FOUND", "ERROR_OAUTH", "EXPIRED_TOKEN",
        "INSUFFICIENT_SCOPE", "INTERNAL_SERVER_ERROR", "INVALID_CLIENT", "INVALID_GRANT", "NO_AUTH_FOUND",
        "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT", "PAYMENT_REQUIRED", "PORTAL_DELETED", "QUERY_LIMIT_EXCEEDED",
        "WRONG_CLIENT",
    }
)  # fmt: skip
_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)

PROCESS = Gauge("sendline_process_info", "This process: always 1.", ["role", "version"])

# -- doors --

ANSWERS = Counter("sendline_http_answers_total", "Answers to HTTP requests.", ["door", "code"])
ANSWER_SECONDS = Histogram(
    "sendline_http_answer_seconds", "From reading a request to its answer.", ["door"], buckets=_SECONDS
)
REFUSED_CALLS = Counter("sendline_refused_calls_total", "Handler calls with a good signature, refused.", ["why"])
CALLS_WITHOUT_SENDER = Counter("sendline_calls_without_sender_total", "Handler calls for a sender nobody knows.")

# -- messages --

ACCEPTED = Counter("sendline_messages_accepted_total", "Messages stored, by where they came from.", ["origin"])
SENDS = Counter("sendline_sends_total", "Attempts to send, by what the service answered.", ["service", "result"])
SEND_SECONDS = Histogram("sendline_send_seconds", "Duration of an attempt.", ["service"], buckets=_SECONDS)
CLAIM_LAG = Histogram(
    "sendline_claim_lag_seconds",
    "From the moment a message was due to its attempt, rate limits included.",
    buckets=_LONG,
)
STATUSES = Counter("sendline_statuses_total", "Statuses that messages reached.", ["service", "status", "reason"])
UNKNOWN = Counter("sendline_messages_unknown_total", "Messages that became unknown.", ["service", "reason"])
PUSH_SECONDS = Histogram(
    "sendline_push_lag_seconds", "From the moment a status was due to be pushed to its acceptance.", buckets=_LONG
)
PUSHED = Counter("sendline_pushed_statuses_total", "Statuses that portals answered to.", ["result"])

# -- Bitrix24 --

REST_CALLS = Counter("sendline_rest_calls_total", "Calls to Bitrix24, by group of methods.", ["group", "result"])
TOKENS_DEAD = Counter("sendline_tokens_dead_total", "Tokens that can be refreshed no more.")
PORTALS_SUSPENDED = Counter("sendline_portals_suspended_total", "Portals that we stopped calling.", ["why"])

# -- loops and the database --

LOOP_SECONDS = Histogram("sendline_loop_seconds", "Duration of one turn of a loop.", ["loop"], buckets=_SECONDS)
LOOP_AT = Gauge("sendline_loop_timestamp_seconds", "When a loop last finished a turn.", ["loop"])
DEADLOCKS = Counter("sendline_deadlock_repeats_total", "Writes repeated after a deadlock.")
TAKEOVERS = Counter("sendline_lease_takeovers_total", "Accounts taken over from a process that did not release them.")
SET_ASIDE = Counter("sendline_set_aside_total", "Work that raised and was set aside.", ["kind"])
DATABASE_AWAY = Counter("sendline_database_away_total", "Writes that went to the disk instead.", ["kind"])

# -- this node's disk --

SPOOL_RECORDS = Gauge("sendline_spool_records", "Records on this node's disk.", ["state"])
SPOOL_BYTES = Gauge("sendline_spool_bytes", "Bytes that the records take.")
SPOOL_CAPACITY = Gauge("sendline_spool_capacity_bytes", "Bytes that the records may take.")
SPOOL_OLDEST = Gauge("sendline_spool_oldest_seconds", "Age of the oldest waiting record; 0 if there is none.")
SPOOL_LOST = Counter("sendline_spool_lost_total", "Records that were lost.", ["why"])
CHECKS = Gauge("sendline_check_ok", "Whether a check of this process's readiness succeeds.", ["check"])
CLOCK_AHEAD = Gauge("sendline_clock_ahead_seconds", "This process's clock minus the database's.")
READY = Gauge("sendline_ready", "Whether this process works, as /readyz says.")

# What an alert waits for begins at zero: Prometheus does not see the first step of a series that begins with it.
for _code in ("200", "400", "403", "413", "500", "503"):
    ANSWERS.labels("handler", _code)
for _why in ("full", "evicted"):
    SPOOL_LOST.labels(_why)


def group_of_method(name: str) -> str:
    """Return the group of a REST method, as in `crm` for crm.contact.get; `other` for one we do not know."""
    group = re.split(r"[.\d_ ,]", name.lower(), maxsplit=1)[0]
    return group if group in _REST_GROUPS else OTHER


def outcome_of_call(status: int, error: str) -> str:
    """Return `ok`, `no_answer`, the code of a well-known error in small letters, or `other`."""
    if not error:
        return "ok" if status else "no_answer"
    code = error.partition(":")[0].strip().upper()
    if code in _REST_ERRORS:
        return code.lower()
    return "no_answer" if status == 0 else OTHER
