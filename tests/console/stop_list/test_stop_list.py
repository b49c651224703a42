"""The stop list: kept by administrators, imported and exported as a file."""

import io
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from b24app.audit.models import Action, Change
from b24app.console.formats import csv_files
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal() -> Portal:
    return factories.portal(country="US")


def at(portal: Portal, path: str = "") -> str:
    return f"/p/{portal.uuid.hex}/stop-list/{path}"


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())).replace("\u00a0", " ")


def stopped(portal: Portal, number: str = "+12025550147", **fields: Any) -> StoppedNumber:
    return StoppedNumber.objects.create(**{"portal": portal, "number": number, "source": StopSource.HAND, **fields})


def upload(client: Client, portal: Portal, content: str, **fields: str) -> Any:
    file = SimpleUploadedFile("numbers.csv", content.encode(), "text/csv")
    return client.post(at(portal, "import/"), {"file": file, **fields})


def seen(response: Any) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', response.content.decode())
    assert found is not None
    return found[1]


def test_the_empty_list_says_what_it_is_for(alice: Client, portal: Portal) -> None:
    page = text(alice.get(at(portal)))
    assert "No opted-out numbers" in page
    assert "Numbers stay on the list even when messages are erased or expire" in page


def test_a_number_is_added_by_hand_in_any_writing_and_once(alice: Client, portal: Portal) -> None:
    answer = alice.post(at(portal), {"number": "(202) 555-0147", "note": "asked by phone"})
    assert "Number added to the opt-out list." in answer["HX-Trigger"]
    found = StoppedNumber.objects.get()
    assert (found.portal, found.number, found.source) == (portal, "+12025550147", StopSource.HAND)
    assert (found.note, found.added_by) == ("asked by phone", ALICE)
    again = alice.post(at(portal), {"number": "+12025550147", "note": "another"})
    assert "Number was already on the list." in again["HX-Trigger"]
    assert StoppedNumber.objects.get().note == "asked by phone"


@pytest.mark.parametrize("number", ["", "nobody", "12"])
def test_a_wrong_number_is_said_beside_its_field(alice: Client, portal: Portal, number: str) -> None:
    answer = alice.post(at(portal), {"number": number})
    assert 'id="id_number_error"' in answer.content.decode()
    assert not StoppedNumber.objects.exists()


def test_a_number_is_found_by_its_end_and_only_ones_own(alice: Client, portal: Portal) -> None:
    stopped(portal, "+12025550147", note="hers")
    stopped(portal, "+12025550160", note="another")
    stopped(factories.portal("charlie"), "+12025550247", note="his")
    for typed in ("0147", "+1 202 555 0147", "2025550147"):
        page = text(alice.get(at(portal), {"phone": typed}))
        assert "hers" in page, typed
        assert "another" not in page, typed
    assert "his" not in text(alice.get(at(portal), {"phone": "47"}))
    assert "Number not found on the list" in text(alice.get(at(portal), {"phone": "999"}))


def test_pages_follow_each_other_without_gaps(alice: Client, portal: Portal) -> None:
    for place in range(120):
        stopped(portal, f"+1202555{1000 + place}", note=f"note {place} end")
    shown: list[int] = []
    address: str | None = at(portal)
    while address:
        page = alice.get(address).content.decode()
        shown += [int(one) for one in re.findall(r"note (\d+) end", page)]
        more = re.search(r'href="([^"]+before=[0-9a-f]{32})"', page)
        address = more[1].replace("&amp;", "&") if more else None
    assert shown == list(range(119, -1, -1))


def test_removing_asks_in_place_and_says_what_a_service_will_do(alice: Client, portal: Portal) -> None:
    by_hand, by_service = stopped(portal), stopped(portal, "+12025550148", source=StopSource.REFUSAL)
    assert "Messages to this number will be sent again." in text(alice.get(at(portal, f"{by_hand.uuid}/remove/")))
    question = text(alice.get(at(portal, f"{by_service.uuid}/remove/")))
    assert "the service keeps blocking messages and the number will be added again" in question
    assert StoppedNumber.objects.count() == 2
    answer = alice.post(at(portal, f"{by_hand.uuid}/remove/"))
    assert "Number removed from the opt-out list." in answer["HX-Trigger"]
    assert list(StoppedNumber.objects.all()) == [by_service]


def test_nobody_else_sees_or_changes_it(alice: Client, portal: Portal) -> None:
    entry = stopped(portal)
    bob = factories.visitor(portal, BOB, is_admin=False)
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, CHARLIE)
    assert "Opt-outs" not in text(bob.get(f"/p/{portal.uuid.hex}/"))
    for path in ("", "import/", "export/", f"{entry.uuid}/remove/"):
        for method in ("get", "post"):
            answer = getattr(bob, method)(at(portal, path), {"number": "+12025550148"})
            assert answer.status_code in {403, 405}, path
            assert "202" not in text(answer)
    for method in ("get", "post"):
        assert getattr(charlie, method)(at(charlies, f"{entry.uuid}/remove/")).status_code == 404
    assert list(StoppedNumber.objects.all()) == [entry]
    assert "Opt-outs" in text(alice.get(f"/p/{portal.uuid.hex}/stop-list/", headers={"HX-Target": "app"}))


# -- a file in --------------------------------------------------------------------------------------------------------


def test_a_file_is_shown_as_understood_and_kept_only_when_confirmed(alice: Client, portal: Portal) -> None:
    stopped(portal, "+12025550100")
    content = "number;note\n+12025550100;there\n+12025550101;new\n+12025550101;twice\nnobody;wrong\n\n"
    preview = upload(alice, portal, content)
    words = text(preview)
    assert "The file has 6 lines. Its first line names the columns." in words
    assert "1 new number can be added." in words
    assert "1 number is already on the list." in words
    assert "1 line repeats a number of the file." in words
    assert "1 line is empty." in words
    assert "5 nobody wrong Enter a valid phone number." in words
    assert "Add 1 number" in words
    assert StoppedNumber.objects.count() == 1

    answer = upload(alice, portal, content, keep="1", seen=seen(preview))
    assert "1 number added" in answer["HX-Trigger"]
    new = StoppedNumber.objects.get(number="+12025550101")
    assert (new.portal, new.source, new.added_by, new.note) == (portal, StopSource.FILE, ALICE, "new")
    assert StoppedNumber.objects.count() == 2


def test_another_file_than_the_one_shown_is_shown_first(alice: Client, portal: Portal) -> None:
    preview = upload(alice, portal, "+12025550101\n")
    answer = upload(alice, portal, "+12025550102\n", keep="1", seen=seen(preview))
    assert "Add 1 number" in text(answer)
    assert not StoppedNumber.objects.exists()


def test_no_file_and_no_text_are_explained(alice: Client, portal: Portal) -> None:
    assert "Choose a file." in text(alice.post(at(portal, "import/"), {}))
    assert "This is not a text file." in text(upload(alice, portal, "PK\0"))
    huge = upload(alice, portal, "1" * (csv_files.MAX_BYTES + 20_000))
    assert "The file is larger than 5 MB" in text(huge)
    assert huge.status_code == 200


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_excel_calls_unicode_text_is_read(encoding: str) -> None:
    content = "\ufeffnumber\tnote\r\n+12025550101\tпросил 不要\r\n".encode(encoding)
    found = csv_files.read_numbers(io.BytesIO(content), "US")
    assert (found.numbers, found.header, found.bad) == ({"+12025550101": "просил 不要"}, True, [])


@pytest.mark.parametrize("content", [b"\xff\xfe+\x001", b"\xff\xfe\x00\xd8\n\x00", b"+12025550101;\x81\n"])
def test_what_cannot_be_decoded_is_said(content: bytes) -> None:
    with pytest.raises(csv_files.BadFile, match="This is not a text file"):
        csv_files.read_numbers(io.BytesIO(content), "US")


def test_ten_thousand_lines_lose_none(alice: Client, portal: Portal) -> None:
    lines = [f"+1202{5_550_000 + place:07}" for place in range(9_700)]
    wrong = [f"x{place}" for place in range(300)]
    content = "\n".join([*lines, *wrong])
    preview = upload(alice, portal, content)
    words = text(preview)
    assert "The file has 10,000 lines." in words
    assert "9,700 new numbers can be added." in words
    assert "300 lines have no valid number and will be skipped." in words
    assert "9701 x0 Enter a valid phone number." in words
    assert "And 100 more lines 9901–10000" in words
    answer = upload(alice, portal, content, keep="1", seen=seen(preview))
    assert "9700 numbers added" in answer["HX-Trigger"]
    assert StoppedNumber.objects.filter(portal=portal).count() == 9_700


# -- a file out -------------------------------------------------------------------------------------------------------


def test_the_list_is_saved_as_a_file_that_can_be_brought_in_again(
    alice: Client, portal: Portal, client: Client
) -> None:
    stopped(portal, "+12025550147", note='=HYPERLINK("http://evil.example")', added_by=7)
    stopped(portal, "+12025550148", source=StopSource.REPORT)
    stopped(factories.portal("charlie"), "+12025550199")
    address = alice.get(at(portal, "export/"))["HX-Redirect"]
    answer = client.get(address)
    body = answer.getvalue().decode()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="stop-list-\d{4}-\d\d-\d\d\.csv"', answer["Content-Disposition"])
    assert answer["Cache-Control"] == "no-store"
    lines = body.removeprefix("\ufeff").split("\r\n")
    assert lines[0] == "added,number,note,source,user"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\+12025550148,,report,", lines[1])
    assert lines[2].endswith(',+12025550147,"\'=HYPERLINK(""http://evil.example"")",hand,7')
    assert lines[3:] == [""]
    preview = text(upload(alice, portal, body))
    assert "2 numbers are already on the list." in preview
    assert "skipped" not in preview


def test_the_address_of_the_file_is_sealed_soon_over_and_dead_when_we_are_removed(
    alice: Client, portal: Portal, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(portal)
    address = alice.get(at(portal, "export/"))["HX-Redirect"]
    assert client.get(address).status_code == 200
    spoilt = address[:-8] + ("aaaaa" if "aaaaa" not in address else "bbbbb") + address[-3:]
    assert client.get(spoilt).status_code == 404
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + 62)
        assert client.get(address).status_code == 404
    Portal.objects.filter(pk=portal.pk).update(uninstalled_at=timezone.now())
    assert client.get(address).status_code == 404


# -- several at once


def test_several_numbers_are_removed_after_a_question_and_put_back_as_they_were(
    alice: Client, portal: Portal, django_capture_on_commit_callbacks: Any
) -> None:
    since = timezone.now() - timedelta(days=40)
    mine = [
        stopped(portal, "+12025550101", note="asked by phone", added_by=ALICE, added_at=since),
        stopped(portal, "+12025550102", source=StopSource.REFUSAL),
        stopped(portal, "+12025550103"),
    ]
    before = list(StoppedNumber.objects.order_by("number").values("number", "source", "note", "added_by", "added_at"))
    chosen = {"n": [one.uuid.hex for one in mine[:2]]}
    question = text(alice.post(at(portal, "remove/"), chosen))
    assert "Remove 2 numbers from the opt-out list? New messages to these numbers will be sent." in question
    assert "1 was reported by a service" in question
    assert StoppedNumber.objects.count() == 3

    with django_capture_on_commit_callbacks(execute=True):
        answer = alice.post(at(portal, "remove/"), chosen | {"sure": "1"})
    assert "2 numbers removed from the opt-out list. Undo" in text(answer)
    assert [one.number for one in StoppedNumber.objects.all()] == ["+12025550103"]
    changes = re.findall(r'name="change" value="([0-9a-f]{32})"', answer.content.decode())
    assert [one.uuid.hex for one in Change.objects.filter(action=Action.REMOVED).order_by("pk")] == changes

    restored = alice.post(at(portal, "restore/"), {"change": changes})
    assert "2 numbers restored" in restored["HX-Trigger"]
    after = list(StoppedNumber.objects.order_by("number").values("number", "source", "note", "added_by", "added_at"))
    assert after == before
    undone = Change.objects.filter(action=Action.RESTORED).order_by("pk")
    assert [one.undoes.hex for one in undone if one.undoes] == changes
    again = alice.post(at(portal, "restore/"), {"change": changes})
    assert "This can no longer be undone." in again["HX-Trigger"]
    assert StoppedNumber.objects.count() == 3


def test_with_nothing_ticked_nothing_is_removed(alice: Client, portal: Portal) -> None:
    stopped(portal)
    for data in ({}, {"sure": "1"}, {"n": ["nonsense", "\x00"], "sure": "1"}):
        assert "Select at least one number." in text(alice.post(at(portal, "remove/"), data))
    assert "This can no longer be undone." in alice.post(at(portal, "restore/"), {"change": "x"})["HX-Trigger"]
    assert StoppedNumber.objects.count() == 1


def test_strangers_remove_and_restore_nothing(
    alice: Client, bob: Client, portal: Portal, django_capture_on_commit_callbacks: Any
) -> None:
    entry = stopped(portal)
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, CHARLIE)
    data = {"n": entry.uuid.hex, "sure": "1"}
    assert bob.post(at(portal, "remove/"), data).status_code == 403
    assert "Select at least one number." in text(charlie.post(at(charlies, "remove/"), data))
    assert StoppedNumber.objects.count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        answer = alice.post(at(portal, "remove/"), data)
    changes = {"change": re.findall(r'name="change" value="([0-9a-f]{32})"', answer.content.decode())}
    assert bob.post(at(portal, "restore/"), changes).status_code == 403
    assert "no longer" in charlie.post(at(charlies, "restore/"), changes)["HX-Trigger"]
    assert not StoppedNumber.objects.exists()
