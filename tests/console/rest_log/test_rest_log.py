"""The REST log: what administrators find in it, and that nobody else finds anything."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.console.rest_log import entries, views
from b24app.core.redis import redis_client
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Origin
from b24app.portals.models import Portal
from tests import factories
from tests.console.rest_log.exchanges import LIST, UPDATE, batch, exchange
from tests.factories import CHARLIE

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice")), code="front")


def at(portal: Portal) -> str:
    return f"/p/{portal.uuid.hex}/settings/rest-log/"


def shown(client: Client, portal: Portal, **query: str) -> list[str]:
    """Return the names on the first page, in their order."""
    response = client.get(at(portal), query)
    assert response.status_code == 200
    return re.findall(r'<b><bdi dir="ltr">([^<]*)</bdi>', response.content.decode())


def pages(client: Client, portal: Portal, **query: str) -> list[list[str]]:
    """Return the names on each page, following the link to older ones."""
    found = []
    while True:
        content = client.get(at(portal), query).content.decode()
        found.append(re.findall(r'<b><bdi dir="ltr">([^<]*)</bdi>', content))
        older = re.search(r"before=([^\"&]+)", content)
        if older is None:
            return found
        query["before"] = older[1]


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# -- what it holds


def test_both_directions_stand_in_one_list_newest_first(alice: Client, portal: Portal, sender: Sender) -> None:
    exchange(portal, "app.info", 5)
    factories.message(sender, now=timezone.now() - timedelta(minutes=4))
    exchange(portal, "ONAPPUPDATE", 3, method="EVENT", path="ONAPPUPDATE", ms=0)
    exchange(portal, "/app/", 2, method="LAUNCH", path="/app/", ms=310)
    exchange(portal, "oauth/token", 1, peer="oauth", method="GET", host="oauth.example", path="/oauth/token/")
    assert shown(alice, portal) == ["oauth/token", "/app/", "ONAPPUPDATE", "handler", "app.info"]


def test_an_entry_opens_in_place_with_what_was_kept(alice: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, message_id="b24-17")
    batch(portal, message, response="ok=0 ERROR_MESSAGE_NOT_FOUND=1", error="ERROR_MESSAGE_NOT_FOUND", minutes=-1)
    page = text(alice.get(at(portal)))
    assert f"POST https://{portal.domain}/rest/batch.json" in page
    assert f"{UPDATE} CODE=front MESSAGE_ID=b24-17 ok" in page
    assert "HTTP 200 ok=0 ERROR_MESSAGE_NOT_FOUND=1 ERROR_MESSAGE_NOT_FOUND" in page
    assert "85 ms" in page
    assert f"CALL {portal.domain} /h/ CODE=front MESSAGE_ID=b24-17 module_id=crm user_id=1 HTTP 200" in page


def test_a_call_without_an_answer_says_so(alice: Client, portal: Portal) -> None:
    exchange(portal, status=0, ms=20_000, error="no answer in time")
    page = text(alice.get(at(portal)))
    assert "no answer in time no response 20000 ms" in page


def test_exchanges_with_services_and_messages_of_ones_own_are_no_part_of_it(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    exchange(portal, "", peer="twilio", path="/Messages.json")
    factories.message(sender, origin=Origin.CARD, message_id=None)
    assert shown(alice, portal) == []
    assert "No requests yet" in text(alice.get(at(portal)))


# -- how it is narrowed


def test_the_filters_find_by_method_direction_error_and_time(alice: Client, portal: Portal, sender: Sender) -> None:
    now = timezone.now()
    exchange(portal, LIST, 50, error="ACCESS_DENIED: Access denied!", status=401)
    exchange(portal, LIST, 40)
    exchange(portal, "ONAPPUPDATE", 30, method="EVENT", error="not verified")
    exchange(portal, "handler", 20, method="CALL", status=403, error="address replaced")
    factories.message(sender, now=now - timedelta(minutes=10))
    assert shown(alice, portal, name=LIST) == [LIST, LIST]
    assert shown(alice, portal, name=LIST, errors="1") == [LIST]
    assert shown(alice, portal, errors="1") == ["handler", "ONAPPUPDATE", LIST]
    assert shown(alice, portal, errors="1", direction="in") == ["handler", "ONAPPUPDATE"]
    assert shown(alice, portal, direction="in") == ["handler", "handler", "ONAPPUPDATE"]
    assert shown(alice, portal, direction="out") == [LIST, LIST]
    assert shown(alice, portal, direction="out", name="handler") == []
    assert shown(alice, portal, name="handler") == ["handler", "handler"]
    assert shown(alice, portal, name="handler", errors="1") == ["handler"]
    assert shown(alice, portal, name="nothing.of.ours") == []
    assert shown(alice, portal, direction="up", errors="maybe", since="soon", before="garbage") == [
        "handler", "handler", "ONAPPUPDATE", LIST, LIST,
    ]  # fmt: skip
    since = f"{now - timedelta(minutes=35):%Y-%m-%dT%H:%M}"
    assert shown(alice, portal, since=since) == ["handler", "handler", "ONAPPUPDATE"]
    assert shown(alice, portal, until=since) == [LIST, LIST]


def test_times_are_those_of_the_portal(alice: Client, portal: Portal) -> None:
    Portal.objects.update(time_zone="Asia/Tokyo")
    noon = datetime.fromisoformat("2026-11-20T12:00+09:00")
    Exchange.objects.filter(pk=exchange(portal).pk).update(at=noon + timedelta(seconds=30))
    assert shown(alice, portal, since="2026-11-20T12:00", until="2026-11-20T12:00") == [LIST]
    assert shown(alice, portal, since="2026-11-20T12:01") == []
    assert shown(alice, portal, until="2026-11-20T11:59") == []
    assert "Nov 20, 2026, 12:00:30.000" in text(alice.get(at(portal)))


def test_a_batch_of_several_methods_is_found_by_each(alice: Client, portal: Portal) -> None:
    exchange(portal, "batch", path="/rest/batch.json", request="commands=3 crm.deal.get=2 crm.lead.get=1")
    assert shown(alice, portal, name="crm.lead.get") == ["batch"]
    assert shown(alice, portal, name="batch") == ["batch"]
    assert shown(alice, portal, name="lead.get") == []
    assert shown(alice, portal, name="crm.%") == []


@pytest.mark.parametrize("which", ["reference", "message_id"])
def test_a_message_finds_its_handler_call_its_statuses_and_only_its_commands(
    alice: Client, portal: Portal, sender: Sender, which: str
) -> None:
    mine, other = (factories.message(sender, message_id=f"b24-{number}") for number in (1, 2))
    exchange(portal, "crm.timeline.logmessage.add", -1, message_id=mine.pk)
    batch(portal, mine, other, minutes=-2)
    batch(portal, other, minutes=-3)
    exchange(portal, LIST, -4)
    wanted = mine.reference.hex if which == "reference" else "b24-1"
    assert shown(alice, portal, message=wanted) == [UPDATE, "crm.timeline.logmessage.add", "handler"]
    assert shown(alice, portal, message=wanted, direction="in") == ["handler"]
    assert shown(alice, portal, message=wanted, name=UPDATE) == [UPDATE]
    assert shown(alice, portal, message=wanted, errors="1") == []
    page = text(alice.get(at(portal), {"message": wanted}))
    assert "MESSAGE_ID=b24-1 ok" in page
    assert "MESSAGE_ID=b24-2" not in page
    assert f"/journal/{mine.reference}/" in alice.get(at(portal), {"message": wanted}).content.decode()


def test_an_unknown_message_finds_nothing(alice: Client, portal: Portal) -> None:
    exchange(portal)
    assert shown(alice, portal, message="unknown") == []
    assert "No requests match these filters" in text(alice.get(at(portal), {"message": "unknown"}))


@pytest.mark.parametrize("field", ["name", "message", "since", "before", "direction"])
@pytest.mark.parametrize("value", ["\0", "%", "'", "٣", "x" * 5000, "9999-12-31T23:59", "0001-01-01T00:00"])
def test_no_value_in_the_address_breaks_the_screen(alice: Client, portal: Portal, field: str, value: str) -> None:
    exchange(portal)
    assert alice.get(at(portal), {field: value}).status_code == 200


def test_only_names_that_the_portal_has_are_offered(alice: Client, portal: Portal) -> None:
    exchange(portal, "app.info")
    exchange(factories.portal("charlie"), "crm.deal.get")
    options = re.findall(r"<option ?>([^<]+)</option>", alice.get(at(portal)).content.decode())
    assert options == ["app.info", "handler"]


# -- pages


def test_pages_follow_one_another_by_key_through_both_tables(
    alice: Client, portal: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    moment = timezone.now()
    for number in range(3):  # all at the same moment
        Exchange.objects.filter(pk=exchange(portal, f"m{number}").pk).update(at=moment)
    factories.messages(sender, 2, now=moment)
    exchange(portal, "first", 10)
    assert pages(alice, portal) == [["m2", "m1"], ["m0", "handler"], ["handler", "first"]]


def test_a_rare_match_is_looked_for_step_by_step(
    alice: Client, portal: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_SCANNED", 3)
    for number in range(5):
        factories.message(sender, origin=Origin.CARD, message_id=None, now=timezone.now() - timedelta(minutes=number))
    factories.message(sender, now=timezone.now() - timedelta(minutes=9))
    exchange(portal, "handler", 8, method="CALL", status=403, error="address replaced")
    assert pages(alice, portal, name="handler") == [[], ["handler", "handler"]]
    first = text(alice.get(at(portal), {"name": "handler"}))
    assert "No matches so far" in first
    assert "Older" in first


def test_an_entry_that_one_table_has_not_reached_yet_waits_for_the_next_page(
    alice: Client, portal: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_SCANNED", 2)
    for number in range(3):
        factories.message(sender, origin=Origin.CARD, message_id=None, now=timezone.now() - timedelta(minutes=number))
    factories.message(sender, now=timezone.now() - timedelta(minutes=5))
    exchange(portal, "older", 6)
    exchange(portal, "newer", 0.5)
    assert pages(alice, portal) == [["newer"], ["handler", "older"]]


# -- who may see it


def test_employees_and_strangers_see_none_of_it(alice: Client, bob: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, message_id="b24-17", author_id=factories.BOB)
    exchange(portal)
    his = factories.portal("charlie")
    charlie = factories.visitor(his, CHARLIE)
    assert [client.get(at(portal)).status_code for client in (bob, charlie)] == [403, 401]
    assert LIST not in text(bob.get(at(portal)))
    assert shown(charlie, his) == []
    assert shown(charlie, his, message=message.reference.hex) == []
    assert shown(charlie, his, message="b24-17") == []
    assert shown(charlie, his, name=LIST) == []
    older = entries.find_page(portal.pk, entries.Conditions(), None, 1).older
    assert older is not None
    assert shown(charlie, his, before=views._write_place(older)) == []
    assert alice.post(at(portal)).status_code == 405


def test_settings_and_a_message_lead_to_it_and_an_employees_page_does_not(
    alice: Client, bob: Client, portal: Portal, sender: Sender
) -> None:
    message = factories.message(sender, author_id=factories.BOB)
    path = f"/p/{portal.uuid.hex}/journal/{message.reference}/"
    assert f'href="{at(portal)}"' in alice.get(f"/p/{portal.uuid.hex}/settings/").content.decode()
    assert f'href="{at(portal)}?message={message.reference.hex}"' in alice.get(path).content.decode()
    assert "rest-log" not in bob.get(path).content.decode()


# -- how it is read


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "rest_log_of_portal"),
        ({"direction": "out"}, "rest_log_of_portal"),
        ({"name": LIST}, "rest_log_by_name"),
        ({"name": LIST, "direction": "out"}, "rest_log_by_name"),
        ({"errors": "1"}, "rest_log_of_errors"),
        ({"errors": "1", "name": LIST}, "rest_log_of_errors"),
        ({"direction": "in"}, "rest_log_incoming"),
        ({"since": "2026-11-01T00:00", "until": "2026-12-01T00:00"}, "rest_log_of_portal"),
    ],
    ids=str,
)
def test_a_page_comes_in_the_order_of_an_index(
    alice: Client, portal: Portal, query: dict[str, str], index: str
) -> None:
    """Sorting would mean that all a portal has is read for fifty lines."""
    others = [exchange(portal, "app.info" if number % 9 else LIST) for number in range(300)]
    Exchange.objects.filter(pk__in=[one.pk for one in others[::7]]).update(method="EVENT", error="not verified")
    with database.cursor() as cursor:
        cursor.execute("ANALYZE journal_exchange")
    with CaptureQueriesContext(database) as made:
        alice.get(at(portal), query)
    read = [one["sql"] for one in made if one["sql"].startswith('SELECT "journal_exchange"')]
    plans = [plan_of(sql) for sql in read]
    assert f"using {index}" in plans[0]
    assert all("using rest_log_" in plan and "Sort" not in plan for plan in plans)


def test_what_is_about_a_message_is_found_by_its_own_indexes(alice: Client, portal: Portal, sender: Sender) -> None:
    message = factories.message(sender)
    batch(portal, message)
    with CaptureQueriesContext(database) as made:
        alice.get(at(portal), {"message": message.reference.hex})
    read = [one["sql"] for one in made if one["sql"].startswith('SELECT "journal_exchange"."id" AS')]
    alone, batched = [plan_of(sql, "seqscan", "sort") for sql in read]
    assert "exchange_of_message" in alone
    assert "rest_log_of_messages" in batched


def plan_of(sql: str, *without: str) -> str:
    with database.cursor() as cursor:
        for kind in without or ("seqscan", "sort", "incremental_sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{kind} = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        for kind in without or ("seqscan", "sort", "incremental_sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{kind} = on")
    return plan
