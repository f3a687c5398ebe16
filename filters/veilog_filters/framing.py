"""Bytes to records: JSON Lines and msgpack streams, sans-IO.

A framer is fed chunks of bytes as they come and gives the records that are complete; at the end it gives what is left.
A record that cannot be decoded becomes a ``DecodeFailure``: its length, its keyed hash and a reason from the closed
list. A line over the limit is never held in memory: it is hashed as it passes, up to its newline, and the next line is
read.

A msgpack stream has no such place to start again: after bytes that are no msgpack the rest is unreadable, so it is
reported as one ``DecodeFailure`` record and ``broken`` is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

import msgpack
import orjson

from veilog_filters.fingerprint import Fingerprinter, KeyedHash
from veilog_filters.json_values import to_json_value
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import Digest
from veilog_parsers.record.decoding import decode
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.wrappers import is_readable_behind_prefix

RAW: Final = "raw"


class Framer(Protocol):
    """What a transport feeds with bytes."""

    broken: bool

    def feed(self, data: bytes) -> Iterator[RawRecord | DecodeFailure]:
        """The records that ``data`` completes."""
        ...

    def finish(self) -> Iterator[RawRecord | DecodeFailure]:
        """The record that the end of input completes, if one was begun."""
        ...


class JsonLines:
    """One JSON value per line. Blank lines are no records; a carriage return before the newline is white space.

    Args:
        fingerprinter: hashes what cannot be decoded.
        tenant: tenant of those hashes.
        max_record_bytes: longest line.
    """

    broken = False

    def __init__(self, fingerprinter: Fingerprinter, tenant: str, max_record_bytes: int) -> None:
        self._fingerprinter = fingerprinter
        self._tenant = tenant
        self._limit = max_record_bytes
        self._pieces: list[bytes] = []
        self._length = 0
        self._oversized: KeyedHash | None = None

    def feed(self, data: bytes) -> Iterator[RawRecord | DecodeFailure]:
        """See ``Framer``."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            piece = data[start:end]
            if self._length or len(piece) > self._limit:
                self._extend(piece)
                yield from self._complete()
            elif piece and not piece.isspace():
                yield self._decode(piece)
            start = end + 1
        if start < len(data):
            self._extend(data[start:])

    def finish(self) -> Iterator[RawRecord | DecodeFailure]:
        """See ``Framer``."""
        yield from self._complete()

    def _extend(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._oversized is None:
            self._pieces.append(piece)
            if self._length <= self._limit:
                return
            self._oversized = self._fingerprinter.start(RAW, self._tenant)
            piece = b"".join(self._pieces)
            self._pieces.clear()
        self._oversized.update(piece)

    def _complete(self) -> Iterator[RawRecord | DecodeFailure]:
        length, self._length = self._length, 0
        if self._oversized is not None:
            digest, self._oversized = Digest(self._oversized.hexdigest()), None
            yield DecodeFailure(ErrorType.RECORD_TOO_LARGE, length, digest)
            return
        line = b"".join(self._pieces)
        self._pieces.clear()
        if line and not line.isspace():
            yield self._decode(line)

    def _decode(self, line: bytes) -> RawRecord | DecodeFailure:
        try:
            value, is_lossy = _decode_line(line)
        except RecordError as error:
            return DecodeFailure(error.error_type, len(line), self._fingerprinter.digest(RAW, self._tenant, line))
        return RawRecord(value, line, is_lossy=is_lossy)


def decode_json(line: bytes) -> Any | ErrorType:
    """The value of a line, or why it has none.

    A line with several documents, or with text around them, is given as that text: the registry opens it, since it
    makes several records of one.
    """
    try:
        return _decode_line(line)[0]
    except RecordError as error:
        return error.error_type


def _decode_line(line: bytes) -> tuple[Any, bool]:
    """The value of a line, and whether other lines have the same one although they say something else."""
    try:
        decoded = decode(line)
    except RecordError:
        if not is_readable_behind_prefix(line):
            raise
        return line.decode(), False
    if len(decoded.documents) == 1 and not decoded.before and not decoded.after:
        return decoded.documents[0], decoded.is_lossy or _has_large_integer(line)
    if not decoded.documents:
        raise RecordError(ErrorType.MALFORMED_JSON, f"line of {len(line)} bytes")
    return line.decode(), False


_ALL_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS: Final = b"0" * 19
_INTEGER: Final = re.compile(rb"(?<=[\s:,\[])-?[0-9]{19,}(?=[\s,\]}])")


def _has_large_integer(line: bytes) -> bool:
    """Whether a line has an integer of more than 64 bits, which JSON decoders make a float of.

    Most lines have no 19 digits in a row, which is seen in a fraction of the time that the pattern takes.
    """
    return _MANY_DIGITS in line.translate(_ALL_DIGITS) and any(
        len(digits) > 20 or not -(2**63) <= int(digits) < 2**64 for digits in _INTEGER.findall(line)
    )


class MsgpackObjects:
    """Msgpack objects and their lengths, up to the first bytes that are none.

    Args:
        max_record_bytes: longest object.

    Attributes:
        begun_bytes: how much of an object that is not complete has been read.
        broken: why nothing more is read; None while it is.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self.begun_bytes = 0
        self.broken: ErrorType | None = None
        self._limit = max_record_bytes
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=2 * max_record_bytes,
            timestamp=3,
        )
        self._end = 0

    def feed(self, data: bytes) -> Iterator[tuple[Any, int]]:
        """The objects that ``data`` completes."""
        # The unpacker's buffer is bounded, so it is fed in portions that leave room for a record that was begun.
        for start in range(0, len(data), self._limit):
            if self.broken is None:
                yield from self._feed(data[start : start + self._limit])

    def _feed(self, data: bytes) -> Iterator[tuple[Any, int]]:
        self.begun_bytes += len(data)
        try:
            self._unpacker.feed(data)
            while True:
                value = self._unpacker.unpack()
                size = self._unpacker.tell() - self._end
                if size > self._limit:
                    self.broken = ErrorType.RECORD_TOO_LARGE
                    return
                self._end += size
                self.begun_bytes -= size
                yield value, size
        except msgpack.OutOfData:
            if self.begun_bytes > self._limit:
                self.broken = ErrorType.RECORD_TOO_LARGE
        except (msgpack.UnpackException, ValueError, TypeError) as error:  # TypeError: a list or map as a key
            self.broken = _reason(error)


class MsgpackStream:
    """Msgpack objects one after the other. Arguments as for ``JsonLines``."""

    def __init__(self, fingerprinter: Fingerprinter, tenant: str, max_record_bytes: int) -> None:
        self.broken = False
        self._fingerprinter = fingerprinter
        self._tenant = tenant
        self._objects = MsgpackObjects(max_record_bytes)
        self._pending = bytearray()
        self._rest: KeyedHash | None = None
        self._rest_bytes = 0
        self._reason = ErrorType.MALFORMED_MSGPACK

    def feed(self, data: bytes) -> Iterator[RawRecord | DecodeFailure]:
        """See ``Framer``."""
        if self.broken:
            self._skip(data)
            return
        self._pending += data
        for value, size in self._objects.feed(data):
            raw = bytes(self._pending[:size])
            del self._pending[:size]
            yield self._record(value, raw)
        if self._objects.broken is not None:
            self._break(self._objects.broken)

    def _record(self, value: Any, raw: bytes) -> RawRecord | DecodeFailure:
        try:
            return RawRecord(to_json_value(value), raw)
        except RecursionError:
            digest = self._fingerprinter.digest(RAW, self._tenant, raw)
            return DecodeFailure(ErrorType.NESTING_TOO_DEEP, len(raw), digest)

    def _break(self, reason: ErrorType) -> None:
        self.broken = True
        self._reason = reason
        self._rest = self._fingerprinter.start(RAW, self._tenant)
        self._skip(bytes(self._pending))
        self._pending.clear()

    def _skip(self, data: bytes) -> None:
        assert self._rest is not None  # noqa: S101 - set by _break
        self._rest.update(data)
        self._rest_bytes += len(data)

    def finish(self) -> Iterator[RawRecord | DecodeFailure]:
        """See ``Framer``."""
        if self._pending:
            self._break(ErrorType.MALFORMED_MSGPACK)
        if self._rest is not None:
            yield DecodeFailure(self._reason, self._rest_bytes, Digest(self._rest.hexdigest()))
            self._rest = None


def _reason(error: Exception) -> ErrorType:
    if isinstance(error, msgpack.StackError):
        return ErrorType.NESTING_TOO_DEEP
    return ErrorType.RECORD_TOO_LARGE if isinstance(error, msgpack.BufferFull) else ErrorType.MALFORMED_MSGPACK


def write_json(event: dict[str, Any]) -> bytes:
    """One event as a JSON line."""
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def write_msgpack(event: dict[str, Any]) -> bytes:
    """One event as a msgpack map."""
    packed: bytes = msgpack.packb(event)
    return packed


FRAMERS: Final[dict[str, type[JsonLines] | type[MsgpackStream]]] = {"jsonl": JsonLines, "msgpack": MsgpackStream}
WRITERS: Final = {"jsonl": write_json, "msgpack": write_msgpack}
