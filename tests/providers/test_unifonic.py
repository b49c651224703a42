"""Unifonic: what goes on the wire, what its own statuses, codes and reports mean."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.unifonic import Unifonic

OURS = "0123456789abcdef0123456789abcdef"
SMS = Sms(
    to="+966000000000",
    text="مرحبا",
    reference=OURS,
    sender="UNISMS",
    report_url="https://sms.example.org/r/1",
)
DATA = {
    "MessageID": 3200017889310,
    "CorrelationID": OURS,
    "Status": "Queued",
    "NumberOfUnits": 2,
    "Cost": 0.018,
    "Balance": 12.5,
    "Recipient": "966000000000",
    "CurrencyCode": "usd",
}
TAKEN = {"success": "true", "message": "", "errorCode": "ER-00", "data": DATA}


def make(*replies: Script) -> tuple[Unifonic, FakeHttp]:
    account = make_account(Unifonic, app_sid="sid1")
    http = FakeHttp(*replies, secrets=Unifonic.secrets(account))
    return Unifonic(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_form_with_the_id_of_the_application() -> None:
    unifonic, http = make(reply(json=TAKEN))

    assert unifonic.send(SMS) == Accepted(ref="3200017889310", parts=2, price=Decimal("0.018"), currency="USD")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://el.cloud.unifonic.com/rest/SMS/messages")
    assert asked.form == {
        "AppSid": "sid1",
        "responseType": "JSON",
        "SenderID": "UNISMS",
        "Recipient": "966000000000",
        "Body": "مرحبا",
        "CorrelationID": OURS,
        "statusCallback": "https://sms.example.org/r/1",
    }
    http.done()


def test_the_sender_and_the_address_may_be_missing_and_a_class_given() -> None:
    unifonic, http = make(reply(json=TAKEN))
    unifonic.send(replace(SMS, sender="", report_url="", options={"message_type": "3"}))

    assert set(http.asked[0].form) == {"AppSid", "responseType", "Recipient", "Body", "CorrelationID", "MessageType"}
    assert http.asked[0].form["MessageType"] == "3"


@pytest.mark.parametrize("success", [True, "true", "True"])
@pytest.mark.parametrize(("cost", "currency"), [(0, ""), (0.018, ""), (0, "USD"), ("-0.00", "USD"), (None, "USD")])
def test_what_is_not_told_stays_open(success: object, cost: object, currency: str) -> None:
    data = {"MessageID": 7, "NumberOfUnits": 0, "Cost": cost, "CurrencyCode": currency}
    unifonic, _http = make(reply(json={"success": success, "errorCode": "ER-00", "data": data}))

    assert unifonic.send(SMS) == Accepted(ref="7")


@pytest.mark.parametrize("body", [{"success": True, "data": {}}, {"data": {"MessageID": 1}}, {"success": True}])
def test_an_answer_without_a_receipt_is_uncertain(body: object) -> None:
    unifonic, _http = make(reply(json=body))

    with pytest.raises(Uncertain):
        unifonic.send(SMS)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (401, AccountBlocked, "auth"),
        (400, Rejected, "invalid_request"),
        (409, Rejected, "duplicate"),
        (410, Rejected, "invalid_number"),
        (599, Uncertain, "uncertain"),
    ],
)
def test_a_status_of_its_own_becomes_its_error(status: int, kind: type[SmsError], reason: str) -> None:
    body = {"success": "false", "message": "Words of Unifonic", "errorCode": "ER-07", "data": ""}
    unifonic, _http = make(reply(status, json=body))

    with pytest.raises(SmsError) as raised:
        unifonic.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.words) == (reason, "Words of Unifonic")
    assert raised.value.code == ("ER-07" if status == 599 else str(status))


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("ER-01", Rejected, "rejected"),
        ("ER-02", Rejected, "invalid_number"),
        ("ER-06", Rejected, "invalid_request"),
        ("ER-07", Rejected, "blocked"),
        ("ER-09", Rejected, "duplicate"),
        ("ER-77", Rejected, "rejected"),
    ],
)
@pytest.mark.parametrize("success", [False, "false"])
def test_a_code_within_a_success_becomes_its_error(
    code: str, kind: type[SmsError], reason: str, success: object
) -> None:
    unifonic, _http = make(reply(json={"success": success, "message": "Words", "errorCode": code, "data": None}))

    with pytest.raises(SmsError) as raised:
        unifonic.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Words")


def test_a_known_status_says_what_to_do_and_where_to_read() -> None:
    unifonic, _http = make(reply(480, json={"message": "This user cannot use specified SenderID"}))

    with pytest.raises(Rejected) as raised:
        unifonic.send(SMS)

    assert "sender" in raised.value.hint
    assert raised.value.link == "https://docs.unifonic.com/articles/api-documentation/http-status-codes"


def test_too_many_requests_are_throttled() -> None:
    unifonic, _http = make(reply(429, json={"message": "Too many"}, headers={"Retry-After": "3"}))

    with pytest.raises(Throttled) as raised:
        unifonic.send(SMS)

    assert raised.value.after == 3.0


# --- reports -----------------------------------------------------------------------------------------------------


def call(
    form: dict[str, list[str]] | None = None, body: bytes = b"", query: dict[str, list[str]] | None = None
) -> Call:
    return Call(
        method="POST", url="https://sms.example.org/r", query=query or {}, form=form or {}, headers={}, body=body
    )


REPORT = {"MessageID": ["32"], "DLR": ["Delivered"], "Recipient": ["966000000000"], "SCTS": ["2026-11-25 10:00:00"]}
TOLD = Report(ref="32", recipient="966000000000", status=Status.DELIVERED, word="delivered")


def test_a_report_is_read_from_a_form_a_query_or_json() -> None:
    plain = {name.lower(): values[0] for name, values in REPORT.items()}

    assert make()[0].read_reports(call(REPORT, b"MessageID=32")) == [TOLD]
    assert make()[0].read_reports(call(query=REPORT)) == [TOLD]
    assert make()[0].read_reports(call(body=json.dumps(plain).encode())) == [TOLD]
    assert make()[0].read_reports(call(body=json.dumps([plain, plain | {"messageid": 33}, 7]).encode())) == [
        TOLD,
        replace(TOLD, ref="33"),
    ]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Queued", Status.QUEUED),
        ("Sent", Status.SENT),
        ("Delivery not confirmed", Status.SENT),
        ("Delivered", Status.DELIVERED),
        ("Undelivered", Status.UNDELIVERED),
        ("Undeliverable", Status.UNDELIVERED),
        ("Rejected", Status.FAILED),
        ("Failed", Status.FAILED),
        ("Teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    report = make()[0].read_reports(call({"Status": [word]}))[0]

    assert (report.status, report.word, report.ref) == (status, word.lower(), "")


def test_a_report_carries_our_reference_and_a_known_code() -> None:
    body = {"correlationId": OURS, "status": "Undelivered", "errorCode": "er-05"}

    assert make()[0].read_reports(call(body=json.dumps(body).encode())) == [
        Report(reference=OURS, status=Status.UNDELIVERED, word="undelivered", code="ER-05", reason="invalid_number")
    ]
    strange = json.dumps(body | {"errorCode": "call 966000000000"}).encode()
    assert make()[0].read_reports(call(body=strange))[0].code == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"7", b'{"MessageID": "32"}', b'{"DLR": ["Delivered"]}'])
def test_a_report_without_a_word_says_nothing(body: bytes) -> None:
    assert make()[0].read_reports(call(body=body)) == []


def test_what_is_no_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(body=b"<dlr/>"))


# --- questions ---------------------------------------------------------------------------------------------------

ROW = {
    "MessageID": 32,
    "CorrelationID": OURS,
    "Status": "Sent",
    "DLR": "Delivered",
    "MessageBody": "x",
    "NumberOfUnits": 1,
    "Cost": -0.009,
    "Recipient": "966000000000",
}


def found(*rows: object, currency: str = "SAR") -> Script:
    data = {"messages": list(rows), "CurrencyCode": currency, "TotalTextMessages": len(rows)}
    return reply(json={"success": True, "message": "", "errorCode": "ER-00", "data": data})


def test_a_look_up_asks_by_id_or_by_our_reference() -> None:
    unifonic, http = make(found(ROW), found(ROW | {"DLR": "", "MessageID": 33}, currency=""))

    told = Report(
        ref="32",
        reference=OURS,
        recipient="966000000000",
        status=Status.DELIVERED,
        word="delivered",
        price=Decimal("0.009"),
        currency="SAR",
    )
    assert unifonic.look_up(["32", OURS]) == [
        told,
        replace(told, ref="33", status=Status.SENT, word="sent", price=None, currency=""),
    ]
    assert [asked.url for asked in http.asked] == [
        "https://el.cloud.unifonic.com/rest/SMS/Messages/GetMessagesDetails"
    ] * 2
    assert [asked.form for asked in http.asked] == [
        {"AppSid": "sid1", "responseType": "JSON", "MessageID": "32"},
        {"AppSid": "sid1", "responseType": "JSON", "CorrelationID": OURS},
    ]
    http.done()


def test_a_look_up_leaves_out_what_it_did_not_ask_for() -> None:
    unifonic, _http = make(found(ROW | {"MessageID": 31}, None), found(), reply(json={"success": True, "data": None}))

    assert unifonic.look_up(["32", "33", "34"]) == []


def test_a_check_asks_for_one_message_and_sends_none() -> None:
    unifonic, http = make(found(ROW))

    assert unifonic.check() == Account()
    assert http.asked[0].form == {"AppSid": "sid1", "responseType": "JSON", "Limit": "1"}
    http.done()


def test_a_check_with_a_wrong_id_is_blocked() -> None:
    unifonic, _http = make(reply(401, json={"success": "false", "message": "Authentication failed"}))

    with pytest.raises(AccountBlocked):
        unifonic.check()
