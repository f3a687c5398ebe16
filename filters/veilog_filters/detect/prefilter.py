"""One pass of Hyperscan over a text, for all patterns at once: which of them could match, and where such a match ends.

Hyperscan's prefilter mode promises a superset: every end of every true match is reported, others may be. What it
reports, ``verify`` confirms with the patterns themselves. There are two databases, for ASCII texts and for all others
(see ``syntax``). A pattern that a database cannot hold is *always* reported, without ends: it runs on the whole text.

Compiling takes seconds, loading milliseconds: ``store`` keeps compiled databases in a cache directory, if nobody else
can write there (see ``cachefile``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import regex

from veilog_filters.detect import cachefile
from veilog_filters.detect.syntax import Shape, fold

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

_MAGIC: Final = b"veilog-prefilter/1\n"
_SUFFIX: Final = ".hsdb"


class Expression(NamedTuple):
    """What Hyperscan is given for one pattern.

    Attributes:
        narrow: how to say it for ASCII text.
        wide: how to say it for folded text.
        flags: as the pattern has them.
        once: whether nobody asks where it could match, but only whether: then its first end is reported alone.
    """

    narrow: str
    wide: str
    flags: int
    once: bool = False


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
        narrow: serialized database for ASCII texts; empty if no expression compiles.
        wide: serialized database for folded texts.
        narrow_always: expressions that are not in it.
        wide_always: likewise.
    """

    narrow: bytes
    wide: bytes
    narrow_always: frozenset[int]
    wide_always: frozenset[int]


NOTHING: Final = Hits({}, frozenset())
"""Nothing could match."""


def available() -> bool:
    """Whether this platform has Hyperscan."""
    return hyperscan is not None


def expression_of(shape: Shape | None, flags: int) -> Expression | None:
    """What Hyperscan is given for a pattern of a shape; None if it must not have it."""
    return Expression(shape.narrow, shape.wide, int(flags)) if shape else None


def compile_all(expressions: Sequence[Expression | None]) -> Compiled:
    """Both databases. Takes seconds.

    Args:
        expressions: by number; None for those that must always be tried.
    """
    narrow, narrow_always = _compile([e and (e.narrow, _flags(e)) for e in expressions])
    wide, wide_always = _compile([e and (e.wide, _flags(e)) for e in expressions])
    return Compiled(narrow, wide, narrow_always, wide_always)


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
    if expression.once:
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
            self._narrow = _Scanner(compiled.narrow) if compiled.narrow else None
            self._wide = _Scanner(compiled.wide) if compiled.wide else None
        except hyperscan.error:
            raise RefusedError from None
        self._narrow_always, self._wide_always = compiled.narrow_always, compiled.wide_always
        self._everything = Hits({}, frozenset(range(size)))

    def __call__(self, text: str) -> Hits | None:
        """What could match in a text; None if nothing can."""
        if text.isascii():
            scan, always, data = self._narrow, self._narrow_always, text.encode()
        else:
            folded = fold(text)
            if folded is None:
                return self._everything
            scan, always, data = self._wide, self._wide_always, folded
        ends = scan(data) if scan is not None else {}
        if ends is None:
            return self._everything
        if not ends:
            return Hits({}, always) if always else None
        return Hits(ends, always)


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What a cache file holds: the databases, and what must be known about them without importing Presidio."""

    compiled: Compiled
    manifest: dict[str, Any]


def cache_dir(configured: str) -> Path:
    """The directory for cache files: the environment's ``VEILOG_CACHE_DIR``, the configured one, or the user's."""
    environment = os.environ.get("VEILOG_CACHE_DIR")
    if environment or configured:
        return Path(environment or configured)
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        return base.expanduser() / "veilog"
    except RuntimeError:
        # A container's arbitrary user has no home; a shared directory would let others plant databases.
        return Path(os.devnull) / "veilog"


def load_or_make(directory: Path, key: str, make: Callable[[], Stored]) -> tuple[Stored, Prefilter, bool]:
    """What is stored under a key, or else is made now and stored; ready to scan; whether it is in the directory.

    Args:
        directory: the directory for cache files.
        key: names everything that what is made depends on.
        make: makes it; the manifest has the number of expressions as ``size``.
    """
    stored = load(directory, key)
    if stored is not None:
        with contextlib.suppress(RefusedError):
            return stored, prefilter_of(stored), True
    stored = make()
    return stored, prefilter_of(stored), store(directory, key, stored)


def prefilter_of(stored: Stored) -> Prefilter:
    """What is stored, ready to scan.

    Raises:
        RefusedError: a database is not one of this library and processor.
    """
    return Prefilter(stored.compiled, stored.manifest["size"])


def load(directory: Path, key: str) -> Stored | None:
    """The databases that were stored under a key; None if there are none, or if the file is not what we wrote.

    A database that is not what Hyperscan wrote can crash it, so the checksum is checked before it sees anything.
    """
    data = cachefile.read(directory, key + _SUFFIX)
    if data is None:
        return None
    digest, body = data[len(_MAGIC) : len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
    if not data.startswith(_MAGIC) or _checksum(key, body) != digest:
        return None
    header_size, narrow_size = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
    header = json.loads(body[16 : 16 + header_size])
    databases = body[16 + header_size :]
    return Stored(
        Compiled(
            databases[:narrow_size],
            databases[narrow_size:],
            frozenset(header["narrow_always"]),
            frozenset(header["wide_always"]),
        ),
        header["manifest"],
    )


def store(directory: Path, key: str, stored: Stored) -> bool:
    """Write databases under a key; False where that is not possible. Others may do the same at the same time."""
    compiled = stored.compiled
    header = json.dumps(
        {
            "narrow_always": sorted(compiled.narrow_always),
            "wide_always": sorted(compiled.wide_always),
            "manifest": stored.manifest,
        }
    ).encode()
    sizes = len(header).to_bytes(8, "big") + len(compiled.narrow).to_bytes(8, "big")
    body = sizes + header + compiled.narrow + compiled.wide
    return cachefile.write(directory, key + _SUFFIX, _MAGIC + _checksum(key, body) + body)


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=32, key=key.encode()[:64]).digest()
