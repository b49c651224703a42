"""Kannel's sendsms: the request on the wire, answers in words, and reports that only their address tells apart."""

from dataclasses import replace

import pytest

from providers.kannel import Kannel
from providers.kit.contract import Accepted, Call, Proof, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

SMS = Sms(
    to="+12025550147",
    text="Ready [10 €] & waiting",
    reference="0123456789abcdef0123456789abcdef",
    sender="Acme",
    report_url="https://sms.example.org/r/1/2/mac/",
)
SEND_URL = "http://gateway.example.com:13013/cgi-bin/sendsms"
TAKEN = reply(202, text="0: Accepted for delivery")


def make(*replies: Script, send_url: str = SEND_URL) -> tuple[Kannel, FakeHttp]:
    account = make_account(Kannel, send_url=send_url, username="tester", password="foo&bar+ü")
    http = FakeHttp(*replies, secrets=Kannel.secrets(account))
    return Kannel(account, http.hiding(number=SMS.to, text=SMS.text, address=SMS.report_url), MemoryMemo()), http


def test_a_message_is_one_get_with_all_in_its_query() -> None:
    kannel, http = make(TAKEN)

    assert kannel.send(SMS) == Accepted()
    assert (http.asked[0].method, http.asked[0].url) == ("GET", SEND_URL)
    assert http.asked[0].params == {
        "charset": "UTF-8",
        "coding": "0",
        "dlr-mask": "31",
        "username": "tester",
        "password": "foo&bar+ü",
        "from": "Acme",
        "to": "+12025550147",
        "text": "Ready [10 €] & waiting",
        "dlr-url": "https://sms.example.org/r/1/2/mac/?type=%d&reply=%A&id=%F",
    }
    http.done()


@pytest.mark.parametrize(("text", "coding"), [("ä [€]", "0"), ("Готово", "2"), ("á", "2")])
def test_the_text_decides_the_coding(text: str, coding: str) -> None:
    kannel, http = make(TAKEN)
    kannel.send(replace(SMS, text=text))

    assert (http.asked[0].params["coding"], http.asked[0].params["text"]) == (coding, text)


def test_what_stands_behind_the_address_goes_along_but_cannot_replace_the_message() -> None:
    kannel, http = make(TAKEN, send_url=f"{SEND_URL}?smsc=route+1&priority=&dlr-mask=3&to=1&username=other#top")
    kannel.send(SMS)
    params = http.asked[0].params

    assert http.asked[0].url == SEND_URL
    assert (params["smsc"], params["priority"], params["dlr-mask"]) == ("route 1", "", "3")
    assert (params["to"], params["username"]) == ("+12025550147", "tester")


def test_what_is_not_given_is_left_out() -> None:
    kannel, http = make(TAKEN)
    kannel.send(replace(SMS, sender="", report_url="", text=""))

    assert set(http.asked[0].params) == {"charset", "coding", "dlr-mask", "username", "password", "to", "text"}


def test_an_address_with_a_query_of_its_own_keeps_it() -> None:
    kannel, http = make(TAKEN)
    kannel.send(replace(SMS, report_url="https://sms.example.org/r/?x=1"))

    assert http.asked[0].params["dlr-url"] == "https://sms.example.org/r/?x=1&type=%d&reply=%A&id=%F"


def test_a_key_written_behind_the_address_is_not_kept() -> None:
    kannel, http = make(TAKEN, send_url=f"{SEND_URL}?apikey=s3cr3t-key&smsc=a")
    kannel.send(SMS)

    assert "s3cr3t-key" not in repr(http.exchanges)
    assert "smsc=a" in http.exchanges[0].request


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (202, "0: Accepted for delivery"),
        (202, "3: Queued for later delivery"),
        (202, ""),
        (200, "0: Accepted for delivery"),
        (200, "Sent."),
        (200, 'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"'),
        (201, "OK"),
    ],
)
def test_taken_is_said_in_several_ways(status: int, text: str) -> None:
    assert make(reply(status, text=text))[0].send(SMS) == Accepted()


@pytest.mark.parametrize(
    ("status", "text", "kind", "reason"),
    [
        (403, "Authorization failed for sendsms", AccountBlocked, "auth"),
        (404, "Unknown request.", AccountBlocked, "auth"),
        (403, "Not routable. Do not try again.", Rejected, "blocked"),
        (403, "Number(s) has/have been denied by white- and/or black-lists.", Rejected, "blocked"),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", Rejected, "blocked"),
        (400, "Missing receiver number, rejected", Rejected, "invalid_number"),
        (400, "Empty receiver number not allowed, rejected", Rejected, "invalid_number"),
        (400, "Sender missing and no global set, rejected", Rejected, "invalid_request"),
        (400, "Coding field misformed, rejected", Rejected, "invalid_request"),
        (200, "Charset or body misformed, rejected", Rejected, "invalid_request"),
        (503, "Temporal failure, try again later.", Unreachable, "unreachable"),
        (400, "Out of tea", Rejected, "rejected"),
        (403, "Go away", AccountBlocked, "auth"),
        (402, "No credits", AccountBlocked, "balance"),
        (500, "Temporary", Uncertain, "uncertain"),
        (503, "<html>Bad gateway</html>", Uncertain, "uncertain"),
        (200, "1: no", Uncertain, "uncertain"),
        (200, "Okapi", Uncertain, "uncertain"),
    ],
)
def test_an_answer_becomes_its_error(status: int, text: str, kind: type[SmsError], reason: str) -> None:
    kannel, http = make(reply(status, text=text))

    with pytest.raises(SmsError) as raised:
        kannel.send(SMS)

    assert (type(raised.value), raised.value.reason) == (kind, reason)
    http.done()


def test_a_known_answer_says_what_to_do_and_keeps_its_own_words() -> None:
    kannel, _http = make(reply(403, text="Authorization failed for sendsms"))

    with pytest.raises(AccountBlocked) as raised:
        kannel.send(SMS)

    assert raised.value.words == "Authorization failed for sendsms"
    assert "sendsms-user" in raised.value.hint
    assert raised.value.link.startswith("https://www.kannel.org/")


def test_only_our_address_proves_a_report() -> None:
    assert Kannel.proof is Proof.ADDRESS
    make()[0].verify(call())


def call(**query: str) -> Call:
    return Call(
        method="GET",
        url="https://sms.example.org/r/1/2/mac/",
        query={name: [value] for name, value in query.items()},
        form={},
        headers={},
        body=b"",
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("1", Status.DELIVERED),
        ("2", Status.UNDELIVERED),
        ("4", Status.QUEUED),
        ("8", Status.SENT),
        ("16", Status.FAILED),
        ("64", None),
        ("delivered", None),
    ],
)
def test_a_type_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call(type=word, reply="", id="")) == [Report(status=status, word=word)]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ACK/", ""),
        ("NACK/0x0000000b/Invalid Destination Address", "0x0000000b"),
        ("NACK/11/Invalid Destination Address", "11"),
        ("id:7 sub:001 dlvrd:000 submit date:2611250300 done date:2611250301 stat:UNDELIV err:04A text:secret", "04A"),
        ("id:7 sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:DELIVRD err:000 text:secret", ""),
    ],
)
def test_of_the_operators_answer_only_the_code_is_kept(said: str, code: str) -> None:
    assert make()[0].read_reports(call(type="2", reply=said, id="e8fec0db")) == [
        Report(ref="e8fec0db", status=Status.UNDELIVERED, word="2", code=code)
    ]


def test_a_call_without_a_type_says_nothing() -> None:
    assert make()[0].read_reports(call(id="1")) == []
