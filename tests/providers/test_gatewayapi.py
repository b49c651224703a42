"""GatewayAPI: encoding by the caller, codes in hex, calls repeated in a JWT."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.gatewayapi import GatewayApi
from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(
    to="+4500000147",
    text="Hello",
    reference=REFERENCE,
    sender="Shop",
    report_url="https://sms.example.org/r/1?x=2",
)
TAKEN = {"ids": [421332671], "usage": {"countries": {"DK": 2}, "currency": "DKK", "total_cost": 0.24}}

# The keys that people choose are short, and PyJWT warns of that.
weak_keys = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")


def make(*replies: Script, **given: str) -> tuple[GatewayApi, FakeHttp]:
    account = make_account(GatewayApi, **({"token": "hush-hush", "webhook_secret": ""} | given))
    http = FakeHttp(*replies, secrets=GatewayApi.secrets(account))
    return GatewayApi(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_with_the_token_as_user_name() -> None:
    gatewayapi, http = make(reply(json=TAKEN))

    assert gatewayapi.send(SMS) == Accepted(ref="421332671", parts=2, price=Decimal("0.24"), currency="DKK")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://gatewayapi.com/rest/mtsms")
    assert asked.auth == ("hush-hush", "")
    assert asked.json == {
        "recipients": [{"msisdn": "4500000147"}],
        "message": "Hello",
        "sender": "Shop",
        "encoding": "UTF8",
        "class": "standard",
        "userref": REFERENCE,
        "callback_url": "https://sms.example.org/r/1?x=2",
    }
    http.done()


@pytest.mark.parametrize(
    ("text", "encoding"), [("Grüße für 5 €", "UTF8"), ("Привет", "UCS2"), ("👋", "UCS2"), ("šest", "UCS2")]
)
def test_the_encoding_is_chosen_so_that_no_letter_is_lost(text: str, encoding: str) -> None:
    gatewayapi, http = make(reply(json=TAKEN))
    gatewayapi.send(replace(SMS, text=text))

    assert http.asked[0].json["encoding"] == encoding


def test_a_number_as_sender_is_told_in_digits() -> None:
    gatewayapi, http = make(reply(json=TAKEN))
    gatewayapi.send(replace(SMS, sender="+4500000100"))

    assert http.asked[0].json["sender"] == "4500000100"


def test_a_sender_may_have_another_class_and_the_account_another_host() -> None:
    gatewayapi, http = make(reply(json=TAKEN), host="gatewayapi.eu")
    gatewayapi.send(replace(SMS, sender="", report_url="", options={"message_class": "premium"}))

    assert http.asked[0].url == "https://gatewayapi.eu/rest/mtsms"
    assert http.asked[0].json["class"] == "premium"
    assert {"sender", "callback_url"}.isdisjoint(http.asked[0].json)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ({"ids": [7]}, Accepted(ref="7")),
        ({"ids": ["7"], "usage": {"countries": [], "currency": "EUR"}}, Accepted(ref="7")),
        ({"ids": [7], "usage": {"countries": {"DK": 1, "SE": None}}}, Accepted(ref="7", parts=1)),
    ],
)
def test_a_receipt_may_say_less(answer: object, accepted: Accepted) -> None:
    assert make(reply(json=answer))[0].send(SMS) == accepted


@pytest.mark.parametrize("answer", [{"ids": []}, {"ids": None}, {"usage": {}}])
def test_a_receipt_without_an_id_is_uncertain(answer: object) -> None:
    with pytest.raises(Uncertain):
        make(reply(json=answer))[0].send(SMS)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (401, "0x0210", AccountBlocked, "auth"),
        (401, "0x0229", AccountBlocked, "auth"),
        (403, "0x0213", AccountBlocked, "auth"),
        (403, "0x021D", AccountBlocked, "auth"),
        (403, "0x022A", AccountBlocked, "auth"),
        (403, "0x0216", AccountBlocked, "balance"),
        (403, "0x0214", Rejected, "duplicate"),
        (403, "0x0215", Rejected, "blocked"),
        (403, "0x0217", Rejected, "blocked"),
        (403, "0x021F", Rejected, "blocked"),
        (422, "0x0312", Rejected, "blocked"),
        (400, "0x0222", Rejected, "invalid_request"),
        (422, "0x0218", Rejected, "invalid_request"),
        (422, "0x0310", Rejected, "invalid_request"),
        (400, "0x0308", Rejected, "invalid_request"),
        (403, "0x0207", AccountBlocked, "auth"),
        (500, "0x0209", Uncertain, "uncertain"),
        (500, "0x0101", Uncertain, "uncertain"),
        (400, "0x0399", Rejected, "rejected"),
        (403, "0x0399", AccountBlocked, "auth"),
        (429, "0x0216", Throttled, "throttled"),
        (500, "0x0399", Uncertain, "uncertain"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    answer = {"code": code, "incident_uuid": "d8127429", "message": "Their words: %1", "variables": ["1.2.3.4"]}
    gatewayapi, http = make(reply(status, json=answer))

    with pytest.raises(SmsError) as raised:
        gatewayapi.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Their words: %1")
    assert len(http.asked) == 1


def test_a_code_may_be_absent() -> None:
    with pytest.raises(Rejected) as raised:
        make(reply(422, json={"message": "Invalid JSON"}))[0].send(SMS)
    assert (raised.value.code, raised.value.words) == ("", "Invalid JSON")


def test_a_known_code_says_what_to_do_and_where_to_read() -> None:
    with pytest.raises(AccountBlocked) as raised:
        make(reply(403, json={"code": "0x0213", "message": "Unauthorized IP-address: %1"}))[0].send(SMS)

    assert "addresses" in raised.value.hint
    assert raised.value.link == "https://gatewayapi.com/docs/errors/"


# --- reports -----------------------------------------------------------------------------------------------------

# Of the vendor's documentation of webhooks, with the secret "secret".
HEAD = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"
CLAIMS = (
    "eyJpZCI6MjM4MTcwMywibXNpc2RuIjo0NTQyNjA5MDQ1LCJ0aW1lIjoxNTIyNzY0MDYyLCJzdGF0dXMiOiJERUxJVkVSRUQiLCJlcnJv"
    "ciI6bnVsbCwiY29kZSI6bnVsbCwidXNlcnJlZiI6bnVsbCwiY2FsbGJhY2tfdXJsIjoiaHR0cDovL2JiYWY3MTQyLm5ncm9rLmlvIiwi"
    "YXBpIjo0fQ"
)
TOKEN = f"{HEAD}.{CLAIMS}.KdfDH65bnQtgxEkFnpAQodOciAJedZFB13r9wEo8t3Y"
HS512 = (
    f"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.{CLAIMS}."
    "o3FGANwBGxEAK2tfFZtp9ZraDxUgwypBj0dq1C13IWEddpxcth8dQHngaQMq6FtbGpDO80pyMeedDSndzKMoag"
)
UNSIGNED = f"eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{CLAIMS}."
WITHOUT_STATUS = (
    f"{HEAD}.eyJpZCI6MjM4MTcwMywibXNpc2RuIjo0NTQyNjA5MDQ1LCJ0aW1lIjoxNTIyNzY0MDYyLCJlcnJvciI6bnVsbCwiY29kZSI6bnV"
    "sbCwidXNlcnJlZiI6bnVsbCwiY2FsbGJhY2tfdXJsIjoiaHR0cDovL2JiYWY3MTQyLm5ncm9rLmlvIiwiYXBpIjo0fQ."
    "CBONm7j-r3myfRnvizR0MOXFvMYmoPPPMMuB0e4STdE"
)
TOLD = {"id": 2381703, "msisdn": 4542609045, "time": 1522764062, "status": "DELIVERED", "userref": None}


def call(body: object, token: str | None = None) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-gwapi-signature": token} if token is not None else {}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers=headers, body=raw)


@weak_keys
def test_the_token_of_the_documentation_is_good() -> None:
    make(webhook_secret="secret")[0].verify(call(TOLD, TOKEN))
    make(webhook_secret="secret")[0].verify(call(TOLD | {"error": None, "country_code": "DK"}, TOKEN))


@weak_keys
@pytest.mark.parametrize(
    ("token", "changed"),
    [
        (None, {}),
        ("", {}),
        ("x", {}),
        ("a.b.c", {}),
        ("ключ.ключ.ключ", {}),
        (TOKEN[:-2] + "A4", {}),
        (HS512, {}),
        (UNSIGNED, {}),
        (WITHOUT_STATUS, {}),
        (TOKEN, {"id": 2381704}),
        (TOKEN, {"id": "2381703"}),
        (TOKEN, {"msisdn": 4542609046}),
        (TOKEN, {"status": "REJECTED"}),
        (TOKEN, {"code": "0x1010"}),
        (TOKEN, {"userref": REFERENCE}),
        (TOKEN, {"time": 1522764063}),
    ],
)
def test_anything_changed_is_forged(token: str | None, changed: dict[str, object]) -> None:
    with pytest.raises(Forged):
        make(webhook_secret="secret")[0].verify(call(TOLD | changed, token))


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        make(webhook_secret="another secret of the length that is asked for")[0].verify(call(TOLD, TOKEN))


@weak_keys
@pytest.mark.parametrize("body", [None, [], [TOLD], "x", {}])
def test_a_good_token_beside_another_body_is_forged(body: object) -> None:
    with pytest.raises(Forged):
        make(webhook_secret="secret")[0].verify(call(body, TOKEN))


def test_without_a_secret_the_address_is_the_proof() -> None:
    make()[0].verify(call(TOLD))


def test_a_report_is_read() -> None:
    told = call(TOLD | {"userref": REFERENCE, "charge_status": "CAPTURED", "country_prefix": 45})

    assert make()[0].read_reports(told) == [
        Report(ref="2381703", recipient="4542609045", status=Status.DELIVERED, word="delivered")
    ]
    assert make()[0].answer(told) == Answer(status=200, body="")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("UNKNOWN", Status.QUEUED),
        ("SCHEDULED", Status.QUEUED),
        ("BUFFERED", Status.QUEUED),
        ("ENROUTE", Status.SENT),
        ("ACCEPTED", Status.SENT),
        ("DELIVERED", Status.DELIVERED),
        ("UNDELIVERABLE", Status.UNDELIVERED),
        ("EXPIRED", Status.UNDELIVERED),
        ("REJECTED", Status.FAILED),
        ("DELETED", Status.FAILED),
        ("SKIPPED", Status.FAILED),
        ("Skipped", Status.FAILED),
        ("TELEPORTED", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call({"id": 7, "status": word})) == [
        Report(ref="7", status=status, word=word.lower())
    ]


@pytest.mark.parametrize(
    ("told", "code", "reason"),
    [
        ("0x1010", "0x1010", "invalid_number"),
        ("0x102a", "0x102A", ""),
        ("0X1033", "0x1033", "blocked"),
        (4192, "0x1060", "invalid_number"),
        ("0x1099", "0x1099", ""),
        ("odd", "odd", ""),
        (None, "", ""),
        ([], "", ""),
    ],
)
def test_a_report_carries_code_and_reason_and_not_its_text(told: object, code: str, reason: str) -> None:
    body = {"id": 7, "status": "UNDELIVERABLE", "code": told, "error": "Unknown subscriber 4500000147"}

    assert make()[0].read_reports(call(body)) == [
        Report(ref="7", status=Status.UNDELIVERED, word="undeliverable", code=code, reason=reason)
    ]


@pytest.mark.parametrize("code", ["0x1010", "0x1013", "0x1018", "0x1037", "0x104A", "0x1053", "0x107F", "0x1094"])
def test_the_codes_of_reports_are_explained(code: str) -> None:
    assert GatewayApi.hints[code].text


@pytest.mark.parametrize(
    "body",
    [None, [], "x", 7, {}, {"id": 7}, {"status": "DELIVERED"}, {"id": None, "status": "X"}, {"id": 7, "status": [1]}],
)
def test_a_report_without_id_or_word_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []


def test_a_report_that_is_not_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"id=7"))


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_is_not_known_yet() -> None:
    recipient = {
        "country": "DK",
        "csms": 1,
        "dsnerror": "Absent subscriber",
        "dsnerrorcode": "0x1013",
        "dsnstatus": "EXPIRED",
        "msisdn": 4500000147,
    }
    gatewayapi, http = make(
        reply(404, json={"message": "Not found"}),
        reply(json=[{"id": 7, "message": "Hello", "recipients": [recipient]}]),
        reply(json=[{"id": 8, "recipients": [{"dsnstatus": None}]}]),
    )

    assert gatewayapi.look_up(["1/../2", "7", "8"]) == [
        Report(
            ref="7",
            recipient="4500000147",
            status=Status.UNDELIVERED,
            word="expired",
            code="0x1013",
            detail="Absent subscriber",
        )
    ]
    assert [(asked.method, asked.url) for asked in http.asked] == [
        ("GET", "https://gatewayapi.com/rest/mtsms/1%2F..%2F2"),
        ("GET", "https://gatewayapi.com/rest/mtsms/7"),
        ("GET", "https://gatewayapi.com/rest/mtsms/8"),
    ]
    http.done()


def test_a_check_tells_account_and_balance() -> None:
    gatewayapi, http = make(reply(json={"credit": 1234.56, "currency": "DKK", "id": 1}))

    assert gatewayapi.check() == Account(label="1", balance=Decimal("1234.56"), currency="DKK")
    assert (http.asked[0].method, http.asked[0].url) == ("GET", "https://gatewayapi.com/rest/me")
    assert http.asked[0].auth == ("hush-hush", "")


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "verify")

    assert [GatewayApi.can(verb) for verb in verbs] == [True, True, False, False, True]
