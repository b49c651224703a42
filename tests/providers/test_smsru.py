"""SMS.ru: what goes on the wire, what its two levels of answers, its reports and signatures mean."""

from decimal import Decimal
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.smsru import Smsru

SMS = Sms(to="+12025550147", text="Привет", reference="0123456789abcdef0123456789abcdef", sender="Anna")
ASKED = {"api_id": "docs-api-id", "json": "1"}
OK: dict[str, Any] = {"status": "OK", "status_code": 100}


def make(*replies: Script) -> tuple[Smsru, FakeHttp]:
    # The examples of signatures were made with an id that is shorter than real ones.
    account = make_account(Smsru) | {"api_id": "docs-api-id"}
    http = FakeHttp(*replies, secrets=Smsru.secrets(account))
    return Smsru(account, http, MemoryMemo()), http


def sent(**inner: object) -> dict[str, object]:
    return OK | {"balance": 4122.56, "sms": {"12025550147": inner}}


def test_a_message_goes_as_a_form() -> None:
    smsru, http = make(reply(json=sent(status="OK", status_code=100, sms_id="202501-1000001")))

    assert smsru.send(SMS) == Accepted(ref="202501-1000001")
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", "https://sms.ru/sms/send", None)
    assert asked.form == ASKED | {"to": "12025550147", "msg": "Привет", "from": "Anna"}
    http.done()


def test_no_sender_is_not_an_empty_one() -> None:
    smsru, http = make(reply(json=sent(status="OK", status_code=100, sms_id="1-1")))
    smsru.send(Sms(to="+12025550147", text="Hi", reference="0" * 32))

    assert http.asked[0].form == ASKED | {"to": "12025550147", "msg": "Hi"}


CODES = [
    (200, AccountBlocked, "auth"),
    (201, AccountBlocked, "balance"),
    (202, Rejected, "invalid_number"),
    (203, Rejected, "invalid_request"),
    (204, Rejected, "blocked"),
    (209, Rejected, "opt_out"),
    (231, Rejected, "duplicate"),
    (206, Throttled, "throttled"),
    (220, Unreachable, "unreachable"),
    (500, Uncertain, "uncertain"),
    (999, Rejected, "rejected"),
]


@pytest.mark.parametrize(("code", "kind", "reason"), CODES)
def test_a_refused_request_becomes_its_error(code: int, kind: type[SmsError], reason: str) -> None:
    smsru, http = make(reply(json={"status": "ERROR", "status_code": code, "status_text": "SMS.ru's words"}))

    with pytest.raises(SmsError) as raised:
        smsru.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "SMS.ru's words")
    assert len(http.asked) == 1


@pytest.mark.parametrize(("code", "kind", "reason"), CODES)
def test_an_ok_outside_does_not_hide_an_error_inside(code: int, kind: type[SmsError], reason: str) -> None:
    # SMS.ru gives an id to what it refuses too.
    inner = {"status": "ERROR", "status_code": code, "status_text": "SMS.ru's words", "sms_id": "202501-1000002"}
    smsru, _http = make(reply(json=sent(**inner)))

    with pytest.raises(SmsError) as raised:
        smsru.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, str(code), "SMS.ru's words")


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        OK | {"sms": {}},
        OK | {"sms": []},
        OK | {"sms": {"12025550147": None}},
        sent(status="OK", status_code=100),
        {"status": "ERROR"},
        sent(status="ERROR"),
    ],
)
def test_an_answer_without_a_verdict_is_uncertain(answer: object) -> None:
    smsru, _http = make(reply(json=answer))

    with pytest.raises(SmsError) as raised:
        smsru.send(SMS)
    assert type(raised.value) is Uncertain


def test_a_missing_sender_name_says_where_to_register_one() -> None:
    assert "Register" in Smsru.hints["221"].text
    assert Smsru.hints["221"].link == "https://sms.ru/api/send"
    assert Smsru.hints["104"].link == "https://sms.ru/api/status"


# --- reports -----------------------------------------------------------------------------------------------------

TWO = ["sms_status\n202501-1000001\n103\n1700000000", "sms_status\n202501-1000002\n104\n1700000001"]
TWO_HASH = "a5001acd3383d629cb2b77b013963a1df7ee5e26ac67869d91e17b7cb40bf709"  # the reference page's
ELEVEN = [f"sms_status\n202501-{index}\n103\n1700000000" for index in range(11)]
ELEVEN_HASH = "b3d412ac06590791d777eb622302f569f1cdffd547e24b48d995b62fb507e088"  # by sha256sum
HEARTBEAT_HASH = "276c8802d817167127c4709fc77944b96c170fa7fdcfdbc5284d4095e9c9eac8"  # by sha256sum


def call(entries: list[str], signature: str = "") -> Call:
    # In the order of text, as a server that sorts its form would have them.
    data = dict(sorted((f"data[{index}]", [entry]) for index, entry in enumerate(entries)))
    form = data | {"hash": [signature]}
    return Call(method="POST", url="https://sms.example.org/r/1", query={}, form=form, headers={}, body=b"")


@pytest.mark.parametrize(
    "good",
    [
        call(TWO, TWO_HASH),
        call(TWO, TWO_HASH.upper()),
        call(ELEVEN, ELEVEN_HASH),
        call(["test\n1700000000"], HEARTBEAT_HASH),
    ],
)
def test_a_signed_call_is_good(good: Call) -> None:
    make()[0].verify(good)


@pytest.mark.parametrize(
    "forged",
    [
        call(TWO),
        call(TWO, "ключ\udcff"),
        call(TWO, ELEVEN_HASH),
        call(TWO[::-1], TWO_HASH),
        call(TWO[:1], TWO_HASH),
        call([TWO[0].replace("103", "104"), TWO[1]], TWO_HASH),
        call([]),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


def test_many_reports_come_in_one_call() -> None:
    assert make()[0].read_reports(call(TWO)) == [
        Report(ref="202501-1000001", status=Status.DELIVERED, word="103"),
        Report(ref="202501-1000002", status=Status.UNDELIVERED, word="104", code="104"),
    ]


def test_what_is_no_report_is_passed_over() -> None:
    entries = ["test\n1700000000", "callcheck_status\n1-1\n401", "sms_status\n1-1", "", "sms_status\r\n1-2\r\n103\r\nx"]

    assert [report.ref for report in make()[0].read_reports(call(entries))] == ["1-2"]


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("100", Status.QUEUED, "", ""),
        ("101", Status.SENT, "", ""),
        ("103", Status.DELIVERED, "", ""),
        ("105", Status.FAILED, "105", ""),
        ("106", Status.UNDELIVERED, "106", ""),
        ("107", Status.UNDELIVERED, "107", ""),
        ("108", Status.FAILED, "108", "rejected"),
        ("130", Status.FAILED, "130", "blocked"),
        ("132", Status.FAILED, "132", "duplicate"),
        ("150", Status.FAILED, "150", "invalid_number"),
        ("-1", None, "", ""),
        ("109", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    assert make()[0].read_reports(call([f"sms_status\n1-1\n{word}\n1700000000"])) == [
        Report(ref="1-1", status=status, word=word, code=code, reason=reason)
    ]


def test_a_report_is_answered_with_100() -> None:
    assert make()[0].answer(call(TWO)) == Answer(status=200, body="100")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_asks_for_all_at_once_and_leaves_out_what_is_not_known() -> None:
    told = {
        "1-1": {"status": "OK", "status_code": 103, "cost": "2.50", "status_text": "Сообщение доставлено"},
        "1-2": {"status": "ERROR", "status_code": -1, "status_text": "Сообщение не найдено"},
        "1-3": {"status": "OK", "status_code": 150},
        "1-4": None,
    }
    smsru, http = make(reply(json=OK | {"sms": told}))

    assert smsru.look_up(["1-1", "1-2", "1-3", "1-4"]) == [
        Report(ref="1-1", status=Status.DELIVERED, word="103", price=Decimal("2.50"), currency="RUB"),
        Report(ref="1-3", status=Status.FAILED, word="150", code="150", reason="invalid_number"),
    ]
    assert http.asked[0].url == "https://sms.ru/sms/status"
    assert http.asked[0].form == ASKED | {"sms_id": "1-1,1-2,1-3,1-4"}


def test_more_than_a_hundred_are_asked_for_in_parts() -> None:
    smsru, http = make(reply(json=OK | {"sms": {}}), reply(json=OK | {"sms": {}}))

    assert smsru.look_up([f"1-{index}" for index in range(101)]) == []
    assert [asked.form["sms_id"].count(",") for asked in http.asked] == [99, 0]
    http.done()


def test_a_look_up_that_is_refused_is_no_answer() -> None:
    smsru, _http = make(reply(json={"status": "ERROR", "status_code": 200, "status_text": "Wrong api_id"}))

    with pytest.raises(AccountBlocked):
        smsru.look_up(["1-1"])


def test_a_check_tells_the_balance() -> None:
    smsru, http = make(reply(json=OK | {"balance": 4762.58}))

    assert smsru.check() == Account(balance=Decimal("4762.58"), currency="RUB")
    assert (http.asked[0].url, http.asked[0].form) == ("https://sms.ru/my/balance", ASKED)


def test_a_wrong_api_id_blocks_the_account() -> None:
    smsru, _http = make(reply(json={"status": "ERROR", "status_code": 200, "status_text": "Wrong api_id"}))

    with pytest.raises(AccountBlocked) as raised:
        smsru.check()
    assert (raised.value.reason, raised.value.code) == ("auth", "200")


@pytest.mark.parametrize(("told", "names"), [(["Anna", "", 7, "Shop"], ["Anna", "Shop"]), (None, []), ({}, [])])
def test_senders_are_the_approved_names(told: object, names: list[str]) -> None:
    smsru, http = make(reply(json=OK | {"senders": told}))

    assert smsru.senders() == names
    assert http.asked[0].url == "https://sms.ru/my/senders"
