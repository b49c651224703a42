"""Clickatell: what goes on the wire, and what its answers and reports mean."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.clickatell import Clickatell
from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

BASE = "https://platform.clickatell.com/v1"
ID = "02ca87d5a95446e68b0ac36a0c2057f1"
HEADERS = {"Authorization": "key-1==", "Accept": "application/json"}
REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Hello", reference=REFERENCE, sender="+12025550100")


def make(*replies: Script) -> tuple[Clickatell, FakeHttp]:
    account = make_account(Clickatell, api_key="key-1==")
    http = FakeHttp(*replies, secrets=Clickatell.secrets(account))
    return Clickatell(account, http, MemoryMemo()), http


def taken(**changed: object) -> dict[str, Any]:
    message = {"apiMessageId": ID, "accepted": True, "to": "12025550147", "error": None}
    return {"messages": [message | changed], "error": None}


def test_a_message_goes_with_our_reference_and_the_bare_key() -> None:
    clickatell, http = make(reply(202, json=taken()))

    assert clickatell.send(SMS) == Accepted(ref=ID)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.headers) == ("POST", f"{BASE}/message", HEADERS)
    assert asked.json == {
        "messages": [
            {
                "channel": "sms",
                "to": "12025550147",
                "from": "12025550100",
                "content": "Hello",
                "clientMessageId": REFERENCE,
            }
        ]
    }
    http.done()


def test_clickatell_chooses_the_sender_where_there_is_none() -> None:
    clickatell, http = make(reply(202, json=taken()))
    clickatell.send(replace(SMS, sender=""))

    assert "from" not in http.asked[0].json["messages"][0]


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (400, 23, Rejected, "invalid_request"),
        (400, 25, Rejected, "invalid_number"),
        (400, 26, Rejected, "opt_out"),
        (400, 28, Rejected, "blocked"),
        (207, 25, Rejected, "invalid_number"),
        (202, 26, Rejected, "opt_out"),
        (400, 99, Rejected, "rejected"),
        (202, 99, Rejected, "rejected"),
        (402, 20, AccountBlocked, "balance"),
        (207, 20, AccountBlocked, "balance"),
        (401, 1, AccountBlocked, "auth"),
        (400, 3, AccountBlocked, "auth"),
        (400, 43, Throttled, "throttled"),
        (429, 43, Throttled, "throttled"),
        (500, 18, Uncertain, "uncertain"),
        (503, 19, Unreachable, "unreachable"),
    ],
)
@pytest.mark.parametrize("beside", [True, False], ids=["beside the message", "above all"])
def test_an_error_stands_beside_the_message_or_above_all(
    status: int, code: int, kind: type[SmsError], reason: str, *, beside: bool
) -> None:
    error = {"code": code, "description": "Their words"}
    told = taken(apiMessageId=None, accepted=False, error=error) if beside else {"messages": [], "error": error}
    clickatell, http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        clickatell.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.words) == (reason, "Their words")
    assert raised.value.code == ("" if (status, code) == (500, 25) else str(code))
    assert len(http.asked) == 1


def test_a_message_that_is_not_accepted_is_refused_though_no_error_is_told() -> None:
    clickatell, _http = make(reply(202, json=taken(accepted=False)))

    with pytest.raises(Rejected):
        clickatell.send(SMS)


def test_an_error_may_be_words_alone() -> None:
    clickatell, _http = make(reply(202, json={"messages": [], "error": "Invalid key"}))

    with pytest.raises(Rejected) as raised:
        clickatell.send(SMS)

    assert raised.value.words == "Invalid key"


def test_a_known_error_says_where_to_read() -> None:
    clickatell, _http = make(reply(400, json={"messages": [], "error": {"code": 3}}))

    with pytest.raises(AccountBlocked) as raised:
        clickatell.send(SMS)

    assert "Clickatell portal" in raised.value.hint
    assert raised.value.link == "https://docs.clickatell.com/channels/one-api/one-api-errors-table/"


# --- reports -----------------------------------------------------------------------------------------------------


def call(body: object) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers={}, body=raw)


def event(*updates: object) -> dict[str, Any]:
    return {"integrationId": "i-1", "integrationName": "Shop", "event": {"messageStatusUpdate": list(updates)}}


def update(word: str, **changed: object) -> dict[str, Any]:
    told = {"channel": "sms", "timestamp": 1700000000000, "statusCode": 5, "status": word}
    return told | {"messageId": ID, "clientMessageId": REFERENCE} | changed


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("QUEUED", Status.QUEUED, "", ""),
        ("SCHEDULED", Status.QUEUED, "", ""),
        ("SENT_TO_SUPPLIER", Status.SENT, "", ""),
        ("DEVICE_ACK", Status.DELIVERED, "", ""),
        ("READ", Status.DELIVERED, "", ""),
        ("EXPIRED", Status.UNDELIVERED, "EXPIRED", ""),
        ("DELIVERY_FAILURE", Status.UNDELIVERED, "DELIVERY_FAILURE", ""),
        ("STOPPED_BY_USER", Status.FAILED, "STOPPED_BY_USER", "rejected"),
        ("STOPPED_BY_ADMIN", Status.FAILED, "STOPPED_BY_ADMIN", "blocked"),
        ("INSUFFICIENT_ACCOUNT_BALANCE", Status.FAILED, "INSUFFICIENT_ACCOUNT_BALANCE", "balance"),
        ("VOLUME_LIMIT_DAILY", Status.FAILED, "VOLUME_LIMIT_DAILY", "blocked"),
        ("RECIPIENT_DOES_NOT_EXIST", Status.FAILED, "RECIPIENT_DOES_NOT_EXIST", "invalid_number"),
        ("ROUTING_ERROR", Status.FAILED, "ROUTING_ERROR", "rejected"),
        ("EMULATED", None, "EMULATED", ""),
        ("UNKNOWN", None, "", ""),
        ("TELEPORTED", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call(event(update(word)))) == [
        Report(ref=ID, reference=REFERENCE, status=status, word=word.lower(), code=code, reason=reason)
    ]


def test_a_report_links_to_its_own_page() -> None:
    page = "https://docs.clickatell.com/channels/one-api/one-api-message-status-table/"

    assert Clickatell.hints["EXPIRED"].link == page


def test_many_reports_come_in_one_call() -> None:
    odd: list[Any] = [
        None,
        "odd",
        [],
        {},
        update("READ", messageId=None),
        update("", messageId="m-3"),
        update("x", status={}),
    ]
    reports = make()[0].read_reports(
        call(event(update("DEVICE_ACK"), *odd, update("QUEUED", messageId="m-2", clientMessageId=None)))
    )

    assert reports == [
        Report(ref=ID, reference=REFERENCE, status=Status.DELIVERED, word="device_ack"),
        Report(ref="m-2", status=Status.QUEUED, word="queued"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"event": {"moText": [{"channel": "sms", "messageId": "m-1", "from": "12025550147", "content": "Yes"}]}},
        {"event": {"messageStatusUpdate": {}}},
        {"event": None},
        [],
    ],
)
def test_what_is_no_report_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_a_body_that_is_not_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"messageId=1"))


def test_nothing_is_signed_and_a_report_is_answered_with_nothing() -> None:
    clickatell = make()[0]
    clickatell.verify(call([]))

    assert clickatell.answer(call([])) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_clickatell_does_not_know() -> None:
    clickatell, http = make(
        reply(404, json={"error": {"code": 41}}),
        reply(json={"sms": {"status": "UNKNOWN", "statusCode": 1}}),
        reply(json={"whatsapp": {"status": "READ"}}),
        reply(json={"sms": {"status": "DEVICE_ACK", "statusCode": 5, "timestamp": 1700000000000}}),
    )

    assert clickatell.look_up(["a/b", "m-1", "m-2", ID]) == [Report(ref=ID, status=Status.DELIVERED, word="device_ack")]
    assert [(asked.method, asked.url) for asked in http.asked] == [
        ("GET", f"{BASE}/message/a%2Fb"),
        ("GET", f"{BASE}/message/m-1"),
        ("GET", f"{BASE}/message/m-2"),
        ("GET", f"{BASE}/message/{ID}"),
    ]
    assert {asked.headers["Authorization"] for asked in http.asked} == {"key-1=="}


def test_a_check_tells_the_balance() -> None:
    clickatell, http = make(reply(json={"balance": 321.53, "currency": "eur"}))

    assert clickatell.check() == Account(balance=Decimal("321.53"), currency="EUR")
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].headers) == ("GET", f"{BASE}/balance", HEADERS)


def test_a_wrong_key_blocks_the_account() -> None:
    clickatell, _http = make(reply(401, json={"error": {"code": 1, "description": "Invalid key"}}))

    with pytest.raises(AccountBlocked) as raised:
        clickatell.check()

    assert (raised.value.reason, raised.value.code) == ("auth", "1")
