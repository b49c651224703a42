"""What a process knows by heart is forgotten after a while, and there is never too much of it."""

from b24app.core.ttl_cache import TtlCache


def test_it_is_known_for_a_while_and_then_forgotten() -> None:
    known = TtlCache[str, int](3600.0, 10)
    assert known.get("a") is None
    known.put("a", 1)
    assert known.get("a") == 1
    known.forget("a")
    assert known.get("a") is None
    brief = TtlCache[str, int](0.0, 10)
    brief.put("a", 1)
    assert brief.get("a") is None


def test_there_is_never_more_than_the_most() -> None:
    known = TtlCache[int, int](3600.0, 3)
    for number in range(10):
        known.put(number, number)
    assert sum(known.get(number) is not None for number in range(10)) <= 3
    assert known.get(9) == 9
