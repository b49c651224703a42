"""The whole application as processes on stores of its own, which a test may stop, flush and kill."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import psycopg
import pytest
from psycopg.sql import Composed
from redis import Redis

from b24app.operations.local import stack, visitor
from b24app.operations.local.embedded import Postgres, RedisServer, temporary_folder
from b24app.operations.local.stack import Ports, Stack
from b24app.operations.local.visitor import Page, Visitor

GATEWAY = {
    "account-method": "POST",
    "account-content": "json",
    "account-body": '{"to": "{to}", "text": "{text}", "reference": "{reference}", "report_url": "{report_url}"}',
    "account-id_from": "json",
    "account-id_path": "id",
    "account-report_status": "status",
    "account-report_id": "id",
    "account-recognises": "24",
}
PATIENCE = 4  # these machines are shared: what is done in a second may take four


@dataclass
class House:
    """A running application, its stores, and what the portal and the services hold."""

    run: Stack
    database: Postgres
    redis: RedisServer
    folder: Path

    # -- the portal's side --

    def send(self, to: str, code: str = "", text: str = "Your order is ready.") -> str:
        """Write an SMS on a CRM card; its message_id."""
        message = self.ask("send", to=to, text=text, code=code or self.codes()[0], author=1)
        return str(message["message_id"])

    def ask(self, name: str, **body: object) -> Any:
        """Call a control address of the portal with JSON."""
        return visitor.call_control(self._portal(name), **body)

    def state(self) -> dict[str, Any]:
        """All that the portal remembers."""
        found: dict[str, Any] = visitor.fetch_page("GET", self._portal("state")).expect_status(200).json()
        return found

    def messages(self) -> dict[str, Any]:
        """Return the portal's messages by their id."""
        found = visitor.fetch_page("GET", self._portal("messages")).expect_status(200).json()["messages"]
        return {message["message_id"]: message for message in found}

    def codes(self) -> list[str]:
        """Return the registered senders, oldest first."""
        return [sender["code"] for sender in self.state()["senders"]]

    def statuses(self, ids: list[str]) -> set[str]:
        found = self.messages()
        return {found[one]["status"] for one in ids}

    def all_delivered(self, ids: list[str], seconds: float) -> None:
        wait(lambda: self.statuses(ids) == {"delivered"}, seconds, lambda: str(self.statuses(ids)))

    # -- the services' side --

    def ledger(self) -> list[dict[str, Any]]:
        """Return what the SMS service accepted."""
        found: list[dict[str, Any]] = (
            visitor.fetch_page("GET", urljoin(self.run.sms, "/_/ledger")).expect_status(200).json()["ledger"]
        )
        return found

    def accepted(self, to: str) -> list[dict[str, Any]]:
        return [entry for entry in self.ledger() if entry["to"] == to]

    def service(self, **switches: object) -> None:
        """How the SMS service behaves from here on."""
        visitor.call_control(urljoin(self.run.sms, "/_/switches"), **switches)

    # -- our side --

    def sql(self, query: str | Composed, *values: object) -> list[tuple[Any, ...]]:
        """Ask or change the application's own rows; only to look, or to move a clock."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def phase(self, message_id: str) -> str:
        rows = self.sql("SELECT phase FROM messaging_message WHERE message_id = %s", message_id)
        return str(rows[0][0]) if rows else "not there"

    def leases_run_out(self) -> None:
        """As if three minutes had passed."""
        self.sql("UPDATE messaging_connection SET lease_until = NULL, lease_holder = NULL")
        self.sql("UPDATE messaging_message SET lease_until = now() - interval '1 second' WHERE phase = 'on_wire'")

    def flush(self) -> None:
        """Redis forgets everything."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()

    def worker(self) -> None:
        """Start a worker again, and wait until it hears."""
        stack.start_worker(self.run.supervisor)

    def beat(self) -> None:
        """Start beat again."""
        stack.start_beat(self.run.supervisor)

    def open(self) -> tuple[Visitor, Page]:
        """Alice's browser on the home screen."""
        alice = Visitor()
        frame = self.ask("frame", user=1)
        return alice, alice.launch(frame["action"], frame["fields"])

    def connect_gateway(self) -> str:
        """Connect a gateway that recognises our reference; the code of its sender."""
        before = set(self.codes())
        alice, home = self.open()
        page = alice.get(urljoin(home.url, "senders/connect/http/"))
        account = {**GATEWAY, "account-url": urljoin(self.run.sms, "/gateway/send")}
        sender = alice.submit(page, visitor.find_form_with(page, "account-url"), **account)
        names = {
            "sender-offer": "",
            "sender-signature": "Acme",
            "sender-name_en": "Gateway",
            "sender-name_ru": "Gateway",
        }
        alice.submit(sender, visitor.find_form_with(sender, "sender-signature"), **names)
        return (set(self.codes()) - before).pop()

    def _portal(self, name: str) -> str:
        return urljoin(self.run.portal, f"/_/{name}")


def wait(happened: Callable[[], bool], seconds: float, told: Callable[[], str] = str) -> None:
    """Wait until `happened`; fails with what `told` says after PATIENCE times `seconds`."""
    end = time.monotonic() + seconds * PATIENCE
    while not happened():
        assert time.monotonic() < end, f"not after {PATIENCE} times {seconds} s: {told()}"
        time.sleep(0.2)


@contextmanager
def running() -> Iterator[House]:
    """Run an installation with nothing in it: no portal has installed the application."""
    with temporary_folder() as folder, pytest.MonkeyPatch.context() as patch:
        # Without fsync a killed PostgreSQL would lose what it had promised.
        database, redis = Postgres(folder / "stores", durable=True), RedisServer(folder / "stores")
        database.start()
        redis.start()
        patch.setitem(os.environ, "DATABASE_URL", database.url)
        patch.setitem(os.environ, "REDIS_URL", redis.url)
        try:
            with stack.run_stack(folder / "app", Ports(0, 0, 0, 0), durable=True, say=lambda _: None) as run:
                yield House(run, database, redis, folder)
        finally:
            redis.stop()
            database.stop()
