"""Logging in: once for all, anew when the token is refused, and nothing is taken while it fails."""

import pytest

from providers.kit.errors import AccountBlocked, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.login import Login
from providers.kit.reply import Reply
from providers.kit.testing import MemoryMemo


def answer(status: int) -> Reply:
    return Reply(status=status, headers={}, text="", where="GET service.example/", strike=str)


class Door:
    """A service that takes only the newest token."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.asked: list[str] = []

    def log_in(self) -> tuple[str, float]:
        self.given.append(f"token {len(self.given) + 1}")
        return self.given[-1], 600.0

    def ask(self, token: str) -> Reply:
        self.asked.append(token)
        return answer(200 if token == self.given[-1] else 401)


def test_a_token_is_asked_for_once_and_kept() -> None:
    door, memo = Door(), MemoryMemo()
    for _ in range(2):
        assert Login(memo, ["user", "password"], door.log_in).use(door.ask).status == 200

    assert (door.given, door.asked) == (["token 1"], ["token 1", "token 1"])
    assert list(memo.seconds.values()) == [600.0]
    assert "password" not in "".join(memo.values)


def test_other_credentials_prove_themselves() -> None:
    door, memo = Door(), MemoryMemo()
    Login(memo, ["user", "password"], door.log_in).use(door.ask)
    Login(memo, ["user", "another"], door.log_in).use(door.ask)

    assert door.given == ["token 1", "token 2"]


def test_a_refused_token_is_replaced_and_the_question_asked_once_more() -> None:
    door, memo = Door(), MemoryMemo()
    login = Login(memo, ["user", "password"], door.log_in)
    login.use(door.ask)
    door.given.append("somebody else's")
    assert login.use(door.ask).status == 200
    assert door.asked == ["token 1", "token 1", "token 3"]


def test_a_second_refusal_is_the_answer() -> None:
    door = Door()
    asked: list[str] = []

    def ask(token: str) -> Reply:
        asked.append(token)
        return answer(401)

    assert Login(MemoryMemo(), ["user"], door.log_in).use(ask).status == 401
    assert asked == ["token 1", "token 2"]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Uncertain("no answer", code="500"), Unreachable),
        (AccountBlocked("no"), AccountBlocked),
        (Throttled(after=5), Throttled),
        (Unreachable("refused"), Unreachable),
    ],
)
def test_while_the_login_fails_nothing_is_taken(trouble: SmsError, kind: type[SmsError]) -> None:
    def log_in() -> tuple[str, float]:
        raise trouble

    def ask(token: str) -> Reply:
        raise AssertionError("asked without a token")

    with pytest.raises(kind) as raised:
        Login(MemoryMemo(), ["user"], log_in).use(ask)

    assert (raised.value.words, raised.value.code, raised.value.after) == (trouble.words, trouble.code, trouble.after)
