"""Play Mobile: a message named by our reference, an answer without an id, reports by reference."""

import json
from dataclasses import replace

import pytest

from providers.kit.contract import Accepted, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.playmobile import PlayMobile

REFERENCE = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
SMS = Sms(to="+998000000147", text="Hello «мир»", reference=REFERENCE, sender="3700")
TAKEN = reply(200, text="Request is received")


def make(*replies: Script, **given: str) -> tuple[PlayMobile, FakeHttp]:
    account = make_account(PlayMobile, **({"username": "shop", "password": "hush-hush"} | given))
    http = FakeHttp(*replies, secrets=PlayMobile.secrets(account))
    return PlayMobile(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_under_our_reference() -> None:
    playmobile, http = make(TAKEN)

    assert playmobile.send(SMS) == Accepted(ref="")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://send.smsxabar.uz/broker-api/send")
    assert asked.auth == ("shop", "hush-hush")
    assert asked.json == {
        "messages": [
            {
                "recipient": "998000000147",
                "message-id": REFERENCE,
                "sms": {"originator": "3700", "content": {"text": "Hello «мир»"}},
            }
        ]
    }
    http.done()


@pytest.mark.parametrize("base_url", ["http://broker.example", "http://broker.example/"])
def test_another_address_may_have_been_agreed_on(base_url: str) -> None:
    playmobile, http = make(TAKEN, base_url=base_url)
    playmobile.send(SMS)

    assert http.asked[0].url == "http://broker.example/broker-api/send"


@pytest.mark.parametrize("text", ["Request is received", "request is received\r\n"])
def test_three_words_are_the_receipt(text: str) -> None:
    assert make(reply(text=text))[0].send(SMS) == Accepted()


@pytest.mark.parametrize("text", ["", "OK", "<html>Request is received</html>", '{"messages": []}'])
def test_anything_else_is_no_receipt(text: str) -> None:
    with pytest.raises(Uncertain):
        make(reply(text=text))[0].send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (400, 100, Uncertain, "uncertain"),
        (400, 101, Rejected, "invalid_request"),
        (400, 102, AccountBlocked, "auth"),
        (200, 102, AccountBlocked, "auth"),
        (400, 202, Rejected, "invalid_number"),
        (400, "202", Rejected, "invalid_number"),
        (200, 406, Rejected, "invalid_request"),
        (400, 999, Rejected, "rejected"),
        (200, 999, Rejected, "rejected"),
        (429, 101, Throttled, "throttled"),
        (500, 999, Uncertain, "uncertain"),
    ],
)
@pytest.mark.parametrize("names", [("error-code", "error-description"), ("error_code", "error_description")])
def test_a_code_becomes_its_error(
    status: int, code: object, kind: type[SmsError], reason: str, names: tuple[str, str]
) -> None:
    playmobile, http = make(reply(status, json={names[0]: code, names[1]: "Their words"}))

    with pytest.raises(SmsError) as raised:
        playmobile.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "Their words")
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("status", "text", "kind", "words"),
    [
        (400, "Bad", Rejected, "HTTP 400"),
        (400, "[1]", Rejected, "HTTP 400"),
        (401, "", AccountBlocked, "HTTP 401"),
        (403, "<html>", AccountBlocked, "HTTP 403"),
        (504, "", Uncertain, "HTTP 504"),
    ],
)
def test_an_answer_without_a_code_goes_by_its_status(status: int, text: str, kind: type[SmsError], words: str) -> None:
    with pytest.raises(SmsError) as raised:
        make(reply(status, text=text))[0].send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.words) == ("", words)


def test_a_missing_sender_is_told_and_says_what_to_do() -> None:
    playmobile, http = make(reply(400, json={"error-code": 401, "error-description": "Empty originator"}))

    with pytest.raises(Rejected) as raised:
        playmobile.send(replace(SMS, sender=""))

    assert http.asked[0].json["messages"][0]["sms"]["originator"] == ""
    assert "sender" in raised.value.hint
    assert raised.value.link.startswith("https://wiki.playmobile.uz/")


# --- reports -----------------------------------------------------------------------------------------------------


def call(body: object) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers={}, body=raw)


def told(reference: object, status: object) -> dict[str, object]:
    return {"message-id": reference, "channel": "sms", "status": status, "status-date": "2026-11-25 10:00:00"}


def test_reports_come_in_batches_and_name_our_reference() -> None:
    batch = call({"messages": [told(REFERENCE, "Delivered"), told(OTHER, "Transmitted")]})
    playmobile = make()[0]
    playmobile.verify(batch)

    assert playmobile.read_reports(batch) == [
        Report(reference=REFERENCE, status=Status.DELIVERED, word="delivered"),
        Report(reference=OTHER, status=Status.SENT, word="transmitted"),
    ]
    assert playmobile.answer(batch) == Answer(status=200, body="")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Created", Status.QUEUED),
        ("Accepted", Status.QUEUED),
        ("Transmitted", Status.SENT),
        ("Delivered", Status.DELIVERED),
        ("NotDelivered", Status.UNDELIVERED),
        ("Expired", Status.UNDELIVERED),
        ("Rejected", Status.FAILED),
        ("Failed", Status.FAILED),
        ("Teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call({"messages": [told(REFERENCE, word)]})) == [
        Report(reference=REFERENCE, status=status, word=word.lower())
    ]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"messages": None},
        {"messages": {"message-id": REFERENCE}},
        {"messages": [None, 1, "x", [], {}, told(None, "Delivered"), told([], "Delivered"), told(REFERENCE, "")]},
        {"messages": [told(REFERENCE, None), told(REFERENCE, [4])]},
    ],
)
def test_what_names_no_message_or_says_no_word_is_left_out(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_a_body_that_is_not_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"<sms-request></sms-request>"))


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "verify")

    assert [PlayMobile.can(verb) for verb in verbs] == [False] * 5
