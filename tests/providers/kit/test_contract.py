"""The small typed things of the contract."""

from dataclasses import replace
from decimal import Decimal

import pytest

from providers.kit.contract import Answer, Call, Provider, Report, Status, Unreadable
from providers.kit.errors import Forged, Hint
from providers.kit.fields import Secret, Text
from providers.kit.testing import FakeHttp, MemoryMemo

CALL = Call(
    method="POST",
    url="https://sms.example.com/r/1?a=2",
    query={"a": ["2"], "b": ["3"]},
    form={"a": ["1", "9"]},
    headers={"X-Thing": "yes"},
    body=b'{"a": [1]}',
)


class Plain(Provider):
    fields = (Text("login", "Login"), Secret("key", "Key"), Text("host", "Host", default="h.example"))

    def look_up(self, refs: object) -> list[Report]:  # noqa: ARG002 (only that it is there counts)
        return []


def test_a_call_is_read_form_first_and_headers_in_any_case() -> None:
    assert (CALL.value("a"), CALL.value("b"), CALL.value("c")) == ("1", "3", "")
    assert (CALL.header("x-thing"), CALL.header("nothing")) == ("yes", "")
    assert CALL.json() == {"a": [1]}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_garbage_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        replace(CALL, body=body).json()


def test_a_fingerprint_tells_words_apart_and_repeats_not() -> None:
    report = Report(ref="1", status=Status.SENT, word="sent")

    assert len(report.fingerprint) == 64
    assert replace(report, detail="later", status=None).fingerprint == report.fingerprint
    assert replace(report, word="delivered").fingerprint != report.fingerprint
    assert replace(report, ref="", reference="1").fingerprint != report.fingerprint


class Pigeon(Provider):
    statuses = {"arrived": Status.DELIVERED, "lost": Status.UNDELIVERED, "refused": Status.FAILED}
    failure_statuses = {"17": Status.UNDELIVERED}
    hints = {"17": Hint("invalid_number", "No such loft."), "lost": Hint("", "The hawk."), "18": Hint("blocked", "No.")}


def test_a_report_has_the_status_of_its_word_and_the_reason_of_its_code() -> None:
    assert Pigeon.report("arrived", ref="1") == Report(ref="1", status=Status.DELIVERED, word="arrived")
    assert Pigeon.report("eaten", reference="2") == Report(reference="2", status=None, word="eaten")
    assert Pigeon.report("refused", code="18").reason == "blocked"
    assert Pigeon.report("refused", code="99") == Report(status=Status.FAILED, word="refused", code="99")


def test_a_code_says_more_of_a_failure_than_its_word() -> None:
    assert Pigeon.report("refused", code="17").status is Status.UNDELIVERED
    assert Pigeon.report("arrived", code="17").status is Status.DELIVERED
    assert Pigeon.report("eaten", code="17").status is None


def test_a_word_with_a_hint_is_its_own_code_unless_a_code_is_given() -> None:
    assert (Pigeon.report("lost").code, Pigeon.report("lost", code="").code) == ("lost", "")
    assert Pigeon.report("refused").code == ""


def test_a_report_has_a_currency_only_with_a_price() -> None:
    priced = Pigeon.report("arrived", price=Decimal("0.07"), currency="EUR")

    assert (priced.price, priced.currency) == (Decimal("0.07"), "EUR")
    assert Pigeon.report("arrived", price=None, currency="EUR").currency == ""


def test_a_provider_refuses_strangers_until_it_says_otherwise() -> None:
    provider = Plain({"login": "ann", "key": "k3y"}, FakeHttp(), MemoryMemo())

    with pytest.raises(Forged):
        provider.verify(CALL)
    assert provider.answer(CALL) == Answer(status=200, body="", content_type="text/plain")


def test_a_provider_knows_its_verbs_its_defaults_and_its_secrets() -> None:
    provider = Plain({"login": "ann", "key": "k3y"}, FakeHttp(), MemoryMemo())

    assert (Plain.can("look_up"), Plain.can("check")) == (True, False)
    assert provider.account["host"] == "h.example"
    assert Plain.secrets(provider.account) == ("k3y",)
