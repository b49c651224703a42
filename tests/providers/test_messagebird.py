"""MessageBird: what goes on the wire, what its answers, reports and signatures mean."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qs, urlencode

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.messagebird import MessageBird

REFERENCE = "0123456789abcdef0123456789abcdef"
MESSAGE = "e8077d803532c0b5937c639b60216938"
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference=REFERENCE,
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
HEADERS = {"Authorization": "AccessKey hush"}
KEY = "docs_signing_key_of_32_bytes_and_more"


def item(status: str = "sent", **more: object) -> dict[str, object]:
    return {"recipient": 12025550147, "status": status, "statusDatetime": "2023-11-14T22:13:20+00:00"} | more


def message(*items: object) -> dict[str, object]:
    return {"id": MESSAGE, "reference": REFERENCE, "recipients": {"totalCount": len(items), "items": items}}


def make(*replies: Script, **given: str) -> tuple[MessageBird, FakeHttp]:
    account = make_account(MessageBird, **({"access_key": "hush", "signing_key": ""} | given))
    http = FakeHttp(*replies, secrets=MessageBird.secrets(account))
    return MessageBird(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_with_the_access_key() -> None:
    messagebird, http = make(reply(201, json=message(item(messagePartCount=2))))

    assert messagebird.send(SMS) == Accepted(ref=MESSAGE, parts=2)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.headers) == ("POST", "https://rest.messagebird.com/messages", HEADERS)
    assert asked.json == {
        "originator": "12025550100",
        "body": "Hello",
        "datacoding": "auto",
        "reference": REFERENCE,
        "reportUrl": "https://sms.example.org/r/1",
        "recipients": ["12025550147"],
    }
    http.done()


def test_a_name_may_send_and_what_is_not_given_does_not_go_along() -> None:
    messagebird, http = make(reply(201, json=message(item())), reply(201, json=message(item())))

    assert messagebird.send(replace(SMS, sender="MyBiz", report_url="")) == Accepted(ref=MESSAGE)
    assert http.asked[0].json["originator"] == "MyBiz"
    assert "reportUrl" not in http.asked[0].json
    messagebird.send(replace(SMS, sender=""))
    assert "originator" not in http.asked[1].json


@pytest.mark.parametrize("told", [{}, [], {"id": None}, {"id": ""}, {"id": ["x"]}])
def test_an_answer_without_an_id_is_uncertain(told: object) -> None:
    messagebird, _http = make(reply(201, json=told))

    with pytest.raises(Uncertain):
        messagebird.send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "parameter", "kind", "reason", "kept"),
    [
        (401, 2, "access_key", AccountBlocked, "auth", "2"),
        (402, 25, None, AccountBlocked, "balance", "25"),
        (422, 9, "recipients", Rejected, "invalid_number", "9 recipients"),
        (422, 9, "recipient", Rejected, "invalid_number", "9 recipient"),
        (422, 10, "recipients", Rejected, "invalid_number", "10 recipients"),
        (422, 9, "originator", Rejected, "blocked", "9 originator"),
        (422, 10, "originator", Rejected, "blocked", "10 originator"),
        (422, 9, "body", Rejected, "invalid_request", "9 body"),
        (422, 10, "body", Rejected, "invalid_request", "10 body"),
        (422, 10, "reportUrl", Rejected, "invalid_request", "10"),
        (422, 9, None, Rejected, "invalid_request", "9"),
        (400, 21, None, Rejected, "invalid_request", "21"),
        (404, 20, None, Rejected, "invalid_request", "20"),
        (404, 98, None, Rejected, "invalid_request", "98"),
        (500, 99, None, Uncertain, "uncertain", "99"),
        (429, 21, None, Throttled, "throttled", "21"),
        (422, 77, "recipients", Rejected, "rejected", "77"),
    ],
)
def test_a_code_and_its_parameter_become_an_error(
    status: int, code: int, parameter: str | None, kind: type[SmsError], reason: str, kept: str
) -> None:
    told = {"errors": [{"code": code, "description": "MessageBird's words", "parameter": parameter}]}
    messagebird, http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        messagebird.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, kept, "MessageBird's words")
    assert len(http.asked) == 1


@pytest.mark.parametrize("told", [{"errors": []}, {"errors": "no"}, {"errors": [None]}, [], "no"])
def test_a_refusal_of_another_shape_is_told_by_its_status(told: object) -> None:
    messagebird, _http = make(reply(422, json=told))

    with pytest.raises(Rejected) as raised:
        messagebird.send(SMS)

    assert (raised.value.code, raised.value.words) == ("", "HTTP 422")


# --- reports -----------------------------------------------------------------------------------------------------

TOLD = {
    "id": MESSAGE,
    "reference": REFERENCE,
    "recipient": "12025550147",
    "status": "delivered",
    "statusReason": "successfully delivered",
    "statusDatetime": "2023-11-14T22:13:25+00:00",
    "mccmnc": "310260",
    "ported": "0",
    "price[amount]": "0.0500",
    "price[currency]": "eur",
    "messagePartCount": "1",
}
READ = Report(
    ref=MESSAGE,
    reference=REFERENCE,
    recipient="12025550147",
    status=Status.DELIVERED,
    word="delivered",
    price=Decimal("0.05"),
    currency="EUR",
)


def call(told: Mapping[str, str], token: str = "", url: str = "", body: bytes = b"") -> Call:
    return Call(
        method="POST" if body else "GET",
        url=url or f"https://sms.example.org/r/1?{urlencode(told)}",
        query=parse_qs(urlencode(told)),
        form={},
        headers={"messagebird-signature-jwt": token},
        body=body,
    )


def test_a_report_comes_in_the_query() -> None:
    assert make()[0].read_reports(call(TOLD)) == [READ]


@pytest.mark.parametrize(
    ("word", "err", "status", "reason"),
    [
        ("scheduled", "", Status.QUEUED, ""),
        ("buffered", "", Status.QUEUED, ""),
        ("sent", "0", Status.SENT, ""),
        ("Delivered", "0", Status.DELIVERED, ""),
        ("expired", "", Status.UNDELIVERED, ""),
        ("expired", "27", Status.UNDELIVERED, ""),
        ("delivery_failed", "", Status.FAILED, ""),
        ("delivery_failed", "1", Status.UNDELIVERED, "invalid_number"),
        ("delivery_failed", "5", Status.UNDELIVERED, "invalid_number"),
        ("delivery_failed", "6", Status.UNDELIVERED, ""),
        ("delivery_failed", "27", Status.UNDELIVERED, ""),
        ("delivery_failed", "31", Status.UNDELIVERED, ""),
        ("delivery_failed", "13", Status.FAILED, ""),
        ("delivery_failed", "34", Status.FAILED, ""),
        ("delivery_failed", "103", Status.FAILED, "opt_out"),
        ("delivery_failed", "104", Status.FAILED, "blocked"),
        ("delivery_failed", "999", Status.FAILED, ""),
        ("teleported", "27", None, ""),
    ],
)
def test_a_word_and_a_code_become_a_status(word: str, err: str, status: Status | None, reason: str) -> None:
    code = f"status {err}" if err not in {"", "0"} else ""

    assert make()[0].read_reports(call(TOLD | {"status": word, "statusErrorCode": err})) == [
        replace(READ, status=status, word=word.lower(), code=code, reason=reason)
    ]


@pytest.mark.parametrize("missing", ["id", "status"])
def test_a_report_without_id_or_word_says_nothing(missing: str) -> None:
    assert make()[0].read_reports(call({name: value for name, value in TOLD.items() if name != missing})) == []


@pytest.mark.parametrize("amount", ["", "0", "-1", "free", "NaN", "Infinity"])
def test_a_price_that_is_none_is_left_out(amount: str) -> None:
    report = make()[0].read_reports(call(TOLD | {"price[amount]": amount}))[0]

    assert (report.price, report.currency) == (None, "")


def test_a_report_is_answered_with_ok() -> None:
    assert make()[0].answer(call(TOLD)) == Answer(status=200, body="OK", content_type="text/plain")


# --- signatures --------------------------------------------------------------------------------------------------

# The hashes are of the reference page; the tokens were signed with other means than PyJWT, and last until 2100.
URL = "https://sms.example.org/hook/mb/7?x=1"
BODY = b'{"a":1}'
CLAIMS = {
    "iss": "MessageBird",
    "nbf": 1_700_000_000,
    "exp": 4_102_444_800,
    "jti": "59a244dc-e9ad-4e23-9778-371faa238f72",
    "url_hash": "5a98a2da93029a303f9ff69a5aa2069588b900593f894ae59abbd9c0db3f1c2c",
}
PAYLOAD = {"payload_hash": "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"}
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwLCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3"
    "OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjVhOThhMmRhOTMwMjlhMzAzZjlmZjY5YTVhYTIwNjk1ODhiOTAwNTkzZjg5NGFlNTlhYmJkOWMw"
    "ZGIzZjFjMmMifQ.EATbB6cEbhe-L3_2584Bu8inoJ9qilDxe9QKcr-5RzM"
)
TOKEN_WITH_BODY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwLCJqdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3"
    "OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjVhOThhMmRhOTMwMjlhMzAzZjlmZjY5YTVhYTIwNjk1ODhiOTAwNTkzZjg5NGFlNTlhYmJkOWMw"
    "ZGIzZjFjMmMiLCJwYXlsb2FkX2hhc2giOiIwMTVhYmQ3ZjVjYzU3YTJkZDk0Yjc1OTBmMDRhZDgwODQyNzM5MDVlZTMzZWM1Y2ViZWFlNjIyNzZh"
    "OTdmODYyIn0.2LU-_-dQvMQ9JQinc9wGb2tEq8ofvkjCodawMuqNGBQ"
)


def signed(claims: Mapping[str, object], algorithm: str = "HS256", key: str = KEY) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    text = f"{part(json.dumps({'alg': algorithm}).encode())}.{part(json.dumps(claims).encode())}"
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}.get(algorithm)
    return f"{text}.{part(hmac.new(key.encode(), text.encode(), digest).digest()) if digest else ''}"


LONG_KEY = KEY + KEY


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (call({"x": "1"}, TOKEN, URL), KEY),
        (call({"x": "1"}, TOKEN_WITH_BODY, URL, BODY), KEY),
        (call({"x": "1"}, signed(CLAIMS, "HS384", LONG_KEY), URL), LONG_KEY),
        (call({"x": "1"}, signed(CLAIMS, "HS512", LONG_KEY), URL), LONG_KEY),
    ],
)
def test_a_token_over_address_and_body_is_good(given: Call, key: str) -> None:
    make(signing_key=key)[0].verify(given)


@pytest.mark.parametrize(
    "forged",
    [
        call({}, "", URL),
        call({}, "x", URL),
        call({}, "ключ.\udcff.x", URL),
        call({}, TOKEN[:-2] + "zz", URL),
        call({}, TOKEN, URL + "&status=delivered"),
        call({}, TOKEN, "https://sms.example.org/hook/mb/7"),
        call({}, TOKEN, "http://sms.example.org/hook/mb/7?x=1"),
        call({}, TOKEN, URL, BODY),
        call({}, TOKEN_WITH_BODY, URL),
        call({}, TOKEN_WITH_BODY, URL, b'{"a":2}'),
        call({}, signed(CLAIMS, "none"), URL),
        call({}, signed(CLAIMS, key="another_signing_key_of_32_bytes_and_more"), URL),
        call({}, signed(CLAIMS | {"iss": "Bird"}), URL),
        call({}, signed(CLAIMS | {"url_hash": ["x"]}), URL),
        call({}, signed(CLAIMS | {"payload_hash": 7}), URL, BODY),
        *(call({}, signed({one: CLAIMS[one] for one in CLAIMS if one != gone}), URL) for gone in ("iss", "nbf")),
        *(call({}, signed({one: CLAIMS[one] for one in CLAIMS if one != gone}), URL) for gone in ("exp", "url_hash")),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make(signing_key=KEY)[0].verify(forged)


@pytest.mark.parametrize(
    ("lived", "good"),
    [
        ({"nbf": -90, "exp": -30}, True),
        ({"nbf": 30, "exp": 90}, True),
        ({"nbf": -180, "exp": -120}, False),
        ({"nbf": 120, "exp": 180}, False),
    ],
)
def test_a_token_lives_for_its_time_and_a_minute_of_skew(lived: dict[str, int], good: bool) -> None:
    now = int(time.time())
    given = call({}, signed(CLAIMS | {name: now + seconds for name, seconds in lived.items()}), URL)
    messagebird, _http = make(signing_key=KEY)

    if good:
        messagebird.verify(given)
    else:
        with pytest.raises(Forged):
            messagebird.verify(given)


def test_without_a_signing_key_the_address_is_the_proof() -> None:
    make()[0].verify(call(TOLD))


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_messagebird_does_not_know() -> None:
    known = item("delivery_failed", statusErrorCode=103, price={"amount": 0.05, "currency": "EUR"})
    messagebird, http = make(reply(404, json={"errors": [{"code": 20}]}), reply(json=message(known)))

    assert messagebird.look_up(["a/../b", MESSAGE]) == [
        replace(READ, status=Status.FAILED, word="delivery_failed", code="status 103", reason="opt_out")
    ]
    assert [(asked.method, asked.url) for asked in http.asked] == [
        ("GET", "https://rest.messagebird.com/messages/a%2F..%2Fb"),
        ("GET", f"https://rest.messagebird.com/messages/{MESSAGE}"),
    ]
    assert all(asked.headers == HEADERS for asked in http.asked)
    http.done()


def test_a_message_without_recipients_has_no_fate() -> None:
    assert make(reply(json={"id": MESSAGE, "recipients": None}))[0].look_up([MESSAGE]) == []


@pytest.mark.parametrize(
    ("kind", "currency"), [("euros", "EUR"), ("pounds", "GBP"), ("dollars", "USD"), ("credits", ""), ("pesos", "")]
)
def test_a_check_tells_the_balance(kind: str, currency: str) -> None:
    messagebird, http = make(reply(json={"payment": "prepaid", "type": kind, "amount": 9.2}))

    assert messagebird.check() == Account(balance=Decimal("9.2"), currency=currency)
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].headers) == (
        "GET",
        "https://rest.messagebird.com/balance",
        HEADERS,
    )


def test_a_check_with_a_wrong_key_says_so() -> None:
    told = {"errors": [{"code": 2, "description": "Request not allowed", "parameter": "access_key"}]}
    messagebird, _http = make(reply(401, json=told))

    with pytest.raises(AccountBlocked) as raised:
        messagebird.check()

    assert (raised.value.code, raised.value.words) == ("2", "Request not allowed")


def number(last: int, *features: str) -> dict[str, object]:
    return {"number": f"447700900{last:03}", "country": "GB", "features": features, "status": "active"}


def test_senders_are_numbers_that_can_sms_page_by_page() -> None:
    first = [number(n, "sms", "voice") for n in range(19)] + [number(19, "voice")]
    messagebird, http = make(
        reply(json={"items": first}), reply(json={"items": [number(20, "sms"), {"features": ["sms"]}, "odd"]})
    )

    assert messagebird.senders() == [f"447700900{n:03}" for n in (*range(19), 20)]
    assert [(asked.url, asked.params) for asked in http.asked] == [
        ("https://numbers.messagebird.com/v1/phone-numbers", {"limit": "20", "offset": "0"}),
        ("https://numbers.messagebird.com/v1/phone-numbers", {"limit": "20", "offset": "20"}),
    ]
    http.done()


@pytest.mark.parametrize("told", [{}, [], {"items": None}])
def test_an_account_without_numbers_has_no_senders(told: object) -> None:
    assert make(reply(json=told))[0].senders() == []
