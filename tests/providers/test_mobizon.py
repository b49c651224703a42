"""Mobizon: what goes on the wire, what its answers, reports and signatures mean."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.mobizon import Mobizon

SMS = Sms(to="+12025550147", text="Привет", reference="0123456789abcdef0123456789abcdef", sender="Anna")
KEY = {"apiKey": "kkkk-key"}


def make(*replies: Script, **given: str) -> tuple[Mobizon, FakeHttp]:
    account = make_account(Mobizon, **({"api_key": "kkkk-key", "webhook_secret": "docs_secret"} | given))
    http = FakeHttp(*replies, secrets=Mobizon.secrets(account))
    return Mobizon(account, http, MemoryMemo()), http


def answer(data: object, code: object = 0, message: str = "") -> Script:
    return reply(json={"code": code, "data": data, "message": message})


def test_a_message_goes_as_a_form_with_the_key_in_it() -> None:
    mobizon, http = make(answer({"campaignId": "245455096", "messageId": "169275418", "status": 2}))

    assert mobizon.send(SMS) == Accepted(ref="169275418")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.mobizon.kz/service/message/sendsmsmessage")
    assert (asked.params, asked.auth) == ({"output": "json", "api": "v1"}, None)
    assert asked.form == KEY | {"recipient": "12025550147", "text": "Привет", "from": "Anna"}
    http.done()


def test_no_sender_is_not_an_empty_one() -> None:
    mobizon, http = make(answer({"messageId": 7, "status": 1}))

    assert mobizon.send(replace(SMS, sender="")) == Accepted(ref="7")
    assert "from" not in http.asked[0].form


def test_each_country_has_its_own_address() -> None:
    mobizon, http = make(answer({"messageId": 7}), base_url="https://api.mobizon.com.br")
    mobizon.send(SMS)

    assert http.asked[0].url == "https://api.mobizon.com.br/service/message/sendsmsmessage"


def test_what_goes_to_the_background_is_taken_without_an_id() -> None:
    assert make(answer("1234", code=100))[0].send(SMS) == Accepted()


@pytest.mark.parametrize("body", [{"code": 0}, {"code": 0, "data": {}}, {"data": {"messageId": "1"}}])
def test_an_answer_without_code_or_id_is_uncertain(body: object) -> None:
    with pytest.raises(SmsError) as raised:
        make(reply(json=body))[0].send(SMS)
    assert type(raised.value) is Uncertain


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (1, Rejected, "invalid_request"),
        (3, Uncertain, "uncertain"),
        (8, AccountBlocked, "auth"),
        ("9", AccountBlocked, "auth"),
        (15, Rejected, "rejected"),
        (30, Throttled, "throttled"),
        (77, Rejected, "rejected"),
    ],
)
def test_a_code_becomes_its_error(code: object, kind: type[SmsError], reason: str) -> None:
    mobizon, http = make(answer([], code=code, message="Mobizon's words"))

    with pytest.raises(SmsError) as raised:
        mobizon.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "Mobizon's words")
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("code", "field", "told", "reason"),
    [
        (1, "recipient", "1 recipient", "invalid_number"),
        (12, "recipient", "12 recipient", "invalid_number"),
        (1, "from", "1 from", "blocked"),
        (1, "text", "1 text", "invalid_request"),
        (1, "params", "1", "invalid_request"),
    ],
)
def test_the_field_at_fault_belongs_to_the_code(code: int, field: str, told: str, reason: str) -> None:
    mobizon, _http = make(answer({field: ["is wrong"]}, code=code, message="Mobizon's words"))

    with pytest.raises(Rejected) as raised:
        mobizon.send(SMS)
    assert (raised.value.code, raised.value.reason) == (told, reason)
    assert raised.value.words == ("Mobizon's words is wrong" if field != "params" else "Mobizon's words")


def test_a_wrong_country_is_told_with_the_right_one() -> None:
    mobizon, _http = make(answer("api.mobizon.ua", code=13, message="Wrong server."))

    with pytest.raises(AccountBlocked) as raised:
        mobizon.send(SMS)
    assert raised.value.words == "Wrong server. api.mobizon.ua"
    assert "another country" in raised.value.hint
    assert raised.value.link == "https://mobizon.kz/help/api-docs/other#apiCode-13"


# --- reports -----------------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "eventId": 7,
    "eventType": "sms-delivery-report",
    "eventCreateTs": "2025-02-03 04:05:06",
    "webhookId": 1,
    "attempt": 1,
    "data": {
        "campaignId": 245455096,
        "messageId": 169275418,
        "segNum": 3,
        "statusUpdateTs": "2025-02-03 04:05:00",
        "status": "DELIVRD",
        "to": "12025550147",
    },
    "sign": "dab81aefcac0b874ec0d421ca7a05934f759451b",  # the reference page's
}


def call(event: object) -> Call:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers={}, body=body)


def test_the_signature_of_the_reference_page_is_good() -> None:
    make()[0].verify(call(EVENT))
    make()[0].verify(call(EVENT | {"eventId": "7", "attempt": "1", "sign": EVENT["sign"].upper()}))


@pytest.mark.parametrize(
    "forged",
    [
        EVENT | {"sign": ""},
        EVENT | {"sign": None},
        EVENT | {"sign": "ключ\udcff"},
        EVENT | {"eventId": 8},
        EVENT | {"attempt": 2},
        EVENT | {"eventCreateTs": "2025-02-03 04:05:07"},
        {name: value for name, value in EVENT.items() if name != "sign"},
        [EVENT],
        b"eventId=7&attempt=1",
    ],
)
def test_anything_changed_is_forged(forged: object) -> None:
    with pytest.raises(Forged):
        make()[0].verify(call(forged))


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        make(webhook_secret="other")[0].verify(call(EVENT))


def test_without_a_secret_the_address_alone_proves() -> None:
    make(webhook_secret="")[0].verify(call({name: value for name, value in EVENT.items() if name != "sign"}))


def test_a_report_is_read() -> None:
    assert make()[0].read_reports(call(EVENT)) == [
        Report(ref="169275418", recipient="+12025550147", status=Status.DELIVERED, word="DELIVRD")
    ]


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("NEW", Status.QUEUED, "", ""),
        ("ACCEPTD", Status.SENT, "", ""),
        ("UNDELIV", Status.UNDELIVERED, "UNDELIV", ""),
        ("EXPIRED", Status.UNDELIVERED, "EXPIRED", ""),
        ("REJECTD", Status.FAILED, "REJECTD", "rejected"),
        ("DELETED", Status.FAILED, "DELETED", ""),
        ("TELEPORTED", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call(EVENT | {"data": {"messageId": "1", "status": word}})) == [
        Report(ref="1", status=status, word=word, code=code, reason=reason)
    ]


@pytest.mark.parametrize(
    "event",
    [
        EVENT | {"eventType": "form-submission"},
        EVENT | {"data": None},
        EVENT | {"data": []},
        EVENT | {"data": {"messageId": 1}},
        EVENT | {"data": {"status": "DELIVRD"}},
        EVENT | {"data": {"messageId": {}, "status": []}},
        [],
        None,
    ],
)
def test_what_is_no_report_is_passed_over(event: object) -> None:
    assert make()[0].read_reports(call(event)) == []


def test_another_format_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"<xml/>"))


def test_a_report_is_answered_plainly() -> None:
    assert make()[0].answer(call(EVENT)) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_asks_for_all_at_once_and_leaves_out_what_is_not_known() -> None:
    rows = [
        {"id": "1", "status": "ACCEPTD", "segNum": "1", "startSendTs": "2025-02-03 04:05:06", "statusUpdateTs": " "},
        {"id": 3, "status": "EXPIRED"},
        {"id": None, "status": "NEW"},
        "odd",
    ]
    mobizon, http = make(answer(rows))

    assert mobizon.look_up(["1", "2", "3"]) == [
        Report(ref="1", status=Status.SENT, word="ACCEPTD"),
        Report(ref="3", status=Status.UNDELIVERED, word="EXPIRED", code="EXPIRED"),
    ]
    assert http.asked[0].url == "https://api.mobizon.kz/service/message/getsmsstatus"
    assert http.asked[0].form == KEY | {"ids": "1,2,3"}


def test_more_than_a_hundred_are_asked_for_in_parts() -> None:
    mobizon, http = make(answer([]), answer(None))

    assert mobizon.look_up([str(index) for index in range(101)]) == []
    assert [asked.form["ids"].count(",") for asked in http.asked] == [99, 0]
    http.done()


def test_a_check_tells_the_balance() -> None:
    mobizon, http = make(answer({"balance": "16.2000", "currency": "kzt"}))

    assert mobizon.check() == Account(balance=Decimal("16.2000"), currency="KZT")
    assert http.asked[0].url == "https://api.mobizon.kz/service/user/getownbalance"
    assert http.asked[0].form == KEY


def test_a_wrong_key_blocks_the_account() -> None:
    mobizon, _http = make(answer([], code=8, message="Login error"))

    with pytest.raises(AccountBlocked) as raised:
        mobizon.check()
    assert (raised.value.reason, raised.value.code) == ("auth", "8")


def test_senders_are_the_alphanames() -> None:
    items = [
        {"alphanameId": "1", "alphaname": {"name": "Anna"}},
        {"alphaname": None},
        7,
        {"alphaname": {"name": "Shop"}},
    ]
    mobizon, http = make(answer({"items": items, "totalItemCount": "4"}))

    assert mobizon.senders() == ["Anna", "Shop"]
    assert http.asked[0].url == "https://api.mobizon.kz/service/alphaname/list"


def test_an_account_without_alphanames_has_no_senders() -> None:
    assert make(answer({"items": None}))[0].senders() == []
