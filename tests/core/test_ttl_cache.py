"""A cached value expires after a while, and there are never too many of them."""

from b24app.core.ttl_cache import TtlCache


def test_a_value_is_cached_for_a_while_and_then_expires() -> None:
    cache = TtlCache[str, int](3600.0, 10)
    assert cache.get("a") is None
    cache.put("a", 1)
    assert cache.get("a") == 1
    cache.forget("a")
    assert cache.get("a") is None
    brief = TtlCache[str, int](0.0, 10)
    brief.put("a", 1)
    assert brief.get("a") is None


def test_a_full_cache_drops_the_value_written_first() -> None:
    cache = TtlCache[int, int](3600.0, 3)
    for number in range(10):
        cache.put(number, number)
    assert [number for number in range(10) if cache.get(number) is not None] == [7, 8, 9]


def test_a_value_written_again_replaces_its_old_one_and_counts_as_new() -> None:
    cache = TtlCache[str, int](3600.0, 2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.put(key, value)
    assert [cache.get(key) for key in "abc"] == [3, None, 4]
