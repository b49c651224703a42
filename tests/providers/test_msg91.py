"""MSG91: what goes on the wire, what its answers and its three writings of a report mean."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.msg91 import Msg91

KEY = "0001AuthkeyOfTheTest"
REF = "3a6b6c6d6e6f707172737475"
SMS = Sms(
    to="+910000000147",
    text="Anna\n17:30\nroom 5",
    reference="0123456789abcdef0123456789abcdef",
    sender="SENDLN",
    options={"template_id": "65f0aa", "variables": "name, time"},
)


def make(*replies: Script) -> tuple[Msg91, FakeHttp]:
    account = make_account(Msg91, authkey=KEY)
    http = FakeHttp(*replies, secrets=Msg91.secrets(account))
    return Msg91(account, http, MemoryMemo()), http


def test_a_message_fills_the_variables_of_a_template_line_by_line() -> None:
    msg91, http = make(reply(json={"type": "success", "message": REF}))

    assert msg91.send(SMS) == Accepted(ref=REF)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://control.msg91.com/api/v5/flow/")
    assert asked.headers == {"authkey": KEY}
    assert asked.json == {
        "template_id": "65f0aa",
        "sender": "SENDLN",
        "CRQID": "0123456789abcdef0123456789abcdef",
        "recipients": [
            {
                "name": "Anna",
                "time": "17:30\nroom 5",
                "mobiles": "910000000147",
                "CRQID": "0123456789abcdef0123456789abcdef",
            }
        ],
    }
    http.done()


@pytest.mark.parametrize(
    ("options", "filled"),
    [
        ({}, {"VAR1": "Anna\n17:30\nroom 5"}),
        ({"variables": "text"}, {"text": "Anna\n17:30\nroom 5"}),
        ({"variables": "a,b,c,d"}, {"a": "Anna", "b": "17:30", "c": "room 5"}),
        ({"variables": " , "}, {}),
    ],
)
def test_variables_are_filled_in_their_order(options: dict[str, str], filled: dict[str, str]) -> None:
    msg91, http = make(reply(json={"type": "success", "message": REF}))
    msg91.send(replace(SMS, options=options, sender=""))

    recipient = http.asked[0].json["recipients"][0]
    assert {name: value for name, value in recipient.items() if name not in {"mobiles", "CRQID"}} == filled
    assert http.asked[0].json["template_id"] == ""
    assert "sender" not in http.asked[0].json


def test_a_newer_answer_names_its_request() -> None:
    msg91, _http = make(reply(json={"type": "success", "message": "SMS sent", "request_id": REF}))

    assert msg91.send(SMS) == Accepted(ref=REF)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (200, "106", AccountBlocked, "auth"),
        (401, "201", AccountBlocked, "auth"),
        (418, "418", AccountBlocked, "auth"),
        (200, "301", AccountBlocked, "balance"),
        (400, "202", Rejected, "invalid_number"),
        (200, "107", Rejected, "invalid_request"),
        (400, "211", Rejected, "invalid_request"),
        (200, "311", Rejected, "duplicate"),
        (200, "210", Rejected, "rejected"),
        (200, "306", Rejected, "blocked"),
        (200, "601", Uncertain, "uncertain"),
        (200, "999", Rejected, "rejected"),
        (429, "301", Throttled, "throttled"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    msg91, _http = make(reply(status, json={"type": "error", "message": "Words of MSG91", "code": code}))

    with pytest.raises(SmsError) as raised:
        msg91.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Words of MSG91")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "code"),
    [
        (200, {"msg_type": "error", "msg": "Authentication failure"}, AccountBlocked, "auth", ""),
        (400, {"type": "error", "message": "Invalid authkey"}, AccountBlocked, "auth", ""),
        (200, {"type": "error", "message": "IP not whitelisted for this authkey"}, AccountBlocked, "auth", ""),
        (200, {"type": "error", "message": "Insufficient Balance"}, AccountBlocked, "balance", ""),
        (400, {"type": "error", "message": "No such template of this authkey"}, Rejected, "invalid_request", ""),
        (200, {"type": "error", "message": "Sender id is not whitelisted"}, Rejected, "invalid_request", ""),
        (400, {"type": "error", "message": "Mobile number is not whitelisted"}, Rejected, "invalid_number", ""),
        (400, {"type": "error", "message": "Flow id missing", "code": "400"}, Rejected, "invalid_request", "400"),
        (400, {"type": "error", "message": "Invalid Mobile number"}, Rejected, "invalid_number", ""),
        (200, {"type": "error", "message": "Something else"}, Rejected, "rejected", ""),
        (418, {}, AccountBlocked, "auth", "418"),
        (400, {"type": "success", "message": REF}, Rejected, "rejected", ""),
    ],
)
def test_words_stand_in_for_a_code(
    status: int, body: dict[str, str], kind: type[SmsError], reason: str, code: str
) -> None:
    msg91, _http = make(reply(status, json=body))

    with pytest.raises(SmsError) as raised:
        msg91.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code) == (reason, code)


def test_a_refused_address_says_what_to_do_and_where_to_read() -> None:
    msg91, _http = make(reply(418, json={"type": "error", "message": "IP is not whitelisted", "code": "418"}))

    with pytest.raises(AccountBlocked) as raised:
        msg91.send(SMS)

    assert "allowed IP addresses" in raised.value.hint
    assert raised.value.link == "https://msg91.com/help/api"


@pytest.mark.parametrize("body", [{"type": "pending", "message": REF}, {"type": "success"}, {"message": REF}])
def test_an_answer_that_is_neither_yes_nor_no_is_uncertain(body: dict[str, str]) -> None:
    msg91, _http = make(reply(json=body))

    with pytest.raises(Uncertain):
        msg91.send(SMS)


# --- reports -----------------------------------------------------------------------------------------------------


def call(body: object = None, form: Mapping[str, list[str]] | None = None) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method="POST", url="https://sms.example.org/r", query={}, form=form or {}, headers={}, body=raw)


OURS = "0123456789abcdef0123456789abcdef"
FLAT = {"requestId": REF, "number": "910000000147", "CRQID": OURS, "status": "1", "desc": "DELIVERED"}
TOLD = Report(ref=REF, reference=OURS, recipient="910000000147", status=Status.DELIVERED, word="delivered")
OLD = [
    {
        "senderId": "SENDLN",
        "requestId": REF,
        "userId": "1",
        "campaignName": "API",
        "report": [
            {"date": "2026-11-25 10:06:20", "number": "910000000147", "status": "1", "desc": "DELIVERED", "CRQID": "0"},
            {"date": "2026-11-25 10:06:21", "number": "910000000148", "status": "9", "desc": "NDNC"},
        ],
    },
    {"requestId": "other", "report": [{"number": "910000000149", "status": 17}]},
]


def test_the_second_version_comes_as_json_in_a_form_and_holds_many() -> None:
    reports = make()[0].read_reports(call(b"data=x", {"data": [json.dumps(OLD)]}))

    assert reports == [
        Report(ref=REF, recipient="910000000147", status=Status.DELIVERED, word="delivered"),
        Report(ref=REF, recipient="910000000148", status=Status.FAILED, word="ndnc", code="9", reason="blocked"),
        Report(
            ref="other",
            recipient="910000000149",
            status=Status.FAILED,
            word="blocked number",
            code="17",
            reason="blocked",
        ),
    ]
    assert make()[0].read_reports(call(OLD)) == reports


def test_the_third_version_and_the_new_webhook_are_flat() -> None:
    new: dict[str, Any] = {"requestId": REF, "telNum": "910000000147", "CRQID": OURS, "status": "Delivered"}

    assert make()[0].read_reports(call(FLAT)) == [TOLD]
    assert make()[0].read_reports(call(new)) == [TOLD]


@pytest.mark.parametrize(
    ("told", "status", "word", "code"),
    [
        ("1", Status.DELIVERED, "delivered", ""),
        ("2", Status.UNDELIVERED, "failed", "2"),
        ("9", Status.FAILED, "ndnc", "9"),
        ("16", Status.FAILED, "rejected", "16"),
        ("25", Status.FAILED, "rejected", "25"),
        ("17", Status.FAILED, "blocked number", "17"),
        ("26", None, "26", ""),
        ("Submitted", None, "submitted", ""),
    ],
)
def test_a_number_becomes_a_status_and_an_unknown_one_none(
    told: str, status: Status | None, word: str, code: str
) -> None:
    report = make()[0].read_reports(call(FLAT | {"status": told}))[0]

    assert (report.status, report.word, report.code) == (status, word, code)


@pytest.mark.parametrize(
    ("name", "told", "code", "hint"),
    [
        ("failedReason", "EXP Abssubs", "EXP ABSSUBS", "turned off"),
        ("failureReason", "Inbox  Capacity Exceeded", "INBOX CAPACITY EXCEEDED", "storage"),
        ("failureReason", "call +910000000147 back", "2", "no reason"),
    ],
)
def test_a_known_reason_of_failure_is_the_code_and_a_strange_one_is_left_out(
    name: str, told: str, code: str, hint: str
) -> None:
    report = make()[0].read_reports(call(FLAT | {"status": "2", name: told}))[0]

    assert (report.code, report.reason, report.detail) == (code, "", "")
    assert hint in Msg91.hints[code].text


@pytest.mark.parametrize(
    "body",
    [
        None,
        7,
        [],
        [7, None],
        {},
        {"requestId": REF},
        {"status": "1"},
        {"requestId": ["x"], "status": {}},
        [{"requestId": REF, "report": 7}],
        [{"requestId": REF, "report": [None]}],
        [{"data": [{"meta": "0", "description": "DELIVERED"}], "event": "delivered"}],
    ],
)
def test_a_report_without_what_is_needed_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_what_is_no_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"data=x", {"data": ["[{"]}))
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"requestId=1"))


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_check_tells_the_balance() -> None:
    msg91, http = make(reply(text="12.50\n"))

    assert msg91.check() == Account(balance=Decimal("12.50"))
    assert (http.asked[0].method, http.asked[0].url) == ("GET", "https://control.msg91.com/api/balance.php")
    assert http.asked[0].params == {"authkey": KEY, "type": "4"}
    assert KEY not in repr(http.exchanges)


def test_a_check_with_a_wrong_key_is_blocked() -> None:
    msg91, _http = make(reply(json={"msg": "Authentication failure", "msg_type": "error"}))

    with pytest.raises(AccountBlocked):
        msg91.check()
