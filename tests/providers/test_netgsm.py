"""Netgsm: numbers without their country, Turkish letters by choice, codes in the body, reports asked for in bulk."""

from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.netgsm import Netgsm

JOB = "17377215342605050417149344"
OTHER = "17377215342605050417149345"
REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+905000000147", text="Hello", reference=REFERENCE, sender="SHOP", options={"iysfilter": "11"})
TAKEN = reply(json={"code": "00", "jobid": JOB, "description": "queued"})
HEADERS = reply(json={"code": "00", "msgheaders": ["SHOP", "8500000147"]})
NO_BALANCE = reply(406, json={"code": "30", "description": "no right"})


def make(*replies: Script) -> tuple[Netgsm, FakeHttp]:
    account = make_account(Netgsm, usercode="8500000147", password="hush-hush")
    http = FakeHttp(*replies, secrets=Netgsm.secrets(account))
    return Netgsm(account, http, MemoryMemo()), http


def job(**told: object) -> dict[str, object]:
    return {"jobid": JOB, "number": "905000000147", "status": 1, "operator": 30, "msglen": 1, "errorCode": 0} | told


def test_a_message_goes_as_json_under_our_reference() -> None:
    netgsm, http = make(TAKEN)

    assert netgsm.send(SMS) == Accepted(ref=JOB)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.netgsm.com.tr/sms/rest/v2/send")
    assert asked.auth == ("8500000147", "hush-hush")
    assert asked.json == {
        "msgheader": "SHOP",
        "messages": [{"msg": "Hello", "no": "5000000147"}],
        "iysfilter": "11",
        "referansID": REFERENCE,
    }
    http.done()


@pytest.mark.parametrize(
    ("to", "number"),
    [("+905000000147", "5000000147"), ("+12025550147", "0012025550147"), ("+9050000001", "009050000001")],
)
def test_a_number_abroad_is_dialled_from_abroad(to: str, number: str) -> None:
    netgsm, http = make(TAKEN)
    netgsm.send(replace(SMS, to=to))

    assert http.asked[0].json["messages"][0]["no"] == number


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Price: 5 € for é, à and Ñ", None),
        ("Işık", "TR"),
        ("ÇÖZÜM ğ ş İ ö ü", "TR"),
        ("Привет", "UNICODE"),
        ("Günaydın 🙂", "UNICODE"),
    ],
)
def test_letters_beyond_the_plain_ones_are_announced(text: str, encoding: str | None) -> None:
    netgsm, http = make(TAKEN)
    netgsm.send(replace(SMS, text=text))

    assert http.asked[0].json.get("encoding") == encoding
    assert http.asked[0].json["messages"][0]["msg"] == text


@pytest.mark.parametrize("options", [{}, {"iysfilter": ""}])
def test_a_sender_of_old_sends_information(options: dict[str, str]) -> None:
    netgsm, http = make(TAKEN)
    netgsm.send(replace(SMS, options=options))

    assert http.asked[0].json["iysfilter"] == "0"


@pytest.mark.parametrize("code", ["00", "01", "02"])
def test_a_corrected_date_is_a_success(code: str) -> None:
    assert make(reply(json={"code": code, "jobid": 42}))[0].send(SMS) == Accepted(ref="42")


@pytest.mark.parametrize("answer", [{"code": "00"}, {"code": "00", "jobid": None}, {"code": "00", "jobid": ""}, []])
def test_a_success_without_a_job_is_uncertain(answer: object) -> None:
    with pytest.raises(Uncertain):
        make(reply(json=answer))[0].send(SMS)


@pytest.mark.parametrize("status", [200, 406])
@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("20", Rejected, "invalid_request"),
        ("30", AccountBlocked, "auth"),
        ("40", Rejected, "blocked"),
        ("80", Throttled, "throttled"),
        ("100", Uncertain, "uncertain"),
        ("99", Rejected, "rejected"),
    ],
)
def test_refusals_are_told_by_their_code(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    netgsm, http = make(reply(status, json={"code": code, "jobid": None, "description": "Check the msgheader"}))
    with pytest.raises(SmsError) as raised:
        netgsm.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.reason, raised.value.words) == (code, reason, "Check the msgheader")
    assert bool(raised.value.hint) == (code != "99")
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Rejected), (401, AccountBlocked), (403, AccountBlocked), (404, Rejected)]
)
def test_refusals_without_a_code_are_told_by_their_status(status: int, kind: type[SmsError]) -> None:
    with pytest.raises(SmsError) as raised:
        make(reply(status, text="<html>"))[0].send(SMS)

    assert type(raised.value) is kind


def test_fates_are_asked_for_in_one_request() -> None:
    netgsm, http = make(reply(json={"code": "00", "jobs": [job(), job(jobid=OTHER, status="0")]}))

    assert netgsm.look_up([JOB, OTHER]) == [
        Report(ref=JOB, recipient="905000000147", status=Status.DELIVERED, word="1"),
        Report(ref=OTHER, recipient="905000000147", status=Status.SENT, word="0"),
    ]
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://api.netgsm.com.tr/sms/rest/v2/report")
    assert asked.auth == ("8500000147", "hush-hush")
    assert asked.json == {"jobids": [JOB, OTHER], "pagenumber": 0, "pagesize": 50}
    http.done()


def test_at_most_fifty_are_asked_for_at_once() -> None:
    refs = [str(number) for number in range(1, 102)]
    nothing = reply(406, json={"code": "60", "description": "no records"})
    netgsm, http = make(nothing, reply(json={"code": "00", "jobs": [job(jobid="60")]}), nothing)

    assert [report.ref for report in netgsm.look_up(refs)] == ["60"]
    assert [asked.json["jobids"] for asked in http.asked] == [refs[:50], refs[50:100], refs[100:]]
    http.done()


@pytest.mark.parametrize(
    ("told", "status", "code", "reason"),
    [
        ({"status": 2}, Status.UNDELIVERED, "status 2", ""),
        ({"status": 2, "errorCode": 102}, Status.UNDELIVERED, "error 102", ""),
        ({"status": 2, "errorCode": "101"}, Status.UNDELIVERED, "error 101", ""),
        ({"status": 3}, Status.FAILED, "status 3", "invalid_number"),
        ({"status": 3, "errorCode": 116}, Status.FAILED, "error 116", "invalid_number"),
        ({"status": 4}, Status.FAILED, "status 4", ""),
        ({"status": 11}, Status.FAILED, "status 11", "rejected"),
        ({"status": 12, "errorCode": 106}, Status.FAILED, "error 106", "opt_out"),
        ({"status": 12, "errorCode": 777}, Status.FAILED, "status 12", ""),
        ({"status": 13}, Status.FAILED, "status 13", "duplicate"),
        ({"status": 14}, Status.FAILED, "status 14", "balance"),
        ({"status": 15}, Status.FAILED, "status 15", "opt_out"),
        ({"status": 16}, Status.FAILED, "status 16", "blocked"),
        ({"status": 17}, Status.FAILED, "status 17", ""),
        ({"status": 22}, Status.FAILED, "status 22", "blocked"),
        ({"status": 99}, None, "", ""),
        ({"status": 100, "errorCode": None}, None, "", ""),
    ],
)
def test_a_fate_is_explained(told: dict[str, object], status: Status | None, code: str, reason: str) -> None:
    netgsm, _http = make(reply(json={"code": "00", "jobs": [job(**told)]}))

    assert netgsm.look_up([JOB]) == [
        Report(ref=JOB, recipient="905000000147", status=status, word=str(told["status"]), code=code, reason=reason)
    ]
    assert (code in Netgsm.hints) == bool(code)


def test_a_job_number_is_no_error_of_the_interface() -> None:
    assert Netgsm.hints["101"].reason == "uncertain"
    assert Netgsm.hints["error 101"].reason == ""


@pytest.mark.parametrize(
    "jobs",
    [None, {}, [], [None], ["1"], [{"jobid": JOB}], [{"status": 1}], [{"jobid": None, "status": 1}], [job(status=[])]],
)
def test_rows_that_say_nothing_are_left_out(jobs: object) -> None:
    assert make(reply(json={"code": "00", "jobs": jobs}))[0].look_up([JOB]) == []


@pytest.mark.parametrize(("code", "kind"), [("30", AccountBlocked), ("80", Throttled), ("110", Uncertain)])
def test_a_refused_question_is_no_fate(code: str, kind: type[SmsError]) -> None:
    netgsm, http = make(reply(406, json={"code": code, "jobs": None}))
    with pytest.raises(kind):
        netgsm.look_up([str(number) for number in range(60)])

    assert len(http.asked) == 1


@pytest.mark.parametrize(
    "answer", [{"code": "00", "msgheaders": ["SHOP", "8500000147", None, 7]}, {"msgheaders": ["SHOP", "8500000147"]}]
)
def test_headers_are_the_senders(answer: object) -> None:
    netgsm, http = make(reply(json=answer))

    assert netgsm.senders() == ["SHOP", "8500000147"]
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("GET", "https://api.netgsm.com.tr/sms/rest/v2/msgheader")
    assert asked.auth == ("8500000147", "hush-hush")


def test_the_messages_left_in_packages_are_the_balance() -> None:
    packages = [
        {"amount": 1000, "balance_name": "Adet SMS"},
        {"amount": "53", "balance_name": "Adet SMS"},
        {"amount": 7, "balance_name": "Adet OTP Sms"},
        {"amount": None, "balance_name": "Adet SMS"},
    ]
    netgsm, http = make(HEADERS, reply(json={"balance": packages}))

    assert netgsm.check() == Account(balance=Decimal(1053))
    asked = http.asked[1]
    assert (asked.method, asked.url) == ("POST", "https://api.netgsm.com.tr/balance")
    assert asked.json == {"usercode": "8500000147", "password": "hush-hush", "stip": 1}
    http.done()


@pytest.mark.parametrize(
    ("credit", "account"),
    [
        ({"code": "00", "balance": "57,860"}, Account(balance=Decimal("57.860"), currency="TRY")),
        ({"code": "00", "balance": 12.5}, Account(balance=Decimal("12.5"), currency="TRY")),
        ({"code": "00", "balance": "1.234,50"}, Account()),
        ({"code": "00", "balance": "NaN"}, Account()),
        ({"code": "60"}, Account()),
    ],
)
def test_without_a_package_the_credit_is_the_balance(credit: object, account: Account) -> None:
    other = [{"amount": 9, "balance_name": "Adet OTP Sms"}]
    netgsm, http = make(HEADERS, reply(json={"balance": other}), reply(json=credit))

    assert netgsm.check() == account
    assert [asked.json["stip"] for asked in http.asked[1:]] == [1, 2]
    http.done()


def test_an_empty_package_is_a_balance_of_nothing() -> None:
    netgsm, _http = make(HEADERS, reply(json={"balance": [{"amount": 0, "balance_name": "Adet SMS"}]}))

    assert netgsm.check() == Account(balance=Decimal(0))


def test_credentials_are_good_without_the_right_to_see_the_balance() -> None:
    assert make(HEADERS, NO_BALANCE, NO_BALANCE)[0].check() == Account()


def test_wrong_credentials_are_not_asked_further() -> None:
    netgsm, http = make(reply(406, json={"code": "30", "description": "Invalid"}))
    with pytest.raises(AccountBlocked) as raised:
        netgsm.check()

    assert (raised.value.code, raised.value.reason) == ("30", "auth")
    assert len(http.asked) == 1
