"""What is remembered of records' keys: bounded, and nothing but keys that the code names itself."""

from __future__ import annotations

import random

from veilog_parsers.record.keysets import MAX_KEY_SETS, KeySetCache

KEYS = [f"key_{number}" for number in range(40)]


def sorted_keys(keys: frozenset[str]) -> list[str]:
    return sorted(keys)


def test_each_combination_is_worked_out_once() -> None:
    asked: list[frozenset[str]] = []

    def counting(keys: frozenset[str]) -> int:
        asked.append(keys)
        return len(keys)

    shapes = KeySetCache(KEYS, counting)
    assert [shapes.get({"key_1": 1, "other": 2, "key_2": 3}) for _ in range(3)] == [2, 2, 2]
    assert shapes.get({"key_2": 1, "key_1": None, "another": 2}) == 2
    assert [shapes.get({"other": 1}) for _ in range(2)] == [0, 0]
    assert asked == [{"key_1", "key_2"}, set()]


def test_what_a_hostile_sender_makes_up_is_bounded_and_forgotten() -> None:
    shapes, chance = KeySetCache(KEYS, sorted_keys), random.Random(1)
    for number in range(3 * MAX_KEY_SETS):
        keys = chance.sample(KEYS, 20)
        record = {**dict.fromkeys(keys), f"secret {number}": 1, "x" * 10_000: 2}
        assert shapes.get(record) == sorted(keys)
    remembered = shapes._known
    assert 0 < len(remembered) <= MAX_KEY_SETS
    assert set().union(*remembered) <= set(KEYS)


def test_orders_of_keys_are_bounded_and_hold_no_prose() -> None:
    shapes = KeySetCache(KEYS, sorted_keys)
    for number in range(3 * MAX_KEY_SETS):
        assert shapes.get({f"other_{number}": 1, "key_1": 2}) == ["key_1"]
        assert shapes.get({"key_2": 1, f"what somebody said {number}": 1}) == ["key_2"]
        assert shapes.get({"key_3": 1, "x" * 100: number}) == ["key_3"]
    assert 0 < len(shapes._ordered) <= MAX_KEY_SETS
    assert not [key for order in shapes._ordered for key in order if " " in key or len(key) > 48]


def test_a_hundred_thousand_keys_are_looked_at_once() -> None:
    record = {f"k{number}": number for number in range(100_000)} | {"key_3": 1}
    assert KeySetCache(KEYS, sorted_keys).get(record) == ["key_3"]
