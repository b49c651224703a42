"""Twilio: what goes on the wire, what its answers, reports and signatures mean."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Inbound, Provider, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.twilio import Twilio

SID = "AC00000000000000000000000000000001"
MESSAGE = "SM00000000000000000000000000000001"
BASE = f"https://api.twilio.com/2010-04-01/Accounts/{SID}"
TOKEN = "docs_auth_token"
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference="0123456789abcdef0123456789abcdef",
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
CREATED = {
    "sid": MESSAGE,
    "status": "queued",
    "num_segments": "2",
    "price": None,
    "price_unit": "USD",
    "error_code": None,
}


def make(*replies: Script, **given: str) -> tuple[Twilio, FakeHttp]:
    optional = {"messaging_service_sid": "", "api_key_sid": "", "api_key_secret": ""}
    account = make_account(Twilio, **({"account_sid": SID, "auth_token": TOKEN} | optional | given))
    http = FakeHttp(*replies, secrets=Twilio.secrets(account))
    return Twilio(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_form_with_basic_auth() -> None:
    twilio, http = make(reply(201, json=CREATED))

    assert twilio.send(SMS) == Accepted(ref=MESSAGE, parts=2)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", f"{BASE}/Messages.json", (SID, TOKEN))
    assert asked.form == {
        "To": "+12025550147",
        "From": "+12025550100",
        "Body": "Hello",
        "StatusCallback": "https://sms.example.org/r/1",
    }
    http.done()


def test_a_messaging_service_needs_no_sender() -> None:
    twilio, http = make(reply(201, json=CREATED | {"num_segments": "0"}), messaging_service_sid="MG1")

    assert twilio.send(replace(SMS, sender="", report_url="")) == Accepted(ref=MESSAGE, parts=None)
    assert http.asked[0].form == {"To": "+12025550147", "MessagingServiceSid": "MG1", "Body": "Hello"}


def test_a_sender_may_go_with_a_messaging_service() -> None:
    twilio, http = make(reply(201, json=CREATED), messaging_service_sid="MG1")
    twilio.send(SMS)

    assert (http.asked[0].form["From"], http.asked[0].form["MessagingServiceSid"]) == ("+12025550100", "MG1")


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        ({"api_key_sid": "SK1", "api_key_secret": "hush"}, ("SK1", "hush")),
        ({"api_key_sid": "SK1"}, (SID, TOKEN)),
    ],
)
def test_an_api_key_logs_in_when_it_is_whole(given: dict[str, str], auth: tuple[str, str]) -> None:
    twilio, http = make(reply(201, json=CREATED), **given)
    twilio.send(SMS)

    assert http.asked[0].auth == auth
    assert http.asked[0].url == f"{BASE}/Messages.json"


def test_a_compatible_service_is_asked_under_its_own_address() -> None:
    twilio, http = make(reply(201, json=CREATED), base_url="https://space.example.com/api/laml/", account_sid="a/b")
    twilio.send(SMS)

    assert http.asked[0].url == "https://space.example.com/api/laml/2010-04-01/Accounts/a%2Fb/Messages.json"


def test_a_price_is_a_positive_cost() -> None:
    twilio, _http = make(reply(201, json=CREATED | {"price": "-0.00750", "price_unit": "usd"}))

    assert twilio.send(SMS) == Accepted(ref=MESSAGE, parts=2, price=Decimal("0.00750"), currency="USD")


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (429, "20429", Throttled, "throttled"),
        (400, "14107", Throttled, "throttled"),
        (503, "20503", Uncertain, "uncertain"),
        (500, "30410", Uncertain, "uncertain"),
        (401, "20003", AccountBlocked, "auth"),
        (403, "20005", AccountBlocked, "auth"),
        (400, "30002", AccountBlocked, "auth"),
        (404, "20404", AccountBlocked, "auth"),
        (400, "21211", Rejected, "invalid_number"),
        (400, "21610", Rejected, "opt_out"),
        (403, "21408", Rejected, "blocked"),
        (400, "21608", Rejected, "blocked"),
        (400, "21606", Rejected, "invalid_request"),
        (400, "30010", Rejected, "rejected"),
        (400, "29999", Rejected, "rejected"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    twilio, _http = make(reply(status, json={"code": int(code), "message": "Twilio's words", "status": status}))

    with pytest.raises(SmsError) as raised:
        twilio.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "Twilio's words")


def test_a_known_code_says_what_to_do_and_where_to_read() -> None:
    twilio, _http = make(reply(400, json={"code": 21408, "message": "Permission denied"}))

    with pytest.raises(Rejected) as raised:
        twilio.send(SMS)

    assert "Geo permissions" in raised.value.hint
    assert raised.value.link == "https://www.twilio.com/docs/api/errors/21408"


# --- reports -----------------------------------------------------------------------------------------------------


def call(
    form: Mapping[str, Sequence[str]],
    signature: str = "",
    url: str = "https://sms.example.org/hook/twilio/7?acc=42",
    query: Mapping[str, Sequence[str]] | None = None,
    body: bytes = b"",
) -> Call:
    headers = {"x-twilio-signature": signature}
    return Call(method="POST", url=url, query=query or {"acc": ["42"]}, form=form, headers=headers, body=body)


def sign(text: str, token: str = TOKEN) -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


EXAMPLE = {"MessageSid": [MESSAGE], "MessageStatus": ["delivered"], "To": ["+15005550006"], "ErrorCode": [""]}
SIGNATURE = "YuAcPa2baPWuAKsuids6eJbvpMM="


def test_the_signature_of_the_reference_page_is_good() -> None:
    make()[0].verify(call(EXAMPLE, SIGNATURE))


@pytest.mark.parametrize(
    "forged",
    [
        call(EXAMPLE, ""),
        call(EXAMPLE, SIGNATURE[:-2] + "A="),
        call(EXAMPLE, SIGNATURE, url="https://sms.example.org/hook/twilio/7?acc=43"),
        call(EXAMPLE | {"MessageStatus": ["failed"]}, SIGNATURE),
        call(EXAMPLE | {"Extra": ["1"]}, SIGNATURE),
        call(EXAMPLE, sign("x", "another token")),
        call(EXAMPLE, "ключ"),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://sms.example.org/r", "https://sms.example.org:443/r"),
        ("https://sms.example.org:443/r", "https://sms.example.org/r"),
        ("https://sms.example.org:8443/r", "https://sms.example.org/r"),
        ("http://sms.example.org/r", "http://sms.example.org:80/r"),
        ("http://127.0.0.1:8000/r?a=127.0.0.1:8000", "http://127.0.0.1/r?a=127.0.0.1:8000"),
    ],
)
def test_the_port_may_be_signed_or_not(called: str, signed: str) -> None:
    make()[0].verify(call({"A": ["b"]}, sign(f"{signed}Ab"), url=called))


def test_repeated_keys_are_signed_once_per_value_in_order() -> None:
    form = {"B": ["2", "1", "2"], "A": ["x"]}

    make()[0].verify(
        call(form, sign("https://sms.example.org/r" + "Ax" + "B1" + "B2"), url="https://sms.example.org/r")
    )


def test_a_body_that_is_no_form_is_signed_by_its_digest() -> None:
    body = b'{"a": 1}'
    digest = hashlib.sha256(body).hexdigest()
    url = f"https://sms.example.org/r?bodySHA256={digest}"
    good = call({}, sign(url), url=url, query={"bodySHA256": [digest]}, body=body)

    make()[0].verify(good)
    with pytest.raises(Forged):
        make()[0].verify(replace(good, body=b'{"a": 2}'))


def test_a_signature_is_always_by_the_auth_token() -> None:
    make(api_key_sid="SK1", api_key_secret="hush")[0].verify(call(EXAMPLE, SIGNATURE))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", Status.QUEUED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.UNDELIVERED),
        ("failed", Status.FAILED),
        ("teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    form = {"MessageSid": [MESSAGE], "MessageStatus": [word], "To": ["+12025550147"]}

    assert make()[0].read_reports(call(form)) == [
        Report(ref=MESSAGE, recipient="+12025550147", status=status, word=word)
    ]


def test_a_report_carries_code_and_reason() -> None:
    form = {"SmsSid": [MESSAGE], "SmsStatus": ["Undelivered"], "ErrorCode": ["21610"]}
    report = make()[0].read_reports(call(form))[0]

    assert (report.word, report.code, report.reason) == ("undelivered", "21610", "opt_out")


def test_a_report_without_sid_or_word_says_nothing() -> None:
    assert make()[0].read_reports(call({"MessageSid": [MESSAGE]})) == []
    assert make()[0].read_reports(call({"MessageStatus": ["sent"]})) == []


def test_a_report_is_answered_with_empty_twiml() -> None:
    assert make()[0].answer(call({})) == Answer(status=200, body="<Response/>", content_type="text/xml")


def test_a_message_from_a_person_is_read() -> None:
    form = {"MessageSid": [MESSAGE], "From": ["+12025550147"], "To": ["+12025550100"], "Body": ["Yes"]}

    assert make()[0].read_inbound(call(form)) == [
        Inbound(sender="+12025550147", recipient="+12025550100", text="Yes", ref=MESSAGE)
    ]
    assert make()[0].read_inbound(call({"Body": ["Yes"]})) == []


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_twilio_does_not_know() -> None:
    found = {
        "sid": MESSAGE,
        "status": "undelivered",
        "to": "+12025550147",
        "error_code": 30003,
        "error_message": "Unreachable",
        "price": "-0.0150",
        "price_unit": "USD",
    }
    twilio, http = make(reply(404, json={"code": 20404}), reply(json=found))

    assert twilio.look_up(["SM/../x", MESSAGE]) == [
        Report(
            ref=MESSAGE,
            recipient="+12025550147",
            status=Status.UNDELIVERED,
            word="undelivered",
            code="30003",
            detail="Unreachable",
            price=Decimal("0.0150"),
            currency="USD",
        )
    ]
    assert [asked.url for asked in http.asked] == [
        f"{BASE}/Messages/SM%2F..%2Fx.json",
        f"{BASE}/Messages/{MESSAGE}.json",
    ]
    http.done()


def test_a_check_tells_name_and_balance() -> None:
    twilio, http = make(
        reply(json={"sid": SID, "friendly_name": "Anna's shop", "status": "active"}),
        reply(json={"balance": "12.50", "currency": "eur"}),
    )

    assert twilio.check() == Account(label="Anna's shop", balance=Decimal("12.50"), currency="EUR")
    assert [asked.url for asked in http.asked] == [f"{BASE}.json", f"{BASE}/Balance.json"]


def test_a_check_reads_the_account_with_the_token_and_the_balance_with_the_key() -> None:
    twilio, http = make(
        reply(json={"sid": SID, "status": "active"}),
        reply(json={"balance": "1", "currency": "USD"}),
        api_key_sid="SK1",
        api_key_secret="hush",
    )
    twilio.check()

    assert [asked.auth for asked in http.asked] == [(SID, TOKEN), ("SK1", "hush")]


def test_a_subaccount_has_no_balance_of_its_own() -> None:
    twilio, _http = make(reply(json={"sid": SID, "status": "active"}), reply(404, json={"code": 20404}))

    assert twilio.check() == Account(label=SID)


def test_a_key_that_is_refused_blocks_the_account() -> None:
    twilio, _http = make(reply(json={"sid": SID, "status": "active"}), reply(401, json={"code": 20003}))

    with pytest.raises(AccountBlocked):
        twilio.check()


@pytest.mark.parametrize("code", ["30018", "30024", "30033", "30034", "30040"])
def test_a_report_on_an_unregistered_sender_is_explained(code: str) -> None:
    form = {"MessageSid": [MESSAGE], "MessageStatus": ["undelivered"], "ErrorCode": [code]}

    assert make()[0].read_reports(call(form))[0].reason == "blocked"
    assert "registered" in Twilio.hints[code].text


def test_a_suspended_account_is_blocked() -> None:
    twilio, http = make(reply(json={"sid": SID, "status": "suspended"}))

    with pytest.raises(AccountBlocked):
        twilio.check()
    assert len(http.asked) == 1


def test_senders_are_numbers_that_can_sms_and_short_codes() -> None:
    numbers = [
        {"phone_number": "+12025550100", "capabilities": {"sms": True}},
        {"phone_number": "+12025550101", "capabilities": {"sms": False}},
        {"capabilities": {"sms": True}},
        "odd",
    ]
    twilio, http = make(
        reply(json={"incoming_phone_numbers": numbers}), reply(json={"short_codes": [{"short_code": "55501"}]})
    )

    assert twilio.senders() == ["+12025550100", "55501"]
    http.done()


def test_what_can_be_asked_is_declared() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound")

    assert [Twilio.can(verb) for verb in verbs] == [True, True, True, True]
    assert issubclass(Twilio, Provider)
