"""Event files to rows, and an account of what was read and what was not.

Files are JSON Lines, a document of JSON over many lines or an array of events, plain or compressed with gzip or
Zstandard, or Parquet; which of these a file is, its bytes tell, not its name. What cannot be read is counted by file
and reason and skipped: a line without its neighbours, a damaged file from the damage on. Nothing here quotes what is in
a file.
"""

from __future__ import annotations

import dataclasses
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson

from veilog_filters.report.columns import Reader, Row
from veilog_filters.transports.inputs import STDIN, Files

MAX_LINE_BYTES: Final = 16_777_216
"""Longest line, and longest document over many lines."""
PARQUET: Final = b"PAR1"
SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".log", ".gz", ".zst", ".parquet")
"""Which files of a folder are read."""


class Reason(StrEnum):
    """Why a line or a row was not read."""

    NOT_JSON = "not JSON"
    NO_EVENT = "no event of veilog's, in none of its schemas"
    TOO_LONG = f"longer than {MAX_LINE_BYTES // 1_048_576} MiB"


@dataclasses.dataclass(slots=True)
class FileRead:
    """What was read of a file.

    Attributes:
        name: the file's path, or "standard input".
        events: events by schema.
        refused: lines and rows that were not read, by reason.
        failure: why the file was not read, or not to its end; "" if it was.
        bytes_read: how much of it was read, in bytes as they are on disk.
    """

    name: str
    events: Counter[str] = dataclasses.field(default_factory=Counter)
    refused: Counter[Reason] = dataclasses.field(default_factory=Counter)
    failure: str = ""
    bytes_read: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return not (self.refused or self.failure)

    @property
    def problems(self) -> str:
        """What was not read and why, in words; "" if all was."""
        said = [f"{number:,} × {reason}" for reason, number in sorted(self.refused.items())]
        return "; ".join([*said, *([self.failure] if self.failure else [])])


OpenParquet = Callable[[str], Iterator[bytes]]
"""The rows of a Parquet file as JSON; raises ``ParquetError``."""


class ParquetError(Exception):
    """A Parquet file cannot be read, or not to its end. Says nothing of its content."""


def account_of(path: str) -> FileRead:
    """The account of a file that nothing was read of.

    Args:
        path: the file, or ``-`` for standard input.
    """
    return FileRead("standard input" if path == STDIN else path)


def read_file(path: str, reader: Reader, parquet: OpenParquet, account: FileRead) -> Iterator[Row]:
    """The events of a file as rows.

    Args:
        path: the file, or ``-`` for standard input.
        reader: knows the schemas.
        parquet: opens Parquet files.
        account: is kept as the file is read, and complete at the end.
    """
    if _is_parquet(path):
        try:
            yield from _events(parquet(path), reader, account)
        except ParquetError as error:
            account.failure = str(error)
    else:
        # Files are read one by one, so that each has its own account.
        source = Files([path], lines=True, max_record_bytes=MAX_LINE_BYTES, documents=True)
        yield from _events(_lines(source, account), reader, account)
        for failure in source.errors:
            account.failure = failure.removeprefix(f"{account.name}: ")


def _is_parquet(path: str) -> bool:
    """Whether a file is Parquet, without taking anything out of a pipe."""
    if path == STDIN:
        return False
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return False
        with Path(path).open("rb") as file:
            return file.read(len(PARQUET)) == PARQUET
    except OSError:
        # Whoever reads it says why it cannot be read.
        return False


def _events(lines: Iterator[bytes], reader: Reader, account: FileRead) -> Iterator[Row]:
    for line in lines:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            account.refused[Reason.NOT_JSON] += 1
            continue
        for document in value if type(value) is list else (value,):
            found = reader.rows(document)
            if found is None:
                account.refused[Reason.NO_EVENT] += 1
                continue
            schema, rows = found
            account.events[schema] += len(rows)
            yield from rows


def _lines(source: Files, account: FileRead) -> Iterator[bytes]:
    """The lines of a file that are not blank. One that is too long is counted and never held."""
    begun: list[bytes] = []
    length = 0
    is_first = True
    while piece := source.read():
        if is_first and piece.startswith(PARQUET):
            account.failure = "Parquet is read from files alone, not from a pipe"
            return
        is_first = False
        account.bytes_read = source.bytes_read
        *ends, rest = piece.split(b"\n")
        if ends and length:
            yield from _line(begun, length, ends[0], account)
            begun, length = [], 0
            del ends[0]
        # What lies within one piece is never too long.
        yield from (end for end in ends if end and not end.isspace())
        length += len(rest)
        if length <= MAX_LINE_BYTES:
            begun.append(rest)
        else:
            begun.clear()
    yield from _line(begun, length, b"", account)


def _line(begun: Sequence[bytes], length: int, end: bytes, account: FileRead) -> Iterator[bytes]:
    """The line that was begun in earlier pieces and ends here."""
    if length + len(end) > MAX_LINE_BYTES:
        account.refused[Reason.TOO_LONG] += 1
        return
    line = b"".join((*begun, end))
    if line and not line.isspace():
        yield line


def not_read(accounts: Sequence[FileRead]) -> list[str]:
    """A line for each file that was not wholly read."""
    return [f"{account.name}: {account.problems}" for account in accounts if not account.is_whole]


def as_data(account: FileRead) -> dict[str, Any]:
    """An account as JSON has it."""
    return {
        "file": account.name,
        "events": dict(sorted(account.events.items())),
        "refused": {str(reason): number for reason, number in sorted(account.refused.items())},
        "failure": account.failure,
    }
