"""What follows from a record's keys, worked out once for every combination of them.

Logs have few shapes: millions of records have the same dozen sets of keys. So what depends on keys alone (whom to ask
whether a record is its own, which of many usual names a log uses) is remembered for each set, and costs a record one
set intersection and one look-up.

Of a record's keys only those that the code names are looked at or remembered: what is kept here is bounded in number
and size, and holds no text of any record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from veilog_parsers.record.raw import Fields

T = TypeVar("T")
MAX_KEY_SETS: Final = 1024
"""Shapes to remember: more than ten times as many as the samples of all sources have. A sender that makes up more has
all of them forgotten, and the few that matter are worked out again."""


class KeySetCache(Generic[T]):
    """What follows from keys.

    Args:
        keys: the keys that mean something.
        derive: works out what follows from a record's having some of them, and no others.
    """

    def __init__(self, keys: Iterable[str], derive: Callable[[frozenset[str]], T]) -> None:
        self._keys = frozenset(keys)
        self._derive = derive
        self._known: dict[frozenset[str], T] = {}

    def get(self, fields: Fields) -> T:
        """What follows from the keys of a record."""
        keys = self._keys.intersection(fields)
        known = self._known.get(keys)
        return self._remember(keys) if known is None else known

    def _remember(self, keys: frozenset[str]) -> T:
        if len(self._known) >= MAX_KEY_SETS:
            self._known.clear()
        derived = self._known[keys] = self._derive(keys)
        return derived
