"""Vonage: what goes on the wire, what its answers, receipts and signatures mean."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.vonage import Vonage

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Hello", reference=REFERENCE, sender="+12025550100", report_url="")
PART = {
    "to": "12025550147",
    "message-id": "0A0000000123ABCD1",
    "status": "0",
    "remaining-balance": "15.53590000",
    "message-price": "0.03330000",
    "network": "23410",
}
SECRET = "docs_secret"
LONG_SECRET = "docs_signature_secret_of_32_bytes_and_more"
NOW = 1_700_000_000


def make(*replies: Script, **given: str) -> tuple[Vonage, FakeHttp]:
    account = make_account(Vonage, **({"api_key": "abcd1234", "api_secret": "hush", "signature_secret": ""} | given))
    http = FakeHttp(*replies, secrets=Vonage.secrets(account))
    return Vonage(account, http, MemoryMemo()), http


def answer(*messages: Mapping[str, object]) -> Script:
    return reply(json={"message-count": str(len(messages)), "messages": messages})


def test_a_message_goes_as_a_form_with_basic_auth() -> None:
    vonage, http = make(answer(PART))

    assert vonage.send(SMS) == Accepted(ref="0A0000000123ABCD1", parts=1, price=Decimal("0.0333"), currency="EUR")
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == (
        "POST",
        "https://rest.nexmo.com/sms/json",
        ("abcd1234", "hush"),
    )
    assert asked.form == {
        "from": "12025550100",
        "to": "12025550147",
        "text": "Hello",
        "type": "text",
        "status-report-req": "1",
        "client-ref": REFERENCE,
    }
    http.done()


@pytest.mark.parametrize(
    ("text", "kind"),
    [("€ {} plain", "text"), ("Привет", "unicode"), ("ça va", "unicode"), ("one ✓", "unicode")],
)
def test_letters_outside_the_gsm_tables_go_as_unicode(text: str, kind: str) -> None:
    vonage, http = make(answer(PART))
    vonage.send(replace(SMS, text=text))

    assert (http.asked[0].form["type"], http.asked[0].form["text"]) == (kind, text)


def test_a_name_may_send_and_no_sender_is_not_an_empty_one() -> None:
    vonage, http = make(answer(PART), answer(PART))
    vonage.send(replace(SMS, sender="MyBiz"))
    vonage.send(replace(SMS, sender=""))

    assert http.asked[0].form["from"] == "MyBiz"
    assert "from" not in http.asked[1].form


def test_indian_registrations_go_along() -> None:
    vonage, http = make(answer(PART))
    vonage.send(replace(SMS, options={"entity_id": "1101456324675322134", "content_id": "1107457532145798767"}))

    assert http.asked[0].form["entity-id"] == "1101456324675322134"
    assert http.asked[0].form["content-id"] == "1107457532145798767"


def test_each_part_has_its_own_id_and_the_prices_add_up() -> None:
    vonage, _http = make(answer(PART, PART | {"message-id": "0A0000000123ABCD2", "message-price": "0.04000000"}))

    assert vonage.send(SMS) == Accepted(
        ref="0A0000000123ABCD1",
        refs=("0A0000000123ABCD1", "0A0000000123ABCD2"),
        parts=2,
        price=Decimal("0.0733"),
        currency="EUR",
    )


def test_a_missing_price_is_no_price() -> None:
    vonage, _http = make(answer({"message-id": 17, "status": "0"}))

    assert vonage.send(SMS) == Accepted(ref="17", parts=1)


@pytest.mark.parametrize("refused", ["1", "4", "9"])
def test_a_message_taken_in_part_is_neither_repeated_nor_stops_the_account(refused: str) -> None:
    vonage, http = make(answer(PART, {"status": refused, "error-text": "Throttled"}))

    with pytest.raises(Rejected) as raised:
        vonage.send(SMS)

    assert (raised.value.code, raised.value.words, raised.value.reason) == (refused, "Throttled", "rejected")
    assert raised.value.hint == "Vonage accepted only some segments. Check the message there before resending."
    http.done()


@pytest.mark.parametrize(
    "messages", [[], {}, {"0": {"status": "0", "message-id": "x"}}, [{}], [None], ["0"], [{"status": "0"}]]
)
def test_an_answer_that_tells_nothing_is_uncertain(messages: object) -> None:
    vonage, _http = make(reply(json={"message-count": "1", "messages": messages}))

    with pytest.raises(Uncertain):
        vonage.send(SMS)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("1", Throttled, "throttled"),
        ("5", Uncertain, "uncertain"),
        ("4", AccountBlocked, "auth"),
        ("9", AccountBlocked, "balance"),
        ("6", Rejected, "invalid_number"),
        ("7", Rejected, "blocked"),
        ("15", Rejected, "invalid_request"),
        ("99", Rejected, "rejected"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_failure_inside_a_success_is_a_failure(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    told = {"message-count": "1", "messages": [{"status": code, "error-text": "Vonage's words"}]}
    vonage, http = make(reply(status, json=told))

    with pytest.raises(SmsError) as raised:
        vonage.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Vonage's words")
    assert len(http.asked) == 1


def test_a_known_code_says_what_to_do_and_where_to_read() -> None:
    vonage, _http = make(answer({"status": "29", "error-text": "Non-Whitelisted Destination"}))

    with pytest.raises(Rejected) as raised:
        vonage.send(SMS)

    assert "Trial" in raised.value.hint
    assert raised.value.link == "https://developer.vonage.com/en/api-errors/sms"


@pytest.mark.parametrize(
    ("words", "headers", "after"),
    [
        ("Throughput Rate Exceeded - please wait [ 250 ] and retry", {}, 0.25),
        ("Throughput Rate Exceeded - please wait [ 250 ] and retry", {"Retry-After": "3"}, 3.0),
        ("You are sending SMS faster than the account limit.", {}, None),
    ],
)
def test_a_throttled_message_waits_as_long_as_told(words: str, headers: dict[str, str], after: float | None) -> None:
    told = {"messages": [{"status": "1", "error-text": words}]}
    vonage, _http = make(reply(json=told, headers=headers))

    with pytest.raises(Throttled) as raised:
        vonage.send(SMS)

    assert raised.value.after == after


def test_a_login_that_is_refused_by_http_blocks_the_account() -> None:
    told = {"message-count": "1", "messages": [{"status": "4", "error-text": "Bad Credentials"}]}
    vonage, _http = make(reply(401, json=told))

    with pytest.raises(AccountBlocked) as raised:
        vonage.send(SMS)

    assert (raised.value.reason, raised.value.code, raised.value.words) == ("auth", "4", "Bad Credentials")


# --- receipts ----------------------------------------------------------------------------------------------------

RECEIPT = {
    "msisdn": "12025550147",
    "to": "MyBiz",
    "network-code": "31000",
    "messageId": "0A0000000123ABCD1",
    "price": "0.03330000",
    "status": "delivered",
    "scts": "2311142213",
    "err-code": "0",
    "api-key": "abcd1234",
    "message-timestamp": "2023-11-14 22:13:20",
    "client-ref": REFERENCE,
}
READ = Report(
    ref="0A0000000123ABCD1",
    reference=REFERENCE,
    recipient="12025550147",
    status=Status.DELIVERED,
    word="delivered",
)


def get(told: Mapping[str, str]) -> Call:
    query = {name: [value] for name, value in told.items()}
    return Call(method="GET", url="https://sms.example.org/r/1", query=query, form={}, headers={}, body=b"")


def post(told: Mapping[str, str]) -> Call:
    form = {name: [value] for name, value in told.items()}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form=form, headers={}, body=b"a=b")


def post_json(told: object, headers: Mapping[str, str] | None = None) -> Call:
    body = json.dumps(told).encode()
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers=headers or {}, body=body)


@pytest.mark.parametrize("way", [get, post, post_json])
def test_a_receipt_comes_in_any_of_three_ways(way: Callable[[Mapping[str, str]], Call]) -> None:
    assert make()[0].read_reports(way(RECEIPT)) == [READ]


@pytest.mark.parametrize(
    ("word", "err", "status", "reason"),
    [
        ("accepted", "0", Status.SENT, ""),
        ("buffered", "0", Status.SENT, ""),
        ("Delivered", "0", Status.DELIVERED, ""),
        ("expired", "1", Status.UNDELIVERED, ""),
        ("undelivered", "1", Status.UNDELIVERED, ""),
        ("failed", "2", Status.UNDELIVERED, ""),
        ("failed", "3", Status.UNDELIVERED, "invalid_number"),
        ("failed", "7", Status.UNDELIVERED, ""),
        ("failed", "12", Status.UNDELIVERED, "invalid_number"),
        ("failed", "4", Status.FAILED, "opt_out"),
        ("failed", "9", Status.FAILED, "opt_out"),
        ("failed", "6", Status.FAILED, "blocked"),
        ("rejected", "11", Status.FAILED, "blocked"),
        ("rejected", "16", Status.FAILED, "balance"),
        ("failed", "10", Status.FAILED, "invalid_request"),
        ("failed", "77", Status.FAILED, ""),
        ("delivered", "2", Status.DELIVERED, ""),
        ("unknown", "1", None, ""),
        ("teleported", "3", None, "invalid_number"),
    ],
)
def test_a_word_and_a_code_become_a_status(word: str, err: str, status: Status | None, reason: str) -> None:
    code = "" if err == "0" else f"err {err}"

    assert make()[0].read_reports(get(RECEIPT | {"status": word, "err-code": err})) == [
        replace(READ, status=status, word=word.lower(), code=code, reason=reason)
    ]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"status": "delivered"},
        {"messageId": "0A0000000123ABCD1"},
        {"msisdn": "12025550147", "to": "12025550100", "messageId": "0A1", "text": "Yes", "type": "text"},
    ],
)
def test_a_check_of_the_address_or_an_inbound_text_is_no_receipt(told: dict[str, str]) -> None:
    assert make()[0].read_reports(get(told)) == []


@pytest.mark.parametrize("told", [[], None, 7, "delivered", {"messageId": ["x"], "status": "delivered"}])
def test_json_of_another_shape_is_no_receipt(told: object) -> None:
    assert make()[0].read_reports(post_json(told)) == []


MESSAGES = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "12025550147",
    "from": "MyBiz",
    "status": "delivered",
    "client_ref": REFERENCE,
    "channel": "sms",
}


@pytest.mark.parametrize(
    ("word", "error", "status", "reason"),
    [
        ("submitted", None, Status.SENT, ""),
        ("delivered", None, Status.DELIVERED, ""),
        ("read", None, Status.DELIVERED, ""),
        ("undeliverable", "1100", Status.UNDELIVERED, ""),
        ("rejected", "1180", Status.UNDELIVERED, ""),
        ("rejected", "1240", Status.FAILED, "opt_out"),
        ("rejected", "1070", Status.FAILED, "balance"),
        ("rejected", "1320", Status.FAILED, "duplicate"),
        ("rejected", "1999", Status.FAILED, ""),
        ("teleported", None, None, ""),
    ],
)
def test_an_account_of_the_messages_type_reports_in_its_own_words(
    word: str, error: str | None, status: Status | None, reason: str
) -> None:
    told = MESSAGES | {"status": word, "error": {"title": error, "detail": "12025550147 is barred"} if error else None}

    assert make()[0].read_reports(post_json(told)) == [
        Report(
            ref="aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
            reference=REFERENCE,
            recipient="12025550147",
            status=status,
            word=word,
            code=error or "",
            reason=reason,
        )
    ]


# --- signatures --------------------------------------------------------------------------------------------------

SIGNED = {
    "msisdn": "15005550006",
    "messageId": "0A0000000123ABCD1",
    "status": "delivered",
    "timestamp": "1700000000",
    "client-ref": "a=b&c",
}
SIGNATURES = {
    "md5hash": "3c5043d4dfe09dfdb8724b996c1e66fe",
    "md5": "e0252f05d9e3bc768625f2f4d8414367",
    "sha1": "d900a98f5bd4170b95e3d82b95152f16d4d2fbb7",
    "sha256": "e3e9c6fb45ac74696aaf62b24fe89e8a45166aaee2cb092d1868569e4ca812f9",
    "sha512": "fdbad053803a0fc328081be444da6e3596a0828bf1310c8f84a1a94384910b19"
    "aaca71b76243688c83c739ef26b5f95e9aa17556da6293359a9a370ab6a62d8d",
}


@pytest.mark.parametrize("way", [get, post, post_json])
@pytest.mark.parametrize("method", SIGNATURES)
def test_the_signatures_of_the_reference_page_are_good(method: str, way: Callable[[Mapping[str, str]], Call]) -> None:
    vonage, _http = make(signature_secret=SECRET, signature_method=method)

    vonage.verify(replace(way(SIGNED | {"sig": SIGNATURES[method]}), at=NOW + 299))
    vonage.verify(replace(way(SIGNED | {"sig": SIGNATURES[method].upper()}), at=NOW + 299))


@pytest.mark.parametrize("way", [get, post, post_json])
@pytest.mark.parametrize(
    "changed",
    [
        {"status": "failed"},
        {"messageId": "0A0000000123ABCD2"},
        {"timestamp": "1700000001"},
        {"extra": "1"},
        {"sig": ""},
        {"sig": SIGNATURES["sha256"]},
        {"sig": SIGNATURES["md5hash"][:-1] + "f"},
        {"sig": "ключ"},
    ],
)
def test_anything_changed_is_forged(changed: dict[str, str], way: Callable[[Mapping[str, str]], Call]) -> None:

    with pytest.raises(Forged):
        make(signature_secret=SECRET)[0].verify(replace(way(SIGNED | {"sig": SIGNATURES["md5hash"]} | changed), at=NOW))


@pytest.mark.parametrize("moment", [NOW + 301, NOW - 301])
def test_a_stale_receipt_is_forged(moment: float) -> None:

    with pytest.raises(Forged):
        make(signature_secret=SECRET)[0].verify(replace(get(SIGNED | {"sig": SIGNATURES["md5hash"]}), at=moment))


def test_a_receipt_that_tells_no_time_is_forged() -> None:
    vonage, _http = make(signature_secret=SECRET)
    vonage.verify(
        replace(get({"messageId": "1", "timestamp": "1700000000", "sig": "8291979b14025ef2f8fbae4b4654ac51"}), at=NOW)
    )

    for told in (
        {"messageId": "1", "sig": "7508401fc21218617022e2158a67222e"},
        {"messageId": "1", "timestamp": "soon", "sig": "83980eb63848a41b3c0a60b0df660761"},
    ):
        with pytest.raises(Forged):
            vonage.verify(replace(get(told), at=NOW))


@pytest.mark.parametrize("call", [get(RECEIPT), post_json(MESSAGES, {"Authorization": "Bearer x"})])
def test_without_a_signature_secret_the_address_is_the_proof(call: Call) -> None:
    make()[0].verify(call)


# Made with other means than PyJWT: the claims below, and HMAC-SHA256 with LONG_SECRET.
BODY = (
    b'{"message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"12025550147","status":"delivered",'
    b'"client_ref":"0123456789abcdef0123456789abcdef"}'
)
CLAIMS = {
    "iat": NOW,
    "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
    "iss": "Vonage",
    "payload_hash": "9a6d2ac0b8a2e03a0fade8842258c5b2ce31d0f320c1fcf6bf57f777474708f1",
    "api_key": "abcd1234",
}
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpYXQiOjE3MDAwMDAwMDAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYW"
    "RfaGFzaCI6IjlhNmQyYWMwYjhhMmUwM2EwZmFkZTg4NDIyNThjNWIyY2UzMWQwZjMyMGMxZmNmNmJmNTdmNzc3NDc0NzA4ZjEiLCJhcGlfa2V5Ijoi"
    "YWJjZDEyMzQifQ.UnzkqtShZRcJ_6Zi4gpYU1CLscb594HcHFfbQ2G4uQY"
)


def token(claims: Mapping[str, object], algorithm: str = "HS256", secret: str = LONG_SECRET) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    signed = f"{part(json.dumps({'alg': algorithm}).encode())}.{part(json.dumps(claims).encode())}"
    digest = {"HS256": "sha256", "HS512": "sha512"}.get(algorithm)
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), digest).digest()) if digest else ''}"


def bearing(given: str, body: bytes = BODY) -> Call:
    headers = {"authorization": f"Bearer {given}", "Content-Type": "application/json"}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form={}, headers=headers, body=body)


@pytest.mark.parametrize("given", [TOKEN, token(CLAIMS)])
def test_a_signed_token_over_the_body_is_good(given: str) -> None:

    make(signature_secret=LONG_SECRET)[0].verify(replace(bearing(given), at=NOW + 299))


@pytest.mark.parametrize(
    "call",
    [
        bearing(TOKEN, BODY.replace(b"delivered", b"rejected")),
        bearing(TOKEN, b""),
        bearing(TOKEN[:-2] + "zz"),
        bearing(""),
        bearing("ключ.\udcff.x"),
        bearing(token(CLAIMS, "none")),
        bearing(token(CLAIMS, "HS512")),
        bearing(token(CLAIMS, secret="another_signature_secret_of_32_bytes_and_more")),
        bearing(token({name: value for name, value in CLAIMS.items() if name != "payload_hash"})),
        bearing(token({name: value for name, value in CLAIMS.items() if name != "iat"})),
        bearing(token(CLAIMS | {"payload_hash": ["x"]})),
        bearing(token(CLAIMS | {"iat": NOW - 301})),
        bearing(token(CLAIMS | {"iat": 33_000_000_000})),
        bearing(token(CLAIMS | {"iat": "soon"})),
    ],
)
def test_a_token_that_does_not_fit_is_forged(call: Call) -> None:

    with pytest.raises(Forged):
        make(signature_secret=LONG_SECRET)[0].verify(replace(call, at=NOW))


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_check_tells_the_balance() -> None:
    vonage, http = make(reply(json={"value": 10.28, "autoReload": False}))

    assert vonage.check() == Account(label="abcd1234", balance=Decimal("10.28"), currency="EUR")
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == (
        "GET",
        "https://rest.nexmo.com/account/get-balance",
        ("abcd1234", "hush"),
    )


def test_a_check_with_wrong_credentials_says_so() -> None:
    vonage, _http = make(reply(401, json={"error-code": "401", "error-code-label": "authentication failed"}))

    with pytest.raises(AccountBlocked) as raised:
        vonage.check()

    assert (raised.value.reason, raised.value.words) == ("auth", "authentication failed")


def test_senders_are_numbers_that_can_sms() -> None:
    numbers = [
        {"country": "GB", "msisdn": "447700900000", "features": ["VOICE", "SMS"]},
        {"country": "GB", "msisdn": "447700900001", "features": ["VOICE"]},
        {"features": ["SMS"]},
        {"msisdn": "447700900002", "features": None},
        "odd",
    ]
    vonage, http = make(reply(json={"count": 5, "numbers": numbers}))

    assert vonage.senders() == ["447700900000"]
    assert (http.asked[0].url, http.asked[0].params) == ("https://rest.nexmo.com/account/numbers", {"size": "100"})


@pytest.mark.parametrize("told", [{}, [], {"count": 0, "numbers": None}])
def test_an_account_without_numbers_has_no_senders(told: object) -> None:
    assert make(reply(json=told))[0].senders() == []


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("check", "senders", "look_up", "read_inbound")

    assert [Vonage.can(verb) for verb in verbs] == [True, True, False, False]
