"""A cache of what depends on a record's keys alone.

Millions of records have the same dozen sets of keys. So what their keys decide (which sources may have written the
record, which of many usual keys a log has) is computed once for each set of keys. A record then costs one set
intersection and one look-up.

Only keys that the code names are compared and stored. So the cache is bounded in number and size, and holds no text of
any record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from veilog_parsers.record.raw import Fields

T = TypeVar("T")
MAX_KEY_SETS: Final = 1024
"""Sets of keys to store: more than ten times as many as the samples of all sources have. When a sender makes up more,
the cache is emptied, and the few sets that matter are computed again."""


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

    def get(self, fields: Fields) -> T:
        """The value for the keys of a record."""
        keys = self._keys.intersection(fields)
        known = self._known.get(keys)
        return self._remember(keys) if known is None else known

    def _remember(self, keys: frozenset[str]) -> T:
        if len(self._known) >= MAX_KEY_SETS:
            self._known.clear()
        derived = self._known[keys] = self._derive(keys)
        return derived
