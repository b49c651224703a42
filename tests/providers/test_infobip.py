"""Infobip: what goes on the wire, what its statuses, reports and logs mean."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from providers.infobip import Infobip
from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference=REFERENCE,
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
BASE = "https://abc123.api.infobip.example"


def make(*replies: Script, **given: str) -> tuple[Infobip, FakeHttp]:
    known = {"base_url": BASE, "api_key": "hush", "username": "", "password": ""}
    account = make_account(Infobip, **(known | given))
    http = FakeHttp(*replies, secrets=Infobip.secrets(account))
    return Infobip(account, http, MemoryMemo()), http


def answer(group: int, status: int, name: str = "PENDING_ACCEPTED", description: str = "", **more: object) -> Script:
    told = {"groupId": group, "groupName": "A_GROUP", "id": status, "name": name, "description": description}
    return reply(json={"bulkId": "B1", "messages": [{"messageId": REFERENCE, "status": told} | more]})


TAKEN = answer(1, 26, destination="12025550147", details={"messageCount": 2})


def test_a_message_goes_as_json_under_our_reference() -> None:
    infobip, http = make(TAKEN)

    assert infobip.send(SMS) == Accepted(ref=REFERENCE, parts=2)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", f"{BASE}/sms/3/messages", None)
    assert asked.headers == {"Authorization": "App hush"}
    assert asked.json == {
        "messages": [
            {
                "sender": "12025550100",
                "destinations": [{"to": "12025550147", "messageId": REFERENCE}],
                "content": {"text": "Hello"},
                "webhooks": {
                    "delivery": {"url": "https://sms.example.org/r/1"},
                    "contentType": "application/json",
                },
            }
        ],
        "options": {"includeSmsCountInResponse": True},
    }
    http.done()


def test_what_is_not_given_does_not_go_along() -> None:
    infobip, http = make(answer(1, 26))

    assert infobip.send(replace(SMS, sender="", report_url="")) == Accepted(ref=REFERENCE)
    assert http.asked[0].json["messages"] == [
        {"destinations": [{"to": "12025550147", "messageId": REFERENCE}], "content": {"text": "Hello"}}
    ]


@pytest.mark.parametrize(
    ("options", "registered"),
    [
        ({"entity_id": "1111"}, {"principalEntityId": "1111"}),
        ({"entity_id": "1111", "content_id": "2222"}, {"principalEntityId": "1111", "contentTemplateId": "2222"}),
    ],
)
def test_indian_registrations_go_along(options: dict[str, str], registered: dict[str, str]) -> None:
    infobip, http = make(TAKEN)
    infobip.send(replace(SMS, options=options))

    assert http.asked[0].json["messages"][0]["options"] == {"regional": {"indiaDlt": registered}}


def test_a_login_goes_where_there_is_no_key() -> None:
    infobip, http = make(TAKEN, api_key="", username="anna", password="secret")
    infobip.send(SMS)

    assert (http.asked[0].auth, http.asked[0].headers) == (("anna", "secret"), {})


@pytest.mark.parametrize("base", ["https://api.infobip.com", "https://api.infobip.com/"])
def test_the_common_address_will_do(base: str) -> None:
    infobip, http = make(TAKEN, base_url=base)
    infobip.send(SMS)

    assert http.asked[0].url == "https://api.infobip.com/sms/3/messages"


@pytest.mark.parametrize(("group", "status"), [(0, 0), (1, 3), (1, 7), (1, 26), (3, 2), (3, 5)])
def test_these_groups_are_taken(group: int, status: int) -> None:
    infobip, _http = make(answer(group, status))

    assert infobip.send(SMS) == Accepted(ref=REFERENCE)


@pytest.mark.parametrize(
    ("group", "status", "kind", "reason"),
    [
        (2, 4, Rejected, "rejected"),
        (2, 9, Rejected, "rejected"),
        (5, 6, Rejected, "blocked"),
        (5, 8, Rejected, "invalid_number"),
        (5, 10, Rejected, "opt_out"),
        (5, 11, Rejected, "blocked"),
        (5, 12, AccountBlocked, "balance"),
        (5, 13, Rejected, "blocked"),
        (5, 14, Rejected, "blocked"),
        (5, 17, AccountBlocked, "balance"),
        (5, 18, Rejected, "blocked"),
        (5, 19, Rejected, "blocked"),
        (5, 20, Rejected, "blocked"),
        (5, 21, Unreachable, "unreachable"),
        (5, 24, Rejected, "invalid_request"),
        (5, 25, Rejected, "invalid_request"),
        (5, 51, Rejected, "invalid_number"),
        (5, 52, Rejected, "invalid_number"),
        (4, 87, Rejected, "blocked"),
        (5, 87, Rejected, "blocked"),
        (5, 100, Rejected, "invalid_request"),
        (5, 999, Rejected, "rejected"),
        (6, 26, Rejected, "rejected"),
    ],
)
def test_a_refusal_inside_a_success_is_a_refusal(group: int, status: int, kind: type[SmsError], reason: str) -> None:
    infobip, http = make(answer(group, status, "REJECTED_X", "Infobip's words"))

    with pytest.raises(SmsError) as raised:
        infobip.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(status), "Infobip's words")
    assert len(http.asked) == 1


def test_a_status_without_a_description_is_told_by_its_name() -> None:
    infobip, _http = make(answer(5, 12, "REJECTED_NOT_ENOUGH_CREDITS"))

    with pytest.raises(AccountBlocked) as raised:
        infobip.send(SMS)

    assert raised.value.words == "REJECTED_NOT_ENOUGH_CREDITS"
    assert raised.value.link.endswith("/response-status-and-error-codes")


@pytest.mark.parametrize(
    "told",
    [
        {"messages": []},
        {"messages": [{"messageId": REFERENCE}]},
        {"messages": [{"messageId": REFERENCE, "status": {"groupId": 1}}]},
        {"messages": [{"status": {"groupId": 1, "id": 26}}]},
        {"messages": {"messageId": REFERENCE}},
    ],
)
def test_an_answer_that_tells_nothing_is_uncertain(told: object) -> None:
    infobip, _http = make(reply(json=told))

    with pytest.raises(Uncertain):
        infobip.send(SMS)


def error(code: str, **more: object) -> dict[str, object]:
    return {
        "errorCode": code,
        "description": "Infobip's words",
        "action": "…",
        "violations": [],
        "resources": [],
    } | more


def old_error(code: str) -> dict[str, object]:
    return {"requestError": {"serviceException": {"messageId": code, "text": "Infobip's words"}}}


@pytest.mark.parametrize(
    ("status", "told", "kind", "reason", "code"),
    [
        (400, error("E400"), Rejected, "invalid_request", "E400"),
        (400, old_error("BAD_REQUEST"), Rejected, "invalid_request", "BAD_REQUEST"),
        (401, error("E401"), AccountBlocked, "auth", "E401"),
        (401, old_error("UNAUTHORIZED"), AccountBlocked, "auth", "UNAUTHORIZED"),
        (403, error("E403"), AccountBlocked, "auth", "E403"),
        (403, old_error("FORBIDDEN"), AccountBlocked, "auth", "FORBIDDEN"),
        (404, error("E404"), AccountBlocked, "auth", "E404"),
        (404, old_error("NOT_FOUND"), AccountBlocked, "auth", "NOT_FOUND"),
        (429, error("E429"), Throttled, "throttled", "E429"),
        (429, old_error("TOO_MANY_REQUESTS"), Throttled, "throttled", "TOO_MANY_REQUESTS"),
        (500, error("E500"), Uncertain, "uncertain", "E500"),
        (500, old_error("GENERAL_ERROR"), Uncertain, "uncertain", "GENERAL_ERROR"),
        (409, error("E409"), Rejected, "rejected", "E409"),
    ],
)
def test_an_error_is_read_in_either_shape(
    status: int, told: object, kind: type[SmsError], reason: str, code: str
) -> None:
    infobip, _http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        infobip.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Infobip's words")


def test_a_violation_says_more_than_the_description() -> None:
    violation = {"property": "messages[0].sender", "violation": "must not be blank"}
    infobip, _http = make(reply(400, json=error("E400", violations=[violation])))

    with pytest.raises(Rejected) as raised:
        infobip.send(SMS)

    assert raised.value.words == "messages[0].sender: must not be blank"


# --- a repeat ----------------------------------------------------------------------------------------------------

REFUSED_REPEAT = answer(5, 23, "REJECTED_DUPLICATE_MESSAGE_ID", "Duplicate message id")


def log(status: int, group: int, name: str, **more: object) -> dict[str, object]:
    told = {"groupId": group, "groupName": "A_GROUP", "id": status, "name": name}
    return {"messageId": REFERENCE, "destination": "12025550147", "status": told} | more


def test_our_reference_is_recognised_for_two_days() -> None:
    assert Infobip.repeat_window == timedelta(hours=48)
    assert Infobip.known_by_reference


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [log(3, 1, "PENDING_WAITING_DELIVERY")],
        [log(5, 3, "DELIVERED_TO_HANDSET")],
        [log(23, 5, "REJECTED_DUPLICATE_MESSAGE_ID")],
    ],
)
def test_a_repeat_of_what_was_taken_is_a_duplicate(logs: list[object]) -> None:
    infobip, http = make(REFUSED_REPEAT, reply(json={"results": logs}))

    with pytest.raises(Rejected) as raised:
        infobip.send(SMS)

    assert (raised.value.reason, raised.value.code) == ("duplicate", "23")
    assert [asked.url for asked in http.asked] == [f"{BASE}/sms/3/messages", f"{BASE}/sms/3/logs"]


@pytest.mark.parametrize(
    ("status", "group", "name"),
    [(12, 5, "REJECTED_NOT_ENOUGH_CREDITS"), (21, 5, "REJECTED_SYSTEM_ERROR"), (9, 2, "UNDELIVERABLE_NOT_DELIVERED")],
)
def test_a_repeat_of_what_was_refused_is_no_duplicate(status: int, group: int, name: str) -> None:
    logs = [log(23, 5, "REJECTED_DUPLICATE_MESSAGE_ID"), log(status, group, name)]
    infobip, http = make(REFUSED_REPEAT, reply(json={"results": logs}))

    with pytest.raises(SmsError) as raised:
        infobip.send(SMS)

    assert type(raised.value) is Rejected
    assert (raised.value.reason, raised.value.code, raised.value.words) == ("rejected", str(status), name)
    http.done()


def test_a_key_that_may_not_read_the_logs_does_not_stop_the_account() -> None:
    infobip, http = make(REFUSED_REPEAT, reply(403, json={"errorCode": "E403", "description": "Forbidden"}))

    with pytest.raises(Rejected) as raised:
        infobip.send(SMS)

    assert raised.value.reason == "duplicate"
    http.done()


# --- reports -----------------------------------------------------------------------------------------------------


def result(status: Mapping[str, object], **more: object) -> dict[str, object]:
    return {
        "bulkId": "BULK-ID-123-xyz",
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": status,
        "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
        "messageId": REFERENCE,
        "to": "12025550147",
        "sender": "InfoSMS",
        "messageCount": 1,
    } | more


def status(number: int, group: int, name: str) -> dict[str, object]:
    return {"groupId": group, "groupName": "A_GROUP", "id": number, "name": name, "description": "Of +12025550147"}


def call(told: object) -> Call:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers={}, body=body)


READ = Report(
    ref=REFERENCE,
    reference=REFERENCE,
    recipient="12025550147",
    status=Status.DELIVERED,
    word="DELIVERED_TO_HANDSET",
    price=Decimal("0.01"),
    currency="EUR",
)


def test_several_reports_come_in_one_call() -> None:
    delivered = status(5, 3, "DELIVERED_TO_HANDSET")
    told = {"results": [result(delivered), result(delivered, messageId="other", messageCount=3)]}

    assert make()[0].read_reports(call(told)) == [
        READ,
        replace(READ, ref="other", reference="other", price=Decimal("0.03")),
    ]


@pytest.mark.parametrize(
    ("number", "group", "name", "fate", "code", "reason"),
    [
        (3, 1, "PENDING_WAITING_DELIVERY", Status.SENT, "", ""),
        (7, 1, "PENDING_ENROUTE", Status.SENT, "", ""),
        (26, 1, "PENDING_ACCEPTED", Status.QUEUED, "", ""),
        (2, 3, "DELIVERED_TO_OPERATOR", Status.SENT, "", ""),
        (5, 3, "DELIVERED_TO_HANDSET", Status.DELIVERED, "", ""),
        (4, 2, "UNDELIVERABLE_REJECTED_OPERATOR", Status.UNDELIVERED, "4", "rejected"),
        (15, 4, "EXPIRED_EXPIRED", Status.UNDELIVERED, "15", ""),
        (87, 4, "SIGNALS_BLOCKED", Status.UNDELIVERED, "87", "blocked"),
        (87, 5, "SIGNALS_BLOCKED", Status.FAILED, "87", "blocked"),
        (12, 5, "REJECTED_NOT_ENOUGH_CREDITS", Status.FAILED, "12", "balance"),
        (10, 5, "REJECTED_DND", Status.FAILED, "10", "opt_out"),
        (777, 5, "REJECTED_NEW", Status.FAILED, "", ""),
        (5, 9, "TELEPORTED", None, "", ""),
    ],
)
def test_a_status_becomes_one_of_ours_and_an_unknown_group_none(
    number: int, group: int, name: str, fate: Status | None, code: str, reason: str
) -> None:
    told = {"results": [result(status(number, group, name))]}

    assert make()[0].read_reports(call(told)) == [replace(READ, status=fate, word=name, code=code, reason=reason)]


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (1, "error 1", "invalid_number"),
        (6, "error 6", ""),
        (27, "error 27", ""),
        (256, "error 256", ""),
        (1154, "error 1154", ""),
        (603, "error 603", "opt_out"),
        (2050, "error 2050", "opt_out"),
        (2052, "error 2052", "blocked"),
        (607, "error 607", "blocked"),
        (4103, "error 4103", "blocked"),
        (4099, "error 4099", "balance"),
        (5492, "error 5492", "duplicate"),
        (98765, "9", "rejected"),
    ],
)
def test_an_error_says_more_than_the_status(number: int, code: str, reason: str) -> None:
    told = {"groupId": 1, "groupName": "HANDSET_ERRORS", "id": number, "name": "EC_X", "permanent": True}
    report = make()[0].read_reports(
        call({"results": [result(status(9, 2, "UNDELIVERABLE_NOT_DELIVERED"), error=told)]})
    )[0]

    assert (report.status, report.code, report.reason) == (Status.UNDELIVERED, code, reason)


def test_an_error_nobody_explains_keeps_its_number() -> None:
    told = result(status(777, 5, "REJECTED_NEW"), error={"id": 98765})

    assert make()[0].read_reports(call({"results": [told]}))[0].code == "error 98765"


def test_the_report_of_a_refused_repeat_says_nothing_of_the_message() -> None:
    told = {"results": [result(status(23, 5, "REJECTED_DUPLICATE_MESSAGE_ID"))]}

    assert make()[0].read_reports(call(told)) == []


@pytest.mark.parametrize(
    ("more", "price", "currency"),
    [
        ({"price": None}, None, ""),
        ({"price": {"pricePerMessage": 0, "currency": "EUR"}}, None, ""),
        ({"price": {"pricePerMessage": "0.01", "currency": "EUR"}}, None, ""),
        ({"price": {"pricePerMessage": float("inf"), "currency": "EUR"}}, None, ""),
        ({"price": {"pricePerMessage": True, "currency": "EUR"}}, None, ""),
        ({"messageCount": None}, None, ""),
        ({"price": {"pricePerMessage": 0.0075, "currency": "usd"}, "messageCount": 2}, Decimal("0.0150"), "USD"),
    ],
)
def test_a_price_is_of_the_whole_message(more: dict[str, object], price: Decimal | None, currency: str) -> None:
    report = make()[0].read_reports(call({"results": [result(status(5, 3, "X"), **more)]}))[0]

    assert (report.price, report.currency) == (price, currency)


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        {"results": None},
        {"results": {}},
        {"results": ["x", None, 7, [], {}, {"messageId": REFERENCE}, {"status": status(5, 3, "X")}]},
        {"results": [{"messageId": {"a": 1}, "status": {"groupId": 3, "id": 5}}]},
        {"results": [{"messageId": REFERENCE, "status": "DELIVERED"}]},
    ],
)
def test_json_of_another_shape_is_no_report(told: object) -> None:
    assert make()[0].read_reports(call(told)) == []


def test_what_is_no_json_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"<DeliveryReports/>"))


# --- questions ---------------------------------------------------------------------------------------------------


def test_many_messages_are_asked_about_at_once() -> None:
    refs = [f"{number:032x}" for number in range(61)]
    found = log(5, 3, "DELIVERED_TO_HANDSET", price={"pricePerMessage": 0.01, "currency": "EUR"}, messageCount=1)
    infobip, http = make(reply(json={"results": [found]}), reply(json={"results": []}))

    assert infobip.look_up(refs) == [READ]
    assert {asked.url for asked in http.asked} == {f"{BASE}/sms/3/logs"}
    assert [asked.params for asked in http.asked] == [
        {"messageId": ",".join(refs[:60]), "limit": "1000"},
        {"messageId": refs[60], "limit": "1000"},
    ]
    assert all(len(asked.params["messageId"]) <= 2048 for asked in http.asked)
    http.done()


def test_a_check_tells_the_balance() -> None:
    infobip, http = make(reply(json={"balance": 47.79134, "currency": "EUR"}))

    assert infobip.check() == Account(balance=Decimal("47.79134"), currency="EUR")
    assert (http.asked[0].method, http.asked[0].url) == ("GET", f"{BASE}/account/1/balance")
    assert http.asked[0].headers == {"Authorization": "App hush"}


def test_a_key_that_may_not_is_refused() -> None:
    infobip, _http = make(reply(403, json=old_error("FORBIDDEN")))

    with pytest.raises(AccountBlocked):
        infobip.check()


def test_senders_are_numbers_that_can_sms() -> None:
    numbers = [
        {"number": "447700900000", "capabilities": ["SMS", "VOICE"]},
        {"number": "447700900001", "capabilities": ["VOICE"]},
        {"capabilities": ["SMS"]},
        "odd",
    ]
    infobip, http = make(reply(json={"numbers": numbers, "numberCount": 4}))

    assert infobip.senders() == ["447700900000"]
    assert (http.asked[0].url, http.asked[0].params) == (f"{BASE}/numbers/1/numbers", {"limit": "1000"})


@pytest.mark.parametrize("told", [{}, [], {"numbers": None}])
def test_an_account_without_numbers_has_no_senders(told: object) -> None:
    assert make(reply(json=told))[0].senders() == []
