"""SMSAPI: refusals inside a 200, an idx that is recognised, reports as comma lists, look-ups in bulk."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.smsapi import SmsApi

ID = "5C9A3FE0000000000001"
OTHER = "5C9A3FE0000000000002"
REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(
    to="+48000000147",
    text="Zażółć",
    reference=REFERENCE,
    sender="Shop",
    report_url="https://sms.example.org/r/1?x=2",
)
QUEUED = {
    "id": ID,
    "points": 0.16,
    "number": "48000000147",
    "date_sent": 1560252588,
    "submitted_number": "48000000147",
    "status": "QUEUE",
    "error": None,
    "idx": REFERENCE,
    "parts": 2,
}


def make(*replies: Script, **given: str) -> tuple[SmsApi, FakeHttp]:
    account = make_account(SmsApi, **({"token": "hush-hush"} | given))
    http = FakeHttp(*replies, secrets=SmsApi.secrets(account))
    return SmsApi(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_form_with_a_bearer_token() -> None:
    smsapi, http = make(reply(json={"count": 1, "list": [QUEUED]}))

    assert smsapi.send(SMS) == Accepted(ref=ID, parts=2)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.smsapi.pl/sms.do")
    assert asked.headers == {"Authorization": "Bearer hush-hush"}
    assert asked.form == {
        "to": "48000000147",
        "from": "Shop",
        "message": "Zażółć",
        "encoding": "utf-8",
        "format": "json",
        "details": "1",
        "idx": REFERENCE,
        "check_idx": "1",
        "notify_url": "https://sms.example.org/r/1?x=2",
    }
    http.done()


def test_an_empty_sender_or_address_is_left_out() -> None:
    smsapi, http = make(reply(json={"list": [QUEUED]}))
    smsapi.send(replace(SMS, sender="", report_url=""))

    assert {"from", "notify_url"}.isdisjoint(http.asked[0].form)


@pytest.mark.parametrize("host", ["api.smsapi.com", "api.smsapi.bg", "api.smsapi.se"])
def test_an_account_of_another_country_is_asked_there(host: str) -> None:
    smsapi, http = make(reply(json={"list": [QUEUED]}), host=host)
    smsapi.send(SMS)

    assert http.asked[0].url == f"https://{host}/sms.do"


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ({"parts": 3, "list": [{"id": ID}]}, Accepted(ref=ID, parts=3)),
        ({"list": [{"id": 17}]}, Accepted(ref="17")),
    ],
)
def test_a_receipt_may_say_less(answer: object, accepted: Accepted) -> None:
    assert make(reply(201, json=answer))[0].send(SMS) == accepted


@pytest.mark.parametrize("answer", [{"count": 0, "list": []}, {"list": [{"id": None}]}, {"list": {"id": ID}}])
def test_a_receipt_without_an_id_is_uncertain(answer: object) -> None:
    with pytest.raises(Uncertain):
        make(reply(json=answer))[0].send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (200, 8, Uncertain, "uncertain"),
        (200, 11, Rejected, "invalid_request"),
        (200, 13, Rejected, "invalid_number"),
        (400, 13, Rejected, "invalid_number"),
        (200, 14, Rejected, "blocked"),
        (200, 52, Throttled, "throttled"),
        (200, 53, Rejected, "duplicate"),
        (200, 59, Rejected, "opt_out"),
        (401, 101, AccountBlocked, "auth"),
        (200, 102, AccountBlocked, "auth"),
        (200, 103, AccountBlocked, "balance"),
        (200, 200, Rejected, "rejected"),
        (500, 999, Uncertain, "uncertain"),
        (200, 3333, Rejected, "rejected"),
        (429, 3333, Throttled, "throttled"),
        (503, 3333, Uncertain, "uncertain"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: int, kind: type[SmsError], reason: str) -> None:
    smsapi, http = make(reply(status, json={"error": code, "message": "Their words"}))

    with pytest.raises(SmsError) as raised:
        smsapi.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "Their words")
    assert len(http.asked) == 1


def test_a_recipient_may_be_refused_inside_a_success() -> None:
    smsapi, _http = make(reply(json={"message": "Zażółć", "list": [QUEUED | {"error": 57}]}))

    with pytest.raises(Rejected) as raised:
        smsapi.send(SMS)
    assert (raised.value.reason, raised.value.code, raised.value.words) == ("blocked", "57", "")
    assert "opt-out list" in raised.value.hint


def test_a_new_style_refusal_goes_by_its_status() -> None:
    smsapi, _http = make(reply(401, json={"message": "Authorization failed", "error": "authorization_failed"}))

    with pytest.raises(AccountBlocked) as raised:
        smsapi.check()
    assert (raised.value.code, raised.value.words) == ("authorization_failed", "Authorization failed")


def test_the_reference_is_recognised_for_a_day() -> None:
    assert SmsApi.repeat_window == timedelta(days=1)


# --- reports -----------------------------------------------------------------------------------------------------


def call(query: dict[str, str], method: str = "GET") -> Call:
    sent = {name: [value] for name, value in query.items()}
    form, asked = ({}, sent) if method == "GET" else (sent, {})
    return Call(method=method, url="https://sms.example.org/r/1", query=asked, form=form, headers={}, body=b"")


TOLD = {
    "MsgId": ID,
    "status": "404",
    "status_name": "DELIVERED",
    "idx": REFERENCE,
    "to": "48000000147",
    "from": "Shop",
    "donedate": "1560252590",
    "points": "0.16",
    "username": "anna",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_report_comes_in_the_query_or_as_a_form_and_is_answered_ok(method: str) -> None:
    told = call(TOLD, method)
    smsapi = make()[0]
    smsapi.verify(told)

    assert smsapi.read_reports(told) == [
        Report(ref=ID, recipient="48000000147", status=Status.DELIVERED, word="delivered")
    ]
    assert smsapi.answer(told) == Answer(status=200, body="OK", content_type="text/plain")


def test_reports_come_as_comma_lists() -> None:
    told = call({"MsgId": f"{ID},{OTHER},x,", "status": "403,402,,404", "to": "48000000147"})

    assert make()[0].read_reports(told) == [
        Report(ref=ID, recipient="48000000147", status=Status.SENT, word="sent"),
        Report(ref=OTHER, status=Status.UNDELIVERED, word="expired", code="402"),
    ]


@pytest.mark.parametrize("query", [{}, {"MsgId": ID}, {"status": "404"}, {"MsgId": "", "status": ""}])
def test_a_report_without_id_or_status_says_nothing(query: dict[str, str]) -> None:
    assert make()[0].read_reports(call(query)) == []


@pytest.mark.parametrize(
    ("told", "word", "status", "code"),
    [
        ("401", "not_found", None, ""),
        ("402", "expired", Status.UNDELIVERED, "402"),
        ("403", "sent", Status.SENT, ""),
        ("404", "delivered", Status.DELIVERED, ""),
        ("405", "undelivered", Status.UNDELIVERED, "405"),
        ("406", "failed", Status.FAILED, "406"),
        ("407", "rejected", Status.FAILED, "407"),
        ("408", "unknown", None, ""),
        ("409", "queue", Status.QUEUED, ""),
        ("410", "accepted", Status.SENT, ""),
        ("411", "renewal", Status.SENT, ""),
        ("412", "stop", Status.FAILED, "412"),
        ("413", "413", None, ""),
        ("REJECTED", "rejected", Status.FAILED, "407"),
    ],
)
def test_a_number_or_name_becomes_a_status_and_an_unknown_one_none(
    told: str, word: str, status: Status | None, code: str
) -> None:
    assert make()[0].read_reports(call({"MsgId": ID, "status": told})) == [
        Report(ref=ID, status=status, word=word, code=code)
    ]


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_asks_for_all_at_once_and_leaves_out_the_unknown() -> None:
    rows = [
        {"id": ID, "status": "DELIVERED", "number": "48000000147"},
        {"id": OTHER, "status": "407", "number": None},
        {"id": "gone", "status": "NOT_FOUND"},
        {"id": None, "status": "SENT"},
        {"id": "odd", "status": None},
        "odd",
    ]
    smsapi, http = make(reply(json={"count": 2, "list": rows}))

    assert smsapi.look_up([ID, OTHER, "gone"]) == [
        Report(ref=ID, recipient="48000000147", status=Status.DELIVERED, word="delivered"),
        Report(ref=OTHER, status=Status.FAILED, word="rejected", code="407"),
    ]
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("GET", "https://api.smsapi.pl/sms.do")
    assert asked.params == {"status": f"{ID}|{OTHER}|gone", "format": "json"}
    assert asked.headers == {"Authorization": "Bearer hush-hush"}
    http.done()


@pytest.mark.parametrize("code", [301, 400])
def test_a_look_up_of_nothing_known_is_empty(code: int) -> None:
    assert make(reply(json={"error": code, "message": "ID of messages doesn't exist"}))[0].look_up(["x"]) == []


@pytest.mark.parametrize("answer", [{"count": 0}, {"list": None}, {"list": {"id": ID, "status": "SENT"}}])
def test_a_look_up_without_a_list_says_nothing(answer: object) -> None:
    assert make(reply(json=answer))[0].look_up([ID]) == []


def test_a_check_tells_name_and_points() -> None:
    smsapi, http = make(reply(json={"username": "anna", "email": "anna@shop.example", "points": 12.5}))

    assert smsapi.check() == Account(label="anna", balance=Decimal("12.5"))
    assert (http.asked[0].method, http.asked[0].url) == ("GET", "https://api.smsapi.pl/profile")


def test_senders_are_the_active_names() -> None:
    rows = [
        {"sender": "Shop", "is_default": True, "status": "ACTIVE"},
        {"sender": "New", "status": "INACTIVE"},
        {"sender": None, "status": "ACTIVE"},
        "odd",
    ]
    smsapi, http = make(reply(json={"size": 4, "collection": rows}), reply(json={"collection": None}))

    assert smsapi.senders() == ["Shop"]
    assert smsapi.senders() == []
    assert http.asked[0].url == "https://api.smsapi.pl/sms/sendernames"


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "verify")

    assert [SmsApi.can(verb) for verb in verbs] == [True, True, True, False, False]
