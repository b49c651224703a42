"""SMS Aero: what goes on the wire, what its answers and reports mean."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.smsaero import Smsaero

SMS = Sms(
    to="+12025550147",
    text="Привет",
    reference="0123456789abcdef0123456789abcdef",
    sender="Anna",
    report_url="https://sms.example.org/r/1",
)
SENT: dict[str, Any] = {
    "id": 12345,
    "from": "Anna",
    "number": "12025550147",
    "text": "Привет",
    "status": 0,
    "extendStatus": "queue",
    "channel": "DIRECT",
    "cost": 5.49,
}
REFUSED = {"success": False, "data": None, "message": "SMS Aero's words"}


def make(*replies: Script, **given: str) -> tuple[Smsaero, FakeHttp]:
    account = make_account(Smsaero, **({"email": "anna@shop.example", "api_key": "hush"} | given))
    http = FakeHttp(*replies, secrets=Smsaero.secrets(account))
    return Smsaero(account, http, MemoryMemo()), http


def ok(data: object) -> Script:
    return reply(json={"success": True, "data": data, "message": None})


def test_a_message_goes_as_a_form_with_basic_auth() -> None:
    smsaero, http = make(ok(SENT))

    assert smsaero.send(SMS) == Accepted(ref="12345", price=Decimal("5.49"), currency="RUB")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://gate.smsaero.ru/v2/sms/send")
    assert asked.auth == ("anna@shop.example", "hush")
    assert asked.form == {
        "number": "12025550147",
        "text": "Привет",
        "sign": "Anna",
        "callbackUrl": "https://sms.example.org/r/1",
    }
    http.done()


def test_without_a_sender_the_common_name_is_used() -> None:
    smsaero, http = make(ok({"id": "7"}))

    assert smsaero.send(replace(SMS, sender="", report_url="")) == Accepted(ref="7")
    assert http.asked[0].form == {"number": "12025550147", "text": "Привет", "sign": "SMS Aero"}


def test_another_gate_is_asked_where_one_is_chosen() -> None:
    smsaero, http = make(ok(SENT), host="gate.smsaero.org")
    smsaero.send(SMS)

    assert http.asked[0].url == "https://gate.smsaero.org/v2/sms/send"


@pytest.mark.parametrize("status", [200, 400, 422])
@pytest.mark.parametrize(
    ("field", "kind", "reason"),
    [
        ("number", Rejected, "invalid_number"),
        ("sign", Rejected, "blocked"),
        ("text", Rejected, "invalid_request"),
        ("callbackUrl", Rejected, "invalid_request"),
    ],
)
def test_the_field_at_fault_is_the_code(status: int, field: str, kind: type[SmsError], reason: str) -> None:
    body = {"success": False, "data": {field: ["incorrect"]}, "message": "Validation error."}
    smsaero, http = make(reply(status, json=body))

    with pytest.raises(SmsError) as raised:
        smsaero.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code) == (reason, field)
    assert raised.value.words == f"Validation error. {field}: incorrect"
    assert raised.value.hint
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "code", "words"),
    [
        (401, REFUSED, AccountBlocked, "auth", "401", "SMS Aero's words"),
        (403, REFUSED, AccountBlocked, "auth", "403", "SMS Aero's words"),
        (402, REFUSED, AccountBlocked, "balance", "402", "SMS Aero's words"),
        (200, {"result": "no credits"}, AccountBlocked, "balance", "no credits", "no credits"),
        (200, {"result": "reject", "reason": "bad text"}, Rejected, "rejected", "reject", "bad text"),
        (200, REFUSED, Rejected, "rejected", "", "SMS Aero's words"),
        (404, REFUSED, Rejected, "rejected", "404", "SMS Aero's words"),
        (429, REFUSED, Throttled, "throttled", "429", "SMS Aero's words"),
        (500, REFUSED, Uncertain, "uncertain", "500", "SMS Aero's words"),
        (200, {"message": "what"}, Uncertain, "uncertain", "200", "The response is missing required data."),
    ],
)
def test_a_refusal_becomes_its_error(
    status: int, body: object, kind: type[SmsError], reason: str, code: str, words: str
) -> None:
    smsaero, _http = make(reply(status, json=body))

    with pytest.raises(SmsError) as raised:
        smsaero.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, words)


# --- reports -----------------------------------------------------------------------------------------------------


def call(form: Mapping[str, str] | None = None, body: bytes = b"") -> Call:
    told = {name: [value] for name, value in (form or {}).items()}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form=told, headers={}, body=body)


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("0", Status.QUEUED, "", ""),
        ("3", Status.SENT, "", ""),
        ("1", Status.DELIVERED, "", ""),
        ("2", Status.UNDELIVERED, "2", ""),
        ("6", Status.FAILED, "6", "rejected"),
        ("5", None, "", ""),
        ("delivery", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call({"id": "12345", "status": word, "number": "12025550147"})) == [
        Report(ref="12345", status=status, word=word, code=code, reason=reason)
    ]


def test_a_report_may_come_as_json() -> None:
    assert make()[0].read_reports(call(body=b'{"id": 12345, "status": 1, "extendStatus": "delivery"}')) == [
        Report(ref="12345", status=Status.DELIVERED, word="1")
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"id": 1}', b'{"status": 1}', b'{"id": {}, "status": []}'])
def test_a_report_without_id_or_status_says_nothing(body: bytes) -> None:
    assert make()[0].read_reports(call(body=body)) == []
    assert make()[0].read_reports(call({"id": "", "status": "1"})) == []


def test_a_body_that_is_neither_form_nor_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(body=b"<xml/>"))


def test_nothing_is_signed_so_the_address_alone_proves() -> None:
    make()[0].verify(call({"id": "12345", "status": "1"}))
    assert make()[0].answer(call()) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_asks_for_each_and_leaves_out_what_is_not_known() -> None:
    smsaero, http = make(
        ok(SENT | {"status": 1, "cost": "5.49"}),
        reply(400, json={"success": False, "data": {"id": ["not found"]}, "message": "Validation error."}),
        reply(404, json=REFUSED),
        ok(SENT | {"id": "12348", "status": "2"}),
    )

    assert smsaero.look_up(["12345", "12346", "12347", "12348"]) == [
        Report(ref="12345", status=Status.DELIVERED, word="1"),
        Report(ref="12348", status=Status.UNDELIVERED, word="2", code="2"),
    ]
    assert {asked.url for asked in http.asked} == {"https://gate.smsaero.ru/v2/sms/status"}
    assert [asked.form["id"] for asked in http.asked] == ["12345", "12346", "12347", "12348"]
    http.done()


def test_a_look_up_that_is_refused_is_no_answer() -> None:
    with pytest.raises(AccountBlocked):
        make(reply(401, json=REFUSED))[0].look_up(["12345"])


def test_a_check_tells_the_balance() -> None:
    smsaero, http = make(ok({"balance": 337.03}))

    assert smsaero.check() == Account(label="anna@shop.example", balance=Decimal("337.03"), currency="RUB")
    assert http.asked[0].url == "https://gate.smsaero.ru/v2/balance"


def test_a_wrong_key_blocks_the_account() -> None:
    smsaero, _http = make(reply(401, json=REFUSED))

    with pytest.raises(AccountBlocked) as raised:
        smsaero.check()
    assert raised.value.reason == "auth"


def test_senders_are_the_approved_signs() -> None:
    signs = {
        "totalCount": "3",
        "0": {"id": 1, "name": "Anna", "status": 1, "extendStatus": "approve"},
        "1": {"id": 2, "name": "Shop", "status": 0, "extendStatus": "moderation"},
        "2": {"id": 3, "name": "", "status": 1},
        "3": "odd",
        "4": {"name": "Sale", "status": "1"},
    }
    smsaero, http = make(ok(signs))

    assert smsaero.senders() == ["Anna", "Sale"]
    assert http.asked[0].url == "https://gate.smsaero.ru/v2/sign/list"


def test_an_account_without_signs_has_no_senders() -> None:
    assert make(ok(None))[0].senders() == []
