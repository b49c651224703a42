"""SMSC: what goes on the wire, what its answers, reports and signatures mean."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Inbound, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.smsc import Smsc

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Привет", reference=REFERENCE, sender="Anna")
LOGIN = {"login": "anna", "psw": "hush", "fmt": "3", "charset": "utf-8"}


def make(*replies: Script, **given: str) -> tuple[Smsc, FakeHttp]:
    account = make_account(Smsc, **({"login": "anna", "password": "hush", "callback_secret": "docs-secret"} | given))
    http = FakeHttp(*replies, secrets=Smsc.secrets(account))
    return Smsc(account, http, MemoryMemo()), http


def test_a_message_goes_as_a_utf_8_form_under_our_reference() -> None:
    smsc, http = make(reply(json={"id": REFERENCE, "cnt": 2, "cost": "9.80", "balance": "100.20"}))

    assert smsc.send(SMS) == Accepted(ref=REFERENCE, parts=2, price=Decimal("9.80"))
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", "https://smsc.ru/sys/send.php", None)
    assert asked.form == LOGIN | {
        "phones": "+12025550147",
        "mes": "Привет",
        "sender": "Anna",
        "id": REFERENCE,
        "cost": "3",
    }
    http.done()


def test_no_sender_is_not_an_empty_one() -> None:
    smsc, http = make(reply(json={"id": 7, "cnt": "0"}))

    assert smsc.send(replace(SMS, sender="")) == Accepted(ref="7")
    assert "sender" not in http.asked[0].form


@pytest.mark.parametrize("host", ["smsc.kz", "smsc.ua", "smscentre.com"])
def test_each_house_has_its_own_address(host: str) -> None:
    smsc, http = make(reply(json={"id": 7}), host=host)
    smsc.send(SMS)

    assert http.asked[0].url == f"https://{host}/sys/send.php"


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (200, 1, Rejected, "invalid_request"),
        (200, 2, AccountBlocked, "auth"),
        (200, "3", AccountBlocked, "balance"),
        (403, 4, AccountBlocked, "auth"),
        (200, 6, Rejected, "blocked"),
        (200, 7, Rejected, "invalid_number"),
        (200, 9, Throttled, "throttled"),
        (200, 77, Rejected, "rejected"),
        (503, "", Uncertain, "uncertain"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: object, kind: type[SmsError], reason: str) -> None:
    smsc, http = make(reply(status, json={"error": "SMSC's words", "error_code": code}))

    with pytest.raises(SmsError) as raised:
        smsc.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "SMSC's words")
    assert len(http.asked) == 1


def test_an_error_without_a_code_is_no_acceptance() -> None:
    smsc, _http = make(reply(json={"error": "duplicate of [number]", "id": 7}))

    with pytest.raises(Rejected) as raised:
        smsc.send(SMS)
    assert raised.value.words == "duplicate of [number]"


@pytest.mark.parametrize(("headers", "after"), [({}, 60.0), ({"Retry-After": "5"}, 5.0)])
def test_a_repeat_waits_until_its_minute_is_over(headers: Mapping[str, str], after: float) -> None:
    smsc, _http = make(reply(json={"error": "duplicate request, wait a minute", "error_code": 9}, headers=headers))

    with pytest.raises(Throttled) as raised:
        smsc.send(SMS)
    assert raised.value.after == after


# --- reports -----------------------------------------------------------------------------------------------------

MD5 = "2eb6cf7fe468b16232418978e8c4f312"  # of REFERENCE:79990000047:1:docs-secret, by md5sum
SHA1 = "5616ccc40df2f63e7c52bfbf3e2c7cdc1623d894"  # the same, by sha1sum
DELIVERED = {"id": REFERENCE, "phone": "79990000047", "status": "1", "err": "0"}
WRITTEN = {"id": "41", "phone": "79990000047", "mes": "Да", "to": "79990000001"}
WRITTEN_MD5 = "9e9234cd4f878f45096ef146c2d79136"


def call(values: Mapping[str, str], *, query: bool = False) -> Call:
    told = {name: [value] for name, value in values.items()}
    url = "https://sms.example.org/r/smsc"
    return Call(method="POST", url=url, query=told if query else {}, form={} if query else told, headers={}, body=b"")


@pytest.mark.parametrize(
    "good",
    [
        call(DELIVERED | {"md5": MD5}),
        call(DELIVERED | {"md5": MD5.upper()}),
        call(DELIVERED | {"sha1": SHA1}),
        replace(call(DELIVERED | {"sha1": SHA1}), query={"charset": ["utf-8"], "sha1": ["docs-secret"]}),
        call(DELIVERED | {"md5": MD5}, query=True),
        call(WRITTEN | {"md5": WRITTEN_MD5}),
    ],
)
def test_a_signed_call_is_good(good: Call) -> None:
    make()[0].verify(good)


@pytest.mark.parametrize(
    "forged",
    [
        call(DELIVERED),
        call(DELIVERED | {"md5": ""}),
        call(DELIVERED | {"md5": "ключ\udcff"}),
        call(DELIVERED | {"md5": MD5, "status": "3"}),
        call(DELIVERED | {"md5": MD5, "id": "1"}),
        call(DELIVERED | {"md5": MD5, "phone": "79990000048"}),
        replace(call(DELIVERED), query={"sha1": ["docs-secret"]}),
        call(DELIVERED | {"md5": SHA1}),
        call(DELIVERED | {"sha1": MD5}),
        call(WRITTEN | {"md5": WRITTEN_MD5, "mes": "Нет"}),
        call({}),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


def test_without_a_secret_the_address_alone_proves() -> None:
    make(callback_secret="")[0].verify(call(DELIVERED))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("-2", Status.QUEUED),
        ("0", Status.SENT),
        ("1", Status.DELIVERED),
        ("-3", None),
        ("6", None),
        ("26", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call(DELIVERED | {"status": word})) == [
        Report(ref=REFERENCE, reference=REFERENCE, recipient="+79990000047", status=status, word=word)
    ]


@pytest.mark.parametrize(
    ("word", "err", "status", "code", "reason"),
    [
        ("3", "", Status.UNDELIVERED, "status 3", ""),
        ("20", "0", Status.UNDELIVERED, "status 20", ""),
        ("22", "", Status.FAILED, "status 22", "invalid_number"),
        ("23", "", Status.FAILED, "status 23", "blocked"),
        ("24", "", Status.FAILED, "status 24", "balance"),
        ("25", "", Status.UNDELIVERED, "status 25", "invalid_number"),
        ("20", "1", Status.UNDELIVERED, "err 1", "invalid_number"),
        ("20", "6", Status.UNDELIVERED, "err 6", ""),
        ("23", "253", Status.FAILED, "err 253", "blocked"),
        ("20", "299", Status.UNDELIVERED, "err 299", ""),
    ],
)
def test_a_failure_is_explained(word: str, err: str, status: Status, code: str, reason: str) -> None:
    report = make()[0].read_reports(call(DELIVERED | {"status": word, "err": err}))[0]

    assert (report.status, report.word, report.code, report.reason) == (status, word, code, reason)


def test_a_report_code_is_not_taken_for_a_code_of_the_send() -> None:
    assert (Smsc.hints["6"].reason, Smsc.hints["err 6"].reason) == ("blocked", "")
    assert Smsc.hints["err 6"].link == "https://smsc.ru/api/http/status_messages/errors/"
    assert Smsc.hints["err 219"].text == "The phone can’t receive this type of message."
    assert Smsc.hints["status 20"].link == "https://smsc.ru/api/http/status_messages/statuses/"


@pytest.mark.parametrize("told", [{"id": "1"}, {"status": "1"}, WRITTEN])
def test_a_call_without_id_or_status_is_no_report(told: Mapping[str, str]) -> None:
    assert make()[0].read_reports(call(told)) == []


def test_a_message_from_a_person_is_read() -> None:
    assert make()[0].read_inbound(call(WRITTEN)) == [
        Inbound(sender="+79990000047", recipient="+79990000001", text="Да", ref="41")
    ]
    assert make()[0].read_inbound(call(WRITTEN | {"to": "5550"}))[0].recipient == "5550"


@pytest.mark.parametrize("told", [DELIVERED, {"phone": "79990000047"}, {"mes": "Да"}])
def test_a_report_is_no_message_from_a_person(told: Mapping[str, str]) -> None:
    assert make()[0].read_inbound(call(told)) == []


def test_a_report_is_answered_plainly() -> None:
    assert make()[0].answer(call(DELIVERED)) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "currency"), [("RUR", "RUB"), ("kzt", "KZT")])
def test_a_check_tells_the_balance(told: str, currency: str) -> None:
    smsc, http = make(reply(json={"balance": "100.20", "currency": told}))

    assert smsc.check() == Account(label="anna", balance=Decimal("100.20"), currency=currency)
    assert http.asked[0].url == "https://smsc.ru/sys/balance.php"
    assert http.asked[0].form == LOGIN | {"cur": "1"}


def test_a_wrong_password_blocks_the_account() -> None:
    smsc, _http = make(reply(json={"error": "authorise error", "error_code": 2}))

    with pytest.raises(AccountBlocked) as raised:
        smsc.check()
    assert (raised.value.reason, raised.value.code) == ("auth", "2")


def test_senders_are_the_registered_names() -> None:
    smsc, http = make(reply(json=[{"sender": "Anna"}, {"sender": ""}, {"name": "x"}, "odd", {"sender": "SMSC.RU"}]))

    assert smsc.senders() == ["Anna", "SMSC.RU"]
    assert http.asked[0].url == "https://smsc.ru/sys/senders.php"
    assert http.asked[0].form == LOGIN | {"get": "1"}


def test_an_account_without_senders_has_none() -> None:
    assert make(reply(json={}))[0].senders() == []


def test_it_cannot_be_asked_without_the_number() -> None:
    assert [Smsc.can(verb) for verb in ("check", "senders", "read_inbound", "look_up")] == [True, True, True, False]
