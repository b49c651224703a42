"""Zenvia: what goes on the wire, what its answers and events mean."""

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Call, Inbound, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.zenvia import Zenvia

OURS = "0123456789abcdef0123456789abcdef"
REF = "8f3f1d0c-0000-4000-8000-000000000001"
SMS = Sms(to="+5511000000147", text="Ola", reference=OURS, sender="sendline.shop")


def make(*replies: Script, **given: str) -> tuple[Zenvia, FakeHttp]:
    account = make_account(Zenvia, **({"api_token": "token1", "webhook_secret": ""} | given))
    http = FakeHttp(*replies, secrets=Zenvia.secrets(account))
    return Zenvia(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_with_the_token_in_a_header() -> None:
    zenvia, http = make(reply(json={"id": REF, "direction": "OUT", "channel": "sms"}))

    assert zenvia.send(SMS) == Accepted(ref=REF)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.zenvia.com/v2/channels/sms/messages")
    assert asked.headers == {"X-API-TOKEN": "token1"}
    assert asked.json == {
        "from": "sendline.shop",
        "to": "5511000000147",
        "externalId": OURS,
        "contents": [{"type": "text", "text": "Ola", "encodingStrategy": "AUTO"}],
    }
    http.done()


@pytest.mark.parametrize(
    ("text", "strategy"),
    [("a" * 200, "AUTO"), ("é", "AUTO"), ("ã", "MORE_CHARACTER_SUPPORT"), ("🙂", "MORE_CHARACTER_SUPPORT")],
)
def test_letters_outside_gsm_are_kept(text: str, strategy: str) -> None:
    zenvia, http = make(reply(json={"id": REF}))
    zenvia.send(replace(SMS, text=text, sender="+5511000000100"))

    assert http.asked[0].json["contents"][0]["encodingStrategy"] == strategy
    assert http.asked[0].json["from"] == "5511000000100"


@pytest.mark.parametrize(
    ("status", "code", "path", "kind", "reason"),
    [
        (401, "AUTHENTICATION_ERROR", "", AccountBlocked, "auth"),
        (400, "VALIDATION_ERROR", "to", Rejected, "invalid_number"),
        (200, "VALIDATION_ERROR", "to", Rejected, "invalid_number"),
        (400, "VALIDATION_ERROR", "from", Rejected, "invalid_request"),
        (400, "VALIDATION_ERROR", "contents[0].text", Rejected, "invalid_request"),
        (400, "VALIDATION_ERROR", "elsewhere", Rejected, "invalid_request"),
        (404, "NOT_FOUND", "", Rejected, "invalid_request"),
        (409, "DUPLICATED", "", Rejected, "duplicate"),
        (500, "INTERNAL_ERROR", "", Uncertain, "uncertain"),
        (402, "NO_MONEY", "", AccountBlocked, "balance"),
        (403, "FORBIDDEN", "", AccountBlocked, "auth"),
        (429, "TOO_MANY", "", Throttled, "throttled"),
        (422, "OTHER", "to", Rejected, "rejected"),
        (200, "OTHER", "", Rejected, "rejected"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, path: str, kind: type[SmsError], reason: str) -> None:
    details = [{"code": "x", "path": path, "message": "which"}] if path else []
    zenvia, _http = make(reply(status, json={"code": code, "message": "what", "details": details}))

    with pytest.raises(SmsError) as raised:
        zenvia.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code) == (reason, code)
    assert raised.value.words == ("what: which" if path else "what")


def test_the_field_at_fault_is_named_in_the_hint() -> None:
    hints = []
    for path in ("to", "from", "contents.0", "other"):
        body = {"code": "VALIDATION_ERROR", "message": "Validation error", "details": [{"path": path}]}
        with pytest.raises(Rejected) as raised:
            make(reply(400, json=body))[0].send(SMS)
        hints.append(raised.value.hint)

    assert ["in the CRM" in hint for hint in hints] == [True, False, False, False]
    assert len(set(hints)) == 4
    assert raised.value.link == "https://zenvia.github.io/zenvia-openapi-spec/v2/#section/Error-Handling"


@pytest.mark.parametrize("details", [None, 7, {}, [7], [{"path": 7}], [{"path": None, "message": []}]])
def test_odd_details_do_no_harm(details: object) -> None:
    zenvia, _http = make(reply(400, json={"code": "VALIDATION_ERROR", "description": "what", "details": details}))

    with pytest.raises(Rejected) as raised:
        zenvia.send(SMS)
    assert (raised.value.reason, raised.value.words) == ("invalid_request", "what")


# --- reports -----------------------------------------------------------------------------------------------------


def call(body: object, headers: dict[str, str] | None = None) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method="POST", url="https://sms.example.org/r", query={}, form={}, headers=headers or {}, body=raw)


def event(code: str = "DELIVERED", **more: Any) -> dict[str, Any]:
    return {
        "id": "event1",
        "type": "MESSAGE_STATUS",
        "channel": "sms",
        "messageId": REF,
        "message": {"id": REF, "externalId": OURS, "to": "5511000000147"},
        "contentIndex": 0,
        "messageStatus": {"timestamp": "2026-11-25T10:00:00Z", "code": code, **more},
    }


def test_the_secret_is_asked_for_where_there_is_one() -> None:
    with_secret = make(webhook_secret="пароль 1")[0]
    with_secret.verify(call(event(), {"x-webhook-secret": "пароль 1"}))

    for wrong in ({}, {"X-Webhook-Secret": ""}, {"X-Webhook-Secret": "пароль 2"}, {"X-Webhook-Secret": "\udcff"}):
        with pytest.raises(Forged):
            with_secret.verify(call(event(), wrong))


def test_without_a_secret_the_address_is_proof_enough() -> None:
    make()[0].verify(call(event(), {"X-Webhook-Secret": "whatever"}))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ACCEPTED", Status.QUEUED),
        ("SENT", Status.SENT),
        ("DELIVERED", Status.DELIVERED),
        ("READ", Status.DELIVERED),
        ("CLICKED", Status.DELIVERED),
        ("VERIFIED", Status.DELIVERED),
        ("NOT_DELIVERED", Status.UNDELIVERED),
        ("REJECTED", Status.FAILED),
        ("DELETED", Status.FAILED),
        ("TELEPORTED", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(code: str, status: Status | None) -> None:
    assert make()[0].read_reports(call(event(code))) == [
        Report(ref=REF, reference=OURS, recipient="5511000000147", status=status, word=code.lower())
    ]


def test_an_older_event_names_the_message_only() -> None:
    old = event() | {"message": None}

    assert make()[0].read_reports(call(old)) == [Report(ref=REF, status=Status.DELIVERED, word="delivered")]


@pytest.mark.parametrize(
    ("causes", "code"),
    [
        ([{"channelErrorCode": "301", "reason": "raw", "details": "+5511000000147 is unknown"}], "301"),
        ([{"channelErrorCode": 12}, {"channelErrorCode": "13"}], "12"),
        ([{"channelErrorCode": "call +5511000000147"}], ""),
        ([{"reason": "raw"}], ""),
        ([], ""),
        ([None], ""),
        ({"channelErrorCode": "301"}, ""),
        (None, ""),
    ],
)
def test_the_code_of_the_operator_is_kept_and_its_words_are_not(causes: object, code: str) -> None:
    report = make()[0].read_reports(call(event("NOT_DELIVERED", causes=causes)))[0]

    assert (report.code, report.detail, report.reason) == (code, "", "")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        7,
        {},
        event() | {"type": "MESSAGE"},
        event() | {"message": {}, "messageId": None},
        event() | {"messageStatus": None},
        event() | {"messageStatus": {"code": ["SENT"]}},
    ],
)
def test_an_event_without_what_is_needed_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_what_is_no_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"id=1"))


MESSAGE = {
    "id": "in1",
    "from": "5511000000147",
    "to": "sendline.shop",
    "direction": "IN",
    "contents": [{"type": "text", "text": "Sim"}, {"type": "file"}, {"type": "text", "text": "amanhã"}, 7],
}


def test_a_message_from_a_person_is_read() -> None:
    body = {"type": "MESSAGE", "message": MESSAGE}

    assert make()[0].read_inbound(call(body)) == [
        Inbound(sender="5511000000147", recipient="sendline.shop", text="Sim\namanhã", ref="in1")
    ]
    assert make()[0].read_reports(call(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "MESSAGE", "message": MESSAGE | {"direction": "OUT"}},
        {"type": "MESSAGE_STATUS", "message": MESSAGE},
        {"type": "MESSAGE", "message": MESSAGE | {"from": None}},
        {"type": "MESSAGE"},
        [],
    ],
)
def test_only_what_a_person_wrote_is_inbound(body: object) -> None:
    assert make()[0].read_inbound(call(body)) == []


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_check_lists_subscriptions_and_sends_nothing() -> None:
    zenvia, http = make(reply(json=[]))

    assert zenvia.check() == Account()
    assert (http.asked[0].method, http.asked[0].url) == ("GET", "https://api.zenvia.com/v2/subscriptions")
    assert http.asked[0].headers == {"X-API-TOKEN": "token1"}
    http.done()


def test_a_check_with_a_wrong_token_is_blocked() -> None:
    zenvia, _http = make(reply(401, json={"code": "AUTHENTICATION_ERROR", "message": "No token"}))

    with pytest.raises(AccountBlocked):
        zenvia.check()
