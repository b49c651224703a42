"""A message's way: the handler call, its fields, and the statuses (docs/bitrix24.md D.5, D.8, E)."""

from urllib.parse import parse_qsl

import pytest

from b24app.sandbox import Portal, Sandbox
from b24app.sandbox.phpform import nest_pairs
from tests.sandbox.clients import Listener, Rest

NUMBER = "+12025550100"


def handed(box: Sandbox, app: Listener, count: int = 1) -> list[dict[str, object]]:
    """Return the fields of the handler calls, once `count` have come."""
    assert box.wait_until(lambda: len(app.arrivals) >= count)
    return [nest_pairs(parse_qsl(arrival.body.decode(), keep_blank_values=True)) for arrival in app.arrivals]


def test_a_text_from_crm_arrives_with_the_authors_token(
    box: Sandbox, alpha: Portal, app: Listener, sender: str
) -> None:
    message = alpha.send_sms(NUMBER, "Hello", "acme", author=7)
    fields = handed(box, app)[0]
    auth = fields.pop("auth")
    ts = fields.pop("ts")

    assert fields == {
        "module_id": "crm",
        "bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}, {"OWNER_TYPE_ID": "2", "OWNER_ID": "1"}],
        "properties": {"phone_number": NUMBER, "message_text": "Hello"},
        "type": "SMS",
        "code": "acme",
        "message_id": message.message_id,
        "message_to": NUMBER,
        "message_body": "Hello",
    }
    assert isinstance(auth, dict)
    assert str(ts).isdecimal()
    assert auth["application_token"] == alpha.state.app.token
    assert auth["user_id"] == "7"
    assert alpha.tokens[auth["access_token"]].user_id == 7
    assert "refresh_token" not in auth
    assert app.arrivals[0].url == f"{app.url}/handler/?key=secret"
    assert app.arrivals[0].headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"


def test_without_an_author_there_is_no_auth_at_all(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.send_sms(NUMBER, "Hello", "acme", author=0, module="bizproc")
    fields = handed(box, app)[0]

    assert "auth" not in fields
    assert b"auth" not in app.arrivals[0].body
    assert fields["document_id"] == ["crm", "CCrmDocumentDeal", "DEAL_1"]


def test_a_fired_author_leaves_the_base_keys(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.set_user(7, active=False)
    alpha.send_sms(NUMBER, "Hello", "acme", author=7)
    auth = handed(box, app)[0]["auth"]

    assert isinstance(auth, dict)
    assert sorted(auth) == ["application_token", "client_endpoint", "domain", "member_id", "server_endpoint"]


def test_an_unknown_origin_has_no_module(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.send_sms(NUMBER, "Hello", "acme", module=None)

    assert "module_id" not in handed(box, app)[0]


def test_overrides_replace_remove_and_merge(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    stale = {"application_token": "stale"}
    alpha.send_sms(NUMBER, "Hello", "acme", message_to="", type=None, auth=stale, extra=["x"])
    fields = handed(box, app)[0]

    assert fields["message_to"] == ""
    assert "type" not in fields
    assert fields["extra"] == ["x"]
    assert isinstance(fields["auth"], dict)
    assert fields["auth"]["application_token"] == "stale"
    assert fields["auth"]["user_id"] == "1"


def test_a_text_that_is_only_written_is_handed_over_by_whoever_asked(
    box: Sandbox, alpha: Portal, app: Listener, sender: str
) -> None:
    alpha.switches.sent_after = 0.1
    message, handler, form = alpha.write_sms(NUMBER, "Hello", "acme")
    fields = nest_pairs(parse_qsl(form, keep_blank_values=True))

    assert (fields["message_id"], fields["message_body"]) == (message.message_id, "Hello")
    assert handler == alpha.senders["acme"].handler
    assert box.wait_until(lambda: message.status == "sent")
    assert not app.arrivals


def test_a_text_for_nobody_is_not_written_for_anybody(alpha: Portal) -> None:
    with pytest.raises(LookupError):
        alpha.write_sms(NUMBER, "Hello", "nobody")


def test_a_repeat_carries_the_same_id(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    message = alpha.send_sms(NUMBER, "Hello", "acme")
    handed(box, app)
    alpha.deliver(message)

    assert [fields["message_id"] for fields in handed(box, app, 2)] == [message.message_id] * 2
    assert box.wait_until(lambda: [call.status for call in message.calls] == [200, 200])


def test_a_refused_call_is_not_repeated_and_still_sent(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    app.status = 503
    message = alpha.send_sms(NUMBER, "Hello", "acme")

    assert box.wait_until(lambda: message.status == "sent")
    assert message.handler_status == 503
    assert len(app.arrivals) == 1


def test_a_handler_that_is_away_leaves_the_message_sent(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    rest("messageservice.sender.add", CODE="x", TYPE="SMS", HANDLER="http://127.0.0.1:9/h/", NAME="x")
    message = alpha.send_sms(NUMBER, "Hello", "x")

    assert box.wait_until(lambda: message.status == "sent")
    assert message.handler_status is None
    assert message.calls[0].error == "ConnectionRefusedError"


def test_a_sender_that_is_gone_fails_inside_the_portal(alpha: Portal, app: Listener) -> None:
    message = alpha.send_sms(NUMBER, "Hello", "gone")

    assert message.status == "error"
    assert message.note == "Message sending application is not registered or was uninstalled"
    assert app.arrivals == []


def test_an_early_push_is_overwritten_by_sent(
    box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str
) -> None:
    alpha.switches.sent_after = 0.3
    message = alpha.send_sms(NUMBER, "Hello", "acme")
    handed(box, app)
    rest("messageservice.message.status.update", CODE="acme", MESSAGE_ID=message.message_id, STATUS="delivered")

    assert box.wait_until(lambda: message.status == "sent")
    assert [(word.status, word.by) for word in message.words] == [("delivered", "rest"), ("sent", "portal")]


def test_a_campaigns_row_appears_late(box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str) -> None:
    alpha.switches.row_after = 2.0
    message = alpha.send_sms(NUMBER, "Hello", "acme", module="sender")
    handed(box, app)
    push = {"CODE": "acme", "MESSAGE_ID": message.message_id, "STATUS": "delivered"}

    refusal = rest.error("messageservice.message.status.update", **push)
    assert refusal == (400, "ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    assert box.wait_until(lambda: message.status == "sent")
    assert rest("messageservice.message.status.update", **push)[1]["result"] is True
    assert message.status == "delivered"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"STATUS": "read"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ({"CODE": "!", "STATUS": "read"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ({"CODE": "any", "STATUS": "read"}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"CODE": "any", "MESSAGE_ID": "none", "STATUS": "Delivered"}, "ERROR_MESSAGE_STATUS_INCORRECT"),
        ({"CODE": "any", "MESSAGE_ID": "none"}, "ERROR_MESSAGE_STATUS_INCORRECT"),
        ({"CODE": "any", "MESSAGE_ID": "none", "STATUS": "sent"}, "ERROR_MESSAGE_NOT_FOUND"),
    ],
)
def test_status_update_refuses_in_the_order_of_the_source(rest: Rest, params: dict[str, object], code: str) -> None:
    assert rest.error("messageservice.message.status.update", **params)[:2] == (400, code)


def test_a_push_needs_the_author_or_an_administrator(alpha: Portal, rest: Rest, bob: Rest, sender: str) -> None:
    own = alpha.send_sms(NUMBER, "Hello", "acme", author=7)
    other = alpha.send_sms(NUMBER, "Hello", "acme", author=1)

    def push(who: Rest, message_id: str) -> int:
        return who("messageservice.message.status.update", CODE="x", MESSAGE_ID=message_id, STATUS="queued")[0]

    assert [push(bob, own.message_id), push(bob, other.message_id)] == [200, 403]
    assert [push(rest, own.message_id), push(rest, other.message_id)] == [200, 200]


def test_statuses_may_go_backwards(box: Sandbox, alpha: Portal, rest: Rest, sender: str) -> None:
    message = alpha.send_sms(NUMBER, "Hello", "acme")
    assert box.wait_until(lambda: message.status == "sent")
    for status in ("delivered", "queued"):
        rest("messageservice.message.status.update", CODE="acme", MESSAGE_ID=message.message_id, STATUS=status)

    assert message.status == "queued"


def test_a_row_lives_for_fourteen_days(box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str) -> None:
    old = alpha.send_sms(NUMBER, "Hello", sender)
    assert box.wait_until(lambda: old.status == "sent")
    push = {"CODE": sender, "MESSAGE_ID": old.message_id, "STATUS": "delivered"}
    alpha.age_messages(13.9 * 86400)
    assert rest("messageservice.message.status.update", **push)[0] == 200
    alpha.age_messages(0.2 * 86400)

    assert rest.error("messageservice.message.status.update", **push)[1] == "ERROR_MESSAGE_NOT_FOUND"
    assert alpha.messages == []


def test_an_old_box_knows_a_message_only_after_its_call_and_repeats_it_under_another_id(
    box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str
) -> None:
    alpha.switches.fresh_ids = True
    message = alpha.send_sms(NUMBER, "Hello", sender)
    assert message.message_id == ""
    assert box.wait_until(lambda: message.status == "sent")
    alpha.deliver(message)
    first, second = (fields["message_id"] for fields in handed(box, app, 2))
    assert box.wait_until(lambda: len(message.calls) == 2)
    push = {"CODE": sender, "STATUS": "delivered"}

    assert first != second == message.message_id
    assert rest.error("messageservice.message.status.update", MESSAGE_ID=first, **push)[1] == "ERROR_MESSAGE_NOT_FOUND"
    assert rest("messageservice.message.status.update", MESSAGE_ID=second, **push)[1]["result"] is True


def test_a_message_may_be_picked_up_twice(box: Sandbox, alpha: Portal, app: Listener, sender: str) -> None:
    alpha.switches.picked_again_after = 0.2
    message = alpha.send_sms(NUMBER, "Hello", sender)

    assert [fields["message_id"] for fields in handed(box, app, 2)] == [message.message_id] * 2


def test_older_portals_find_a_message_only_under_its_code(
    box: Sandbox, alpha: Portal, app: Listener, rest: Rest, sender: str
) -> None:
    alpha.switches.status_by_code = True
    message = alpha.send_sms(NUMBER, "Hello", sender)
    assert box.wait_until(lambda: message.status == "sent")
    push = {"MESSAGE_ID": message.message_id, "STATUS": "delivered"}

    assert rest.error("messageservice.message.status.update", CODE="other", **push)[1] == "ERROR_MESSAGE_NOT_FOUND"
    assert rest("messageservice.message.status.update", CODE=sender, **push)[1]["result"] is True


def test_what_is_above_a_senders_daily_limit_comes_the_next_day_all_at_once(
    box: Sandbox, alpha: Portal, app: Listener, sender: str
) -> None:
    alpha.switches.daily_limit = 2
    messages = [alpha.send_sms(NUMBER, f"text {number}", sender) for number in range(5)]
    assert box.wait_until(lambda: [one.status for one in messages[:2]] == ["sent", "sent"])
    assert [one.status for one in messages[2:]] == ["deferred"] * 3
    assert len(app.arrivals) == 2
    assert [alpha.begin_next_day(), alpha.begin_next_day(), alpha.begin_next_day()] == [2, 1, 0]

    assert box.wait_until(lambda: {one.status for one in messages} == {"sent"})
    assert len(app.arrivals) == 5


def test_a_portal_that_never_had_a_sender_does_not_see_its_first_one_at_once(alpha: Portal, sender: str) -> None:
    alpha.switches.sender_lag = 3600.0
    early = alpha.send_sms(NUMBER, "Hello", sender)
    alpha.state.first_sender_at -= 3600.0

    assert (early.status, early.note) == ("error", "There are no senders")
    assert alpha.send_sms(NUMBER, "Hello", sender).note == ""
