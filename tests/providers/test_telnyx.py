"""Telnyx: what goes on the wire, what its answers, reports and signatures mean."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.fields import BadField
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.telnyx import Telnyx

ID = "40385f64-5717-4562-b3fc-2c963f66afa6"
KEY = "T6V/VCys/bmcgXEykdXM2J9eeQyb8BPguSlRZPh1kMM="
BEARER = {"Authorization": "Bearer KEY0123"}
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference="0123456789abcdef0123456789abcdef",
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
MESSAGE: dict[str, Any] = {
    "id": ID,
    "record_type": "message",
    "to": [{"phone_number": "+12025550147", "status": "queued"}],
    "parts": 2,
    "cost": None,
    "errors": [],
}


def make(*replies: Script, **given: str) -> tuple[Telnyx, FakeHttp]:
    account = make_account(Telnyx, **({"api_key": "KEY0123", "messaging_profile_id": "", "public_key": KEY} | given))
    http = FakeHttp(*replies, secrets=Telnyx.secrets(account))
    return Telnyx(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_with_its_own_report_address() -> None:
    telnyx, http = make(reply(json={"data": MESSAGE}))

    assert telnyx.send(SMS) == Accepted(ref=ID, parts=2)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.headers) == ("POST", "https://api.telnyx.com/v2/messages", BEARER)
    assert asked.json == {
        "from": "+12025550100",
        "to": "+12025550147",
        "text": "Hello",
        "webhook_url": "https://sms.example.org/r/1",
        "use_profile_webhooks": False,
    }
    http.done()


def test_a_profile_chooses_the_number_where_there_is_no_sender() -> None:
    telnyx, http = make(reply(json={"data": MESSAGE}), messaging_profile_id="mp-1")
    telnyx.send(replace(SMS, sender="", report_url=""))

    assert http.asked[0].json == {"messaging_profile_id": "mp-1", "to": "+12025550147", "text": "Hello"}


def test_a_sender_name_goes_with_its_profile() -> None:
    telnyx, http = make(reply(json={"data": MESSAGE}), messaging_profile_id="mp-1")
    telnyx.send(replace(SMS, sender="ANNA"))

    assert (http.asked[0].json["from"], http.asked[0].json["messaging_profile_id"]) == ("ANNA", "mp-1")


@pytest.mark.parametrize("amount", ["0.0080", 0.008])
def test_a_price_is_told_where_it_is_known(amount: object) -> None:
    told = MESSAGE | {"parts": None, "cost": {"amount": amount, "currency": "USD"}}
    telnyx, _http = make(reply(json={"data": told}))

    assert telnyx.send(SMS) == Accepted(ref=ID, price=Decimal("0.008"), currency="USD")


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (401, "10009", AccountBlocked, "auth"),
        (403, "10010", AccountBlocked, "auth"),
        (403, "40312", Rejected, "invalid_request"),
        (402, "20100", AccountBlocked, "balance"),
        (403, "20100", AccountBlocked, "balance"),
        (400, "40333", Throttled, "throttled"),
        (429, "40333", Throttled, "throttled"),
        (400, "40300", Rejected, "opt_out"),
        (400, "40310", Rejected, "invalid_number"),
        (422, "10002", Rejected, "invalid_number"),
        (400, "40309", Rejected, "blocked"),
        (403, "10039", Rejected, "blocked"),
        (400, "40305", Rejected, "invalid_request"),
        (422, "99999", Rejected, "rejected"),
        (403, "99999", AccountBlocked, "auth"),
        (500, "10007", Uncertain, "uncertain"),
        (408, "10008", Uncertain, "uncertain"),
        (503, "99999", Uncertain, "uncertain"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    error = {"code": code, "title": "A title", "detail": "Telnyx's words", "source": {"pointer": "/to"}}
    telnyx, http = make(reply(status, json={"errors": [error]}))

    with pytest.raises(SmsError) as raised:
        telnyx.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Telnyx's words")
    assert len(http.asked) == 1


def test_a_known_code_says_what_to_do_and_where_to_read() -> None:
    refusal = reply(400, json={"errors": [{"code": "40312", "title": "Profile disabled"}]})
    telnyx, _http = make(refusal, messaging_profile_id="mp-1")

    with pytest.raises(AccountBlocked) as raised:
        telnyx.send(SMS)

    assert raised.value.words == "Profile disabled"
    assert "Telnyx portal" in raised.value.hint
    assert raised.value.link == "https://developers.telnyx.com/docs/overview/errors/40312"


@pytest.mark.parametrize("code", ["10002", "10016"])
def test_a_malformed_sender_does_not_speak_against_the_number(code: str) -> None:
    error = {"code": code, "title": "Invalid phone number", "source": {"pointer": "/from"}}
    telnyx, _http = make(reply(422, json={"errors": [error]}))

    with pytest.raises(Rejected) as raised:
        telnyx.send(SMS)

    assert (raised.value.reason, raised.value.code) == ("invalid_request", code)
    assert "sender" in raised.value.hint
    assert raised.value.link == f"https://developers.telnyx.com/docs/overview/errors/{code}"


# --- reports -----------------------------------------------------------------------------------------------------

BODY = b'{"data":{}}'
SENT_AT = "1700000000"
SIGNATURE = "m7AjgWN5u1xVj9GFJdv9LLKaROcvpLr2vOG0ukX62WDK4e4ZqimxmPDvyF9ddjE4t7NxU7UIZIp23XB8l5jlDg=="


def call(body: bytes = BODY, sent_at: str = SENT_AT, signature: str = SIGNATURE, at: float = 1_700_000_000.0) -> Call:
    headers = {"Telnyx-Signature-Ed25519": signature, "Telnyx-Timestamp": sent_at}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers=headers, body=body, at=at)


@pytest.mark.parametrize("now", [1_700_000_000.0, 1_700_000_300.0, 1_699_999_700.0])
def test_the_signature_of_the_reference_page_is_good(now: float) -> None:
    make()[0].verify(call(at=now))


@pytest.mark.parametrize("now", [1_700_000_301.0, 1_699_999_699.0])
def test_an_old_report_is_forged_however_well_it_is_signed(now: float) -> None:
    with pytest.raises(Forged):
        make()[0].verify(call(at=now))


@pytest.mark.parametrize(
    "forged",
    [
        call(body=b'{"data":{} }'),
        call(sent_at="1700000001"),
        call(sent_at=""),
        call(sent_at="soon"),
        call(sent_at="٣" * 10),
        call(sent_at="9" * 5000),
        call(signature=""),
        call(signature="A" + SIGNATURE[1:]),
        call(signature=SIGNATURE[:40]),
        call(signature="ключ"),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


def test_another_key_does_not_fit() -> None:
    with pytest.raises(Forged):
        make(public_key="11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")[0].verify(call())


def test_without_a_key_the_address_is_the_proof() -> None:
    make(public_key="")[0].verify(call(signature="", sent_at=""))


def test_what_is_no_key_is_not_taken_for_one() -> None:
    with pytest.raises(BadField):
        make_account(Telnyx, public_key="KEY0123")


def event(word: str, kind: str = "message.finalized", **changed: object) -> bytes:
    message = MESSAGE | {"to": [{"phone_number": "+12025550147", "status": word}]} | changed
    return json.dumps({"data": {"event_type": kind, "id": "e-1", "payload": message}, "meta": {"attempt": 1}}).encode()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("scheduled", Status.QUEUED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("delivery_failed", Status.UNDELIVERED),
        ("sending_failed", Status.FAILED),
        ("teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call(event(word))) == [
        Report(ref=ID, recipient="+12025550147", status=status, word=word)
    ]


@pytest.mark.parametrize(
    ("code", "known", "reason"),
    [
        ("40300", "40300", "opt_out"),
        ("40010", "40010", "blocked"),
        (40001, "40001", "invalid_number"),
        ("40006", "40006", ""),
        ("77777", "77777", ""),
        (None, "", ""),
        ({}, "", ""),
    ],
)
def test_a_report_carries_code_and_reason_but_no_words(code: object, known: str, reason: str) -> None:
    errors = [{"code": code, "title": "t", "detail": "+12025550147 is no good"}]
    report = make()[0].read_reports(call(event("delivery_failed", errors=errors)))[0]

    assert (report.code, report.reason, report.detail) == (known, reason, "")


def test_a_report_carries_the_price() -> None:
    report = make()[0].read_reports(call(event("delivered", cost={"amount": "0.0051", "currency": "USD"})))[0]

    assert (report.price, report.currency) == (Decimal("0.0051"), "USD")


@pytest.mark.parametrize("cost", [None, {"amount": "0"}, {"amount": "NaN", "currency": "USD"}, {"amount": []}, "1"])
def test_what_is_no_price_is_left_out(cost: object) -> None:
    report = make()[0].read_reports(call(event("delivered", cost=cost)))[0]

    assert (report.price, report.currency) == (None, "")


def test_every_recipient_has_its_report() -> None:
    recipients = [
        {"phone_number": "+12025550147", "status": "sent"},
        {"phone_number": "+12025550148", "status": "delivered"},
        {"phone_number": "+12025550149"},
        "odd",
    ]
    reports = make()[0].read_reports(call(event("", to=recipients)))

    assert [(one.recipient, one.word) for one in reports] == [("+12025550147", "sent"), ("+12025550148", "delivered")]


@pytest.mark.parametrize(
    "body",
    [
        event("webhook_delivered", kind="message.received"),
        event("sent", id=None),
        event("sent", to=None),
        event(""),
        b'{"data": null}',
        b"[]",
    ],
)
def test_what_is_no_report_says_nothing(body: bytes) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_a_body_that_is_not_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"status=delivered"))


def test_a_report_is_answered_with_nothing() -> None:
    assert make()[0].answer(call()) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_telnyx_does_not_know() -> None:
    found = MESSAGE | {
        "to": [{"phone_number": "+12025550147", "status": "delivery_failed"}],
        "errors": [{"code": "40008"}],
        "cost": {"amount": "0.0040", "currency": "USD"},
    }
    telnyx, http = make(reply(404, json={"errors": [{"code": "10005"}]}), reply(json={"data": found}))

    assert telnyx.look_up(["a/b", ID]) == [
        Report(
            ref=ID,
            recipient="+12025550147",
            status=Status.UNDELIVERED,
            word="delivery_failed",
            code="40008",
            reason="blocked",
            price=Decimal("0.0040"),
            currency="USD",
        )
    ]
    assert [(asked.method, asked.url) for asked in http.asked] == [
        ("GET", "https://api.telnyx.com/v2/messages/a%2Fb"),
        ("GET", f"https://api.telnyx.com/v2/messages/{ID}"),
    ]


@pytest.mark.parametrize(
    ("told", "balance"),
    [
        ({"balance": "300.00", "available_credit": "400.00", "currency": "USD"}, Decimal("400.00")),
        ({"balance": "300.00", "currency": "usd"}, Decimal("300.00")),
    ],
)
def test_a_check_tells_what_can_still_be_spent(told: Mapping[str, str], balance: Decimal) -> None:
    telnyx, http = make(reply(json={"data": told}))

    assert telnyx.check() == Account(balance=balance, currency="USD")
    assert (http.asked[0].url, http.asked[0].headers) == ("https://api.telnyx.com/v2/balance", BEARER)


def test_senders_are_assigned_numbers_short_codes_and_names() -> None:
    first = {
        "data": [
            {"phone_number": "+12025550100", "messaging_profile_id": "mp-1"},
            {"phone_number": "+12025550101", "messaging_profile_id": None},
        ],
        "meta": {"total_pages": 2},
    }
    second = {"data": [{"phone_number": "+12025550102", "messaging_profile_id": "mp-1"}, "odd"]}
    telnyx, http = make(
        reply(json=first),
        reply(json=second),
        reply(json={"data": [{"short_code": "55501"}]}),
        reply(json={"data": [{"alpha_sender": "ANNA"}, {"alpha_sender": None}]}),
    )

    assert telnyx.senders() == ["+12025550100", "+12025550102", "55501", "ANNA"]
    assert [(asked.url.removeprefix("https://api.telnyx.com/v2/"), asked.params) for asked in http.asked] == [
        ("phone_numbers/messaging", {"page[number]": "1", "page[size]": "250"}),
        ("phone_numbers/messaging", {"page[number]": "2", "page[size]": "250"}),
        ("short_codes", {"page[number]": "1", "page[size]": "250"}),
        ("messaging_profiles", {"page[number]": "1", "page[size]": "250"}),
    ]
    http.done()
