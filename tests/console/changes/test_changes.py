"""The list of changes, what the pages of objects say of them, and what can be undone."""

import json
import re
import uuid
from datetime import time, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from b24app.audit.actor import acting_as
from b24app.audit.models import Action, Change, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.changes import views
from b24app.console.settings.general_forms import PORTAL_FIELDS
from b24app.console.settings.limit_forms import SAVED_FIELDS
from b24app.console.settings.notice_forms import COLUMNS as NOTICE_COLUMNS
from b24app.console.wording import changes
from b24app.core.redis import redis_client
from b24app.messaging.actions import pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules, StoppedNumber, StopSource
from b24app.messaging.models.statuses import Phase, Status
from b24app.messaging.push.sender_registration import EDITED_COLUMNS
from b24app.portals.models import Employee, Portal
from providers.kit import contract
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

NUMBER, MASKED = "+12025550147", "+1 •••-•••-••47"


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    portal = factories.portal("alice")
    Employee.objects.create(portal=portal, user_id=ALICE, name="Alice Adams", asked_at=timezone.now())
    return factories.sender(factories.connection(portal, title="Acme"))


def at(portal: Portal, path: str = "settings/changes/") -> str:
    return f"/p/{portal.uuid.hex}/{path}"


def text(response: Any) -> str:
    content = response.content.decode() if hasattr(response, "content") else str(response)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content)).replace("\u00a0", " ")


def undo(client: Client, portal: Portal, change: Change | None = None) -> str:
    """Undo a change, the newest if none is named; return the toast."""
    change = change or Change.objects.latest("pk")
    response = client.post(at(portal, f"settings/changes/{change.uuid}/undo/"))
    assert response.status_code == 200
    return str(response["HX-Trigger"])


# -- the list


def test_the_list_says_who_did_what_to_which_object(alice: Client, portal: Portal, sender: Sender) -> None:
    with acting_as(ALICE):
        pauses.pause_sender(sender)
    lifecycle.block_connection(sender.connection, "auth", "401", "bad token")
    page = text(alice.get(at(portal)))
    assert re.search(
        "Account stopped: the service rejects it Acme Sendline .* Sender paused Front desk Alice Adams", page
    )
    assert "bad token" not in page


def test_an_empty_list_says_what_it_is_for(alice: Client, portal: Portal) -> None:
    assert "No changes yet" in text(alice.get(at(portal)))
    assert "No changes match the filters" in text(alice.get(at(portal), {"kind": "sender"}))


def test_an_edit_shows_each_field_before_and_after(alice: Client, portal: Portal, sender: Sender) -> None:
    form = {"sender-name_en": "Reception", "sender-signature": sender.signature, "sender-max_age": "4"}
    alice.post(at(portal, f"senders/{sender.uuid}/"), {**form, "sender-per_hour": "30", "sender-transactional": "on"})
    page = text(alice.get(at(portal)))
    assert "Name: en: Reception (was en: Front desk)" in page
    assert "Hourly limit: 30 (was none)" in page
    assert "Expire after: 4 hours (was 24 hours)" in page
    assert "Send during quiet hours" not in page


def test_of_credentials_only_the_names_are_recorded(portal: Portal, sender: Sender) -> None:
    account = {"account_sid": "AC1", "auth_token": "Hunter2Hunter2"}
    connection = factories.connection(portal, "twilio", title="Main", account=account)
    with acting_as(ALICE):
        lifecycle.rotate_credentials(connection, {**account, "auth_token": "Hunter3Hunter3"}, contract.Account())
    change = Change.objects.get()
    assert (change.action, change.before, change.after) == ("credentials", {}, {"fields": ["auth_token"]})
    assert "Hunter" not in repr(vars(change))


def test_each_field_that_is_recorded_has_a_label() -> None:
    fields = {*EDITED_COLUMNS, *SAVED_FIELDS, *PORTAL_FIELDS, *NOTICE_COLUMNS, "user_ids", "low_balance", "title"}
    assert fields - set(changes._FIELDS) == set()


def test_filters_narrow_by_person_kind_and_day(alice: Client, portal: Portal, sender: Sender) -> None:
    with acting_as(ALICE):
        record_change(Action.PAUSED, sender.audit_subject)
        old = record_change(Action.PAUSED, sender.connection.audit_subject)
    record_change(Action.RECONNECTED, Subject(portal.pk, Kind.PORTAL, portal.pk))
    Change.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=40))

    def found(**query: str) -> list[bool]:
        page = text(alice.get(at(portal), query).content.decode().split("</form>")[1])
        return [words in page for words in ("Sender paused", "Account paused", "Bitrix24 reconnected")]

    week_ago = (timezone.now() - timedelta(days=7)).date().isoformat()
    assert found() == [True, True, True]
    assert found(person=str(ALICE)) == [True, True, False]
    assert found(person="0") == [False, False, True]
    assert found(kind="account") == [False, True, False]
    assert found(since=week_ago) == [True, False, True]
    assert found(until=week_ago) == [False, True, False]
    assert found(person="nobody", kind="nothing", since="never") == [True, True, True]


def test_pages_follow_one_another_by_key(
    alice: Client, portal: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    for number in range(3):
        record_change(Action.ADDED, Subject(portal.pk, Kind.SENDER, number, f"Desk {number}"))
    first = alice.get(at(portal)).content.decode()
    assert [f"Desk {number}" in first for number in range(3)] == [False, True, True]
    [older] = re.findall(r"before=([0-9a-f]{32})", first)
    second = alice.get(at(portal), {"before": older}).content.decode()
    assert [f"Desk {number}" in second for number in range(3)] == [True, False, False]


def test_the_file_has_what_the_filters_find(alice: Client, portal: Portal, sender: Sender) -> None:
    with acting_as(ALICE):
        pauses.pause_sender(sender)
        lifecycle.pause_connection(sender.connection)
    answer = alice.get(at(portal, "settings/changes/export/"), {"kind": "sender"})
    file = b"".join(Client().get(answer["HX-Redirect"]).streaming_content).decode()  # type: ignore[attr-defined]
    _titles, row, *rest = file.splitlines()
    assert row.split(",")[1:] == ["Alice Adams", "1", "Sender paused", "Front desk", ""]
    assert rest == []
    assert (Change.objects.latest("pk").action, Change.objects.latest("pk").user_id) == ("exported", ALICE)


# -- who may see it


def test_employees_and_strangers_see_none_of_it(portal: Portal, sender: Sender, bob: Client) -> None:
    Portal.objects.filter(pk=portal.pk).update(hide_numbers=False)
    message = factories.message(sender, author_id=BOB)
    alice = factories.visitor(portal)
    alice.post(at(portal, f"journal/{message.reference}/cancel/"))
    assert "Canceled by Alice Adams" in text(alice.get(at(portal, f"journal/{message.reference}/")))
    assert "Alice Adams" not in text(bob.get(at(portal, f"journal/{message.reference}/")))
    charlie = factories.visitor(factories.portal("charlie"), CHARLIE)
    change = Change.objects.get()
    for client, status in ((bob, 403), (charlie, 401)):
        assert client.get(at(portal)).status_code == status
        assert client.post(at(portal, f"settings/changes/{change.uuid}/undo/")).status_code == status


def test_charlie_cannot_undo_alices_change_under_his_own_key(portal: Portal, sender: Sender) -> None:
    with acting_as(ALICE):
        pauses.pause_sender(sender)
    his = factories.portal("charlie")
    path = f"settings/changes/{Change.objects.get().uuid}/undo/"
    assert factories.visitor(his, CHARLIE).post(at(his, path)).status_code == 404
    sender.refresh_from_db()
    assert sender.paused_at is not None
    assert Change.objects.count() == 1


# -- on the pages of what was changed


def test_banners_say_who_paused(alice: Client, portal: Portal, sender: Sender) -> None:
    alice.post(at(portal, f"senders/{sender.uuid}/pause/"))
    alice.post(at(portal, f"senders/accounts/{sender.connection.uuid}/pause/"))
    alice.post(at(portal, "settings/pause/"))
    senders = text(alice.get(at(portal, "senders/")))
    assert senders.count("Paused by Alice Adams since today") == 3
    assert "Paused by Alice Adams since today" in text(alice.get(at(portal, "settings/")))
    assert "All sending is paused Paused by Alice Adams since " in text(alice.get(at(portal, "")))


def test_a_pause_from_before_changes_were_recorded_has_its_time_alone(alice: Client, portal: Portal) -> None:
    factories.rules(portal, paused_at=timezone.now())
    assert "Paused since today" in text(alice.get(at(portal, "settings/")))


def test_the_pages_of_a_sender_and_an_account_list_the_last_changes(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    alice.post(at(portal, f"senders/{sender.uuid}/pause/"))
    alice.post(at(portal, f"senders/accounts/{sender.connection.uuid}/pause/"))
    assert re.search("Last changes.*Sender paused Alice Adams", text(alice.get(at(portal, f"senders/{sender.uuid}/"))))
    account = text(alice.get(at(portal, f"senders/accounts/{sender.connection.uuid}/")))
    assert re.search("Last changes.*Account paused Alice Adams", account)


def test_a_message_says_who_marked_it_as_sent(alice: Client, portal: Portal, sender: Sender) -> None:
    unknown = factories.message(sender, phase=Phase.UNKNOWN, due_at=None, attempts=1)
    alice.post(at(portal, f"journal/{unknown.reference}/mark-sent/"))
    assert "Marked as sent by Alice Adams, today" in text(alice.get(at(portal, f"journal/{unknown.reference}/")))


def test_canceling_many_is_one_entry_and_each_message_says_by_whom(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    waiting = factories.messages(sender, 3)
    factories.message(sender, status=Status.SENT)
    path = at(portal, "journal/many/")
    asked = alice.post(path, {"act": "cancel", "m": [one.reference.hex for one in waiting]}).content.decode()
    job = re.findall(r'"job": "([^"]*)"', asked)[0]
    for _ in range(2):  # pressed twice
        alice.post(path, {"job": job, "sure": "1"})
    change = Change.objects.get()
    assert (change.action, change.kind, change.count, change.user_id) == ("canceled", "message", 3, ALICE)
    assert "3 messages canceled" in text(alice.get(at(portal)))
    for one in waiting:
        assert "Canceled by Alice Adams" in text(alice.get(at(portal, f"journal/{one.reference}/")))


# -- undo


def test_each_pause_can_be_undone_and_done_again(alice: Client, portal: Portal, sender: Sender) -> None:
    for path, kind in (
        ("settings/pause/", Kind.PORTAL),
        (f"senders/{sender.uuid}/pause/", Kind.SENDER),
        (f"senders/accounts/{sender.connection.uuid}/pause/", Kind.ACCOUNT),
    ):
        alice.post(at(portal, path))
        paused = Change.objects.latest("pk")
        assert _is_paused(sender, kind)
        assert "Undone:" in undo(alice, portal)
        assert not _is_paused(sender, kind)
        resumed = Change.objects.latest("pk")
        assert (resumed.action, resumed.undoes, resumed.user_id) == ("resumed", paused.uuid, ALICE)
        assert "Undone:" in undo(alice, portal)
        assert _is_paused(sender, kind)
    assert [one.action for one in Change.objects.order_by("pk")] == ["paused", "resumed", "paused"] * 3


def _is_paused(sender: Sender, kind: Kind) -> bool:
    match kind:
        case Kind.PORTAL:
            return Rules.objects.filter(portal=sender.portal, paused_at__isnull=False).exists()
        case Kind.SENDER:
            return Sender.objects.filter(pk=sender.pk, paused_at__isnull=False).exists()
        case _:
            return Connection.objects.filter(pk=sender.connection_id, state=ConnectionState.PAUSED).exists()


def test_a_removed_sender_is_restored(alice: Client, portal: Portal, sender: Sender) -> None:
    alice.post(at(portal, f"senders/{sender.uuid}/remove/"))
    sender.refresh_from_db()
    assert sender.state == SenderState.REMOVING  # its portal does not answer
    assert "Undone: Sender removed" in undo(alice, portal)
    sender.refresh_from_db()
    assert sender.state == SenderState.REGISTERING


def test_an_added_number_is_removed_and_a_removed_one_returns_as_it_was(
    alice: Client, portal: Portal, django_capture_on_commit_callbacks: Any
) -> None:
    alice.post(at(portal, "stop-list/"), {"number": NUMBER})
    with django_capture_on_commit_callbacks(execute=True):
        assert "Undone: Opt-out added" in undo(alice, portal)
    assert not StoppedNumber.objects.exists()
    assert "Undone: Opt-out removed" in undo(alice, portal)
    entry = StoppedNumber.objects.get()
    assert (entry.number, entry.source, entry.added_by) == (NUMBER, StopSource.HAND, ALICE)
    assert {one.name for one in Change.objects.all()} == {MASKED}


def test_a_removed_number_waits_sealed_and_for_an_hour(portal: Portal, django_capture_on_commit_callbacks: Any) -> None:
    entry = StoppedNumber.objects.create(portal=portal, number=NUMBER, source=StopSource.REPORT, note="asked")
    with django_capture_on_commit_callbacks(execute=True):
        stop_list.remove_number(portal, entry.pk)
    key = f"undo:{Change.objects.get().uuid.hex}"
    assert NUMBER[2:].encode() not in bytes(redis_client().get(key) or b"")  # type: ignore[arg-type]  # not awaited
    assert 3590 < redis_client().ttl(key) <= 3600
    redis_client().delete(key)
    assert not stop_list.restore_number(portal, Change.objects.get().uuid)
    assert not StoppedNumber.objects.exists()


def test_changed_limits_return_to_what_they_were(alice: Client, portal: Portal) -> None:
    factories.rules(portal, portal_per_hour=10, quiet_from=time(22), quiet_until=time(8), duplicate_minutes=10)
    form = {"portal_per_hour": "20", "warn": "on", "duplicate_minutes": "10", "quiet_from": "", "quiet_until": ""}
    alice.post(at(portal, "settings/limits/"), form)
    rules = Rules.objects.get()
    assert (rules.portal_per_hour, rules.quiet_from) == (20, None)
    assert "Undone:" in undo(alice, portal)
    rules.refresh_from_db()
    assert (rules.portal_per_hour, rules.quiet_from, rules.quiet_until) == (10, time(22), time(8))


def test_limits_that_were_changed_since_are_left_alone(alice: Client, portal: Portal) -> None:
    factories.rules(portal, portal_per_hour=10)
    alice.post(at(portal, "settings/limits/"), {"portal_per_hour": "20"})
    Rules.objects.update(portal_per_hour=30)
    assert "can no longer be undone" in undo(alice, portal)
    assert Rules.objects.get().portal_per_hour == 30


def test_what_was_changed_since_is_not_undone(alice: Client, portal: Portal, sender: Sender) -> None:
    for deed in ("pause", "resume", "pause"):
        alice.post(at(portal, f"senders/{sender.uuid}/{deed}/"))
    first = Change.objects.earliest("pk")
    count = Change.objects.count()
    assert "can no longer be undone" in undo(alice, portal, first)
    sender.refresh_from_db()
    assert sender.paused_at is not None
    assert Change.objects.count() == count


def test_undo_pressed_twice_undoes_once(alice: Client, portal: Portal, sender: Sender) -> None:
    alice.post(at(portal, f"senders/{sender.uuid}/pause/"))
    paused = Change.objects.get()
    assert "Undone:" in undo(alice, portal, paused)
    assert "can no longer be undone" in undo(alice, portal, paused)
    page = text(alice.get(at(portal)))
    assert "Sender paused" in page
    assert "Undone" in page


def test_a_resumed_account_that_was_blocked_offers_no_undo(alice: Client, portal: Portal, sender: Sender) -> None:
    lifecycle.block_connection(sender.connection, "balance", "402", "")
    alice.post(at(portal, f"senders/accounts/{sender.connection.uuid}/resume/"))
    assert "can no longer be undone" in undo(alice, portal)
    sender.connection.refresh_from_db()
    assert sender.connection.state == ConnectionState.ACTIVE


def test_an_unknown_change_is_not_there(alice: Client, portal: Portal) -> None:
    assert alice.post(at(portal, f"settings/changes/{uuid.uuid4()}/undo/")).status_code == 404


# -- in the toast


def test_a_toast_offers_to_undo_what_can_be_undone(portal: Portal, sender: Sender) -> None:
    russian = factories.visitor(portal, language="ru")
    response = russian.post(at(portal, f"senders/{sender.uuid}/pause/"))
    toast = json.loads(response["HX-Trigger"])["toast"]
    paused = Change.objects.get()
    assert toast["path"] == at(portal, f"settings/changes/{paused.uuid}/undo/")
    with translation.override("ru"):
        assert toast["label"] == translation.gettext("Undo")
    again = json.loads(russian.post(toast["path"], toast["fields"])["HX-Trigger"])["toast"]
    sender.refresh_from_db()
    assert sender.paused_at is None
    assert "path" not in again  # an undo is not offered to be undone


@pytest.mark.parametrize("path", ["senders/{}/address/", "senders/{}/"])
def test_a_toast_offers_no_undo_of_anything_else(alice: Client, portal: Portal, sender: Sender, path: str) -> None:
    form = {"sender-name_en": "Reception", "sender-max_age": "24"}
    response = alice.post(at(portal, path.format(sender.uuid)), form)
    assert Change.objects.count() == 1
    toast = json.loads(response.headers.get("HX-Trigger", "{}")).get("toast", {})
    assert {"label", "path", "fields"}.isdisjoint(toast)


def test_a_deed_without_effect_offers_nothing(alice: Client, portal: Portal, sender: Sender) -> None:
    first, again = (alice.post(at(portal, f"senders/{sender.uuid}/pause/")) for _ in range(2))
    assert ["undo" in one["HX-Trigger"] for one in (first, again)] == [True, False]


# -- files


def test_an_import_is_one_entry_without_numbers(alice: Client, portal: Portal) -> None:
    content = f"{NUMBER}\n+12025550148\n".encode()

    def upload(**fields: str) -> Any:
        file = SimpleUploadedFile("numbers.csv", content, "text/csv")
        return alice.post(at(portal, "stop-list/import/"), {"file": file, **fields})

    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', upload().content.decode())
    assert seen is not None
    assert not Change.objects.exists()
    upload(seen=seen[1], keep="1")
    change = Change.objects.get()
    assert (change.action, change.count, change.name) == ("imported", 2, "")
    assert "2 opt-outs imported" in text(alice.get(at(portal)))


def test_a_message_that_has_left_is_not_canceled_and_not_recorded(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    sent: Message = factories.message(sender, status=Status.SENT)
    alice.post(at(portal, f"journal/{sent.reference}/cancel/"))
    assert not Change.objects.exists()
