"""/healthz, /readyz and /metrics of real processes, asked over real sockets."""

import json
import os
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database

from b24app.core import spool
from b24app.operations.local.supervisor import free_port
from b24app.operations.models import Heartbeat
from tests.faults.house import wait as eventually
from tests.handler_calls import FORM, call, create_sender, path
from tests.server.serving import Served, served, serving

pytestmark = pytest.mark.django_db(transaction=True)
WEBHOOKS, WEB = "b24app.wsgi_webhooks", "b24app.wsgi"
NOWHERE: Any = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "SPOOL_MAX_MB": "1"}


def ready(running: Served) -> tuple[int, dict[str, Any]]:
    status, body = running.get("/readyz")
    return status, json.loads(body)


def await_checks(running: Served, expected: Callable[[dict[str, str]], bool]) -> tuple[int, dict[str, Any]]:
    """Return the answer once its checks are as expected."""
    eventually(lambda: expected(ready(running)[1]["checks"]), 5, lambda: f"{ready(running)} {running.log.read_text()}")
    return ready(running)


def post(port: int, to: str, body: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", to, body, {"Content-Type": FORM, "Host": "sendline.example"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(("module", "role"), [(WEBHOOKS, "webhooks"), (WEB, "web")])
def test_a_process_that_works_is_ready_and_has_a_heartbeat(module: str, role: str, tmp_path: Path) -> None:
    with served(tmp_path, module, ALLOWED_HOSTS="nobody.example") as running:
        status, answer = await_checks(running, lambda checks: checks["keys"] == "ok")
        assert (status, answer["ready"], answer["role"]) == (200, True, role)
        assert answer["checks"] == dict.fromkeys(("database", "schema", "keys", "spool", "room"), "ok")
        assert json.loads(running.get("/healthz")[1])["role"] == role
        heartbeat = Heartbeat.objects.get()
        assert (heartbeat.role, heartbeat.stopped_at, abs(heartbeat.clock_ahead) < 5) == (role, None, True)
        assert heartbeat.spool == (tmp_path / "spool" / ".identity").read_text()
        running.stop()
        running.process.wait(20)
    heartbeat.refresh_from_db()
    assert heartbeat.stopped_at is not None


def test_without_its_database_a_process_is_ready_while_its_disk_has_room(tmp_path: Path, settings: Any) -> None:
    process: Any = {"DJANGO_SETTINGS_MODULE": "b24app.settings", "SPOOL_DIR": str(tmp_path / "spool")}
    with serving(tmp_path, module=WEBHOOKS, **process, **NOWHERE) as running:
        status, answer = await_checks(running, lambda checks: checks["database"].startswith("away"))
        assert (status, answer["checks"]["database"]) == (200, "away (OperationalError)")
        assert (answer["checks"]["schema"], answer["checks"]["room"]) == ("not known yet", "ok")
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path / "spool", 1
    for number in range(205):  # of 256 blocks
        spool.put_record("wish", {"number": number})
    with serving(tmp_path, module=WEBHOOKS, **process, **NOWHERE) as running:
        status, answer = await_checks(running, lambda checks: checks["room"] != "not known yet")
        assert (status, answer["ready"], answer["checks"]["room"]) == (503, False, "80% full")
        assert running.get("/healthz")[0] == 200


def test_a_schema_older_than_the_code_is_not_ready_and_said(tmp_path: Path) -> None:
    """As after a restore of the database: at its start a process waits for the migrations."""
    try:
        with served(tmp_path, WEBHOOKS) as running:
            await_checks(running, lambda checks: checks["schema"] == "ok")
            with database.cursor() as cursor:
                cursor.execute("DELETE FROM django_migrations WHERE app = 'messaging' AND name LIKE '003%'")
            status, answer = await_checks(running, lambda checks: checks["schema"] != "ok")
        assert (status, answer["checks"]["schema"]) == (503, "1 missing: messaging.0030_lease_takeovers")
    finally:
        with database.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('messaging', '0030_lease_takeovers', now())"
            )


def test_processes_of_one_machine_share_a_range_of_ports_for_their_metrics(tmp_path: Path) -> None:
    first = free_port(0)
    address = f"127.0.0.1:{first}-{first + 5}"
    sender = create_sender()
    with served(tmp_path, WEBHOOKS, METRICS_ADDRESS=address) as one, served(tmp_path, WEB, METRICS_ADDRESS=address):
        assert post(one.port, path(sender), call(1)) == 200
        assert post(one.port, f"/h/{sender.uuid.hex}/1/AAAAAAAAAAAAAAAAAAAAAA/", call(2)) == 403
        assert one.get("/metrics")[0] == 404  # not where portals call
        texts = [text for text in map(scrape, range(first, first + 6)) if text]
    assert len(texts) == 2
    [webhooks] = [text for text in texts if 'role="webhooks"' in text]
    assert 'sendline_http_answers_total{code="200",door="handler"} 1.0' in webhooks
    assert 'sendline_http_answers_total{code="403",door="handler"} 1.0' in webhooks
    assert 'sendline_messages_accepted_total{origin="portal"} 1.0' in webhooks
    for secret in (sender.uuid.hex, sender.portal.domain, "+1202", "Hello"):
        assert secret not in "".join(texts)
    assert sum("sendline_processes{" in text for text in texts) == 1  # one is elected


def scrape(port: int) -> str:
    """Return the metrics at a port, "" where nobody listens; waits for the first turn of the process."""
    for _ in range(100):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except ConnectionRefusedError:
            return ""
        finally:
            connection.close()
        if "sendline_ready 1.0" in text:
            return text
        time.sleep(0.1)
    return text


def test_a_process_with_other_keys_than_the_installation_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path, WEBHOOKS) as running:
        await_checks(running, lambda checks: checks["keys"] == "ok")
    other = "0" * 42 + "8="
    with served(tmp_path, WEBHOOKS, SECRETS_KEYS=other) as running:
        status, answer = await_checks(running, lambda checks: checks["database"] == "ok")
        assert (status, answer["checks"]["keys"]) == (503, "cannot open what this installation sealed")
    with served(tmp_path, WEBHOOKS, SECRETS_KEYS=f"{other},{os.environ['SECRETS_KEYS']}") as running:
        status, _ = await_checks(running, lambda checks: checks["keys"] == "ok")
        assert status == 200
