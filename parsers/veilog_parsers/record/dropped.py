"""The ledger of what parsers drop: how many keys, and each for a declared reason.

A key of a record becomes a field or a text of the event, or stays as unmapped, or is dropped for one of four reasons.
There is nothing else, so that nothing is lost in silence: events say how many keys were dropped, and ``veilog explain``
says of each key what became of it.

The ledger is a number that only grows, and the registry subtracts to know what an event added. So a parser that raises
or is interrupted leaves nothing that would have to be cleared, and one that parses a record inside its own counts that
record's keys too. A process has one ledger, since it parses in one thread (workers are processes): several threads that
parse at a time would count each other's keys, and nothing else would go wrong. It costs a record about a microsecond,
which is why it is neither passed through the readers of bodies nor looked up by thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")


class Why(StrEnum):
    """The reasons for which a parser may drop a key."""

    NOISE = "noise"
    """An audit trail does not need it, and no field of the schema is for it."""
    CREDENTIAL = "credential"
    """It may authenticate somebody, so it must not leave."""
    DUPLICATE = "duplicate"
    """It says again what a field of the event has from elsewhere."""
    TEXT_READ = "text_read"
    """It says again, or in another form, what a text of the event has."""


NOISE: Final = Why.NOISE
DUPLICATE: Final = Why.DUPLICATE
"""The same for code that runs for every record: Python looks up a member of an enumeration slowly."""


class Dropped(NamedTuple):
    """A key that was dropped.

    Attributes:
        key: its name; "" for a value whose key is not known any more.
        why: the reason.
        value: what was under it.
    """

    key: str
    why: Why
    value: Any


class _Ledger:
    """What the parsers drop.

    Attributes:
        count: the number of keys until now.
        entries: where each is listed too; None unless somebody looks (``listed``).
    """

    __slots__ = ("count", "entries")

    def __init__(self) -> None:
        self.count = 0
        self.entries: list[Dropped] | None = None


LEDGER: Final = _Ledger()


def note_dropped(key: str, value: Any, why: Why) -> None:
    """Note a key that was removed from a record and is not used."""
    LEDGER.count += 1
    if LEDGER.entries is not None:
        LEDGER.entries.append(Dropped(key, why, value))


def prefer(known: T, found: T, key: str = "") -> T:
    """The known value of a fact if there is one, else the found one, which is a duplicate if it is not needed.

    Args:
        known: the value from elsewhere.
        found: a value that was taken out of the record.
        key: the key that it had; "" if it had one of several.
    """
    if known is None:
        return found
    if found is not None:
        note_dropped(key, found, DUPLICATE)
    return known


@contextmanager
def listed() -> Iterator[list[Dropped]]:
    """List what is dropped in here: for ``veilog explain`` and tests. The values are raw content."""
    before = LEDGER.entries
    entries: list[Dropped] = []
    LEDGER.entries = entries
    try:
        yield entries
    finally:
        LEDGER.entries = before
