"""Sinch: what goes on the wire, what its answers, reports and signatures mean."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.sinch import Sinch

REFERENCE = "0123456789abcdef0123456789abcdef"
BATCH = "01FC66621VHDBN119Z8PMV1QPU"
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference=REFERENCE,
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
BASE = "https://us.sms.api.sinch.com/xms/v1/plan-1"
HEADERS = {"Authorization": "Bearer hush"}
SECRET = "docs_secret"
NOW = 1_700_000_000


def make(*replies: Script, **given: str) -> tuple[Sinch, FakeHttp]:
    account = make_account(Sinch, **({"service_plan_id": "plan-1", "api_token": "hush", "webhook_secret": ""} | given))
    http = FakeHttp(*replies, secrets=Sinch.secrets(account))
    return Sinch(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_batch_of_one() -> None:
    sinch, http = make(reply(201, json={"id": BATCH, "to": ["12025550147"], "canceled": False}))

    assert sinch.send(SMS) == Accepted(ref=BATCH)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.headers) == ("POST", f"{BASE}/batches", HEADERS)
    assert asked.json == {
        "to": ["12025550147"],
        "from": "12025550100",
        "body": "Hello",
        "type": "mt_text",
        "client_reference": REFERENCE,
        "delivery_report": "per_recipient",
        "callback_url": "https://sms.example.org/r/1",
    }
    http.done()


def test_what_is_not_given_does_not_go_along() -> None:
    sinch, http = make(reply(201, json={"id": BATCH}))
    sinch.send(replace(SMS, sender="", report_url=""))

    assert http.asked[0].json == {
        "to": ["12025550147"],
        "body": "Hello",
        "type": "mt_text",
        "client_reference": REFERENCE,
    }


@pytest.mark.parametrize("region", ["us", "eu", "au", "br", "ca"])
def test_each_region_has_its_own_address(region: str) -> None:
    sinch, http = make(reply(201, json={"id": BATCH}), region=region, service_plan_id="a/b")
    sinch.send(SMS)

    assert http.asked[0].url == f"https://{region}.sms.api.sinch.com/xms/v1/a%2Fb/batches"


@pytest.mark.parametrize("told", [{}, [], {"id": None}, {"id": ["x"]}])
def test_an_answer_without_an_id_is_uncertain(told: object) -> None:
    sinch, _http = make(reply(201, json=told))

    with pytest.raises(Uncertain):
        sinch.send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (400, "syntax_invalid_json", Rejected, "invalid_request"),
        (401, "unauthorized", AccountBlocked, "auth"),
        (402, "no_money", AccountBlocked, "balance"),
        (403, "missing_callback_url", Rejected, "invalid_request"),
        (403, "illegal_number_type", Rejected, "invalid_number"),
        (403, "forbidden_number", Rejected, "blocked"),
        (403, "blocked_account", AccountBlocked, "auth"),
        (403, "something_new", AccountBlocked, "auth"),
        (400, "402", Rejected, "rejected"),
        (429, "too_many_requests", Throttled, "throttled"),
        (500, "internal_error", Uncertain, "uncertain"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    sinch, http = make(reply(status, json={"code": code, "text": "Sinch's words"}))

    with pytest.raises(SmsError) as raised:
        sinch.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Sinch's words")
    assert len(http.asked) == 1


def test_an_error_of_the_other_shape_is_read_too() -> None:
    told = {"error": {"code": 400, "message": "Sinch's words", "status": "INVALID_ARGUMENT", "details": []}}
    sinch, _http = make(reply(400, json=told))

    with pytest.raises(Rejected) as raised:
        sinch.send(SMS)

    assert (raised.value.code, raised.value.words) == ("INVALID_ARGUMENT", "Sinch's words")


@pytest.mark.parametrize("answer", [reply(404), reply(404, json={"code": "resource_not_found", "text": ""})])
def test_an_unknown_plan_blocks_the_account(answer: Script) -> None:
    sinch, _http = make(answer)

    with pytest.raises(AccountBlocked) as raised:
        sinch.send(SMS)

    assert (raised.value.reason, raised.value.code) == ("auth", "not_found")
    assert "region" in raised.value.hint
    assert raised.value.link == "https://developers.sinch.com/docs/sms/api-reference/status-codes"


# --- reports -----------------------------------------------------------------------------------------------------

RECIPIENT = {
    "type": "recipient_delivery_report_sms",
    "batch_id": BATCH,
    "recipient": "12025550147",
    "code": 0,
    "status": "Delivered",
    "at": "2023-11-14T22:13:20.000Z",
    "client_reference": REFERENCE,
}
READ = Report(
    ref=BATCH, reference=REFERENCE, recipient="12025550147", status=Status.DELIVERED, word="delivered", code=""
)


def call(told: object, headers: Mapping[str, str] | None = None) -> Call:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers=headers or {}, body=body)


def test_a_report_on_a_recipient_is_one_report() -> None:
    assert make()[0].read_reports(call(RECIPIENT)) == [READ]


def test_a_report_on_a_batch_is_one_for_each_recipient() -> None:
    told = {
        "type": "delivery_report_sms",
        "batch_id": BATCH,
        "total_message_count": 4,
        "client_reference": REFERENCE,
        "statuses": [
            {"code": 0, "status": "Delivered", "count": 2, "recipients": ["12025550147", "12025550148"]},
            {"code": 27, "status": "Failed", "count": 1, "recipients": ["12025550149"]},
            {"code": 402, "status": "Aborted", "count": 1},
        ],
    }

    assert make()[0].read_reports(call(told)) == [
        READ,
        replace(READ, recipient="12025550148"),
        replace(READ, recipient="12025550149", status=Status.UNDELIVERED, word="failed", code="status 27"),
        replace(READ, recipient="", status=Status.FAILED, word="aborted", code="status 402", reason="blocked"),
    ]


@pytest.mark.parametrize(
    ("word", "number", "status", "code", "reason"),
    [
        ("Queued", 400, Status.QUEUED, "", ""),
        ("Dispatched", 401, Status.SENT, "", ""),
        ("Delivered", 0, Status.DELIVERED, "", ""),
        ("Unknown", 6, Status.SENT, "status 6", ""),
        ("Expired", 406, Status.UNDELIVERED, "status 406", ""),
        ("Failed", 1, Status.UNDELIVERED, "status 1", "invalid_number"),
        ("Failed", 33, Status.UNDELIVERED, "status 33", ""),
        ("Aborted", 404, Status.UNDELIVERED, "status 404", ""),
        ("Failed", 10, Status.FAILED, "status 10", "invalid_number"),
        ("Rejected", 300, Status.FAILED, "status 300", "blocked"),
        ("Aborted", 408, Status.FAILED, "status 408", "blocked"),
        ("Aborted", 411, Status.FAILED, "status 411", "invalid_request"),
        ("Aborted", 413, Status.FAILED, "status 413", "auth"),
        ("Cancelled", 407, Status.FAILED, "status 407", ""),
        ("Deleted", 407, Status.FAILED, "status 407", ""),
        ("Failed", 999, Status.FAILED, "status 999", ""),
        ("Failed", 7777, Status.FAILED, "status 7777", ""),
        ("Teleported", 27, None, "status 27", ""),
    ],
)
def test_a_word_and_a_code_become_a_status(
    word: str, number: int, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call(RECIPIENT | {"status": word, "code": number})) == [
        replace(READ, status=status, word=word.lower(), code=code, reason=reason)
    ]


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        None,
        "delivered",
        {"batch_id": BATCH},
        {"status": "Delivered"},
        {"batch_id": BATCH, "statuses": []},
        {"batch_id": BATCH, "statuses": ["x", None, {"code": 0}]},
        {"batch_id": ["x"], "status": "Delivered"},
        {"type": "mo_text", "id": "1", "from": "12025550147", "to": "12025550100", "body": "Yes"},
    ],
)
def test_json_of_another_shape_is_no_report(told: object) -> None:
    assert make()[0].read_reports(call(told)) == []


def test_what_is_no_json_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"batch_id=1"))


def test_an_odd_recipient_is_left_out() -> None:
    told = {"batch_id": BATCH, "statuses": [{"code": 0, "status": "Delivered", "recipients": [{"a": 1}]}]}

    assert make()[0].read_reports(call(told)) == [replace(READ, reference="", recipient="")]


# --- signatures --------------------------------------------------------------------------------------------------

BODY = b'{"a":1}'
SIGNATURE = "W6DTfUWzO+BPaTlKht1yPy8wWUrYcCREGIL882aWRAY="  # of the reference page
LONG_SIGNATURE = "i0LvdiTcgpard1GMVPg15QM/7Ll89KHYRIUdNadEVPfzZAjYFj7HmBN8y0myWGV5rBe73NcE8odAwLkNGStjZw=="
SIGNED = {
    "X-Sinch-Webhook-Signature": SIGNATURE,
    "X-Sinch-Webhook-Signature-Nonce": "nonce-1",
    "X-Sinch-Webhook-Signature-Timestamp": "1700000000",
    "X-Sinch-Webhook-Signature-Algorithm": "HmacSHA256",
}


@pytest.mark.parametrize("moment", [NOW - 299, NOW, NOW + 299])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"X-Sinch-Webhook-Signature-Algorithm": ""},
        {"X-Sinch-Webhook-Signature-Algorithm": "HmacSHA512", "X-Sinch-Webhook-Signature": LONG_SIGNATURE},
    ],
)
def test_a_signature_over_the_body_is_good(changed: dict[str, str], moment: float) -> None:

    make(webhook_secret=SECRET)[0].verify(replace(call(BODY, SIGNED | changed), at=moment))


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"a":2}', {}),
        (b"", {}),
        (BODY, {"X-Sinch-Webhook-Signature": ""}),
        (BODY, {"X-Sinch-Webhook-Signature": SIGNATURE.lower()}),
        (BODY, {"X-Sinch-Webhook-Signature": LONG_SIGNATURE}),
        (BODY, {"X-Sinch-Webhook-Signature": "ключ\udcff"}),
        (BODY, {"X-Sinch-Webhook-Signature-Nonce": "nonce-2"}),
        (BODY, {"X-Sinch-Webhook-Signature-Nonce": ""}),
        (BODY, {"X-Sinch-Webhook-Signature-Timestamp": "1700000001"}),
        (BODY, {"X-Sinch-Webhook-Signature-Timestamp": ""}),
        (BODY, {"X-Sinch-Webhook-Signature-Timestamp": "soon"}),
        (BODY, {"X-Sinch-Webhook-Signature-Algorithm": "HmacSHA512"}),
        (BODY, {"X-Sinch-Webhook-Signature-Algorithm": "none"}),
    ],
)
def test_anything_changed_is_forged(body: bytes, changed: dict[str, str]) -> None:

    with pytest.raises(Forged):
        make(webhook_secret=SECRET)[0].verify(replace(call(body, SIGNED | changed), at=NOW))


@pytest.mark.parametrize("moment", [NOW - 301, NOW + 301])
def test_a_stale_signature_is_forged(moment: float) -> None:

    with pytest.raises(Forged):
        make(webhook_secret=SECRET)[0].verify(replace(call(BODY, SIGNED), at=moment))


def test_another_secret_is_forged() -> None:

    with pytest.raises(Forged):
        make(webhook_secret="another")[0].verify(replace(call(BODY, SIGNED), at=NOW))


def test_without_a_webhook_secret_the_address_is_the_proof() -> None:
    make()[0].verify(call(RECIPIENT))


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_sinch_does_not_know() -> None:
    told = {
        "type": "delivery_report_sms",
        "batch_id": BATCH,
        "client_reference": REFERENCE,
        "statuses": [{"code": 0, "status": "Delivered", "count": 1, "recipients": ["12025550147"]}],
    }
    sinch, http = make(reply(404), reply(json=told))

    assert sinch.look_up(["a/../b", BATCH]) == [READ]
    assert [(asked.method, asked.url, asked.params, asked.headers) for asked in http.asked] == [
        ("GET", f"{BASE}/batches/a%2F..%2Fb/delivery_report", {"type": "full"}, HEADERS),
        ("GET", f"{BASE}/batches/{BATCH}/delivery_report", {"type": "full"}, HEADERS),
    ]
    http.done()


def test_our_own_reference_is_looked_up_among_all_reports() -> None:
    other = RECIPIENT | {"client_reference": "f" * 32}
    sinch, http = make(reply(json={"count": 2, "delivery_reports": [RECIPIENT, other, "odd"]}))

    assert Sinch.known_by_reference
    assert sinch.look_up([REFERENCE]) == [READ]
    assert (http.asked[0].url, http.asked[0].params) == (
        f"{BASE}/delivery_reports",
        {"client_reference": REFERENCE},
    )


@pytest.mark.parametrize("told", [{}, [], {"count": 0, "delivery_reports": []}, {"delivery_reports": None}])
def test_a_reference_nobody_knows_has_no_fate(told: object) -> None:
    assert make(reply(json=told))[0].look_up([REFERENCE]) == []


def test_a_check_asks_for_a_batch_and_knows_no_balance() -> None:
    sinch, http = make(reply(json={"count": 0, "page": 0, "page_size": 0, "batches": []}))

    assert sinch.check() == Account(label="plan-1")
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].params, http.asked[0].headers) == (
        "GET",
        f"{BASE}/batches",
        {"page_size": "1"},
        HEADERS,
    )


@pytest.mark.parametrize("answer", [reply(401), reply(404)])
def test_a_check_with_wrong_credentials_says_so(answer: Script) -> None:
    with pytest.raises(AccountBlocked):
        make(answer)[0].check()


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("check", "look_up", "senders", "read_inbound")

    assert [Sinch.can(verb) for verb in verbs] == [True, True, False, False]
