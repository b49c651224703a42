"""Africa's Talking: what goes on the wire, what its answers and reports mean."""

from dataclasses import replace
from decimal import Decimal

import pytest

from providers.africastalking import AfricasTalking
from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

SMS = Sms(to="+254000000147", text="Habari", reference="0123456789abcdef0123456789abcdef", sender="SENDLINE")
ONE = {
    "statusCode": 101,
    "number": "+254000000147",
    "status": "Success",
    "cost": "KES 0.8000",
    "messageId": "ATXid_1",
}
SAID = "Sent to 1/1 Total Cost: KES 0.8000 Message parts: 2"


def answer(*recipients: object, said: str = SAID) -> Script:
    return reply(201, json={"SMSMessageData": {"Message": said, "Recipients": recipients}})


def make(*replies: Script, **given: str) -> tuple[AfricasTalking, FakeHttp]:
    account = make_account(AfricasTalking, **({"username": "shop", "api_key": "key1"} | given))
    http = FakeHttp(*replies, secrets=AfricasTalking.secrets(account))
    return AfricasTalking(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_form_with_the_key_in_a_header() -> None:
    service, http = make(answer(ONE))

    assert service.send(SMS) == Accepted(ref="ATXid_1", parts=2, price=Decimal("0.8000"), currency="KES")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.africastalking.com/version1/messaging")
    assert asked.headers == {"apiKey": "key1", "Accept": "application/json"}
    assert asked.form == {
        "username": "shop",
        "to": "+254000000147",
        "message": "Habari",
        "bulkSMSMode": "1",
        "from": "SENDLINE",
    }
    http.done()


def test_the_shared_sender_needs_no_name_and_the_sandbox_has_its_own_host() -> None:
    service, http = make(answer(ONE | {"cost": "0"}, said="Sent to 1/1 Total Cost: 0"), username="sandbox")

    assert service.send(replace(SMS, sender="")) == Accepted(ref="ATXid_1")
    assert http.asked[0].url == "https://api.sandbox.africastalking.com/version1/messaging"
    assert "from" not in http.asked[0].form


@pytest.mark.parametrize("code", [100, 101, 102, "102"])
def test_processed_sent_and_queued_are_taken(code: object) -> None:
    service, _http = make(answer(ONE | {"statusCode": code}))

    assert service.send(SMS).ref == "ATXid_1"


@pytest.mark.parametrize(
    ("code", "name", "kind", "reason"),
    [
        (401, "RiskHold", Rejected, "blocked"),
        (402, "InvalidSenderId", Rejected, "invalid_request"),
        (403, "InvalidPhoneNumber", Rejected, "invalid_number"),
        (404, "UnsupportedNumberType", Rejected, "invalid_number"),
        (405, "InsufficientBalance", AccountBlocked, "balance"),
        (406, "UserInBlacklist", Rejected, "opt_out"),
        (407, "CouldNotRoute", Rejected, "rejected"),
        (409, "DoNotDisturbRejection", Rejected, "blocked"),
        (500, "InternalServerError", Uncertain, "uncertain"),
        (501, "GatewayError", Uncertain, "uncertain"),
        (502, "RejectedByGateway", Rejected, "rejected"),
        (499, "SomethingNew", Rejected, "rejected"),
    ],
)
def test_a_status_of_the_recipient_becomes_its_error(code: int, name: str, kind: type[SmsError], reason: str) -> None:
    service, _http = make(answer(ONE | {"statusCode": code, "status": name, "cost": "0", "messageId": "None"}))

    with pytest.raises(SmsError) as raised:
        service.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), name)


@pytest.mark.parametrize(
    ("said", "code", "kind", "reason"),
    [
        ("InvalidSenderId", "InvalidSenderId", Rejected, "invalid_request"),
        ("InsufficientBalance", "InsufficientBalance", AccountBlocked, "balance"),
        ("Sent to 0/1 Total Cost: 0", "", Rejected, "rejected"),
    ],
)
def test_nobody_among_the_recipients_is_a_refusal(said: str, code: str, kind: type[SmsError], reason: str) -> None:
    service, _http = make(answer(said=said))

    with pytest.raises(SmsError) as raised:
        service.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, said)


@pytest.mark.parametrize("recipient", [ONE | {"messageId": "None"}, ONE | {"messageId": None}, {"number": "+2540"}, 7])
def test_a_recipient_without_a_receipt_is_uncertain(recipient: object) -> None:
    service, _http = make(answer(recipient))

    with pytest.raises(Uncertain):
        service.send(SMS)


@pytest.mark.parametrize(
    ("status", "text", "kind", "words"),
    [
        (401, "The supplied authentication is invalid", AccountBlocked, "The supplied authentication is invalid"),
        (400, "Request is missing required form field 'to'\n", Rejected, "Request is missing required form field 'to'"),
        (400, "<html>Bad</html>", Rejected, "HTTP 400"),
        (429, "Too many requests", Throttled, "Too many requests"),
        (500, "", Uncertain, "HTTP 500"),
    ],
)
def test_a_refused_request_is_told_in_plain_text(status: int, text: str, kind: type[SmsError], words: str) -> None:
    service, _http = make(reply(status, text=text))

    with pytest.raises(SmsError) as raised:
        service.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.words, raised.value.code) == (words, "")


# --- reports -----------------------------------------------------------------------------------------------------


def call(**form: str) -> Call:
    told = {name: [value] for name, value in form.items()}
    return Call(method="POST", url="https://sms.example.org/r", query={}, form=told, headers={}, body=b"")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Buffered", Status.QUEUED),
        ("Sent", Status.SENT),
        ("Submitted", Status.SENT),
        ("Success", Status.DELIVERED),
        ("AbsentSubscriber", Status.UNDELIVERED),
        ("Expired", Status.UNDELIVERED),
        ("Failed", Status.FAILED),
        ("Rejected", Status.FAILED),
        ("Teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    told = call(id="ATXid_1", status=word, phoneNumber="+254000000147", networkCode="63902")

    assert make()[0].read_reports(told) == [
        Report(ref="ATXid_1", recipient="+254000000147", status=status, word=word.lower())
    ]


@pytest.mark.parametrize(
    ("why", "code", "reason", "status"),
    [
        ("UserInBlacklist", "UserInBlackList", "opt_out", Status.FAILED),
        ("UserDoesNotExist", "UserDoesNotExist", "invalid_number", Status.FAILED),
        ("NotNetworkSubcriber", "NotNetworkSubscriber", "rejected", Status.FAILED),
        ("DoNotDisturbRejection", "DoNotDisturbRejection", "blocked", Status.FAILED),
        ("AbsentSubscriber", "AbsentSubscriber", "", Status.UNDELIVERED),
        ("DeliveryFailure", "DeliveryFailure", "", Status.UNDELIVERED),
        ("call +254000000147", "", "", Status.FAILED),
    ],
)
def test_a_failure_tells_why(why: str, code: str, reason: str, status: Status) -> None:
    report = make()[0].read_reports(call(id="ATXid_1", status="Failed", failureReason=why))[0]

    assert (report.code, report.reason, report.status) == (code, reason, status)
    assert not code or AfricasTalking.hints[code].text


def test_a_reason_does_not_spoil_a_success() -> None:
    report = make()[0].read_reports(call(id="1", status="Success", failureReason="DeliveryFailure"))[0]

    assert report.status is Status.DELIVERED


def test_a_report_without_id_or_word_says_nothing() -> None:
    assert make()[0].read_reports(call(id="ATXid_1")) == []
    assert make()[0].read_reports(call(status="Success")) == []


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_check_tells_name_and_balance() -> None:
    service, http = make(reply(json={"UserData": {"balance": "KES 1785.50"}}))

    assert service.check() == Account(label="shop", balance=Decimal("1785.50"), currency="KES")
    assert (http.asked[0].method, http.asked[0].url) == ("GET", "https://api.africastalking.com/version1/user")
    assert http.asked[0].params == {"username": "shop"}
    assert http.asked[0].headers["apiKey"] == "key1"


def test_a_check_with_a_wrong_key_is_blocked() -> None:
    service, _http = make(reply(401, text="The supplied authentication is invalid"))

    with pytest.raises(AccountBlocked):
        service.check()
