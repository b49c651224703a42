"""The journal: who sees what, every filter, paging and the poll."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.console.journal import pagination
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Status
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), title="Acme"), names={"en": "Front desk"})


def at(portal: Portal) -> str:
    return f"/p/{portal.uuid.hex}/journal/"


def seen(client: Client, portal: Portal, **query: str) -> list[str]:
    """Return the texts of the rows, in order."""
    page = client.get(at(portal), query).content.decode()
    return re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', page)


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_messages_come_newest_first_and_only_this_portal_s(alice: Client, sender: Sender) -> None:
    factories.message(factories.sender(factories.connection(factories.portal("charlie"))), text="Charlie's")
    factories.message(sender, text="first")
    factories.message(sender, text="second")
    assert seen(alice, sender.portal) == ["second", "first"]


def test_an_employee_sees_what_is_theirs_with_the_number_masked(sender: Sender) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    factories.message(sender, text="Alice's")
    factories.message(sender, text="nobody's", author_id=None)
    factories.message(sender, text="Bob's", author_id=factories.BOB, to="+12025550188")
    assert seen(bob, sender.portal) == ["Bob&#x27;s"]
    page = words(bob.get(at(sender.portal)))
    assert "202-555-0188" not in page
    assert "2025550188" not in page
    assert "88" in page


def test_an_employee_cannot_find_others_by_number(sender: Sender) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    factories.message(sender, text="Alice's")
    assert seen(bob, sender.portal, phone="+12025550147") == []


ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "waiting": {},
    "on the wire": {"phase": Phase.ON_WIRE, "due_at": None},
    "unknown": {"phase": Phase.UNKNOWN, "due_at": None, "reason": "timed_out"},
    "sent": {"status": Status.SENT, "module": "bizproc"},
    "delivered": {"status": Status.DELIVERED, "module": "sender"},
    "undelivered": {"status": Status.UNDELIVERED, "reason": "unreached", "module": "imopenlines"},
    "failed": {"status": Status.FAILED, "reason": "invalid_number", "origin": Origin.TEST, "message_id": None},
}


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({"status": "waiting"}, ["on the wire", "waiting"]),
        ({"status": "unknown"}, ["unknown"]),
        ({"status": "sent"}, ["sent"]),
        ({"status": "delivered"}, ["delivered"]),
        ({"status": "undelivered"}, ["undelivered"]),
        ({"status": "failed"}, ["failed"]),
        ({"status": "nonsense"}, list(reversed(ONE_OF_EACH))),
        ({"source": "crm"}, ["unknown", "on the wire", "waiting"]),
        ({"source": "automation"}, ["sent"]),
        ({"source": "campaign"}, ["delivered"]),
        ({"source": "other"}, ["undelivered"]),
        ({"source": "test"}, ["failed"]),
        ({"error": "timed_out"}, ["unknown"]),
        ({"error": "invalid_number", "status": "failed"}, ["failed"]),
        ({"error": "invalid_number", "status": "sent"}, []),
    ],
)
def test_each_filter_narrows_to_its_own(alice: Client, sender: Sender, query: dict[str, str], texts: list[str]) -> None:
    for text, fields in ONE_OF_EACH.items():
        factories.message(sender, text=text, **fields)
    assert seen(alice, sender.portal, **query) == texts


@pytest.mark.parametrize("typed", ["+12025550188", "202 555 0188", "(202) 555-0188", "0188", "550188", "…188"])
def test_a_number_is_found_whole_or_by_its_last_digits(alice: Client, sender: Sender, typed: str) -> None:
    factories.message(sender, text="other")
    factories.message(sender, text="wanted", to="+12025550188")
    assert seen(alice, sender.portal, phone=typed) == ["wanted"]


def test_what_holds_no_digits_is_no_number(alice: Client, sender: Sender) -> None:
    factories.message(sender)
    assert seen(alice, sender.portal, phone="abc") == []


def test_a_sender_is_picked_by_its_uuid_and_charlie_s_finds_nothing(alice: Client, sender: Sender) -> None:
    other = factories.sender(sender.connection)
    charlies = factories.sender(factories.connection(factories.portal("charlie")))
    factories.message(charlies, text="Charlie's")
    factories.message(sender, text="hers")
    factories.message(other, text="the other's")
    assert seen(alice, sender.portal, sender=sender.uuid.hex) == ["hers"]
    assert seen(alice, sender.portal, sender=charlies.uuid.hex) == []


def test_the_window_is_thirty_days_unless_dates_are_given(alice: Client, sender: Sender) -> None:
    now = timezone.now()
    for days in (0, 29, 31, 40):
        factories.message(sender, now=now - timedelta(days=days), text=f"{days} days old")
    today = timezone.localdate()
    assert seen(alice, sender.portal) == ["0 days old", "29 days old"]
    window = {"since": str(today - timedelta(days=41)), "until": str(today - timedelta(days=31))}
    assert seen(alice, sender.portal, **window) == ["31 days old", "40 days old"]
    assert seen(alice, sender.portal, since="nonsense") == ["0 days old", "29 days old"]


def test_days_are_the_portal_s(sender: Sender) -> None:
    sender.portal.time_zone = "Asia/Almaty"
    sender.portal.save(update_fields=["time_zone"])
    midnight = timezone.now().replace(hour=20, minute=0, second=0) - timedelta(days=2)  # the next day in Almaty
    factories.message(sender, now=midnight, text="late")
    day = str((midnight + timedelta(days=1)).date())
    alice = factories.visitor(sender.portal)
    assert seen(alice, sender.portal, since=day, until=day) == ["late"]


def test_set_filters_are_chips_that_clear_themselves(alice: Client, sender: Sender) -> None:
    response = alice.get(at(sender.portal), {"status": "failed", "phone": "0188", "sender": sender.uuid.hex})
    assert "Status: Failed" in words(response)
    assert "Sender: Front desk" in words(response)
    links = re.findall(r'class="chip__x" href="([^"]*)"', response.content.decode())
    without = [parse_qs(urlsplit(link.replace("&amp;", "&")).query) for link in links]
    assert [sorted(query) for query in without] == [
        ["sender", "status"],
        ["phone", "sender"],
        ["phone", "status"],
        ["days", "phone", "sender", "status"],
    ]


def options(response: Any, name: str) -> list[tuple[str, str, bool]]:
    """Return value, words and whether it is chosen of each choice of one select of the filters."""
    page = response.content.decode()
    select = re.search(rf'<select[^>]* name="{name}"(.*?)</select>', page, re.DOTALL)
    rows = re.findall(r'<option value="([^"]*)"\s*(selected)?>([^<]*)<', select[1]) if select else []
    return [(value, text, bool(chosen)) for value, chosen, text in rows]


def test_messages_of_no_employee_are_a_choice_like_each_employee(alice: Client, bob: Client, sender: Sender) -> None:
    factories.message(sender, text="by a rule", author_id=None)
    factories.message(sender, text="by hand", author_id=7)
    page = alice.get(at(sender.portal), {"employee": "none"})
    assert texts(page) == ["by a rule"]
    assert options(page, "employee") == [
        ("", "All employees", False),
        ("7", "Employee 7", False),
        ("none", "No employee", True),
    ]
    assert page.content.decode().count('name="employee"') == 1
    assert options(alice.get(at(sender.portal)), "employee")[-1] == ("none", "No employee", False)
    assert options(bob.get(at(sender.portal)), "employee") == []


def test_empty_places_say_why(alice: Client, sender: Sender) -> None:
    assert "No messages in the last 30 days" in words(alice.get(at(sender.portal)))
    assert "No messages match these filters" in words(alice.get(at(sender.portal), {"status": "failed"}))
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert "No messages yet" in words(bob.get(at(sender.portal)))


def texts(response: Any) -> list[str]:
    return re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*<', response.content.decode())


def pager(response: Any) -> dict[str, str]:
    """Return the queries behind Newer and Older."""
    found = re.findall('href="[^"]*\\?([^"]*)">\\s*(Newer|Older|Search older messages)\\s*<', response.content.decode())
    return {name: query.replace("&amp;", "&") for query, name in found}


def test_pages_follow_one_another_without_gap_or_overlap(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "PAGE_SIZE", 3)
    for number in range(8):
        factories.message(sender, text=str(number), status=Status.SENT)
    first = alice.get(at(sender.portal), {"status": "sent"})
    assert list(pager(first)) == ["Older"]
    second = alice.get(f"{at(sender.portal)}?{pager(first)['Older']}")
    third = alice.get(f"{at(sender.portal)}?{pager(second)['Older']}")
    back = alice.get(f"{at(sender.portal)}?{pager(third)['Newer']}")
    texts = [
        re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*<', one.content.decode()) for one in (first, second, third)
    ]
    assert texts == [["7", "6", "5"], ["4", "3", "2"], ["1", "0"]]
    assert list(pager(third)) == ["Newer"]
    assert re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*<', back.content.decode()) == ["4", "3", "2"]
    assert "status=sent" in pager(second)["Older"]


def test_what_came_at_one_moment_is_on_one_page_or_the_next(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "PAGE_SIZE", 2)
    now = timezone.now()
    for number in range(5):
        factories.message(sender, now=now, text=str(number))
    first = alice.get(at(sender.portal))
    second = alice.get(f"{at(sender.portal)}?{pager(first)['Older']}")
    back = alice.get(f"{at(sender.portal)}?{pager(second)['Newer']}")
    assert [texts(one) for one in (first, second, back)] == [["4", "3"], ["2", "1"], ["4", "3"]]


def test_a_message_that_was_late_stands_at_its_time(alice: Client, sender: Sender) -> None:
    now = timezone.now()
    factories.message(sender, now=now, text="on time")
    factories.message(sender, now=now - timedelta(minutes=10), text="from the spool")
    factories.message(sender, now=now - timedelta(minutes=20), text="before both")
    assert seen(alice, sender.portal) == ["on time", "from the spool", "before both"]


def test_a_search_without_an_index_stops_and_goes_on_where_it_stopped(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_SCANNED", 4)
    now = timezone.now()
    for age in range(10):
        state = {"status": Status.SENT} if age in {0, 8} else {"status": Status.DELIVERED}
        factories.message(sender, now=now - timedelta(minutes=age), text=f"{age} min", **state)
    first = alice.get(at(sender.portal), {"status": "sent"})
    assert (texts(first), list(pager(first))) == (["0 min"], ["Search older messages"])
    second = alice.get(f"{at(sender.portal)}?{pager(first)['Search older messages']}")
    assert (texts(second), list(pager(second))) == ([], ["Search older messages"])
    assert "No matches so far Searched the latest 4 messages." in words(second)
    third = alice.get(f"{at(sender.portal)}?{pager(second)['Search older messages']}")
    assert (texts(third), list(pager(third))) == (["8 min"], ["Newer"])
    back = alice.get(f"{at(sender.portal)}?{pager(third)['Newer']}")
    assert (texts(back), list(pager(back))) == ([], ["Newer"])
    top = alice.get(f"{at(sender.portal)}?{pager(back)['Newer']}")
    assert texts(top) == ["0 min"]


def test_a_search_that_ends_where_one_page_may_go_says_so(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_SCANNED", 3)
    for _ in range(3):
        factories.message(sender, status=Status.DELIVERED)
    response = alice.get(at(sender.portal), {"status": "sent"})
    assert pager(response) == {}
    assert "No messages match these filters" in words(response)


@pytest.mark.parametrize("query", [{"status": "failed"}, {"error": "rejected"}, {"phone": "+12025550188"}])
def test_what_has_an_index_is_found_however_far_back(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(pagination, "MAX_SCANNED", 2)
    old = timezone.now() - timedelta(days=20)
    factories.message(sender, now=old, text="wanted", to="+12025550188", status=Status.FAILED, reason="rejected")
    for _ in range(5):
        factories.message(sender, status=Status.DELIVERED)
    assert seen(alice, sender.portal, **query) == ["wanted"]


@pytest.mark.parametrize(
    "query", [{}, {"status": "failed"}, {"status": "unknown"}, {"error": "opt_out"}, {"source": "test"}], ids=str
)
def test_a_page_comes_in_the_order_of_an_index(alice: Client, sender: Sender, query: dict[str, str]) -> None:
    """Sorting would mean that all a portal has is read for fifty lines."""
    with CaptureQueriesContext(database) as made:
        alice.get(at(sender.portal), query)
    [page] = [one["sql"] for one in made if one["sql"].startswith('SELECT "messaging_message"')]
    with database.cursor() as cursor:
        for kind in ("seqscan", "sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{kind} = off")
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using message_" in plan
    assert "Sort" not in plan


def test_a_cursor_of_charlie_s_is_no_cursor(alice: Client, sender: Sender) -> None:
    factories.message(sender, text="hers")
    charlies = factories.message(factories.sender(factories.connection(factories.portal("charlie"))))
    assert seen(alice, sender.portal, before=charlies.reference.hex) == ["hers"]


def token(response: Any) -> str:
    return str(re.findall(r'"seen": "([0-9a-f]+)"', response.content.decode())[0])


def test_the_poll_is_told_nothing_until_something_changes(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, text="hers")
    here = at(sender.portal)
    known = token(alice.get(here))
    assert alice.get(here, {"seen": known}).status_code == 204
    Message.objects.filter(pk=message.pk).update(status=Status.SENT, phase=Phase.DONE, due_at=None)
    changed = alice.get(here, {"seen": known})
    assert changed.status_code == 200
    assert "Sent" in words(changed)
    factories.message(sender, text="new")
    assert alice.get(here, {"seen": token(changed)}).status_code == 200


def test_a_list_that_cannot_change_is_not_polled_and_a_poll_of_it_ends(alice: Client, sender: Sender) -> None:
    message = factories.message(sender)
    yesterday = str(timezone.localdate() - timedelta(days=1))
    for query in ({"until": yesterday}, {"before": message.reference.hex}):
        assert "every 4s" not in alice.get(at(sender.portal), query).content.decode()
        assert alice.get(at(sender.portal), {**query, "seen": "0"}).status_code == 286
    assert "every 4s" in alice.get(at(sender.portal)).content.decode()


def test_a_message_of_unknown_outcome_asks_to_be_decided(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, phase=Phase.UNKNOWN, due_at=None, reason="timed_out")
    response = alice.get(at(sender.portal))
    assert "Unknown No response" in words(response)
    assert "Resending could deliver it twice." in words(response)
    assert f"/journal/{message.reference}/" in response.content.decode()


def test_a_text_that_is_no_longer_kept_says_so_and_one_that_never_was_does_too(sender: Sender) -> None:
    now = timezone.now()
    sender.portal.texts_emptied_to = now - timedelta(days=8)
    sender.portal.save(update_fields=["texts_emptied_to"])
    old = factories.message(sender, now=now - timedelta(days=9), text="", to="", status=Status.DELIVERED, parts=3)
    factories.message(sender, text="", status=Status.FAILED)
    alice = factories.visitor(sender.portal)
    assert seen(alice, sender.portal) == ["(empty)", "(deleted)"]
    page = alice.get(f"{at(sender.portal)}{old.reference}/")
    assert "(deleted)" in words(page)


def test_texts_are_escaped(alice: Client, sender: Sender) -> None:
    factories.message(sender, text="<script>alert(1)</script>")
    assert "<script>" not in alice.get(at(sender.portal)).content.decode()


def test_queries_do_not_grow_with_the_rows(alice: Client, sender: Sender, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        factories.message(sender)
    with django_assert_max_num_queries(9):
        alice.get(at(sender.portal))


def test_an_employee_is_picked_from_those_who_sent(alice: Client, sender: Sender) -> None:
    for author in (7, 7, 31, None, 0):  # none, and the portal's word for none
        factories.message(sender, text=f"by {author}", author_id=author)
    factories.message(factories.sender(factories.connection(factories.portal("charlie"))), author_id=99)
    page = alice.get(at(sender.portal), {"employee": "7"})
    assert texts(page) == ["by 7", "by 7"]
    assert "Employee: 7" in words(page)
    assert re.findall(r'<option value="([0-9]+)"', page.content.decode()) == ["7", "31"]
    assert seen(alice, sender.portal, employee="nonsense") == ["by 0", "by None", "by 31", "by 7", "by 7"]
    assert seen(alice, sender.portal, employee="7", status="failed") == []


def test_bob_cannot_pick_another_employee(sender: Sender) -> None:
    factories.message(sender, text="Alice's")
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    page = bob.get(at(sender.portal), {"employee": str(factories.ALICE)})
    assert texts(page) == []
    assert 'name="employee"' not in page.content.decode()
