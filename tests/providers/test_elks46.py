"""46elks: plain words for errors, costs in ten thousandths, reports as a form."""

from dataclasses import replace
from decimal import Decimal

import pytest

from providers.elks46 import Elks46
from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

BASE = "https://api.46elks.com/a1"
ID = "s70df59406a1b4643b96f3f91e0bfb7b0"
SMS = Sms(
    to="+46000000147",
    text="Hello",
    reference="0123456789abcdef0123456789abcdef",
    sender="Shop",
    report_url="https://sms.example.org/r/1?x=2",
)
CREATED = {
    "id": ID,
    "status": "created",
    "direction": "outgoing",
    "from": "Shop",
    "to": "+46000000147",
    "message": "Hello",
    "created": "2026-05-04T13:37:42.314100",
    "parts": 2,
    "cost": 7000,
}


def make(*replies: Script) -> tuple[Elks46, FakeHttp]:
    account = make_account(Elks46, username="u1", password="hush-hush")
    http = FakeHttp(*replies, secrets=Elks46.secrets(account))
    return Elks46(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_form_with_basic_auth() -> None:
    elks, http = make(reply(json=CREATED))

    assert elks.send(SMS) == Accepted(ref=ID, parts=2, price=Decimal("0.7"))
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", f"{BASE}/sms", ("u1", "hush-hush"))
    assert asked.form == {
        "from": "Shop",
        "to": "+46000000147",
        "message": "Hello",
        "whendelivered": "https://sms.example.org/r/1?x=2",
    }
    http.done()


def test_what_is_empty_is_left_out() -> None:
    elks, http = make(reply(json=CREATED))
    elks.send(replace(SMS, sender="", report_url=""))

    assert http.asked[0].form == {"to": "+46000000147", "message": "Hello"}


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [({"id": ID}, Accepted(ref=ID)), ({"id": ID, "parts": None, "cost": "much"}, Accepted(ref=ID))],
)
def test_a_receipt_may_say_less(answer: object, accepted: Accepted) -> None:
    assert make(reply(json=answer))[0].send(SMS) == accepted


def test_a_receipt_without_an_id_is_uncertain() -> None:
    with pytest.raises(Uncertain):
        make(reply(json=CREATED | {"id": None}))[0].send(SMS)


@pytest.mark.parametrize(
    ("status", "text", "kind", "reason", "code", "words"),
    [
        (400, "Invalid to number", Rejected, "invalid_number", "to", "Invalid to number"),
        (400, "Missing key to", Rejected, "invalid_number", "to", "Missing key to"),
        (400, "Missing key from", Rejected, "invalid_request", "from", "Missing key from"),
        (400, "Missing key message", Rejected, "invalid_request", "message", "Missing key message"),
        (400, "Invalid whendelivered", Rejected, "invalid_request", "whendelivered", "Invalid whendelivered"),
        (400, "We have to refuse", Rejected, "rejected", "", "We have to refuse"),
        (400, '{"error": "Invalid to number"}', Rejected, "invalid_number", "to", "Invalid to number"),
        (401, "", AccountBlocked, "auth", "login", "HTTP 401"),
        (403, "Not enough credits", AccountBlocked, "balance", "credits", "Not enough credits"),
        (403, '{"error": "Not enough credits"}', AccountBlocked, "balance", "credits", "Not enough credits"),
        (403, "Not allowed", Rejected, "blocked", "not_allowed", "Not allowed"),
        (404, "Nothing here", Rejected, "rejected", "", "Nothing here"),
        (429, "Slow down", Throttled, "throttled", "", "Slow down"),
        (500, "Invalid to number", Uncertain, "uncertain", "", "Invalid to number"),
        (502, "<html>", Uncertain, "uncertain", "", "HTTP 502"),
    ],
)
def test_words_become_an_error(
    status: int, text: str, kind: type[SmsError], reason: str, code: str, words: str
) -> None:
    elks, http = make(reply(status, text=text))

    with pytest.raises(SmsError) as raised:
        elks.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, words)
    assert len(http.asked) == 1


def test_a_text_that_is_repeated_does_not_decide() -> None:
    http = FakeHttp(reply(403, text="Not allowed: Your credit is 5"))

    with pytest.raises(Rejected) as raised:
        Elks46(make_account(Elks46), http.hiding(text="Your credit is 5"), MemoryMemo()).send(SMS)
    assert raised.value.words == "Not allowed: [text]"


# --- reports -----------------------------------------------------------------------------------------------------


def call(form: dict[str, str]) -> Call:
    sent = {name: [value] for name, value in form.items()}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form=sent, headers={}, body=b"")


def test_a_report_is_a_form_and_answered_with_nothing() -> None:
    told = call({"id": ID, "status": "delivered", "delivered": "2026-05-04T13:38:15.123000"})
    elks = make()[0]
    elks.verify(told)

    assert elks.read_reports(told) == [Report(ref=ID, status=Status.DELIVERED, word="delivered")]
    assert elks.answer(told) == Answer(status=200, body="")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("created", Status.QUEUED),
        ("sent", Status.SENT),
        ("Delivered", Status.DELIVERED),
        ("failed", Status.UNDELIVERED),
        ("teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call({"id": ID, "status": word})) == [
        Report(ref=ID, status=status, word=word.lower())
    ]


@pytest.mark.parametrize("form", [{}, {"id": ID}, {"status": "sent"}, {"id": "", "status": "sent"}])
def test_a_report_without_id_or_word_says_nothing(form: dict[str, str]) -> None:
    assert make()[0].read_reports(call(form)) == []


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_46elks_does_not_know() -> None:
    elks, http = make(reply(404, text="Not found"), reply(json=CREATED | {"status": "failed"}))

    assert elks.look_up(["s/../x", ID]) == [
        Report(ref=ID, recipient="+46000000147", status=Status.UNDELIVERED, word="failed", price=Decimal("0.7"))
    ]
    assert [(asked.method, asked.url) for asked in http.asked] == [
        ("GET", f"{BASE}/sms/s%2F..%2Fx"),
        ("GET", f"{BASE}/sms/{ID}"),
    ]
    http.done()


def test_a_check_tells_name_and_balance_in_whole_money() -> None:
    me = {"id": "u1", "displayname": "Anna's shop", "currency": "SEK", "balance": 9670500, "email": "a@shop.example"}
    elks, http = make(reply(json=me), reply(json=me | {"displayname": ""}))

    assert elks.check() == Account(label="Anna's shop", balance=Decimal("967.05"), currency="SEK")
    assert elks.check().label == "u1"
    assert (http.asked[0].method, http.asked[0].url) == ("GET", f"{BASE}/me")


def test_senders_are_the_active_numbers_that_can_sms() -> None:
    rows = [
        {"number": "+46000000100", "active": "yes", "capabilities": ["sms", "voice"]},
        {"number": "+46000000101", "active": "yes", "capabilities": ["voice"]},
        {"number": "+46000000102", "active": "no", "capabilities": ["sms"]},
        {"number": None, "active": "yes", "capabilities": ["sms"]},
        {"number": "+46000000103", "active": "yes", "capabilities": None},
        "odd",
    ]
    elks, http = make(reply(json={"data": rows}), reply(json={"data": None}))

    assert elks.senders() == ["+46000000100"]
    assert elks.senders() == []
    assert http.asked[0].url == f"{BASE}/numbers"


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "verify")

    assert [Elks46.can(verb) for verb in verbs] == [True, True, True, False, False]
