"""The paper network behaves as the real one, and asks to be used up."""

import pytest

from providers.kit.errors import Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, reply, reset


def test_clones_share_answers_and_records() -> None:
    http = FakeHttp(reply(json={"to": "+12025550147"}), reset())
    clone = http.hiding(number="+12025550147")

    assert clone.get("https://gw.example.com/a").find("to") == "+12025550147"
    with pytest.raises(Uncertain):
        http.post("https://gw.example.com/b", form={"a": "b"})
    assert [asked.url for asked in http.asked] == ["https://gw.example.com/a", "https://gw.example.com/b"]
    assert "[number]" in http.exchanges[0].response
    assert "2025550147" not in repr(http.exchanges)
    http.done()


def test_an_answer_left_over_and_one_too_few_are_failures() -> None:
    http = FakeHttp(reply())

    with pytest.raises(AssertionError, match="1 answers were not asked for"):
        http.done()
    http.get("https://gw.example.com/")
    with pytest.raises(AssertionError, match="once more"):
        http.get("https://gw.example.com/")


def test_headers_are_found_in_any_case() -> None:
    with pytest.raises(Throttled) as raised:
        FakeHttp(reply(429, headers={"RETRY-AFTER": "3"})).get("https://gw.example.com/").expect()

    assert raised.value.after == 3.0


def test_a_memory_memo_remembers() -> None:
    memo = MemoryMemo()
    with memo.lock("token"):
        memo.put("token", "t0k", 60.0)

    assert (memo.get("token"), memo.get("other"), memo.seconds["token"]) == ("t0k", None, 60.0)
