"""A cache of what depends on a record's keys alone.

Millions of records have the same dozen sets of keys. So what their keys decide (which sources may have written the
record, which of many usual keys a log has) is computed once for each set of keys, those that the code names. A record
then costs one set intersection and one look-up.

Records of one sender have their keys in the same order. So values are also stored by the whole sequence of keys, and
such a record costs one look-up (``benchmarks/bench_parse.py``). Only short keys without blanks are stored so, and
both caches are bounded in number: they hold no prose, and no sender makes them large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from veilog_parsers.record.raw import Fields

T = TypeVar("T")
MAX_KEY_SETS: Final = 1024
"""Sets of keys, and orders of keys, to store: more than ten times as many as the samples of most sources have. When a
sender makes up more, the cache is emptied, and the few that matter are found again."""
_MAX_KEYS: Final = 48
_MAX_KEY_CHARS: Final = 48


class KeySetCache(Generic[T]):
    """Values that are computed from sets of keys, and stored.

    Args:
        keys: the keys that matter; all others are ignored.
        derive: computes the value for a record that has these keys and no others of ``keys``.
    """

    def __init__(self, keys: Iterable[str], derive: Callable[[frozenset[str]], T]) -> None:
        self._keys = frozenset(keys)
        self._derive = derive
        self._known: dict[frozenset[str], T] = {}
        self._ordered: dict[tuple[str, ...], T] = {}

    def get(self, fields: Fields) -> T:
        """The value for the keys of a record."""
        order = tuple(fields)
        known = self._ordered.get(order)
        return self._find(order) if known is None else known

    def _find(self, order: tuple[str, ...]) -> T:
        keys = self._keys.intersection(order)
        known = self._known.get(keys)
        if known is None:
            if len(self._known) >= MAX_KEY_SETS:
                self._known.clear()
            known = self._known[keys] = self._derive(keys)
        if len(order) <= _MAX_KEYS and all(len(key) <= _MAX_KEY_CHARS and " " not in key for key in order):
            if len(self._ordered) >= MAX_KEY_SETS:
                self._ordered.clear()
            self._ordered[order] = known
        return known
