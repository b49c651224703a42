"""Personal data: what is stored about a number, as a file and erased; for administrators of that portal alone."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging import tasks
from b24app.messaging.guards import stop_list
from b24app.messaging.models import DeliveryReport, Message, Sender
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

NUMBER = "+12025550147"


@pytest.fixture(autouse=True)
def _quiet_bell() -> Iterator[None]:
    redis_client().flushdb()
    yield
    redis_client().flushdb()


@pytest.fixture
def sender() -> Sender:
    account = factories.connection(factories.portal("alice"), account={"token": "very-secret-token"})
    return factories.sender(account)


def at(portal: Portal, path: str = "") -> str:
    return f"/p/{portal.uuid.hex}/settings/personal/{path}"


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).strip()


def delivered(sender: Sender, **fields: Any) -> Message:
    message = factories.message(sender, **{"status": Status.DELIVERED, "ref": "SM1", **fields})
    DeliveryReport.objects.create(
        connection=sender.connection, fingerprint=f"of {message.pk}", ref=message.ref, word="DELIVRD", due_at=None,
        message=message, recipient=message.to,
    )  # fmt: skip
    return message


def taken(client: Client, portal: Portal, shape: str) -> Any:
    """Fetch the file as a browser does: without a ticket."""
    answer = client.post(at(portal, "export/"), {"number": NUMBER, "shape": shape})
    return Client().get(answer["HX-Redirect"])


# -- look


def test_the_settings_have_the_place_and_a_number_is_counted(alice: Client, sender: Sender, portal: Portal) -> None:
    assert "Data for one phone number" in text(alice.get(f"/p/{portal.uuid.hex}/settings/"))
    delivered(sender)
    delivered(sender, to="+12025550148")
    stop_list.add_numbers(portal, {NUMBER: ""}, StopSource.HAND, ALICE)
    for typed in (NUMBER, "(202) 555-0147"):
        words = text(alice.post(at(portal), {"number": typed}))
        assert "1 message to +1 202-555-0147 ." in words, typed
        assert "The number is on the opt-out list." in words
    assert "No data stored for +1 202-555-0199 ." in text(alice.post(at(portal), {"number": "+12025550199"}))


@pytest.mark.parametrize(("typed", "why"), [("", "Enter a phone number."), ("x", "Enter a valid phone number.")])
def test_what_is_no_number_is_said(alice: Client, portal: Portal, typed: str, why: str) -> None:
    for path in ("", "export/", "erase/"):
        answer = alice.post(at(portal, path), {"number": typed, "sure": "1", "shape": "csv"})
        assert answer.status_code == 200
        assert why in text(answer), path
    assert not Erasure.objects.exists()


# -- a file


def test_the_csv_holds_exactly_the_numbers_rows(alice: Client, sender: Sender, portal: Portal) -> None:
    delivered(sender, text="=first", author_id=7)
    delivered(sender, text="second", ref="SM2")
    delivered(sender, to="+12025550148", text="neighbour", ref="SM3")
    charlies = factories.sender(factories.connection(factories.portal("charlie")))
    delivered(charlies, text="his")
    stop_list.add_numbers(portal, {NUMBER: "asked"}, StopSource.HAND, ALICE)
    answer = taken(alice, portal, "csv")
    assert answer["Content-Disposition"] == 'attachment; filename="personal-data.csv"'
    assert answer["Cache-Control"] == "no-store"
    assert answer.streaming
    body = answer.getvalue().decode()
    rows = list(csv.DictReader(io.StringIO(body.removeprefix("\ufeff"))))
    assert [(one["what"], one["text"], one["status"]) for one in rows] == [
        ("message", "'=first", "delivered"),
        ("report", "", "DELIVRD"),
        ("message", "second", "delivered"),
        ("report", "", "DELIVRD"),
        ("stop list", "", ""),
    ]
    assert {one["number"] for one in rows} == {NUMBER}
    assert (rows[0]["employee"], rows[0]["id at the service"], rows[-1]["note"]) == ("7", "SM1", "asked")
    for foreign in ("neighbour", "his", "very-secret-token", portal.uuid.hex):
        assert foreign not in body


def test_the_json_says_the_same(alice: Client, sender: Sender, portal: Portal) -> None:
    delivered(sender, text="Привет")
    delivered(sender, ref="SM2")
    delivered(sender, to="+12025550148", text="neighbour", ref="SM3")
    answer = taken(alice, portal, "json")
    assert answer["Content-Type"] == "application/json"
    said = json.loads(answer.getvalue())
    assert (said["number"], said["stop_list"]) == (NUMBER, None)
    assert [one["text"] for one in said["messages"]] == ["Привет", "Your order is ready."]
    assert [[one["status"] for one in message["reports"]] for message in said["messages"]] == [["DELIVRD"]] * 2


def test_the_address_of_the_file_tells_no_number_and_is_soon_over(
    alice: Client, sender: Sender, portal: Portal, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(sender)
    address = alice.post(at(portal, "export/"), {"number": NUMBER, "shape": "csv"})["HX-Redirect"]
    assert "5550147" not in address
    assert client.get(address).status_code == 200
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + 62)
        assert client.get(address).status_code == 404
    assert client.get("/d/personal/forged/").status_code == 404
    Portal.objects.filter(pk=portal.pk).update(uninstalled_at=timezone.now())
    assert client.get(address).status_code == 404


# -- to forget


def test_erasing_asks_first_naming_what_goes(alice: Client, sender: Sender, portal: Portal) -> None:
    message = delivered(sender)
    question = alice.post(at(portal, "erase/"), {"number": NUMBER})
    assert "Erase 1 message to +1 202-555-0147 ?" in text(question)
    assert "stop list" not in text(question)
    assert not Erasure.objects.exists()
    message.refresh_from_db()
    assert message.to == NUMBER


def test_it_is_done_in_the_background_and_the_page_shows_how_far(alice: Client, sender: Sender, portal: Portal) -> None:
    message = delivered(sender)
    delivered(sender, ref="SM2")
    answer = alice.post(at(portal, "erase/"), {"number": NUMBER, "sure": "1"})
    order = Erasure.objects.get()
    assert (order.portal, order.number, order.asked_by, order.found) == (portal, NUMBER, ALICE, 2)
    assert "Erasing 0 of 2 messages…" in text(answer)
    assert "every 2s" in answer.content.decode()
    assert "Data for one phone number" in text(answer)
    assert "Erasing 0 of 2 messages…" in text(alice.get(f"/p/{portal.uuid.hex}/settings/"))
    tasks.erase_number(order.pk)
    done = alice.get(at(portal, f"erasures/{order.uuid}/"))
    assert "2 messages erased. All personal data of this person has been erased." in text(done)
    assert "every 2s" not in done.content.decode()
    message.refresh_from_db()
    assert (message.to, message.text) == ("", "")
    assert "No data stored for" in text(alice.post(at(portal), {"number": NUMBER}))
    journal = text(alice.get(f"/p/{portal.uuid.hex}/journal/"))
    assert journal.count("(deleted)") == 2
    assert "order is ready" not in journal


def test_the_stop_list_entry_stays_only_with_a_reason(alice: Client, sender: Sender, portal: Portal) -> None:
    delivered(sender)
    stop_list.add_numbers(portal, {NUMBER: "Jane"}, StopSource.HAND, ALICE)
    assert "If you remove it there, messages to this person are allowed again." in text(
        alice.post(at(portal, "erase/"), {"number": NUMBER})
    )
    answer = alice.post(at(portal, "erase/"), {"number": NUMBER, "sure": "1", "keep": "on", "why": " "})
    assert "Enter a reason. The number is stored for this purpose only." in text(answer)
    assert answer["HX-Retarget"] == "#ask-erase"
    assert not Erasure.objects.exists()
    alice.post(at(portal, "erase/"), {"number": NUMBER, "sure": "1", "keep": "on", "why": "she opted out"})
    tasks.erase_number(Erasure.objects.get().pk)
    assert StoppedNumber.objects.get().note == "she opted out"
    assert "1 message erased. Only the opt-out entry remains." in text(
        alice.get(at(portal, f"erasures/{Erasure.objects.get().uuid}/"))
    )


# -- who may


def test_an_employee_and_another_tenant_get_nothing(alice: Client, sender: Sender, portal: Portal) -> None:
    delivered(sender, author_id=BOB)
    alice.post(at(portal, "erase/"), {"number": NUMBER, "sure": "1"})
    order = Erasure.objects.get()
    bob = factories.visitor(portal, BOB, is_admin=False)
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, CHARLIE)
    data = {"number": NUMBER, "sure": "1", "shape": "csv"}
    for path in ("", "export/", "erase/"):
        assert bob.post(at(portal, path), data).status_code == 403, path
        assert charlie.post(at(portal, path), data).status_code == 401, path
    assert bob.get(at(portal, f"erasures/{order.uuid}/")).status_code == 403
    assert charlie.get(at(charlies, f"erasures/{order.uuid}/")).status_code == 404
    assert "No data stored for" in text(charlie.post(at(charlies), data))
    assert taken(charlie, charlies, "csv").getvalue().decode().count("\n") == 1
    charlie.post(at(charlies, "erase/"), data)
    for one in Erasure.objects.filter(portal=charlies):
        tasks.erase_number(one.pk)
    assert Message.objects.get().to == NUMBER


def test_both_files_have_the_same_columns(alice: Client, sender: Sender, portal: Portal) -> None:
    delivered(sender)
    header = next(csv.reader([taken(alice, portal, "csv").getvalue().decode().removeprefix("\ufeff").split("\r\n")[0]]))
    assert header == [
        "what", "time", "number", "text", "status", "reason", "detail", "sender", "id at the service", "sent", "ended",
        "price", "currency", "employee", "source", "note",
    ]  # fmt: skip
    (message,) = json.loads(taken(alice, portal, "json").getvalue())["messages"]
    assert [name.replace("_", " ") for name in message] == [*header[1:], "reports"]
