"""One pass of Hyperscan over a text, for all patterns at once: which of them could match, and where they would end.

Hyperscan's prefilter mode promises a superset: every end of every true match is reported, others may be. What it
reports, the ``verifier`` confirms with the patterns themselves. There are two databases, for ASCII texts and for all
others (see ``syntax``). A pattern that a database cannot hold is *always* reported, without ends, for the whole text.

Compiling takes seconds, loading milliseconds: ``store`` keeps compiled databases in a cache directory.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import regex

from veilog_filters.detect.prefilter.expressions import Expression
from veilog_filters.detect.prefilter.syntax import fold

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this platform
    hyperscan = None

MAX_HITS: Final = 4_194_304
"""A text with more reported ends is not worth their bookkeeping: every pattern runs on all of it. An end takes four
bytes. Texts made for it have two ends a character, so no text of the usual limit comes near."""
_OFFSET: Final = "I"
"""How an end is kept: no text is longer than 2**32 bytes."""


class Hits(NamedTuple):
    """What could match in a text.

    Attributes:
        ends: offsets in characters of ends of possible matches, by expression. Ascending. A text can have more of
            them than characters, so they are numbers in a row, not objects.
        whole: expressions that must be tried on the whole text.
    """

    ends: dict[int, Sequence[int]]
    whole: frozenset[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Compiled:
    """Databases in the form in which they are stored.

    Attributes:
        ascii: serialized database for ASCII texts; empty if no expression compiles.
        folded: serialized database for folded texts.
        ascii_always: expressions that are not in it.
        folded_always: likewise.
    """

    ascii: bytes
    folded: bytes
    ascii_always: frozenset[int]
    folded_always: frozenset[int]


NOTHING: Final = Hits({}, frozenset())
"""Nothing could match."""


def available() -> bool:
    """Whether this platform has Hyperscan."""
    return hyperscan is not None


def compile_all(expressions: Sequence[Expression | None]) -> Compiled:
    """Both databases. Takes seconds.

    Args:
        expressions: by number; None for those that must always be tried.
    """
    plain, ascii_always = _compile([e and (e.ascii, _flags(e)) for e in expressions])
    folded, folded_always = _compile([e and (e.folded, _flags(e)) for e in expressions])
    return Compiled(plain, folded, ascii_always, folded_always)


def _compile(expressions: Sequence[tuple[str, int] | None]) -> tuple[bytes, frozenset[int]]:
    entries = {number: entry for number, entry in enumerate(expressions) if entry is not None}
    try:
        database = _database(entries) if entries else b""
    except hyperscan.error:
        # It does not say which one it refuses.
        entries = {number: entry for number, entry in entries.items() if _compiles(number, entry)}
        try:
            database = _database(entries) if entries else b""
        except hyperscan.error:
            # Each compiles, all together do not.
            database, entries = b"", {}
    return database, frozenset(range(len(expressions))) - entries.keys()


def _compiles(number: int, entry: tuple[str, int]) -> bool:
    try:
        _database({number: entry})
    except hyperscan.error:
        return False
    return True


def _database(entries: dict[int, tuple[str, int]]) -> bytes:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode("ascii") for expression, _ in entries.values()],
        ids=list(entries),
        elements=len(entries),
        flags=[flags for _, flags in entries.values()],
    )
    return bytes(hyperscan.dumpb(database))


def _flags(expression: Expression) -> int:
    ours = hyperscan.HS_FLAG_PREFILTER
    if expression.single_match:
        ours |= hyperscan.HS_FLAG_SINGLEMATCH
    for python, theirs in (
        (regex.IGNORECASE, hyperscan.HS_FLAG_CASELESS),
        (regex.MULTILINE, hyperscan.HS_FLAG_MULTILINE),
        (regex.DOTALL, hyperscan.HS_FLAG_DOTALL),
    ):
        if expression.flags & python:
            ours |= theirs
    return int(ours)


class _Scanner:
    def __init__(self, serialized: bytes) -> None:
        database = hyperscan.loadb(serialized, mode=hyperscan.HS_MODE_BLOCK)
        self._scratch = hyperscan.Scratch(database)
        self._scan = database.scan
        self._ends: dict[int, array[int]] = {}

    def _on_match(self) -> Callable[[int, int, int, int, Any], bool | None]:
        ends, left = self._ends, MAX_HITS

        def on_match(number: int, start: int, end: int, flags: int, context: Any) -> bool | None:  # noqa: ARG001
            nonlocal left
            left -= 1
            try:
                ends[number].append(end)
            except KeyError:
                ends[number] = array(_OFFSET, (end,))
            # True stops the scan.
            return left < 0 or None

        return on_match

    def __call__(self, data: bytes) -> dict[int, Sequence[int]] | None:
        """Ends by expression, ascending; None if there are too many."""
        self._ends = {}
        try:
            # By position: by name they take as long as the scan of a short text itself.
            self._scan(data, self._on_match(), 0, None, self._scratch)
        except hyperscan.ScanTerminated:
            return None
        finally:
            ends, self._ends = self._ends, {}
        # Hyperscan promises no order. Most often there is one.
        return {number: ends[number] if len(ends[number]) < 2 else _ascending(ends[number]) for number in sorted(ends)}


def _ascending(ends: array[int]) -> array[int]:
    return array(_OFFSET, sorted(ends))


class RefusedError(Exception):
    """A database is not one of this library and processor."""


class Prefilter:
    """Both databases, ready to scan. Not for several threads at a time.

    Args:
        compiled: the databases.
        size: how many expressions there are.

    Raises:
        RefusedError: a database is not one of this library and processor.
    """

    def __init__(self, compiled: Compiled, size: int) -> None:
        try:
            self._ascii = _Scanner(compiled.ascii) if compiled.ascii else None
            self._folded = _Scanner(compiled.folded) if compiled.folded else None
        except hyperscan.error:
            raise RefusedError from None
        self._ascii_always, self._folded_always = compiled.ascii_always, compiled.folded_always
        self._everything = Hits({}, frozenset(range(size)))

    def __call__(self, text: str) -> Hits | None:
        """What could match in a text; None if nothing can."""
        if text.isascii():
            scan, always, data = self._ascii, self._ascii_always, text.encode()
        else:
            folded = fold(text)
            if folded is None:
                return self._everything
            scan, always, data = self._folded, self._folded_always, folded
        ends = scan(data) if scan is not None else {}
        if ends is None:
            return self._everything
        if not ends:
            return Hits({}, always) if always else None
        return Hits(ends, always)
