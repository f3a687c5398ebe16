"""The findings cache: bounded, and nothing in it that a text could be read from."""

from __future__ import annotations

import gc

from veilog_filters.config import Detect
from veilog_filters.detect.api import Finding, detect
from veilog_filters.detect.cache import FindingsCache
from veilog_filters.detect.prefiltered import PrefilteredDetector

FOUND = [Finding(0, 3, "URL", 0.5)]


def test_what_was_put_is_found_and_counted() -> None:
    cache = FindingsCache(10, 100_000)
    key = cache.key("a text")
    assert cache.get(key) is None
    cache.put(key, FOUND)
    assert cache.get(key) == FOUND
    assert (cache.hits, cache.misses) == (1, 1)


def test_what_is_given_out_can_be_changed() -> None:
    cache = FindingsCache(10, 100_000)
    key = cache.key("a text")
    cache.put(key, FOUND)
    given = cache.get(key)
    assert given is not None
    given.clear()
    assert cache.get(key) == FOUND


def test_the_oldest_goes_first() -> None:
    cache = FindingsCache(2, 100_000)
    first, second, third = map(cache.key, ("1", "2", "3"))
    cache.put(first, [])
    cache.put(second, [])
    cache.get(first)
    cache.put(third, [])
    assert cache.get(second) is None
    assert cache.get(first) == cache.get(third) == []


def test_bytes_are_bounded() -> None:
    cache = FindingsCache(1_000_000, 20_000)
    for number in range(1000):
        cache.put(cache.key(str(number)), FOUND)
    assert 10 < len(cache) < 100
    cache.put(b"big", FOUND * 1000)
    assert cache.get(b"big") is None


def test_putting_again_does_not_count_twice() -> None:
    cache = FindingsCache(10, 2_000)
    for _ in range(1000):
        cache.put(b"key", FOUND)
    assert cache.get(b"key") == FOUND
    assert len(cache) == 1


def test_keys_differ_between_processes_and_know_surrogates() -> None:
    assert FindingsCache(1, 1).key("\ud800") != FindingsCache(1, 1).key("\ud800")


def test_the_cache_holds_no_text() -> None:
    detector = PrefilteredDetector(Detect(entities=["EMAIL_ADDRESS"], secrets=False))
    text = "mail anna.berg@nordwind-ag.com"
    assert detect(detector, text) == detect(detector, text) != []
    assert detector.cache.hits == 1
    held = gc.get_referents(detector.cache, detector.cache._entries, *detector.cache._entries.values())
    assert not [item for item in held if isinstance(item, str) and "anna" in item]


def test_long_clean_texts_are_remembered_and_short_ones_are_not_looked_up() -> None:
    detector = PrefilteredDetector(Detect(entities=["EMAIL_ADDRESS"], secrets=False))
    for text in ("nothing", "nothing " * 1000, "nothing " * 1000):
        assert detect(detector, text) == []
    assert (detector.cache.hits, detector.cache.misses) == (1, 1)
