"""The demo sends nothing; the number decides."""

import time

import pytest

from providers.demo import Demo
from providers.kit.contract import Account, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.testing import FakeHttp, MemoryMemo

REFERENCE = "0123456789abcdef0123456789abcdef"


def make() -> Demo:
    return Demo({}, FakeHttp(), MemoryMemo())


def sms(digits: str, text: str = "Hello") -> Sms:
    return Sms(to=f"+120255501{digits}", text=text, reference=REFERENCE)


@pytest.mark.parametrize("digits", ["00", "47", "79", "80", "89"])
def test_most_numbers_are_accepted(digits: str) -> None:
    accepted = make().send(sms(digits, "я" * 71))

    assert accepted.ref.endswith(f"-{digits}-{REFERENCE}")
    assert accepted.parts == 2


@pytest.mark.parametrize(
    ("digits", "kind", "reason"),
    [
        ("90", Rejected, "invalid_number"),
        ("94", Rejected, "invalid_number"),
        ("95", Rejected, "opt_out"),
        ("96", AccountBlocked, "balance"),
        ("97", Throttled, "throttled"),
        ("98", Uncertain, "uncertain"),
        ("99", Unreachable, "unreachable"),
    ],
)
def test_the_last_numbers_show_the_errors(digits: str, kind: type[SmsError], reason: str) -> None:
    with pytest.raises(SmsError) as raised:
        make().send(sms(digits))

    assert type(raised.value) is kind
    assert raised.value.reason == reason


def test_a_throttled_message_goes_the_second_time() -> None:
    demo = make()
    with pytest.raises(Throttled) as raised:
        demo.send(sms("97"))

    assert raised.value.after == 2.0
    assert demo.send(sms("97")).ref


@pytest.mark.parametrize(
    ("age", "digits", "status", "code"),
    [
        (-5, "47", Status.QUEUED, ""),
        (2, "47", Status.SENT, ""),
        (60, "47", Status.DELIVERED, ""),
        (60, "97", Status.DELIVERED, ""),
        (60, "80", Status.UNDELIVERED, "absent"),
        (2, "89", Status.SENT, ""),
    ],
)
def test_the_fate_lies_in_the_ref(age: int, digits: str, status: Status, code: str) -> None:
    ref = f"demo-{int(time.time()) - age}-{digits}-{REFERENCE}"

    assert make().look_up([ref, "SM1", ""]) == [Report(ref=ref, status=status, word=status.value, code=code)]


def test_the_demo_says_that_it_is_one_and_asks_no_network() -> None:
    demo = make()

    assert demo.check() == Account(label="Demo")
    assert demo.senders() == ["DEMO"]
    assert Demo.pretends
    assert "sent" in Demo.setup[0].title
    assert isinstance(demo.http, FakeHttp)
    assert demo.http.asked == []
