"""Handler calls: what is ours is stored once and gets 200, whatever it looks like; never a 500."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from b24app.core import signed_urls, spool
from b24app.core.redis import redis_client
from b24app.messaging.intake import batch_insert
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status
from b24app.portals.models import Portal, PortalToken
from tests import factories
from tests.handler_calls import FORM, fields, path, post
from tests.messaging.steps import drain

pytestmark = pytest.mark.django_db


def test_a_call_becomes_a_waiting_message(sender: Sender) -> None:
    assert post(sender, fields()) == 200
    message = Message.objects.get()
    assert (message.status, message.phase, message.origin) == (Status.QUEUED, Phase.WAITING, Origin.PORTAL)
    assert (message.to, message.text, message.author_id, message.module) == ("+12025550147", "Hello", 7, "crm")
    assert message.links == {"bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "42"}]}
    assert (message.pushed, message.push_at) == (Status.SENT, None)


def test_a_repeated_call_is_the_same_message(sender: Sender) -> None:
    assert [post(sender, fields()) for _ in range(3)] == [200, 200, 200]
    assert Message.objects.count() == 1


def test_the_same_message_id_of_another_portal_is_another_message(sender: Sender) -> None:
    charlie = factories.portal()
    connection = Connection.objects.create(portal=charlie, service="demo", title="Demo", account={})
    other = Sender.objects.create(portal=charlie, connection=connection, code="s1", names={"en": "C"})
    assert (post(sender, fields()), post(other, fields())) == (200, 200)
    assert Message.objects.filter(portal=charlie).count() == 1


def test_a_robots_call_without_auth_is_taken(sender: Sender) -> None:
    call = {name: value for name, value in fields(module_id=None).items() if not name.startswith("auth")}
    assert post(sender, call) == 200
    assert Message.objects.get().author_id is None


def test_a_stale_application_token_is_delivered_all_the_same(sender: Sender) -> None:
    stale = {"auth[application_token]": "of-before-the-update", "auth[member_id]": sender.portal.member_id}
    assert post(sender, fields(**stale)) == 200
    assert Message.objects.get().phase == Phase.WAITING


@pytest.mark.parametrize("mac", ["AAAAAAAAAAAAAAAAAAAAAA", "x", "ü"])
def test_a_foreign_signature_is_refused_before_any_query(
    sender: Sender, mac: str, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        answer = Client().post(f"/h/{sender.uuid.hex}/1/{mac}/", urlencode(fields()), content_type=FORM)
    assert answer.status_code == 403
    assert not Message.objects.exists()


def test_a_signature_of_another_sender_does_not_open_this_one(sender: Sender) -> None:
    mac = signed_urls.sign_address("handler", "0" * 32, "1")
    assert Client().post(f"/h/{sender.uuid.hex}/1/{mac}/", fields()).status_code == 403


def test_only_post_is_a_wish(sender: Sender) -> None:
    assert Client().get(path(sender)).status_code == 405
    assert Client().head(path(sender)).status_code == 405


def test_without_a_message_id_it_is_refused_and_shown_on_the_portals_page(sender: Sender) -> None:
    assert post(sender, fields(message_id=None)) == 400
    assert post(sender, fields(message_id="")) == 400
    assert post(sender, b"") == 400
    assert not Message.objects.exists()
    assert Portal.objects.get().refused_calls == 3


def test_a_body_over_four_megabytes_is_refused(sender: Sender) -> None:
    assert post(sender, fields(message_body="x" * (1024 * 1024))) == 413
    assert not Message.objects.exists()
    assert Portal.objects.get().refused_calls == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"message_to": "", "properties[phone_number]": None}, Reason.INVALID_NUMBER),
        ({"message_to": "not a number"}, Reason.INVALID_NUMBER),
        ({"message_to": "112"}, Reason.INVALID_NUMBER),
        ({"message_body": "", "properties[message_text]": None}, Reason.EMPTY_TEXT),
        ({"message_body": " \r\n"}, Reason.EMPTY_TEXT),
        ({"message_body": "x" * 1_000_000}, Reason.TEXT_TOO_LONG),
        ({"message_id": "m" * 129}, Reason.INVALID_REQUEST),
        ({"ts": "1"}, None),
        ({"ts": "99999999999999999999"}, None),
        ({"ts": "-5"}, None),
        ({"ts": "soon"}, None),
        ({"ts": None}, None),
    ],
)
def test_an_unusable_field_fails_the_message_and_the_portal_will_be_told(
    sender: Sender, changed: dict[str, str | None], reason: Reason | None
) -> None:
    assert post(sender, fields(**changed)) == 200
    message = Message.objects.get()
    if reason is None:
        assert (message.phase, message.reason) == (Phase.WAITING, Reason.NONE)
    else:
        assert (message.status, message.reason) == (Status.FAILED, reason)
        assert message.push_at is not None


def test_the_older_copies_of_number_and_text_serve_where_the_newer_are_missing(sender: Sender) -> None:
    assert post(sender, fields(message_to=None, message_body=None)) == 200
    message = Message.objects.get()
    assert (message.to, message.text) == ("+12025550147", "Hello")


def test_a_number_in_local_form_is_read_by_the_portals_country(sender: Sender) -> None:
    assert post(sender, fields(message_to="(202) 555-0147")) == 200
    message = Message.objects.get()
    assert (message.raw_to, message.to) == ("(202) 555-0147", "+12025550147")


def test_a_wish_older_than_the_maximum_age_is_stored_as_expired(sender: Sender) -> None:
    assert post(sender, fields(ts=str(int(timezone.now().timestamp()) - 2 * 86_400))) == 200
    message = Message.objects.get()
    assert (message.status, message.reason) == (Status.FAILED, Reason.EXPIRED)


def test_a_removed_senders_address_goes_on_being_answered(sender: Sender) -> None:
    Sender.objects.update(state=SenderState.REMOVED)
    assert post(sender, fields()) == 200
    assert Message.objects.get().reason == Reason.SENDER_REMOVED


def test_what_postgresql_cannot_hold_is_replaced_and_noted(sender: Sender) -> None:
    body = urlencode(fields(message_body=None)).encode() + b"&message_body=a%00b%ED%A0%80c%FFd"
    assert post(sender, body) == 200
    message = Message.objects.get()
    assert message.text.startswith("a\ufffdb")
    assert message.text.endswith("d")
    assert "\0" not in message.text
    assert message.note == "characters that cannot be kept were replaced"


def test_half_a_surrogate_pair_in_json_is_replaced(sender: Sender) -> None:
    body = '{"message_id": "m1", "message_to": "+12025550147", "message_body": "a\\ud83db", "ts": 5}'
    assert post(sender, body, "application/json") == 200
    assert Message.objects.get().text == "a\ufffdb"


@pytest.mark.parametrize("body", ["[1, 2]", "{", '"x"', "null", "[" * 20_000])
def test_json_that_is_no_call_is_refused(sender: Sender, body: str) -> None:
    assert post(sender, body, "application/json") == 400
    assert not Message.objects.exists()


def test_json_nested_deep_inside_a_call_is_cut(sender: Sender) -> None:
    deep = json.loads("[" * 300 + "]" * 300)
    body = json.dumps({"message_id": "m1", "message_to": "+12025550147", "message_body": "Hi", "bindings": deep})
    assert post(sender, body, "application/json") == 200
    assert Message.objects.get().phase == Phase.WAITING


def test_a_multipart_body_is_read_like_any_other(sender: Sender) -> None:
    assert Client().post(path(sender), fields()).status_code == 200
    assert Message.objects.get().text == "Hello"


def test_a_broken_multipart_body_is_refused(sender: Sender) -> None:
    assert post(sender, b"--x\r\nnonsense", "multipart/form-data; boundary=") == 400
    assert not Message.objects.exists()


def test_a_thousand_and_one_fields_lose_nothing_of_the_call(sender: Sender) -> None:
    assert post(sender, {**fields(), **{f"extra{number}": "x" for number in range(1001)}}) == 200
    assert Message.objects.get().text == "Hello"


def test_duplicate_keys_the_last_wins(sender: Sender) -> None:
    assert post(sender, urlencode(fields()) + "&message_body=Again") == 200
    assert Message.objects.get().text == "Again"


def test_brackets_nested_a_thousand_deep_are_harmless(sender: Sender) -> None:
    deep = "bindings" + "[x]" * 1000
    assert post(sender, urlencode(fields()) + f"&{deep}=1") == 200
    assert Message.objects.get().text == "Hello"


def test_fields_of_the_wrong_shape_do_not_break_it(sender: Sender) -> None:
    body = "message_id[0]=a&message_id=m1&message_to[x]=1&message_body[y]=2&auth=text&properties=flat&ts[0]=1"
    assert post(sender, body) == 200
    assert Message.objects.get().status == Status.FAILED


def test_nothing_of_a_call_but_the_authors_id_is_kept_of_auth(sender: Sender) -> None:
    post(sender, fields())
    row = Message.objects.values().get()
    assert "secret-access-token" not in repr(row)
    assert "the-application-token" not in repr(row)


def test_an_authors_token_is_kept_only_while_no_administrators_lives(sender: Sender) -> None:
    expires = str(int(timezone.now().timestamp()) + 3600)
    post(sender, fields(**{"auth[expires]": expires}))
    assert not PortalToken.objects.exists()
    Portal.objects.update(no_token_since=timezone.now())
    post(sender, fields(message_id="another", **{"auth[expires]": expires}))
    token = PortalToken.objects.get()
    assert (token.user_id, token.access, token.refresh, token.is_admin) == (7, "secret-access-token", "", False)


def test_a_paused_connection_takes_wishes_and_lets_them_wait(sender: Sender) -> None:
    Connection.objects.update(state="paused")
    assert post(sender, fields()) == 200
    drain(sender.connection_id)
    message = Message.objects.get()
    assert (message.wait, message.due_at) == ("paused", message.expires_at)
    assert message.push_at == message.received_at + timedelta(seconds=40)


def test_a_spoilt_content_length_is_no_500(sender: Sender) -> None:
    answer = Client().post(path(sender), urlencode(fields()), content_type=FORM, CONTENT_LENGTH="many")
    assert answer.status_code in (200, 400)


def test_a_wish_that_meets_a_defect_of_ours_waits_on_disk(sender: Sender, settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_message RENAME COLUMN note TO remark")
    assert post(sender, fields()) == 200
    assert [kept.suffix for kept in spool.waiting_records()] == [".wish"]


def test_no_log_line_holds_what_the_address_holds(sender: Sender, capfd: pytest.CaptureFixture[str]) -> None:
    Sender.objects.all().delete()
    assert post(sender, fields()) == 200
    assert sender.uuid.hex not in "".join(capfd.readouterr())


def test_wishes_for_a_slow_service_are_drained_apart_from_the_others(sender: Sender) -> None:
    redis_client().flushdb()
    Connection.objects.update(slow=True)
    assert post(sender, fields()) == 200
    assert (redis_client().llen("slow"), redis_client().llen("dispatch")) == (1, 0)


def test_a_sender_that_is_removed_is_noticed_although_its_terms_are_known(sender: Sender) -> None:
    post(sender, fields(message_id="before"))
    Sender.objects.update(state=SenderState.REMOVING)
    assert post(sender, fields(message_id="after")) == 200
    assert Message.objects.get(message_id="before").phase == Phase.WAITING
    after = Message.objects.get(message_id="after")
    assert (after.status, after.reason) == (Status.FAILED, Reason.SENDER_REMOVED)


def test_an_account_that_is_removed_is_noticed_although_it_is_known(sender: Sender) -> None:
    post(sender, fields(message_id="before"))
    Connection.objects.update(state=ConnectionState.REMOVED)
    assert post(sender, fields(message_id="after")) == 200
    assert Message.objects.get(message_id="after").reason == Reason.SENDER_REMOVED


def test_a_sender_that_came_back_is_noticed_although_it_was_known_as_removed(sender: Sender) -> None:
    Sender.objects.update(state=SenderState.REMOVED)
    post(sender, fields(message_id="before"))
    Sender.objects.update(state=SenderState.REGISTERED)
    assert post(sender, fields(message_id="after")) == 200
    assert Message.objects.get(message_id="after").phase == Phase.WAITING


def test_a_sender_that_is_gone_is_noticed_although_it_was_known(sender: Sender) -> None:
    post(sender, fields(message_id="before"))
    Message.objects.all().delete()
    Sender.objects.all().delete()
    assert post(sender, fields(message_id="after")) == 200
    assert not Message.objects.exists()


def test_the_day_is_that_of_the_portals_zone_and_bulk_that_of_the_sender(sender: Sender) -> None:
    Portal.objects.update(time_zone="Pacific/Kiritimati")
    Sender.objects.update(bulk=True)
    post(sender, fields())
    message = Message.objects.get()
    assert (message.day, message.bulk) == (message.received_at.astimezone(ZoneInfo("Pacific/Kiritimati")).date(), True)
    assert (message.due_at, message.expires_at > message.received_at) == (message.received_at, True)


def test_what_the_short_way_writes_is_what_the_model_would_write(sender: Sender) -> None:
    post(sender, fields())
    stored = Message.objects.get()
    given = {name: getattr(stored, name) for name in (*batch_insert.MESSAGE_COLUMNS, *batch_insert.SENDER_COLUMNS)}
    assert model_to_dict(stored, exclude=["id"]) == model_to_dict(Message(**given), exclude=["id"])
