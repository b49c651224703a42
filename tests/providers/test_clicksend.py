"""ClickSend: what goes on the wire, and what its answers and reports mean."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.clicksend import ClickSend
from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

BASE = "https://rest.clicksend.com/v3"
ID = "1EF2D909-D8CB-6684-AFF9-DDE3218AE055"
AUTH = ("anna", "0000-KEY")
REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Hello", reference=REFERENCE, sender="+12025550100")
CURRENCY = {"currency_name_short": "AUD", "currency_prefix_d": "$"}


def make(*replies: Script) -> tuple[ClickSend, FakeHttp]:
    account = make_account(ClickSend, username=AUTH[0], api_key=AUTH[1])
    http = FakeHttp(*replies, secrets=ClickSend.secrets(account))
    return ClickSend(account, http, MemoryMemo()), http


def answer(status: str, **changed: object) -> dict[str, Any]:
    message = {"to": "+12025550147", "message_id": ID, "message_parts": 2, "message_price": "0.1584", "status": status}
    data = {"total_count": 1, "queued_count": 1, "blocked_count": 0, "messages": [message], "_currency": CURRENCY}
    envelope = {"http_code": 200, "response_code": "SUCCESS", "response_msg": "Messages queued for delivery."}
    return envelope | {"data": data | changed}


def test_a_message_goes_with_our_reference_and_is_priced() -> None:
    clicksend, http = make(reply(json=answer("SUCCESS")))

    assert clicksend.send(SMS) == Accepted(ref=ID, parts=2, price=Decimal("0.1584"), currency="AUD")
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", f"{BASE}/sms/send", AUTH)
    assert asked.json == {
        "messages": [
            {
                "to": "+12025550147",
                "body": "Hello",
                "from": "+12025550100",
                "source": "Sendline",
                "custom_string": REFERENCE,
            }
        ]
    }
    http.done()


def test_clicksend_chooses_the_number_where_there_is_no_sender() -> None:
    clicksend, http = make(reply(json=answer("SUCCESS")))
    clicksend.send(replace(SMS, sender=""))

    assert "from" not in http.asked[0].json["messages"][0]


def test_a_price_of_nothing_is_no_price() -> None:
    free = {"message_id": ID, "message_price": "0.0000", "status": "SUCCESS"}
    clicksend, _http = make(reply(json=answer("", messages=[free])))

    assert clicksend.send(SMS) == Accepted(ref=ID)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("INVALID_RECIPIENT", Rejected, "invalid_number"),
        ("COUNTRY_NOT_ENABLED", Rejected, "blocked"),
        ("OPTED_OUT", Rejected, "opt_out"),
        ("THROTTLED", Rejected, "duplicate"),
        ("INVALID_SENDER_ID", Rejected, "invalid_request"),
        ("INSUFFICIENT_CREDIT", AccountBlocked, "balance"),
        ("ACCOUNT_NOT_ACTIVATED", AccountBlocked, "auth"),
        ("INTERNAL_ERROR", Uncertain, "uncertain"),
        ("SOMETHING_NEW", Rejected, "rejected"),
    ],
)
def test_a_refusal_stands_in_the_message(status: str, kind: type[SmsError], reason: str) -> None:
    clicksend, http = make(reply(json=answer(status)))

    with pytest.raises(SmsError) as raised:
        clicksend.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, status, "")
    assert len(http.asked) == 1


def test_a_stopped_message_is_refused() -> None:
    clicksend, _http = make(reply(json=answer("", messages=[], blocked_count=1, queued_count=0)))

    with pytest.raises(Rejected) as raised:
        clicksend.send(SMS)

    assert (raised.value.reason, raised.value.code) == ("blocked", "BLOCKED")
    assert raised.value.link == "https://developers.clicksend.com/docs/#application-status-codes"


def test_an_answer_without_a_message_is_uncertain() -> None:
    clicksend, _http = make(reply(json=answer("", messages=[])))

    with pytest.raises(Uncertain):
        clicksend.send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (401, "UNAUTHORIZED", AccountBlocked, "auth"),
        (200, "INVALID_CREDENTIALS", AccountBlocked, "auth"),
        (403, "FORBIDDEN", AccountBlocked, "auth"),
        (402, "PAY", AccountBlocked, "balance"),
        (400, "BAD_REQUEST", Rejected, "invalid_request"),
        (400, "INVALID_RECIPIENT", Rejected, "invalid_number"),
        (404, "NOT_FOUND", Rejected, "rejected"),
        (429, "TOO_MANY_REQUESTS", Throttled, "throttled"),
    ],
)
def test_a_refusal_may_stand_in_the_envelope(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    told = {"http_code": status, "response_code": code, "response_msg": "Their words", "data": None}
    clicksend, _http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        clicksend.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Their words")


def test_trouble_there_is_uncertain_whatever_it_says() -> None:
    clicksend, _http = make(reply(500, json={"response_code": "INVALID_RECIPIENT", "response_msg": "Oh"}))

    with pytest.raises(Uncertain):
        clicksend.send(SMS)


# --- reports -----------------------------------------------------------------------------------------------------


def call(fields: Mapping[str, str] | None = None, *, body: bytes = b"", as_query: bool = False) -> Call:
    told = {name: [value] for name, value in (fields or {}).items()}
    return Call(
        method="POST",
        url="https://sms.example.org/r/1",
        query=told if as_query else {},
        form={} if as_query else told,
        headers={},
        body=body,
    )


PUSHED = {
    "message_id": ID,
    "messageid": ID,
    "custom_string": REFERENCE,
    "status": "Sent",
    "status_code": "201",
    "status_text": "Message delivered to +12025550147",
    "error_code": "",
    "error_text": "",
    "message_type": "sms",
    "timestamp": "1700000000",
    "user_id": "1",
}
DELIVERED = Report(ref=ID, reference=REFERENCE, status=Status.DELIVERED, word="201")


def test_a_report_comes_as_a_form_a_query_or_json() -> None:
    clicksend = make()[0]
    numbers = PUSHED | {"status_code": 201, "error_code": None, "user_id": 1}

    assert clicksend.read_reports(call(PUSHED, body=b"a=b")) == [DELIVERED]
    assert clicksend.read_reports(call(PUSHED, as_query=True)) == [DELIVERED]
    assert clicksend.read_reports(call(body=json.dumps(numbers).encode())) == [DELIVERED]


@pytest.mark.parametrize(
    ("code", "word", "known", "status"),
    [
        ("200", "Sent", "200", Status.SENT),
        ("200", "Queued", "queued", Status.QUEUED),
        ("200", "WaitApproval", "waitapproval", Status.QUEUED),
        ("201", "Sent", "201", Status.DELIVERED),
        ("300", "Failed", "300", Status.SENT),
        ("301", "Failed", "301", Status.UNDELIVERED),
        ("", "Scheduled", "scheduled", Status.QUEUED),
        ("", "Sent", "sent", Status.SENT),
        ("", "Failed", "failed", Status.FAILED),
        ("", "Cancelled", "cancelled", Status.FAILED),
        ("", "CancelledAfterReview", "cancelledafterreview", Status.FAILED),
        ("", "Completed", "completed", None),
        ("399", "Sent", "399", None),
    ],
)
def test_a_code_becomes_a_status_and_an_unknown_one_none(
    code: str, word: str, known: str, status: Status | None
) -> None:
    report = make()[0].read_reports(call({"message_id": ID, "status": word, "status_code": code}))

    assert report == [Report(ref=ID, status=status, word=known)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("8", "invalid_number"), ("12", ""), ("15", "blocked"), ("18", "rejected"), ("19", "blocked"), ("99", "")],
)
def test_a_failure_carries_its_code_and_reason(code: str, reason: str) -> None:
    report = make()[0].read_reports(call(PUSHED | {"status_code": "301", "error_code": code}))[0]

    assert (report.status, report.code, report.reason, report.detail) == (Status.UNDELIVERED, code, reason, "")


@pytest.mark.parametrize(
    "odd",
    [
        call({"message_id": ID}),
        call({"status_code": "201"}),
        call({"from": "+12025550147", "body": "Yes", "message_id": "m-1"}),
        call(body=b"[]"),
        call(body=b'{"message_id": {}, "status_code": [201]}'),
    ],
)
def test_what_is_no_report_says_nothing(odd: Call) -> None:
    assert make()[0].read_reports(odd) == []


def test_a_body_that_is_neither_form_nor_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(body=b"<status/>"))


def test_nothing_is_signed_and_a_report_is_answered_with_nothing() -> None:
    clicksend = make()[0]
    clicksend.verify(call())

    assert clicksend.answer(call()) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_reads_the_history_of_each_message() -> None:
    row = {
        "direction": "out",
        "message_id": ID,
        "to": "+12025550147",
        "status": "Failed",
        "status_code": "301",
        "error_code": "12",
        "custom_string": REFERENCE,
    }
    clicksend, http = make(
        reply(json={"response_code": "SUCCESS", "data": {"data": [row, {"message_id": "another"}, "odd"]}}),
        reply(json={"response_code": "SUCCESS", "data": {"data": []}}),
    )

    assert clicksend.look_up([ID, "m-2"]) == [
        Report(ref=ID, reference=REFERENCE, recipient="+12025550147", status=Status.UNDELIVERED, word="301", code="12")
    ]
    assert [(asked.url, asked.params, asked.auth) for asked in http.asked] == [
        (f"{BASE}/sms/history", {"q": f"message_id:{ID}"}, AUTH),
        (f"{BASE}/sms/history", {"q": "message_id:m-2"}, AUTH),
    ]


@pytest.mark.parametrize(("name", "label"), [("Anna's shop", "Anna's shop"), ("", "anna")])
def test_a_check_tells_name_and_balance_and_keeps_the_key_out_of_the_record(name: str, label: str) -> None:
    data = {
        "username": "anna",
        "account_name": name,
        "balance": "4.998000",
        "banned": 0,
        "_currency": CURRENCY,
        "_subaccount": {"api_key": "another-key"},
    }
    clicksend, http = make(reply(json={"http_code": 200, "response_code": "SUCCESS", "data": data}))

    assert clicksend.check() == Account(label=label, balance=Decimal("4.998000"), currency="AUD")
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].auth) == ("GET", f"{BASE}/account", AUTH)
    assert "another-key" not in repr(http.exchanges)


def test_a_banned_account_is_blocked() -> None:
    clicksend, _http = make(reply(json={"response_code": "SUCCESS", "data": {"username": "anna", "banned": 1}}))

    with pytest.raises(AccountBlocked) as raised:
        clicksend.check()

    assert raised.value.hint


def test_senders_are_numbers_own_numbers_and_approved_names() -> None:
    names = [{"alpha_tag": "ANNA", "status": "APPROVED"}, {"alpha_tag": "SOON", "status": "PENDING"}]
    clicksend, http = make(
        reply(json={"response_code": "SUCCESS", "data": {"data": [{"dedicated_number": "+12025550100"}, "odd"]}}),
        reply(json={"own_numbers": [{"phone_number": "+12025550101"}, {}]}),
        reply(json={"alpha_tags": names}),
    )

    assert clicksend.senders() == ["+12025550100", "+12025550101", "ANNA"]
    assert [asked.url.removeprefix(BASE) for asked in http.asked] == ["/numbers", "/own-numbers", "/alpha-tags"]
    http.done()
