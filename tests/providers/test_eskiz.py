"""Eskiz: the login and its token, the two doors, refusals inside a 200, reports and look-ups."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.eskiz import Eskiz
from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, read_timeout, refused, reply, reset

BASE = "https://notify.eskiz.uz/api"
ID = "59bf10a2-aba8-4694-8fd5-0be20102a580"
SMS = Sms(
    to="+998000000147",
    text="Hello",
    reference="0123456789abcdef0123456789abcdef",
    sender="4546",
    report_url="https://sms.example.org/r/1?x=2",
)
LOGGED_IN = reply(json={"message": "token_generated", "data": {"token": "t-1"}, "token_type": "bearer"})
AGAIN = reply(json={"message": "token_generated", "data": {"token": "t-2"}, "token_type": "bearer"})
WAITING = reply(json={"id": ID, "message": "Waiting for SMS provider", "status": "waiting"})


def make(*replies: Script, memo: MemoryMemo | None = None, password: str = "hush-hush") -> tuple[Eskiz, FakeHttp]:
    account = make_account(Eskiz, email="anna@shop.example", password=password)
    http = FakeHttp(*replies, secrets=Eskiz.secrets(account))
    return Eskiz(account, http, memo or MemoryMemo()), http


def test_the_first_message_logs_in_and_goes_as_a_form() -> None:
    eskiz, http = make(LOGGED_IN, WAITING)

    assert eskiz.send(SMS) == Accepted(ref=ID)
    login, sent = http.asked
    assert (login.method, login.url) == ("POST", f"{BASE}/auth/login")
    assert login.form == {"email": "anna@shop.example", "password": "hush-hush"}
    assert (sent.method, sent.url) == ("POST", f"{BASE}/message/sms/send")
    assert sent.headers == {"Authorization": "Bearer t-1"}
    assert sent.form == {
        "mobile_phone": "998000000147",
        "message": "Hello",
        "user_sms_id": "0123456789abcdef0123456789abcdef",
        "from": "4546",
        "callback_url": "https://sms.example.org/r/1?x=2",
    }
    http.done()


def test_what_is_empty_is_left_out() -> None:
    eskiz, http = make(LOGGED_IN, WAITING)
    eskiz.send(replace(SMS, sender="", report_url=""))

    assert http.asked[1].form == {
        "mobile_phone": "998000000147",
        "message": "Hello",
        "user_sms_id": "0123456789abcdef0123456789abcdef",
    }


@pytest.mark.parametrize(
    ("to", "text", "digits", "country", "unicode"),
    [
        ("+12025550147", "Hello", "12025550147", {"country_code": "US"}, "0"),
        ("+447700900147", "Привет", "447700900147", {}, "1"),  # a range that nobody has
    ],
)
def test_abroad_goes_through_the_other_door(
    to: str, text: str, digits: str, country: dict[str, str], unicode: str
) -> None:
    eskiz, http = make(LOGGED_IN, WAITING)

    assert eskiz.send(replace(SMS, to=to, text=text)) == Accepted(ref=ID)
    assert http.asked[1].url == f"{BASE}/message/sms/send-global"
    assert http.asked[1].form == {
        "mobile_phone": digits,
        "message": text,
        "user_sms_id": "0123456789abcdef0123456789abcdef",
        "unicode": unicode,
        "callback_url": "https://sms.example.org/r/1?x=2",
        **country,
    }


def test_an_id_may_be_a_number() -> None:
    assert make(LOGGED_IN, reply(json={"id": 4385062, "status": "waiting"}))[0].send(SMS) == Accepted(ref="4385062")


@pytest.mark.parametrize("answer", [{"id": ID}, {"status": "waiting"}, {"id": None, "status": "waiting"}])
def test_half_a_receipt_is_uncertain(answer: dict[str, object]) -> None:
    with pytest.raises(Uncertain):
        make(LOGGED_IN, reply(json=answer))[0].send(SMS)


# --- the token ---------------------------------------------------------------------------------------------------


def test_one_login_serves_many_messages() -> None:
    memo = MemoryMemo()
    eskiz, http = make(LOGGED_IN, WAITING, WAITING, memo=memo)
    eskiz.send(SMS)
    eskiz.send(SMS)

    assert [asked.url.removeprefix(BASE) for asked in http.asked] == [
        "/auth/login",
        "/message/sms/send",
        "/message/sms/send",
    ]
    assert list(memo.values.values()) == ["t-1"]
    assert list(memo.seconds.values()) == [29 * 24 * 3600]


def test_other_credentials_do_not_use_the_token() -> None:
    memo = MemoryMemo()
    make(LOGGED_IN, WAITING, memo=memo)[0].send(SMS)
    eskiz, http = make(reply(401, json={"message": "Invalid credentials"}), memo=memo, password="wrong-one")

    with pytest.raises(AccountBlocked):
        eskiz.check()
    assert [asked.url for asked in http.asked] == [f"{BASE}/auth/login"]


def test_a_refused_token_is_renewed_and_the_message_repeated_once() -> None:
    memo = MemoryMemo()
    make(LOGGED_IN, WAITING, memo=memo)[0].send(SMS)
    eskiz, http = make(reply(401, json={"message": "Expired"}), AGAIN, WAITING, memo=memo)

    assert eskiz.send(SMS) == Accepted(ref=ID)
    refused_one, login, repeated = http.asked
    assert refused_one.headers["Authorization"] == "Bearer t-1"
    assert login.url == f"{BASE}/auth/login"
    assert repeated.headers["Authorization"] == "Bearer t-2"
    assert repeated.form == refused_one.form
    assert list(memo.values.values()) == ["t-2"]
    http.done()


def test_a_token_that_somebody_else_renewed_is_used_without_a_login() -> None:
    class Overtaken(MemoryMemo):
        tokens = iter(["old", "new"])

        def get(self, key: str) -> str | None:  # noqa: ARG002 (there is one)
            return next(self.tokens)

    eskiz, http = make(reply(401), WAITING, memo=Overtaken())

    assert eskiz.send(SMS) == Accepted(ref=ID)
    assert [asked.headers["Authorization"] for asked in http.asked] == ["Bearer old", "Bearer new"]


def test_a_second_refusal_of_the_token_blocks_the_account() -> None:
    eskiz, http = make(LOGGED_IN, reply(401), AGAIN, reply(401, json={"message": "Expired"}))

    with pytest.raises(AccountBlocked) as raised:
        eskiz.send(SMS)

    assert (raised.value.reason, raised.value.code, raised.value.words) == ("auth", "login", "Expired")
    assert raised.value.link == "https://my.eskiz.uz/sms/settings"
    assert len(http.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refused_login_blocks_the_account(status: int) -> None:
    eskiz, http = make(reply(status, json={"message": "Invalid credentials"}))

    with pytest.raises(AccountBlocked) as raised:
        eskiz.send(SMS)

    assert (raised.value.reason, raised.value.words) == ("auth", "Invalid credentials")
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [refused(), read_timeout(), reset(), reply(500), reply(302), reply(200, text="<html>"), reply(200, json={})],
)
def test_a_login_that_fails_took_no_message(trouble: Script) -> None:
    eskiz, http = make(trouble)

    with pytest.raises(Unreachable):
        eskiz.send(SMS)
    assert len(http.asked) == 1


def test_too_many_logins_are_waited_for() -> None:
    with pytest.raises(Throttled) as raised:
        make(reply(429, headers={"Retry-After": "9"}))[0].send(SMS)
    assert raised.value.after == 9.0


def test_neither_password_nor_token_is_recorded() -> None:
    eskiz, http = make(LOGGED_IN, WAITING)
    eskiz.send(SMS)

    kept = repr(http.exchanges)
    assert "[not kept]" in http.exchanges[0].request
    assert "t-1" not in kept
    assert "hush-hush" not in kept


# --- refusals ----------------------------------------------------------------------------------------------------

FOR_A_TEST = "Для теста можно использовать только один из этих текстов: Bu Eskiz dan test"


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason", "code", "words"),
    [
        (400, FOR_A_TEST, Rejected, "blocked", "template", FOR_A_TEST),
        (200, FOR_A_TEST, Rejected, "blocked", "template", FOR_A_TEST),
        (400, "Message is not in template", Rejected, "blocked", "template", "Message is not in template"),
        (400, "Текст на модерации", Rejected, "blocked", "template", "Текст на модерации"),
        (200, "Недостаточно средств", AccountBlocked, "balance", "balance", "Недостаточно средств"),
        (400, "Not enough balance", AccountBlocked, "balance", "balance", "Not enough balance"),
        (402, "Pay", AccountBlocked, "balance", "", "Pay"),
        (403, "No", AccountBlocked, "auth", "", "No"),
        (422, {"mobile_phone": ["Wrong"]}, Rejected, "invalid_number", "mobile_phone", "Wrong"),
        (400, "mobile_phone is wrong", Rejected, "invalid_number", "mobile_phone", "mobile_phone is wrong"),
        (400, "Nick is unknown", Rejected, "rejected", "", "Nick is unknown"),
        (200, "Odd", Rejected, "rejected", "", "Odd"),
        (429, "balance of requests", Throttled, "throttled", "balance", "balance of requests"),
        (500, "balance service is down", Uncertain, "uncertain", "", "balance service is down"),
        (503, "", Uncertain, "uncertain", "", "HTTP 503"),
    ],
)
def test_words_become_an_error(
    status: int, message: Any, kind: type[SmsError], reason: str, code: str, words: str
) -> None:
    eskiz, http = make(LOGGED_IN, reply(status, json={"id": "6bf81cd4", "message": message, "status": "error"}))

    with pytest.raises(SmsError) as raised:
        eskiz.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, words)
    assert len(http.asked) == 2


def test_an_unapproved_text_says_where_to_have_it_approved() -> None:
    with pytest.raises(Rejected) as raised:
        make(LOGGED_IN, reply(400, json={"message": FOR_A_TEST, "status": "error"}))[0].send(SMS)

    assert "approved" in raised.value.hint
    assert raised.value.link == "https://my.eskiz.uz/sms/template"


def test_a_text_that_is_repeated_does_not_decide() -> None:
    account = make_account(Eskiz)
    http = FakeHttp(LOGGED_IN, reply(400, json={"message": "Cannot send: Your balance is 5", "status": "error"}))

    with pytest.raises(Rejected) as raised:
        Eskiz(account, http.hiding(text="Your balance is 5"), MemoryMemo()).send(SMS)
    assert raised.value.words == "Cannot send: [text]"


# --- reports -----------------------------------------------------------------------------------------------------

TOLD = {
    "request_id": ID,
    "message_id": "4385062",
    "user_sms_id": "0123456789abcdef0123456789abcdef",
    "country": "UZ",
    "phone_number": "998000000147",
    "sms_count": "1",
    "status": "DELIVRD",
    "status_date": "2021-04-02 00:39:36",
}


def call(body: object = None, form: dict[str, list[str]] | None = None) -> Call:
    raw = b"" if form else json.dumps(body).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form=form or {}, headers={}, body=raw)


@pytest.mark.parametrize("told", [call(TOLD), call(form={name: [value] for name, value in TOLD.items()})])
def test_a_report_comes_as_json_or_as_a_form(told: Call) -> None:
    eskiz = make()[0]
    eskiz.verify(told)

    assert eskiz.read_reports(told) == [
        Report(ref=ID, recipient="998000000147", status=Status.DELIVERED, word="delivrd")
    ]
    assert eskiz.answer(told) == Answer(status=200, body="")


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("waiting", Status.QUEUED, "", ""),
        ("NEW", Status.QUEUED, "", ""),
        ("STORED", Status.QUEUED, "", ""),
        ("ACCEPTED", Status.SENT, "", ""),
        ("ENROUTE", Status.SENT, "", ""),
        ("TRANSMTD", Status.SENT, "", ""),
        ("PARTDELIVERED", Status.SENT, "", ""),
        ("DELIVERED", Status.DELIVERED, "", ""),
        ("UNDELIV", Status.UNDELIVERED, "undeliv", ""),
        ("UNDELIVERABLE", Status.UNDELIVERED, "undeliverable", ""),
        ("NOTDELIVERED", Status.UNDELIVERED, "notdelivered", ""),
        ("EXPIRED", Status.UNDELIVERED, "expired", ""),
        ("REJECTD", Status.FAILED, "rejectd", "blocked"),
        ("REJECTED", Status.FAILED, "rejected", "blocked"),
        ("DELETED", Status.FAILED, "deleted", "invalid_request"),
        ("FAILED", Status.FAILED, "", ""),
        ("UNKNOWN", None, "", ""),
        ("TELEPORTED", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_some_are_explained(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call(TOLD | {"status": word})) == [
        Report(ref=ID, recipient="998000000147", status=status, word=word.lower(), code=code, reason=reason)
    ]


@pytest.mark.parametrize("body", [None, [], "DELIVRD", 7, {}, {"request_id": ID}, {"request_id": ID, "status": [4]}])
def test_a_report_without_a_word_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_a_report_is_good_without_an_id_as_its_address_names_the_message() -> None:
    assert make()[0].read_reports(call({"request_id": None, "phone_number": None, "status": "NEW"})) == [
        Report(ref="", recipient="", status=Status.QUEUED, word="new")
    ]


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_eskiz_does_not_know() -> None:
    known = {"request_id": ID, "to": "998000000147", "status": "EXPIRED", "parts_count": 2, "total_price": 190.5}
    eskiz, http = make(
        LOGGED_IN,
        reply(404, json={"status": "error", "message": "Not found"}),
        reply(json={"status": "success", "data": known, "id": None}),
        reply(json={"status": "success", "data": {"status": "NEW", "total_price": 0}}),
    )

    assert eskiz.look_up(["a/../b", ID, "c"]) == [
        Report(
            ref=ID,
            recipient="998000000147",
            status=Status.UNDELIVERED,
            word="expired",
            code="expired",
            price=Decimal("190.5"),
            currency="UZS",
        ),
        Report(ref="c", status=Status.QUEUED, word="new"),
    ]
    assert [(asked.method, asked.url) for asked in http.asked[1:]] == [
        ("GET", f"{BASE}/message/sms/status_by_id/a%2F..%2Fb"),
        ("GET", f"{BASE}/message/sms/status_by_id/{ID}"),
        ("GET", f"{BASE}/message/sms/status_by_id/c"),
    ]
    http.done()


def test_a_check_tells_name_and_balance() -> None:
    eskiz, http = make(
        LOGGED_IN,
        reply(json={"status": "success", "data": {"name": "Anna's shop", "email": "anna@shop.example"}}),
        reply(json={"status": "success", "data": {"balance": 12500}}),
    )

    assert eskiz.check() == Account(label="Anna's shop", balance=Decimal(12500), currency="UZS")
    assert [asked.url for asked in http.asked[1:]] == [f"{BASE}/auth/user", f"{BASE}/user/get-limit"]
    http.done()


@pytest.mark.parametrize(
    ("answer", "names"), [(["Eskiz.uz", 4546, None, "SHOP"], ["Eskiz.uz", "SHOP"]), ({"data": []}, [])]
)
def test_senders_are_the_approved_names(answer: object, names: list[str]) -> None:
    eskiz, http = make(LOGGED_IN, reply(json=answer))

    assert eskiz.senders() == names
    assert http.asked[1].url == f"{BASE}/nick/me"


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "verify")

    assert [Eskiz.can(verb) for verb in verbs] == [True, True, True, False, False]
