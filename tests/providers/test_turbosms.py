"""TurboSMS: what goes on the wire, what its two levels of answers, its reports and signatures mean."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.turbosms import Turbosms

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Привіт", reference=REFERENCE, sender="Anna")
REF = "f83f8868-5e46-c6cf-e4fb-615e5a293754"


def make(*replies: Script, **given: str) -> tuple[Turbosms, FakeHttp]:
    account = make_account(Turbosms, **({"token": "docs-token", "webhook_secret": "docs_secret"} | given))
    http = FakeHttp(*replies, secrets=Turbosms.secrets(account))
    return Turbosms(account, http, MemoryMemo()), http


def answer(result: object, code: object = 0, status: str = "OK") -> Script:
    return reply(json={"response_code": code, "response_status": status, "response_result": result})


def row(code: object = 0, status: str = "OK", ref: str | None = REF) -> dict[str, object]:
    return {"phone": "12025550147", "response_code": code, "message_id": ref, "response_status": status}


def test_a_message_goes_as_json_with_the_token() -> None:
    turbosms, http = make(answer([row()], 801, "SUCCESS_MESSAGE_SENT"))

    assert turbosms.send(SMS) == Accepted(ref=REF)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.turbosms.ua/message/send.json")
    assert asked.headers == {"Authorization": "Bearer docs-token"}
    assert asked.json == {
        "recipients": ["12025550147"],
        "sms": {"sender": "Anna", "text": "Привіт"},
        "sequence_id": REFERENCE,
    }
    http.done()


def test_no_sender_is_not_an_empty_one() -> None:
    turbosms, http = make(answer([row()]))
    turbosms.send(replace(SMS, sender=""))

    assert http.asked[0].json["sms"] == {"text": "Привіт"}


@pytest.mark.parametrize("code", [0, "0", 800, 801, 802, 803, 507])
def test_each_of_its_successes_is_one(code: object) -> None:
    inner = 0 if code == 507 else code
    assert make(answer([row(inner)], code))[0].send(SMS) == Accepted(ref=REF)


CODES = [
    (103, AccountBlocked, "auth"),
    (203, AccountBlocked, "balance"),
    (104, Rejected, "invalid_request"),
    (305, Rejected, "invalid_number"),
    (400, Rejected, "blocked"),
    (404, Rejected, "opt_out"),
    (407, Rejected, "duplicate"),
    (503, Rejected, "rejected"),
    (500, Uncertain, "uncertain"),
    (777, Rejected, "rejected"),
]


@pytest.mark.parametrize("result", [None, [], {}])
@pytest.mark.parametrize(("code", "kind", "reason"), CODES)
def test_a_refused_request_becomes_its_error(code: int, kind: type[SmsError], reason: str, result: object) -> None:
    turbosms, http = make(answer(result, code, "ITS_WORDS"))

    with pytest.raises(SmsError) as raised:
        turbosms.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "ITS_WORDS")
    assert len(http.asked) == 1


@pytest.mark.parametrize("outer", [0, 802, 507])
@pytest.mark.parametrize(("code", "kind", "reason"), CODES)
def test_an_ok_outside_does_not_hide_an_error_inside(code: int, kind: type[SmsError], reason: str, outer: int) -> None:
    turbosms, _http = make(answer([row(code, "ITS_WORDS", None)], outer))

    with pytest.raises(SmsError) as raised:
        turbosms.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "ITS_WORDS")


@pytest.mark.parametrize("result", [None, [], {}, [None], [row(ref=None)], [row(ref="")]])
def test_a_success_without_an_id_is_uncertain(result: object) -> None:
    with pytest.raises(SmsError) as raised:
        make(answer(result))[0].send(SMS)
    assert type(raised.value) is Uncertain


# --- reports -----------------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "id": "evt-77",
    "signature": "d119dbaf0c61dc7e1f6c37f912cb01895b0dde20",  # the reference page's
    "type": "dlr",
    "date": "2026-08-10 09:05:01",
    "try": 1,
    "data": {"message_id": REF, "status": "DELIVRD", "dlr_date": "2026-08-10 09:05:00"},
}


def call(event: object) -> Call:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers={}, body=body)


@pytest.mark.parametrize(
    "good",
    [
        EVENT,
        EVENT | {"signature": EVENT["signature"].upper()},
        EVENT | {"id": 77, "signature": "0ef23aa8af34ce58762750b1eef4bd275011746f"},  # by sha1sum
        EVENT | {"signature": "54cbba3c2f39f75e94a3cdf8c9b60500d97ead11"},  # id before secret, by sha1sum
    ],
)
def test_a_signed_event_is_good(good: object) -> None:
    make()[0].verify(call(good))


@pytest.mark.parametrize(
    "forged",
    [
        EVENT | {"signature": ""},
        EVENT | {"signature": None},
        EVENT | {"signature": "ключ\udcff"},
        EVENT | {"id": "evt-78"},
        EVENT | {"id": "", "signature": "80b93fc4c3d93991bb0cb08f64d083d2effcf462"},  # of the secret alone
        {name: value for name, value in EVENT.items() if name != "signature"},
        [EVENT],
        b"id=evt-77",
    ],
)
def test_anything_changed_is_forged(forged: object) -> None:
    with pytest.raises(Forged):
        make()[0].verify(call(forged))


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        make(webhook_secret="other")[0].verify(call(EVENT))


def test_without_a_secret_the_address_alone_proves() -> None:
    make(webhook_secret="")[0].verify(call({name: value for name, value in EVENT.items() if name != "signature"}))


@pytest.mark.parametrize(
    ("told", "status", "word", "code", "reason"),
    [
        ("Queued", Status.QUEUED, "queued", "", ""),
        ("In Queue", Status.QUEUED, "in queue", "", ""),
        ("Accepted", Status.QUEUED, "accepted", "", ""),
        ("Sent", Status.SENT, "sent", "", ""),
        ("In Process", Status.SENT, "in process", "", ""),
        ("Delivered", Status.DELIVERED, "delivered", "", ""),
        ("DELIVRD", Status.DELIVERED, "delivrd", "", ""),
        ("Read", Status.DELIVERED, "read", "", ""),
        ("UNDELIV", Status.UNDELIVERED, "undeliv", "undeliv", ""),
        ("Expired", Status.UNDELIVERED, "expired", "expired", ""),
        ("REJECTD", Status.FAILED, "rejectd", "rejectd", "rejected"),
        ("Cancelled", Status.FAILED, "cancelled", "cancelled", ""),
        ("Teleported", None, "teleported", "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    told: str, status: Status | None, word: str, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call(EVENT | {"data": {"message_id": REF, "status": told}})) == [
        Report(ref=REF, status=status, word=word, code=code, reason=reason)
    ]


@pytest.mark.parametrize(
    "event",
    [
        EVENT | {"data": None},
        EVENT | {"data": []},
        EVENT | {"data": {"message_id": REF}},
        EVENT | {"data": {"status": "Sent"}},
        EVENT | {"data": {"message_id": {}, "status": []}},
        [],
        None,
    ],
)
def test_what_is_no_report_is_passed_over(event: object) -> None:
    assert make()[0].read_reports(call(event)) == []


def test_another_format_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"id=evt-77"))


def test_a_report_is_answered_plainly() -> None:
    assert make()[0].answer(call(EVENT)) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_asks_for_all_at_once_and_leaves_out_what_is_not_known() -> None:
    rows = [
        {"message_id": "a-1", "status": "Delivered", "response_code": 0},
        {"message_id": "a-2", "status": None, "response_code": 414, "response_status": "NOT_ALLOWED_MESSAGE_ID"},
        {"message_id": "a-3", "status": "Rejected", "rejected_status": "docs-token is spam", "response_code": 0},
        None,
    ]
    turbosms, http = make(answer(rows))

    assert turbosms.look_up(["a-1", "a-2", "a-3"]) == [
        Report(ref="a-1", status=Status.DELIVERED, word="delivered"),
        Report(
            ref="a-3",
            status=Status.FAILED,
            word="rejected",
            code="rejected",
            reason="rejected",
            detail="[secret] is spam",
        ),
    ]
    assert http.asked[0].url == "https://api.turbosms.ua/message/status.json"
    assert http.asked[0].json == {"messages": ["a-1", "a-2", "a-3"]}


def test_a_look_up_that_is_refused_is_no_answer() -> None:
    with pytest.raises(AccountBlocked):
        make(answer(None, 301, "INVALID_TOKEN"))[0].look_up(["a-1"])


def test_a_look_up_of_nothing_known_is_empty() -> None:
    assert make(answer(None))[0].look_up(["a-1"]) == []


def test_a_check_tells_the_balance() -> None:
    turbosms, http = make(answer({"balance": 1500.25}))

    assert turbosms.check() == Account(balance=Decimal("1500.25"), currency="UAH")
    assert (http.asked[0].method, http.asked[0].url) == ("POST", "https://api.turbosms.ua/user/balance.json")


def test_a_wrong_token_blocks_the_account() -> None:
    turbosms, _http = make(answer(None, 105, "REQUIRED_AUTH"))

    with pytest.raises(AccountBlocked) as raised:
        turbosms.check()
    assert (raised.value.reason, raised.value.code, raised.value.words) == ("auth", "105", "REQUIRED_AUTH")


def test_what_can_be_asked_is_declared() -> None:
    assert [Turbosms.can(verb) for verb in ("look_up", "check", "senders")] == [True, True, False]
