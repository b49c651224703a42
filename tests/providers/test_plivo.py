"""Plivo: what goes on the wire, what its answers, reports and signatures mean."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.plivo import Plivo

BASE = "https://api.plivo.com/v1/Account/MA0000000000000000TEST"
ID = "db3ce55a-7f1d-11e1-8ea7-1231380bc196"
AUTH = ("MA0000000000000000TEST", "docs_auth_token")
SMS = Sms(
    to="+12025550147",
    text="Hello",
    reference="0123456789abcdef0123456789abcdef",
    sender="+12025550100",
    report_url="https://sms.example.org/r/1?k=2",
)
QUEUED = {"api_id": "db342550", "message": "message(s) queued", "message_uuid": [ID]}


def make(*replies: Script, powerpack_uuid: str = "") -> tuple[Plivo, FakeHttp]:
    account = make_account(Plivo, auth_id=AUTH[0], auth_token=AUTH[1], powerpack_uuid=powerpack_uuid)
    http = FakeHttp(*replies, secrets=Plivo.secrets(account))
    return Plivo(account, http, MemoryMemo()), http


def test_a_message_goes_as_json_with_basic_auth() -> None:
    plivo, http = make(reply(202, json=QUEUED))

    assert plivo.send(SMS) == Accepted(ref=ID)
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.auth) == ("POST", f"{BASE}/Message/", AUTH)
    assert asked.json == {
        "src": "12025550100",
        "dst": "12025550147",
        "text": "Hello",
        "url": "https://sms.example.org/r/1?k=2",
        "method": "POST",
    }
    http.done()


@pytest.mark.parametrize(
    ("sender", "expected"), [("", {"powerpack_uuid": "pp-1"}), ("ANNA", {"src": "ANNA"})], ids=["pool", "sender"]
)
def test_a_powerpack_goes_only_where_there_is_no_sender(sender: str, expected: dict[str, str]) -> None:
    plivo, http = make(reply(202, json=QUEUED), powerpack_uuid="pp-1")
    plivo.send(replace(SMS, sender=sender, report_url=""))

    assert http.asked[0].json == {"dst": "12025550147", "text": "Hello"} | expected


def test_what_india_asks_for_goes_along_with_its_sender() -> None:
    plivo, http = make(reply(202, json=QUEUED))
    options = {"dlt_entity_id": "E1", "dlt_template_id": "T1", "dlt_template_category": "transactional", "other": "x"}
    plivo.send(replace(SMS, options=options))

    assert http.asked[0].json["dlt_entity_id"] == "E1"
    assert http.asked[0].json["dlt_template_id"] == "T1"
    assert http.asked[0].json["dlt_template_category"] == "transactional"
    assert "other" not in http.asked[0].json


@pytest.mark.parametrize(
    ("status", "words", "kind", "reason", "code"),
    [
        (400, "'12025550147' is not a valid phone number.", Rejected, "invalid_number", "dst"),
        (400, "src 12025550100 is not registered", Rejected, "invalid_request", "src"),
        (400, "Insufficient Credit", AccountBlocked, "balance", "credit"),
        (402, "no money", AccountBlocked, "balance", ""),
        (400, "something new", Rejected, "rejected", ""),
        (401, "who is 12025550147?", AccountBlocked, "auth", ""),
        (403, "not you", AccountBlocked, "auth", ""),
        (404, "not found", Rejected, "rejected", ""),
        (429, "insufficient credit for more", Throttled, "throttled", "credit"),
        (500, "insufficient credit, or 12025550147 is down", Uncertain, "uncertain", ""),
        (503, "later", Uncertain, "uncertain", ""),
    ],
)
def test_words_become_their_error(status: int, words: str, kind: type[SmsError], reason: str, code: str) -> None:
    plivo, http = make(reply(status, json={"api_id": "a", "error": words}))

    with pytest.raises(SmsError) as raised:
        plivo.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, words)
    assert len(http.asked) == 1


def test_a_sender_that_is_left_out_is_no_part_of_the_words() -> None:
    plivo, _http = make(reply(400, json={"error": "src parameter not present"}))

    with pytest.raises(Rejected) as raised:
        plivo.send(replace(SMS, sender=""))

    assert raised.value.code == ""


def test_a_number_that_was_sorted_out_is_refused_though_the_answer_is_a_success() -> None:
    plivo, _http = make(reply(202, json=QUEUED | {"message_uuid": [], "invalid_number": ["12025550147"]}))

    with pytest.raises(Rejected) as raised:
        plivo.send(SMS)

    assert (raised.value.reason, raised.value.code) == ("invalid_number", "dst")
    assert raised.value.link == "https://www.plivo.com/docs/messaging/troubleshooting/error-codes/"


# --- reports -----------------------------------------------------------------------------------------------------

URL = "https://sms.example.org/hook/plivo/7"
FORM = {"To": ["15005550006"], "MessageUUID": ["u-1"], "Status": ["delivered"]}
V3 = "Vt7CLWQe+Sm5VDLClsth4e4Wgd/jm4Kek/bM/HS7/+E="
V3_WITH_QUERY = "VdfSgm1CjP2ZEaQj0DvrQCUkgeVAGeSNN4f3OCdTigE="
V2 = "wlZp9FDON2ONV7eGTcuH516IqB4DjdbBBf+a8Ftaofs="


def call(
    form: Mapping[str, Sequence[str]] = FORM, url: str = URL, *, nonce: str = "1234567890", **signatures: str
) -> Call:
    names = {"v3": "x-plivo-signature-v3", "ma_v3": "x-plivo-signature-ma-v3"}
    names |= {"v2": "x-plivo-signature-v2", "ma_v2": "x-plivo-signature-ma-v2"}
    headers = {"x-plivo-signature-v3-nonce": nonce, "x-plivo-signature-v2-nonce": nonce}
    headers |= {names[name]: value for name, value in signatures.items()}
    return Call(method="POST", url=url, query={}, form=form, headers=headers, body=b"")


@pytest.mark.parametrize(
    "good",
    [
        call(v3=V3),
        call(url=f"{URL}?b=2&a=1", v3=V3_WITH_QUERY),
        call(v3=f"of-an-older-token, {V3}"),
        call(v3="of-the-subaccount", ma_v3=V3),
        call(ma_v3=V3),
        call(v3=V3, v2="whatever"),
        call(
            {"L": [""], "K": ["ö2", "ä1"]},
            "https://sms.example.org:8443/hook?b=%C3%A9+x&a=2&a=1",
            nonce="n-9",
            v3="htGvmsJUpUJe73r1A2aPBbvBsr3yJ2mMAmJCAyEqC+U=",
        ),
        call({}, "https://sms.example.org/hook?a=1", nonce="n-9", v3="TFVb0vuEUKl9WCUeNwUrbZnCC87IqvCVx4XBDi7cobc="),
        call(v2=V2),
        call(url=f"{URL}?a=1", ma_v2=V2),
    ],
)
def test_a_signature_is_good(good: Call) -> None:
    make()[0].verify(good)


@pytest.mark.parametrize(
    "forged",
    [
        call(),
        call(v3=""),
        call(v3=V3[:-2] + "A="),
        call(v3=V3, nonce="1234567891"),
        call(v3=V3, nonce=""),
        call(v3=V3, url="https://sms.example.org/hook/plivo/8"),
        call(v3=V3, url=f"{URL}?a=1"),
        call(FORM | {"Status": ["failed"]}, v3=V3),
        call(FORM | {"Extra": ["1"]}, v3=V3),
        call(v3="ключ"),
        call(v3="wrong", v2=V2),
        call(v2=V3),
        call(v2=V2, url="https://sms.example.org/hook/plivo/8"),
        call(v2=V2, nonce="1234567891"),
        call(v2="", nonce=""),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", Status.QUEUED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.UNDELIVERED),
        ("failed", Status.FAILED),
        ("teleported", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    form = {"MessageUUID": [ID], "Status": [word.title()], "To": ["12025550147"], "TotalAmount": ["0.00000"]}

    assert make()[0].read_reports(call(form)) == [Report(ref=ID, recipient="12025550147", status=status, word=word)]


@pytest.mark.parametrize(
    ("code", "known", "reason"),
    [
        ("200", "200", "opt_out"),
        ("450", "450", "blocked"),
        ("50", "50", "invalid_number"),
        ("900", "900", "balance"),
        ("80", "80", ""),
        ("9999", "9999", ""),
        ("000", "", ""),
        ("", "", ""),
    ],
)
def test_a_report_carries_code_and_reason(code: str, known: str, reason: str) -> None:
    form = {"MessageUUID": [ID], "status": ["failed"], "ErrorCode": [code]}
    report = make()[0].read_reports(call(form))[0]

    assert (report.status, report.code, report.reason) == (Status.FAILED, known, reason)


def test_a_report_carries_the_whole_price_and_the_id_of_the_whole() -> None:
    form = {
        "MessageUUID": ["part-2"],
        "ParentMessageUUID": [ID],
        "PartInfo": ["2 of 2"],
        "Status": ["delivered"],
        "To": ["12025550147"],
        "TotalRate": ["0.0025"],
        "TotalAmount": ["0.0050"],
        "Units": ["2"],
    }

    assert make()[0].read_reports(call(form)) == [
        Report(
            ref=ID,
            recipient="12025550147",
            status=Status.DELIVERED,
            word="delivered",
            price=Decimal("0.0050"),
            currency="USD",
        )
    ]


@pytest.mark.parametrize("form", [{"MessageUUID": [ID]}, {"Status": ["sent"]}, {}])
def test_a_report_without_id_or_word_says_nothing(form: Mapping[str, Sequence[str]]) -> None:
    assert make()[0].read_reports(call(form)) == []


@pytest.mark.parametrize("amount", ["NaN", "dear", "-1", ""])
def test_an_amount_that_is_none_is_no_price(amount: str) -> None:
    form = {"MessageUUID": [ID], "Status": ["sent"], "TotalAmount": [amount]}
    report = make()[0].read_reports(call(form))[0]

    assert (report.price, report.currency) == (None, "")


def test_a_report_is_answered_with_nothing() -> None:
    assert make()[0].answer(call()) == Answer(status=200, body="")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_look_up_leaves_out_what_plivo_does_not_know() -> None:
    found = {
        "message_uuid": ID,
        "message_state": "undelivered",
        "error_code": "80",
        "to_number": "12025550147",
        "total_amount": "0.00350",
        "units": 1,
    }
    plivo, http = make(reply(404, json={"error": "not found"}), reply(json=found))

    assert plivo.look_up(["a/b", ID]) == [
        Report(
            ref=ID,
            recipient="12025550147",
            status=Status.UNDELIVERED,
            word="undelivered",
            code="80",
            price=Decimal("0.00350"),
            currency="USD",
        )
    ]
    assert [asked.url for asked in http.asked] == [f"{BASE}/Message/a%2Fb/", f"{BASE}/Message/{ID}/"]
    assert {asked.auth for asked in http.asked} == {AUTH}


@pytest.mark.parametrize(
    ("told", "account"),
    [
        (
            {"name": "Anna's shop", "billing_mode": "prepaid", "cash_credits": "1.80900"},
            Account(label="Anna's shop", balance=Decimal("1.80900"), currency="USD"),
        ),
        (
            {"billing_mode": "postpaid", "cash_credits": "0"},
            Account(label="MA0000000000000000TEST", balance=None, currency="USD"),
        ),
    ],
    ids=["prepaid", "postpaid"],
)
def test_a_check_tells_name_and_balance(told: dict[str, str], account: Account) -> None:
    plivo, http = make(reply(json={"auth_id": AUTH[0]} | told))

    assert plivo.check() == account
    assert (http.asked[0].method, http.asked[0].url, http.asked[0].auth) == ("GET", f"{BASE}/", AUTH)


def test_senders_are_the_numbers_that_can_sms_page_by_page() -> None:
    first = [{"number": f"120255501{index:02}"} for index in range(20)]
    plivo, http = make(reply(json={"objects": first}), reply(json={"objects": [{"number": "12025550199"}, {}, "odd"]}))

    senders = plivo.senders()

    assert senders == [f"+120255501{index:02}" for index in range(20)] + ["+12025550199"]
    assert [asked.url for asked in http.asked] == [f"{BASE}/Number/"] * 2
    assert [asked.params for asked in http.asked] == [
        {"services": "sms", "limit": "20", "offset": "0"},
        {"services": "sms", "limit": "20", "offset": "20"},
    ]
    http.done()


def test_a_wrong_token_blocks_the_account() -> None:
    plivo, _http = make(reply(401, text="Could not verify your access level for that URL."))

    with pytest.raises(AccountBlocked) as raised:
        plivo.check()

    assert raised.value.reason == "auth"
