"""Troubles as Prometheus sees them: which series change, and the one alert that each raises within two minutes.

`python -m tests.operations.monitoring.alert_cases FOLDER` writes them as a test of promtool.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

ALERTS = Path(__file__).resolve().parents[3] / "docs" / "monitoring" / "alerts.yml"
ROLES = ("web", "webhooks", "worker", "pusher", "smpp", "beat")
QUEUES = ("dispatch", "smpp", "push", "reports", "events", "maintenance")

# Of an installation that is well: by series, its values every 15 seconds, as promtool writes them.
HEALTHY: dict[str, str] = {
    **{f'sendline_processes{{role="{role}"}}': "1x80" for role in ROLES},
    **{f'sendline_processes_lost{{role="{role}"}}': "0x80" for role in ROLES},
    **{f'sendline_oldest_due_seconds{{queue="{queue}"}}': "1x80" for queue in QUEUES},
    **{
        f'sendline_check_ok{{check="{check}", instance="a"}}': "1x80"
        for check in ("database", "schema", "keys", "spool")
    },
    'sendline_http_answers_total{door="handler", code="200"}': "0+150x80",
    'sendline_http_answers_total{door="handler", code="403"}': "0x80",
    'sendline_http_answers_total{door="handler", code="503"}': "0x80",
    'sendline_http_answer_seconds_bucket{door="handler", le="0.1"}': "0+150x80",
    'sendline_http_answer_seconds_bucket{door="handler", le="5.0"}': "0+150x80",
    'sendline_http_answer_seconds_bucket{door="handler", le="+Inf"}': "0+150x80",
    "sendline_calls_without_sender_total": "0x80",
    'sendline_spool_lost_total{why="full"}': "0x80",
    'sendline_node_spool_records{state="abandoned"}': "0x80",
    'sendline_node_spool_records{state="live"}': "0x80",
    'sendline_node_spool_oldest_seconds{state="live"}': "0x80",
    'sendline_spool_bytes{instance="a"}': "0x80",
    'sendline_spool_capacity_bytes{instance="a"}': "100x80",
    'sendline_spool_records{state="set_aside", instance="a"}': "0x80",
    'sendline_clock_skew_seconds{role="worker"}': "0.01x80",
    'sendline_database_connections{state="idle"}': "30x80",
    "sendline_database_connections_max": "100x80",
    "sendline_database_transaction_seconds": "0x80",
    'sendline_canary_age_seconds{queue="dispatch"}': "60x80",
    'sendline_messages_unknown_total{service="twilio", reason="timed_out"}': "0+0.1x80",
    'sendline_sends_total{service="twilio", result="accepted"}': "0+150x80",
    'sendline_sends_total{service="twilio", result="uncertain"}': "0+0.1x80",
    'sendline_rest_calls_total{group="messageservice", result="ok"}': "0+20x80",
    'sendline_rest_calls_total{group="messageservice", result="no_answer"}': "0+0.1x80",
    "sendline_tokens_dead_total": "0x80",
    'sendline_set_aside_total{kind="message"}': "0x80",
}
GAUGES = ("processes", "oldest_due", "node_spool", "clock_skew", "database_", "canary")
ELECTED = [name for name in HEALTHY if name.removeprefix("sendline_").startswith(GAUGES)]
STOPS = "x40 stale"  # after ten minutes

# The trouble begins after ten minutes, that is with the 41st value.
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "a process answers 503": ("CallsLost", {'sendline_http_answers_total{door="handler", code="503"}': "0x40 5+5x39"}),
    "a disk is full": ("CallsLost", {'sendline_spool_lost_total{why="full"}': "0x40 3x39"}),
    "an address key is gone": (
        "CallsWithoutMessage", {
            'sendline_http_answers_total{door="handler", code="403"}': "0x40 150+150x39",
        },
    ),
    "senders younger than a restored dump are called": (
        "CallsWithoutMessage", {"sendline_calls_without_sender_total": "0x40 1+1x39"},
    ),
    "a node does not return": ("SpoolWaits", {'sendline_node_spool_records{state="abandoned"}': "0x40 436x39"}),
    "nothing is replayed": ("SpoolWaits", {'sendline_node_spool_oldest_seconds{state="live"}': "0x40 150x39"}),
    "a disk fills": ("SpoolFills", {'sendline_spool_bytes{instance="a"}': "0x40 60x39"}),
    "the database is away": (
        "DatabaseAway",
        {name: f"{HEALTHY[name].split('x')[0]}{STOPS}" for name in ELECTED}
        | {'sendline_check_ok{check="database", instance="a"}': "1x40 0x39"},
    ),
    "nothing can be asked": ("NotMonitored", {one: f"{last.split('x')[0]}{STOPS}" for one, last in HEALTHY.items()}),
    "a spool cannot be written": ("NotReady", {'sendline_check_ok{check="spool", instance="a"}': "1x40 0x39"}),
    "no worker lives": (
        "ProcessMissing", {
            'sendline_processes{role="worker"}': "1x40 0x39",
            'sendline_processes_lost{role="worker"}': "0x40 1x39",
            'sendline_oldest_due_seconds{queue="dispatch"}': "1x40 60+15x39",
            'sendline_canary_age_seconds{queue="dispatch"}': "60x40 160+15x39",
        },
    ),
    "beat is dead": ("ProcessMissing", {'sendline_processes{role="beat"}': "1x40 0x39"}),
    "one of two workers is dead": ("ProcessLost", {'sendline_processes_lost{role="worker"}': "0x40 1x39"}),
    "a clock jumps": ("ClockSkew", {'sendline_clock_skew_seconds{role="worker"}': "0x40 180x39"}),
    "connections run out": ("DatabaseConnections", {'sendline_database_connections{state="idle"}': "30x40 90x39"}),
    "a dump holds a transaction": ("TransactionOpen", {"sendline_database_transaction_seconds": "0x40 301+15x39"}),
    "dispatchers stand still": ("MessagesLate", {'sendline_oldest_due_seconds{queue="dispatch"}': "1x40 46+15x39"}),
    "pushes stand still": ("WorkLate", {'sendline_oldest_due_seconds{queue="push"}': "1x40 301+15x39"}),
    "redis is away": ("CanaryLost", {'sendline_canary_age_seconds{queue="dispatch"}': "60x40 75+15x39"}),
    "a table is locked": (
        "HandlerSlow", {'sendline_http_answer_seconds_bucket{door="handler", le="0.1"}': "0+150x40 6010+10x39"},
    ),
    "workers are killed again and again": (
        "UnknownMessages",
        {'sendline_messages_unknown_total{service="twilio", reason="timed_out"}': "0+0.1x40 10+10x39"},
    ),
    "a service is down": (
        "ServiceFails", {
            'sendline_sends_total{service="twilio", result="accepted"}': "0+3x40 120x39",
            'sendline_sends_total{service="twilio", result="uncertain"}': "0+0.1x40 44+40x39",
        },
    ),
    "the OAuth server is down": (
        "BitrixFails", {
            'sendline_rest_calls_total{group="messageservice", result="no_answer"}': "0+0.1x40 100+100x39",
        },
    ),
    "an old dump was restored": ("BitrixFails", {"sendline_tokens_dead_total": "0x40 10+10x39"}),
    "a row raises": ("SetAside", {'sendline_set_aside_total{kind="message"}': "0x40 1x39"}),
}  # fmt: skip


def alert_names() -> list[str]:
    """Return the names of all alerts."""
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule["alert"] for rule in group["rules"]]


def build_test() -> dict[str, Any]:
    """Return the test for promtool: each trouble raises its alert within two minutes, and no other."""
    cases = {"all is well": ("", {}), **CASES}
    return {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "15s",
        "tests": [_build_case(name, expected, changed) for name, (expected, changed) in cases.items()],
    }


def _build_case(name: str, expected: str, changed: dict[str, str]) -> dict[str, Any]:
    series = [{"series": series, "values": values} for series, values in (HEALTHY | changed).items()]
    fired = [{"labels": f'{{alertname="Sendline{expected}"}}', "value": 1}] if expected else []
    firing = {"expr": 'group by (alertname) (ALERTS{alertstate="firing"})'}
    checks = [{**firing, "eval_time": "9m", "exp_samples": []}, {**firing, "eval_time": "12m", "exp_samples": fired}]
    return {"name": name, "interval": "15s", "input_series": series, "promql_expr_test": checks}


def main(folder: str) -> None:
    """Write the test into a folder."""
    Path(folder, "alerts_test.yml").write_text(yaml.safe_dump(build_test(), sort_keys=False))


if __name__ == "__main__":
    main(sys.argv[1])
