"""The journal as a file: what is in it, who may take it out, and how far it is."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.frame.file_downloads import current_file, hold_file
from b24app.console.journal import pagination
from b24app.console.journal.export import csv_rows, export_progress
from b24app.console.journal.export.export_progress import Progress
from b24app.core import tokens
from b24app.core.redis import redis_client
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Status
from b24app.portals.crm_names.names import digest_phone
from b24app.portals.models import CrmName, Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    portal = factories.portal("alice", time_zone="Europe/Berlin")
    return factories.sender(factories.connection(portal, title="Acme"), names={"en": "Front desk"})


def at(portal: Portal, rest: str = "") -> str:
    return f"/p/{portal.uuid.hex}/journal/export/{rest}"


def address(client: Client, portal: Portal, **query: str) -> str:
    """Press the button, and do what the page does then."""
    page = client.get(at(portal), query).content.decode()
    [begin] = re.findall(r'hx-get="([^"]*/file/[^"]*)"', page)
    return str(client.get(begin.replace("&amp;", "&"))["HX-Redirect"])


def opened(there: str) -> Any:
    """Return the claims that an address carries."""
    return tokens.unseal_token("journal-file", there.split("/")[-2], ttl=60)


def table(client: Client, portal: Portal, **query: str) -> list[list[str]]:
    response: Any = Client().get(address(client, portal, **query))
    assert response.status_code == 200
    content = b"".join(response.streaming_content).decode()
    assert content.startswith("\ufeff")
    return list(csv.reader(io.StringIO(content.removeprefix("\ufeff"))))


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_a_row_says_all_that_the_journal_knows(alice: Client, sender: Sender) -> None:
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0) - timedelta(days=1)
    message = factories.message(
        sender, now=now, status=Status.FAILED, reason="rejected", parts=2, price="0.0158", currency="USD",
        final_at=now, detail="Too bad", service_code="30007", ref="SM1", text="Hello; \"you\"", author_id=7,
    )  # fmt: skip
    titles, row = table(alice, sender.portal)
    local = f"{now.astimezone(sender.portal.zone):%Y-%m-%d %H:%M:%S}"
    assert titles[:7] == ["Time (Europe/Berlin)", "Status", "Status code", "Error", "To", "Recipient", "CRM item"]
    assert row == [
        local, "Failed", "failed", "Rejected by the service", "+12025550147", "", "", 'Hello; "you"', "Front desk",
        "Demo", "2", "0.0158", "USD", "CRM item", "7", "", local, "Too bad", "30007", message.reference.hex, "SM1",
    ]  # fmt: skip


def test_known_names_are_columns_and_nothing_is_asked_for(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, *_args, **_options: asked.append(name))
    links = {"bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "1"}, {"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}]}
    unknown = {"bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "9"}]}
    message = factories.message(sender, links=links, text="known")
    factories.message(sender, links=unknown, text="unknown", author_id=None, price=None)
    factories.message(sender, author_id=0, text="nobody", status=Status.SENT, price="12.00000", currency="EUR")
    for type_id, name in ((2, "=Website order"), (3, "Emma Evans")):
        CrmName.objects.create(
            portal=sender.portal, viewer=0, type_id=type_id, item_id=1, name=name, asked_at=timezone.now(),
            phones=[digest_phone(sender.portal, message.to)],
        )  # fmt: skip
    titles, *rows = table(alice, sender.portal)
    shown = {row[titles.index("Message")]: dict(zip(titles, row, strict=True)) for row in rows}
    assert [shown["known"][name] for name in ("Recipient", "CRM item")] == ["Emma Evans", "'=Website order"]
    assert [shown["unknown"][name] for name in ("Recipient", "CRM item", "Price")] == ["", "", ""]
    assert [shown["nobody"][name] for name in ("Employee", "Price", "Status code")] == ["", "12", "sent"]
    assert not [name for name in asked if name.endswith("crm_names")]


def test_no_cell_is_a_formula(alice: Client, sender: Sender) -> None:
    factories.message(sender, text="=HYPERLINK(1)")
    factories.message(sender, text="@SUM(A1)", detail="-1+2", service_code="+cmd")
    rows = table(alice, sender.portal)[1:]
    assert [row[7] for row in rows] == ["'@SUM(A1)", "'=HYPERLINK(1)"]
    assert rows[0][17:19] == ["'-1+2", "'+cmd"]
    assert rows[0][4] == "+12025550147"


def test_the_file_holds_what_the_filters_find_and_only_this_portal_s(alice: Client, sender: Sender) -> None:
    factories.message(factories.sender(factories.connection(factories.portal("charlie"))), text="Charlie's")
    factories.message(sender, text="waits")
    factories.message(sender, text="arrived", status=Status.DELIVERED)
    factories.message(sender, text="unknown", phase=Phase.UNKNOWN, due_at=None, origin=Origin.TEST)
    factories.message(sender, text="old", now=timezone.now() - timedelta(days=40))
    assert [row[7] for row in table(alice, sender.portal)[1:]] == ["unknown", "arrived", "waits"]
    assert [row[7] for row in table(alice, sender.portal, status="delivered")[1:]] == ["arrived"]
    [unknown] = table(alice, sender.portal, status="unknown")[1:]
    assert (unknown[1], unknown[2], unknown[13]) == ("Unknown", "unknown", "Test message")


@pytest.mark.parametrize("query", [{}, {"status": "sent"}, {"phone": "0147"}, {"status": "failed"}])
def test_batches_follow_one_another_without_gap_or_overlap(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(csv_rows, "BATCH_SIZE", 2)
    monkeypatch.setattr(pagination, "MAX_SCANNED", 3)
    now, status = timezone.now(), Status.FAILED if query.get("status") == "failed" else Status.SENT
    for number in range(11):
        other = Status.DELIVERED if number in (2, 3, 4, 5, 6, 7) and "status" in query else status
        factories.message(sender, now=now - timedelta(seconds=number // 3), text=str(number), status=other)
    rows = [row[7] for row in table(alice, sender.portal, **query)[1:]]
    wanted = Message.objects.filter(status=status).order_by("-received_at", "-id").values_list("text", flat=True)
    assert rows == list(wanted)


def test_the_page_is_told_how_far_the_file_is(alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BATCH_SIZE", 1)
    for _ in range(3):
        factories.message(sender)
    page = alice.get(at(sender.portal)).content.decode()
    [begin] = re.findall(r'hx-get="([^"]*/file/[^"]*)"', page)
    [asked] = re.findall(r'hx-get="([^"]*)" hx-trigger="every 1s"', page)
    assert "0 messages exported" in words(alice.get(asked))
    stream = Client().get(alice.get(begin)["HX-Redirect"]).streaming_content  # type: ignore[attr-defined]
    list(stream)
    response = alice.get(asked)
    assert "Export ready: 3 messages" in words(response)
    assert "every 1s" not in response.content.decode()


def test_a_reader_who_leaves_ends_the_file_and_the_page_says_so(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        factories.message(sender, text="x" * 40_000)
    there = address(alice, sender.portal)
    job = opened(there)["payload"]["job"]
    response: Any = Client().get(there)
    next(iter(response.streaming_content))
    assert current_file(sender.portal) == job
    response._iterator.close()  # what the server does when nobody reads any more
    assert export_progress.read_progress(sender.portal, job) == Progress(0, over=True)
    assert current_file(sender.portal) == ""
    assert "Export incomplete" in words(alice.get(at(sender.portal, f"{job}/")))


def test_one_file_of_a_portal_is_written_at_a_time(alice: Client, sender: Sender) -> None:
    factories.message(sender)
    there = address(alice, sender.portal)
    with hold_file(sender.portal, uuid.uuid4().hex):
        export_progress.write_progress(sender.portal, current_file(sender.portal), Progress(4000))
        page = alice.get(at(sender.portal))
        assert "4,000 messages exported" in words(page)
        assert "/file/" not in page.content.decode()
        refused = Client().get(there)
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert "try again in a few seconds" in words(refused)
        charlie = factories.portal("charlie")
        assert "/file/" in factories.visitor(charlie).get(at(charlie)).content.decode()
    assert Client().get(there).status_code == 200


def test_an_address_binds_portal_user_admin_and_filters_and_hides_the_number(alice: Client, sender: Sender) -> None:
    there = address(alice, sender.portal, phone="+12025550147", status="failed")
    claims = opened(there)
    assert (claims["portal"], claims["user"], claims["is_admin"]) == (sender.portal.uuid.hex, factories.ALICE, True)
    assert claims["payload"]["filters"] == "status=failed&phone=%2B12025550147"
    assert "2025550147" not in there


@pytest.mark.parametrize("token", ["nonsense", "bnVsbA=="])
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    assert Client().get(f"/d/journal/{token}/").status_code == 404


def test_a_portal_that_has_gone_gives_nothing(alice: Client, sender: Sender) -> None:
    there = address(alice, sender.portal)
    Portal.objects.filter(pk=sender.portal_id).update(uninstalled_at=timezone.now())
    assert Client().get(there).status_code == 404


@pytest.mark.parametrize("rest", ["", "{job}/", "{job}/file/"])
def test_bob_takes_nothing_out_and_charlie_nothing_of_alice_s(sender: Sender, rest: str) -> None:
    path = at(sender.portal, rest.format(job=uuid.uuid4().hex))
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False).get(path)
    assert bob.status_code == 403
    assert "HX-Redirect" not in bob
    charlie = factories.visitor(factories.portal("charlie"))
    assert charlie.get(path).status_code == 401


def test_bob_s_journal_offers_no_file(sender: Sender) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert "journal/export" not in bob.get(f"/p/{sender.portal.uuid.hex}/journal/").content.decode()


def test_charlie_s_progress_of_alice_s_file_is_none(sender: Sender) -> None:
    job = uuid.uuid4().hex
    export_progress.write_progress(sender.portal, job, Progress(1234))
    charlies = factories.portal("charlie")
    assert "1,234" not in words(factories.visitor(charlies).get(at(charlies, f"{job}/")))


def test_words_are_in_the_language_of_the_one_who_asked(sender: Sender) -> None:
    factories.message(sender, status=Status.DELIVERED)
    russian = factories.visitor(sender.portal, language="ru")
    there = address(russian, sender.portal)
    response: Any = Client(headers={"Accept-Language": "en"}).get(there)
    assert "Доставлено" in b"".join(response.streaming_content).decode()
    assert opened(there)["payload"]["language"] == "ru"
