"""Bytes to messages and back: framing, entries, compression.

Theory of operation. A message is one msgpack object, and a peer may be hostile, so nothing is built from its bytes
before all of them are there: a ``Scanner`` finds where they end, and where the entries in it do. What is kept of a
message are its bytes, however many connections have one: entries are decoded one by one when their turn comes, so a
chunk that waits costs its length on the wire, and one that is read costs that and one entry.

A chunk's entries come in four ways: alone (Message mode), in an array (Forward), as the bytes of a stream of entries
(PackedForward, in a binary or, from older senders, in a string that is not text), and that stream compressed. All four
come down to entries that lie one behind the other (``Packed``). A compressed stream is inflated twice: first to learn
how much it is, holding nothing, so that the reader can reserve room before it is inflated.

An entry that cannot be read does not spoil its neighbours, since its end is known: it is given as a ``BadEntry``. In a
stream whose bytes stop being msgpack there is no next entry to find, and the rest of it is one ``BadEntry``.

Strings are decoded with surrogate escapes, which lose nothing: where a string is really bytes (salts, packed entries)
they are turned back into the bytes, where it is text ``plain`` mends it.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgpack
import zstandard

from veilog_filters.forward.errors import ForwardError, Reason
from veilog_filters.forward.events import (
    BadEntry,
    Chunk,
    ChunkId,
    Entry,
    EventTime,
    Time,
)
from veilog_filters.forward.limits import Limits
from veilog_filters.forward.scan import FIRST_OF_ARRAY, Scanner, array_header, blob
from veilog_filters.json_values import to_json_value
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.times import from_epoch_ns

_EVENT_TIME: Final = struct.Struct(">II")
_EVENT_TIME_TYPE: Final = 0
_OTLP_IDS: Final = ("trace_id", "span_id")
_NS: Final = 1_000_000_000
_MAX_SECONDS: Final = 253_402_300_799
"""9999-12-31T23:59:59Z: what lies behind it is milliseconds, or no time."""
_MAX_PARTS: Final = 6
"""A PING has six elements, and nothing has more."""
_PAUSE_ELEMENTS: Final = 65_536
"""After looking at so many msgpack objects for the end of one entry, others may go on; some 10 ms."""
_COMPRESSED_PIECE_BYTES: Final = 8_192
"""gzip copies what is behind a member in the piece it was given: small pieces keep many small members linear."""
_INFLATED_PIECE_BYTES: Final = 65_536
_SENTINEL: Final = b"veilog: here the stream has ended"
_SENTINEL_FRAME: Final = zstandard.ZstdCompressor(write_checksum=True).compress(_SENTINEL)
"""A zstd reader does not say that its input was cut. A frame behind it that comes out whole says it was not."""


@dataclasses.dataclass(slots=True)
class Frame:
    """A complete message.

    Attributes:
        data: its bytes.
        parts: where its elements begin and end, if it is an array; else empty.
        entry_ends: if its second element is an array: where each of that one's elements ends.
        entries_start: and where the first begins.
    """

    data: bytes
    parts: list[tuple[int, int]]
    entry_ends: array[int] | None = None
    entries_start: int = 0


class FrameReader:
    """Cuts a stream of bytes into complete messages.

    Args:
        limits: bounds of the connection.

    Attributes:
        max_frame_bytes: longest message, see ``widen``.
        max_elements: most msgpack objects in a message, see ``widen``.
    """

    def __init__(self, limits: Limits, max_frame_bytes: int) -> None:
        self.max_frame_bytes = max_frame_bytes
        self.max_elements = limits.max_frame_elements
        self._pending = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._scanner = Scanner(self.max_elements)
        self._elements = 0
        self._size: int | None = None
        self._parts: list[tuple[int, int]] = []
        self._entries_left: int | None = None
        self._entries_start = 0
        self._entry_ends: array[int] | None = None
        self._part_start = 0

    def widen(self, max_frame_bytes: int, max_elements: int) -> None:
        """Let the messages from now on be longer."""
        self.max_frame_bytes = max_frame_bytes
        self.max_elements = self._scanner.max_elements = max_elements

    def feed(self, data: bytes) -> None:
        """Add bytes from the peer."""
        self._pending += data

    @property
    def pending_bytes(self) -> int:
        """How many bytes are kept of messages that are not complete, or not yet asked for."""
        return len(self._pending)

    def next_frame(self) -> Frame | None:
        """The next complete message, or None.

        Raises:
            ForwardError: the bytes are no msgpack, or a message is too long.
        """
        if not self._pending:
            return None
        complete = self._scan_message()
        if self._scanner.position > self.max_frame_bytes:
            raise ForwardError(Reason.FRAME_TOO_LARGE, f"more than {self.max_frame_bytes} bytes")
        if not complete:
            return None
        size = self._scanner.position
        with memoryview(self._pending) as view:
            data = bytes(view[:size])
        frame = Frame(data, self._parts, self._entry_ends, self._entries_start)
        del self._pending[:size]
        self._begin()
        return frame

    def _scan_message(self) -> bool:
        if self._size is None:
            if self._pending[0] not in FIRST_OF_ARRAY:
                return self._scan()
            header = array_header(self._pending, 0)
            if header is None:
                return False
            self._size, position = header
            if self._size > _MAX_PARTS:
                raise ForwardError(Reason.NOT_A_MESSAGE, f"an array of {self._size}")
            self._scanner.restart(position)
            self._part_start = position
        while len(self._parts) < self._size:
            if not (self._scan_entries() if len(self._parts) == 1 else self._scan()):
                return False
            self._parts.append((self._part_start, self._scanner.position))
            self._part_start = self._scanner.position
            self._scanner.restart(self._part_start)
        return True

    def _scan_entries(self) -> bool:
        """The second element: if it is an array, note where its elements end."""
        if self._entries_left is None:
            if self._part_start >= len(self._pending):
                return False
            if self._pending[self._part_start] not in FIRST_OF_ARRAY:
                return self._scan()
            header = array_header(self._pending, self._part_start)
            if header is None:
                return False
            self._entries_left, self._entries_start = header
            if self._entries_left > self.max_elements:
                raise ForwardError(Reason.TOO_MANY_ELEMENTS, f"more than {self.max_elements}")
            self._entry_ends = array("Q")
            self._scanner.restart(self._entries_start)
        assert self._entry_ends is not None  # noqa: S101 - made with the line above
        while self._entries_left:
            if not self._scan():
                return False
            self._entry_ends.append(self._scanner.position)
            self._scanner.restart(self._scanner.position)
            self._entries_left -= 1
        return True

    def _scan(self) -> bool:
        complete = self._scanner.scan(self._pending)
        if self._elements + self._scanner.elements > self.max_elements:
            raise ForwardError(Reason.TOO_MANY_ELEMENTS, f"more than {self.max_elements}")
        if complete:
            self._elements += self._scanner.elements
        return complete


def decode(data: bytes) -> Any:
    """The value of a complete message that is no chunk, or of a chunk's options."""
    try:
        return msgpack.unpackb(data, raw=False, unicode_errors="surrogateescape", strict_map_key=False)
    except (msgpack.UnpackException, ValueError, TypeError, OverflowError):
        raise ForwardError(Reason.NOT_MSGPACK) from None


def to_bytes(value: Any) -> bytes:
    """The bytes of a binary, or of a string that is really one."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode("utf-8", "surrogateescape")
    raise ForwardError(Reason.NOT_A_MESSAGE, "expected a string or a binary")


def read_chunk(frame: Frame, limits: Limits) -> Chunk:
    """The chunk that a message carries, whatever its mode.

    Raises:
        ForwardError: it carries none, or breaks a limit.
    """
    data, parts = frame.data, frame.parts
    if not 2 <= len(parts) <= 4:
        raise ForwardError(Reason.NOT_A_MESSAGE, f"an array of {len(parts)}")
    tag = _tag(data, parts[0][0], limits)
    start, _ = parts[1]
    span = blob(data, start)
    if frame.entry_ends is not None:
        option = _option(data, parts[2:], limits)
        packed = Packed(data, limits, start=frame.entries_start, ends=frame.entry_ends)
    elif span is not None:
        option = _option(data, parts[2:], limits)
        packed = Packed(data[slice(*span)], limits, compression=_compression(option))
    else:
        if len(parts) < 3:
            raise ForwardError(Reason.NOT_A_MESSAGE, "a time without a record")
        option = _option(data, parts[3:], limits)
        packed = Packed(b"\x92" + data[start : parts[2][1]], limits)
    return Chunk(tag, packed, _chunk_id(option, limits), len(data))


def _tag(data: bytes, position: int, limits: Limits) -> str:
    span = blob(data, position)
    if span is None:
        raise ForwardError(Reason.NOT_A_MESSAGE, "no tag")
    start, end = span
    if end - start > limits.max_tag_bytes:
        raise ForwardError(Reason.BAD_TAG, f"{end - start} bytes")
    return data[start:end].decode("utf-8", "replace")


def _option(data: bytes, rest: list[tuple[int, int]], limits: Limits) -> dict[Any, Any]:
    if not rest:
        return {}
    (start, end) = rest[0]
    if len(rest) > 1 or end - start > limits.max_option_bytes:
        raise ForwardError(Reason.BAD_OPTION, "too many, or too long")
    try:
        option = decode(data[start:end])
    except ForwardError:
        raise ForwardError(Reason.BAD_OPTION, "options cannot be read") from None
    if option is None:
        return {}
    if type(option) is not dict:
        raise ForwardError(Reason.BAD_OPTION, "options are not a map")
    return option


def _compression(option: dict[Any, Any]) -> str:
    """``gzip``, ``zstd``, or "" for none."""
    value = option.get("compressed")
    name = value.decode("utf-8", "replace") if type(value) is bytes else value
    if name is None or name == "text":
        return ""
    if name not in ("gzip", "zstd"):
        raise ForwardError(Reason.BAD_COMPRESSION, "an unknown compression")
    return str(name)


def _chunk_id(option: dict[Any, Any], limits: Limits) -> ChunkId | None:
    chunk_id = option.get("chunk")
    if chunk_id is None:
        return None
    if type(chunk_id) not in (str, bytes):
        raise ForwardError(Reason.BAD_CHUNK_ID, "neither a string nor a binary")
    if len(to_bytes(chunk_id)) > limits.max_chunk_id_bytes:
        raise ForwardError(Reason.BAD_CHUNK_ID, f"more than {limits.max_chunk_id_bytes} bytes")
    checked: ChunkId = chunk_id
    return checked


class Packed:
    """The entries of a chunk, which are decoded while they are walked through.

    Walking gives ``None`` now and then: there is no entry yet, and a server of several peers may serve another one.

    Args:
        data: entries one behind the other, or that compressed.
        limits: bounds.
        compression: ``gzip``, ``zstd``, or "".
        start: where the first entry begins.
        ends: where entries end, if that is known.
    """

    def __init__(
        self, data: bytes, limits: Limits, compression: str = "", start: int = 0, ends: array[int] | None = None
    ) -> None:
        self._data = data
        self._limits = limits
        self._compression = compression
        self._start = start
        self._ends = ends

    @property
    def is_compressed(self) -> bool:
        """Whether it is still to be inflated."""
        return bool(self._compression)

    def measure(self) -> Iterator[int]:
        """Inflate and hold nothing; gives how many bytes it was so far.

        Raises:
            ForwardError: it cannot be inflated, or is too much.
        """
        total = 0
        for piece in self._pieces():
            total += len(piece)
            if total > self._limits.max_inflated_bytes:
                raise ForwardError(Reason.INFLATED_TOO_LARGE, f"more than {self._limits.max_inflated_bytes} bytes")
            yield total

    def inflate(self) -> None:
        """Inflate what has been measured."""
        self._data, self._compression = b"".join(self._pieces()), ""

    def _pieces(self) -> Iterator[bytes]:
        if self._compression == "gzip":
            return _gunzip(self._data, self._limits.max_members)
        return _unzstd(self._data, self._limits.max_window_bytes)

    def __iter__(self) -> Iterator[Entry | BadEntry | None]:
        """The entries in order.

        Raises:
            ForwardError: what has not been measured before cannot be inflated.
        """
        if self._compression:
            for _ in self.measure():
                yield None
            self.inflate()
        position, count = self._start, 0
        for end in self._boundaries():
            if end is None:
                yield None
                continue
            count += 1
            if end < 0 or count > self._limits.max_entries:
                yield BadEntry(ErrorType.BAD_ENTRY, self._data[position : self._end])
                return
            yield read_entry(self._data[position:end], self._limits)
            position = end

    @property
    def _end(self) -> int:
        if self._ends is None:
            return len(self._data)
        return self._ends[-1] if self._ends else self._start

    def _boundaries(self) -> Iterator[int | None]:
        """Where each entry ends; None for a pause; -1 if no more end can be found."""
        if self._ends is not None:
            yield from self._ends
            return
        data, position = self._data, self._start
        scanner = Scanner(len(data) + 1)
        while position < len(data):
            scanner.restart(position)
            before = position
            try:
                while not scanner.scan(data, _PAUSE_ELEMENTS):
                    if scanner.position == before or scanner.position >= len(data):
                        yield -1
                        return
                    before = scanner.position
                    yield None
            except ForwardError:
                yield -1
                return
            position = scanner.position
            yield position


class _UnknownExtensionError(ValueError):
    """An extension type that no record can hold."""


def _head_extension(code: int, data: bytes) -> Any:
    if code == _EVENT_TIME_TYPE and len(data) == _EVENT_TIME.size:
        return EventTime(*_EVENT_TIME.unpack(data))
    raise _UnknownExtensionError


def _record_extension(code: int, data: bytes) -> Any:
    """Fluentd writes an EventTime wherever a record holds a time."""
    time = _head_extension(code, data)
    text = from_epoch_ns(time.seconds * _NS + time.nanoseconds)
    if text is None:
        raise _UnknownExtensionError
    return str(text)


def _unpack(data: bytes, extension: Any) -> Any:
    # 3: the other extension type that is a time, msgpack's own, becomes a datetime, which ``plain`` writes out.
    return msgpack.unpackb(
        data, raw=False, unicode_errors="surrogateescape", strict_map_key=True, ext_hook=extension, timestamp=3
    )


def read_entry(raw: bytes, limits: Limits) -> Entry | BadEntry:
    """One entry from its bytes."""
    header = array_header(raw, 0)
    if header is None or header[0] != 2:
        return BadEntry(ErrorType.BAD_ENTRY, raw)
    start = header[1]
    try:
        split = _end_of(raw, start, limits)
        time, metadata = _head(raw[start:split], limits)
    except _UNREADABLE as error:
        return BadEntry(_why(error), raw)
    record = raw[split:]
    try:
        # A record has no more elements than bytes.
        if len(record) > min(limits.max_entry_elements, limits.max_entry_bytes):
            _end_of(record, 0, limits)
        return Entry(time, metadata, _value(record, limits), record)
    except _UNREADABLE as error:
        return BadEntry(_why(error), record, time)


class _TooLargeError(Exception):
    """Longer than the limit, or of more elements."""


class _TooDeepError(Exception):
    """Nested deeper than the limit."""


_UNREADABLE: Final = (
    msgpack.UnpackException,
    ValueError,
    TypeError,
    OverflowError,
    _TooLargeError,
    _TooDeepError,
)


def _why(error: Exception) -> ErrorType:
    if isinstance(error, _TooLargeError):
        return ErrorType.RECORD_TOO_LARGE
    if isinstance(error, _TooDeepError | msgpack.StackError):
        return ErrorType.NESTING_TOO_DEEP
    return ErrorType.BAD_ENTRY


def _end_of(data: bytes, position: int, limits: Limits) -> int:
    """Where an object ends that is known to be complete.

    Raises:
        _TooLargeError: it is too long, or has too many elements.
    """
    scanner = Scanner(limits.max_entry_elements, position)
    try:
        scanner.scan(data)
    except ForwardError:
        raise _TooLargeError from None
    if scanner.position - position > limits.max_entry_bytes:
        raise _TooLargeError
    return scanner.position


def _head(data: bytes, limits: Limits) -> tuple[Time, dict[str, Any] | None]:
    """Time and metadata from ``time`` (v1) or ``[time, metadata]`` (v2)."""
    header = array_header(data, 0)
    if header is None:
        return _time(_unpack(data, _head_extension)), None
    size, start = header
    if size != 2:
        raise ValueError
    split = _end_of(data, start, limits)
    time = _time(_unpack(data[start:split], _head_extension))
    metadata = _unpack(data[split:], _record_extension)
    if type(metadata) is not dict:
        raise ValueError
    _check_depth(metadata, limits.max_depth)
    otlp = metadata.get("otlp")
    if type(otlp) is dict:
        # Ids are bytes here: their hexadecimal form is what OpenTelemetry calls them by.
        otlp.update({key: id_.hex() for key in _OTLP_IDS if type(id_ := otlp.get(key)) is bytes})
    return time, to_json_value(metadata)


def _value(data: bytes, limits: Limits) -> Any:
    value = _unpack(data, _record_extension)
    _check_depth(value, limits.max_depth)
    return to_json_value(value)


def _time(value: Any) -> Time:
    """An entry's time, if it is one.

    Raises:
        ValueError: it is not a number of seconds from 1970 to 9999, or the two that mark groups.
    """
    if type(value) is EventTime:
        if value.nanoseconds < _NS:
            return value
    elif type(value) in (int, float) and 0 <= value <= _MAX_SECONDS:
        time: Time = value
        return time
    raise ValueError


def _check_depth(value: Any, max_depth: int) -> None:
    """Walks level by level, so that no depth can exhaust the stack.

    Raises:
        _TooDeepError: it is nested deeper.
    """
    level = [value]
    for _ in range(max_depth):
        level = [
            item
            for holder in level
            if type(holder) in (dict, list)
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) in (dict, list)
        ]
        if not level:
            return
    raise _TooDeepError


def _gunzip(data: bytes, max_members: int) -> Iterator[bytes]:
    """Any number of gzip members, one after the other, in pieces."""
    members = position = 0
    rest = b""
    member: Any = None
    while rest or position < len(data) or member is not None:
        if member is None:
            members += 1
            if members > max_members:
                raise ForwardError(Reason.BAD_COMPRESSION, f"more than {max_members} members")
            member = zlib.decompressobj(wbits=31)
        if not rest:
            rest = data[position : position + _COMPRESSED_PIECE_BYTES]
            position += len(rest)
        given = bool(rest)
        try:
            piece = member.decompress(rest, _INFLATED_PIECE_BYTES)
        except zlib.error:
            raise ForwardError(Reason.BAD_COMPRESSION, "broken gzip") from None
        if not piece and not given and not member.eof:
            raise ForwardError(Reason.BAD_COMPRESSION, "gzip ends too early")
        rest = member.unused_data if member.eof else member.unconsumed_tail
        if member.eof:
            member = None
        yield piece


def _unzstd(data: bytes, max_window_bytes: int) -> Iterator[bytes]:
    """Any number of zstd frames, one after the other, in pieces; nothing of a stream that was cut is kept back."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=max_window_bytes)
    tail = b""
    try:
        with decompressor.stream_reader(data + _SENTINEL_FRAME, read_across_frames=True) as reader:
            while piece := reader.read(_INFLATED_PIECE_BYTES):
                tail += piece
                if len(tail) > len(_SENTINEL):
                    yield tail[: -len(_SENTINEL)]
                    tail = tail[-len(_SENTINEL) :]
    except zstandard.ZstdError:
        raise ForwardError(Reason.BAD_COMPRESSION, "broken zstd") from None
    if tail != _SENTINEL:
        raise ForwardError(Reason.BAD_COMPRESSION, "zstd ends too early")


def pack_entry(entry: Entry) -> bytes:
    """An entry as shippers read it: v2 if it has metadata, else v1; its time as it came."""
    time: Any = entry.time
    if isinstance(time, EventTime):
        time = msgpack.ExtType(_EVENT_TIME_TYPE, _EVENT_TIME.pack(*time))
    head = time if entry.metadata is None else [time, entry.metadata]
    packed: bytes = msgpack.packb([head, entry.record])
    return packed


def write_chunk(chunk: Chunk, compress: bool) -> bytes:
    """A chunk in PackedForward mode, or CompressedPackedForward with gzip."""
    packed = [pack_entry(entry) for entry in chunk.entries if isinstance(entry, Entry)]
    return write_packed(chunk.tag, packed, chunk.chunk_id, compress)


def write_packed(tag: str, packed: Iterable[bytes], chunk_id: ChunkId | None, compress: bool) -> bytes:
    """The same of entries that are packed already."""
    packed = list(packed)
    entries = b"".join(packed)
    option: dict[str, Any] = {"size": len(packed)}
    if chunk_id is not None:
        option["chunk"] = chunk_id
    if compress:
        # A fixed time in the gzip header: the same entries give the same bytes.
        deflate = zlib.compressobj(wbits=31)
        entries = deflate.compress(entries) + deflate.flush()
        option["compressed"] = "gzip"
    message: bytes = msgpack.packb([tag, entries, option], unicode_errors="surrogateescape")
    return message
