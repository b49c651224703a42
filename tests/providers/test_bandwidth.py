"""Bandwidth: what goes on the wire, what its answers and reports mean, and how it logs in."""

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.bandwidth import Bandwidth
from providers.kit.contract import Accepted, Account, Answer, Call, Inbound, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import (
    FakeHttp,
    KnowingMemo,
    MemoryMemo,
    Script,
    make_account,
    read_timeout,
    refused,
    reply,
    reset,
)

ID = "14762070468292kw2fuqty55yp2b2"
LOGIN = "https://api.bandwidth.com/api/v1/oauth2/token"
MESSAGES = "https://messaging.bandwidth.com/api/v2/users/99%2F00/messages"
REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Hello", reference=REFERENCE, sender="+12025550100")
TOKEN = reply(json={"access_token": "t-1", "expires_in": 3600, "token_type": "Bearer"})
TAKEN = reply(202, json={"id": ID, "segmentCount": 2, "direction": "out", "to": ["+12025550147"], "tag": REFERENCE})


def make(*replies: Script, memo: MemoryMemo | None = None, **given: str) -> tuple[Bandwidth, FakeHttp]:
    wanted = {"account_id": "99/00", "api_token": "client-1", "api_secret": "hush", "application_id": "app-1"}
    wanted |= {"callback_username": "", "callback_password": ""}
    account = make_account(Bandwidth, **(wanted | given))
    http = FakeHttp(*replies, secrets=Bandwidth.secrets(account))
    return Bandwidth(account, http, memo or KnowingMemo()), http


def test_a_message_goes_with_our_reference_as_its_tag() -> None:
    memo = MemoryMemo()
    bandwidth, http = make(TOKEN, TAKEN, memo=memo)

    assert bandwidth.send(SMS) == Accepted(ref=ID, parts=2)
    login, asked = http.asked
    assert (login.method, login.url, login.auth) == ("POST", LOGIN, ("client-1", "hush"))
    assert login.form == {"grant_type": "client_credentials"}
    assert (asked.method, asked.url, asked.headers) == ("POST", MESSAGES, {"Authorization": "Bearer t-1"})
    assert asked.json == {
        "applicationId": "app-1",
        "to": ["+12025550147"],
        "from": "+12025550100",
        "text": "Hello",
        "tag": REFERENCE,
    }
    assert list(memo.seconds.values()) == [3540.0]
    assert "t-1" not in repr(http.exchanges)
    http.done()


def test_a_token_is_kept_for_the_next_message_of_the_same_credentials() -> None:
    memo = MemoryMemo()
    bandwidth, http = make(TOKEN, TAKEN, TAKEN, memo=memo)
    bandwidth.send(SMS)
    bandwidth.send(SMS)
    assert [asked.url for asked in http.asked] == [LOGIN, MESSAGES, MESSAGES]

    other, http = make(TOKEN, TAKEN, memo=memo, api_secret="other")
    other.send(SMS)
    assert [asked.url for asked in http.asked] == [LOGIN, MESSAGES]


def test_a_refused_token_is_replaced_once() -> None:
    bandwidth, http = make(reply(401), reply(json={"access_token": "t-2", "expires_in": 3600}), TAKEN)

    assert bandwidth.send(SMS).ref == ID
    assert [asked.url for asked in http.asked] == [MESSAGES, LOGIN, MESSAGES]
    assert http.asked[2].headers == {"Authorization": "Bearer t-2"}
    assert http.asked[0].json == http.asked[2].json


def test_a_second_refusal_blocks_the_account() -> None:
    bandwidth, http = make(reply(401), TOKEN, reply(401, json={"type": "unauthorized", "description": "No"}))

    with pytest.raises(AccountBlocked) as raised:
        bandwidth.send(SMS)

    assert (raised.value.reason, raised.value.code, raised.value.words) == ("auth", "unauthorized", "No")
    http.done()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_blocks_the_account_and_nothing_is_sent(status: int) -> None:
    answer = reply(status, json={"error": "invalid_client", "error_description": "Bad client"})
    bandwidth, http = make(answer, memo=MemoryMemo())

    with pytest.raises(AccountBlocked) as raised:
        bandwidth.send(SMS)

    assert (raised.value.reason, raised.value.words) == ("auth", "Bad client")
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (read_timeout(), Unreachable),
        (reset(), Unreachable),
        (refused(), Unreachable),
        (reply(503), Unreachable),
        (reply(200, text="<html>"), Unreachable),
        (reply(200, json={"expires_in": 1}), Unreachable),
        (reply(429), Throttled),
    ],
)
def test_no_message_is_lost_in_a_login(script: Script, kind: type[SmsError]) -> None:
    bandwidth, http = make(script, memo=MemoryMemo())

    with pytest.raises(SmsError) as raised:
        bandwidth.send(SMS)

    assert type(raised.value) is kind
    assert len(http.asked) == 1


@pytest.mark.parametrize("seconds", [30, None, "soon"])
def test_a_token_of_unknown_or_short_life_is_kept_for_a_minute(seconds: object) -> None:
    memo = MemoryMemo()
    make(reply(json={"access_token": "t-1", "expires_in": seconds}), TAKEN, memo=memo)[0].send(SMS)

    assert list(memo.seconds.values()) == [60.0]


def validation(field: str, words: str) -> dict[str, Any]:
    return {
        "type": "request-validation",
        "description": "Your request could not be accepted",
        "fieldErrors": [{"fieldName": field, "description": words}],
    }


@pytest.mark.parametrize(
    ("status", "told", "kind", "reason", "code", "words"),
    [
        (400, validation("to", "bad number"), Rejected, "invalid_number", "to", "bad number"),
        (400, validation("to[0]", "bad number"), Rejected, "invalid_number", "to", "bad number"),
        (400, validation("from", "not yours"), Rejected, "invalid_request", "from", "not yours"),
        (400, validation("text", "too long"), Rejected, "invalid_request", "request-validation", "too long"),
        (400, {"type": "odd", "description": "Odd"}, Rejected, "rejected", "odd", "Odd"),
        (403, {"type": "forbidden", "description": "Access Denied"}, AccountBlocked, "auth", "forbidden",
         "Access Denied"),
        (404, {"status": 404, "message": "Not Found"}, Rejected, "rejected", "", "Not Found"),
        (415, {"type": "unsupported-content-type", "description": "x"}, Rejected, "invalid_request",
         "unsupported-content-type", "x"),
        (429, {"type": "max-message-queue-size-exceeded", "description": "Full"}, Throttled, "throttled",
         "max-message-queue-size-exceeded", "Full"),
        (500, {"type": "forbidden", "description": "Oh"}, Uncertain, "uncertain", "", "Oh"),
    ],
)  # fmt: skip
def test_a_type_becomes_its_error(
    status: int, told: dict[str, Any], kind: type[SmsError], reason: str, code: str, words: str
) -> None:
    bandwidth, http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        bandwidth.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, words)
    assert len(http.asked) == 1


# --- reports -----------------------------------------------------------------------------------------------------


def call(body: object, authorization: str = "") -> Call:
    return Call(
        method="POST",
        url="https://sms.example.org/r/1",
        query={},
        form={},
        headers={"authorization": authorization} if authorization else {},
        body=json.dumps(body).encode(),
    )


def event(word: str, **changed: object) -> dict[str, Any]:
    message = {"id": ID, "direction": "out", "to": ["+12025550147"], "from": "+12025550100", "tag": REFERENCE}
    told = {"type": word, "to": "+12025550147", "description": "+12025550147", "message": message}
    return told | changed


# printf 'anna:pässword' | base64
CREDENTIALS = "YW5uYTpww6Rzc3dvcmQ="


@pytest.mark.parametrize("authorization", [f"Basic {CREDENTIALS}", f"basic  {CREDENTIALS}"])
def test_the_user_name_and_password_of_the_callbacks_are_the_proof(authorization: str) -> None:
    bandwidth, _http = make(callback_username="anna", callback_password="pässword")

    bandwidth.verify(call([], authorization))


@pytest.mark.parametrize(
    "authorization", ["", "Basic", "Basic YW5uYTo=", f"Bearer {CREDENTIALS}", f"Basic {CREDENTIALS}=", "Basic ключ"]
)
def test_any_other_is_forged(authorization: str) -> None:
    bandwidth, _http = make(callback_username="anna", callback_password="pässword")

    with pytest.raises(Forged):
        bandwidth.verify(call([], authorization))


def test_without_a_password_the_address_is_the_proof() -> None:
    make(callback_username="anna")[0].verify(call([]))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("message-sending", Status.SENT),
        ("message-delivered", Status.DELIVERED),
        ("message-failed", Status.FAILED),
        ("message-teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call([event(word)])) == [
        Report(ref=ID, reference=REFERENCE, recipient="+12025550147", status=status, word=word)
    ]


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (4432, Status.FAILED, "blocked"),
        (4775, Status.FAILED, "opt_out"),
        ("4720", Status.FAILED, "invalid_number"),
        (4403, Status.FAILED, "invalid_request"),
        (4401, Status.FAILED, "rejected"),
        (4702, Status.UNDELIVERED, ""),
        (5106, Status.UNDELIVERED, ""),
        (9902, Status.SENT, ""),
        (4999, Status.FAILED, ""),
    ],
)
def test_a_failure_carries_its_code_and_reason(code: object, status: Status, reason: str) -> None:
    report = make()[0].read_reports(call([event("message-failed", errorCode=code)]))[0]

    assert (report.status, report.code, report.reason, report.detail) == (status, str(code), reason, "")


def test_a_code_does_not_undo_a_delivery() -> None:
    report = make()[0].read_reports(call([event("message-delivered", errorCode=9902)]))[0]

    assert report.status is Status.DELIVERED


def test_many_reports_come_in_one_call() -> None:
    other = event("message-sending", message={"id": "m-2"}, to=None)
    odd: list[Any] = [event("message-sent", message={}), event(""), {}, None, [], "odd", event("message-received")]

    assert make()[0].read_reports(call([event("message-delivered"), *odd, other])) == [
        Report(
            ref=ID, reference=REFERENCE, recipient="+12025550147", status=Status.DELIVERED, word="message-delivered"
        ),
        Report(ref="m-2", status=Status.SENT, word="message-sending"),
    ]


@pytest.mark.parametrize("body", [{}, None, "x", []])
def test_what_is_no_list_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []
    assert make()[0].read_inbound(call(body)) == []


def test_a_body_that_is_not_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(replace(call([]), body=b"id=1"))


def test_a_message_from_a_person_is_read() -> None:
    message = {"id": "m-3", "direction": "in", "from": "+12025550147", "to": ["+12025550100"], "text": "Yes"}
    received = {"type": "message-received", "to": "+12025550100", "message": message}

    assert make()[0].read_inbound(call([received, event("message-delivered"), {"type": "message-received"}])) == [
        Inbound(sender="+12025550147", recipient="+12025550100", text="Yes", ref="m-3")
    ]
    assert make()[0].read_reports(call([received])) == []


def test_a_report_is_answered_with_nothing() -> None:
    assert make()[0].answer(call([])) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "code", "status", "known"),
    [
        ("RECEIVED", 0, Status.QUEUED, ""),
        ("QUEUED", 0, Status.QUEUED, ""),
        ("SENDING", 0, Status.SENT, ""),
        ("SENT", 0, Status.SENT, ""),
        ("DELIVERED", 0, Status.DELIVERED, ""),
        ("UNDELIVERED", 0, Status.UNDELIVERED, ""),
        ("FAILED", 4702, Status.UNDELIVERED, "4702"),
        ("FAILED", 5999, Status.FAILED, "5999"),
        ("ACCEPTED", 0, None, ""),
    ],
)
def test_a_look_up_tells_the_fate(word: str, code: int, status: Status | None, known: str) -> None:
    row = {"messageId": ID, "destinationTn": "+12025550147", "messageStatus": word, "errorCode": code}
    bandwidth, http = make(reply(json={"totalCount": 1, "messages": [row, {"messageId": "m-2"}, "odd"]}))

    assert bandwidth.look_up([ID]) == [
        Report(ref=ID, recipient="+12025550147", status=status, word=word.lower(), code=known)
    ]
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].params) == ("GET", MESSAGES, {"messageId": ID})


def test_a_look_up_leaves_out_what_bandwidth_does_not_know() -> None:
    bandwidth, http = make(reply(json={"totalCount": 0, "messages": []}), reply(json={"messages": None}))

    assert bandwidth.look_up(["m-1", "m-2"]) == []
    http.done()


def test_a_check_reads_the_list_of_messages() -> None:
    bandwidth, http = make(reply(json={"totalCount": 0, "pageInfo": {}, "messages": []}))

    assert bandwidth.check() == Account(label="99/00")
    assert (http.asked[0].url, http.asked[0].params) == (MESSAGES, {"limit": "1"})


def test_a_credential_without_the_role_is_told_so() -> None:
    bandwidth, _http = make(reply(403, json={"type": "forbidden", "description": "Access Denied"}))

    with pytest.raises(AccountBlocked) as raised:
        bandwidth.check()

    assert raised.value.hint
    assert raised.value.link == "https://dev.bandwidth.com/docs/messaging/errors/"
