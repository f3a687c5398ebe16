"""Bytes to messages and back: framing, entries, compression.

Theory of operation. A message is one msgpack object, and a peer may be hostile, so nothing is built from its bytes
before all of them are there: a scanning ``Unpacker`` *skips* over the incoming object, which keeps its place between
calls and makes no Python object at all. A length prefix of 4 GiB therefore costs nothing; its sender runs into
``max_frame_bytes``. Only a complete frame is decoded, and then an array of n elements has n bytes to show for itself,
so what is allocated is bounded by a small multiple of the frame.

A chunk's entries come in four ways: alone (Message mode), in an array (Forward), as the bytes of a stream of entries
(PackedForward, in a binary or, from older senders, in a string that is not text), and that stream compressed. All four
come down to a list of ``Entry``.

Strings are decoded with surrogate escapes, which lose nothing: where a string is really bytes (salts, packed entries)
they are turned back into the bytes, where it is text ``plain`` mends it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgpack
import zstandard

from veilog_filters.forward.errors import ForwardError, Reason
from veilog_filters.forward.events import Chunk, Entry, EventTime, Time
from veilog_filters.forward.limits import Limits
from veilog_filters.plain import plain

_EVENT_TIME: Final = struct.Struct(">II")
_EVENT_TIME_TYPE: Final = 0
_FEED_BYTES: Final = 65_536
_SMALL_INFLATED_BYTES: Final = 1_048_576
_OTLP_IDS: Final = ("trace_id", "span_id")
"""Chunks that inflate to no more than this may have any ratio: a few repeated lines compress a thousandfold."""


def _extension(code: int, data: bytes) -> Any:
    if code == _EVENT_TIME_TYPE and len(data) == _EVENT_TIME.size:
        return EventTime(*_EVENT_TIME.unpack(data))
    return msgpack.ExtType(code, data)


def _unpacker(max_buffer_size: int) -> Any:
    return msgpack.Unpacker(
        raw=False,
        unicode_errors="surrogateescape",
        strict_map_key=False,
        ext_hook=_extension,
        max_buffer_size=max_buffer_size,
    )


class FrameReader:
    """Cuts a stream of bytes into complete messages.

    Args:
        limits: bounds of the connection.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._scanner = _unpacker(limits.max_frame_bytes + _FEED_BYTES)
        self._pending = bytearray()
        self._scanned = 0
        self._unscanned: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Add bytes from the peer."""
        self._unscanned += (data[start : start + _FEED_BYTES] for start in range(0, len(data), _FEED_BYTES))

    @property
    def has_partial_frame(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._pending or self._unscanned)

    def next_frame(self) -> bytes | None:
        """The next complete message, or None.

        Raises:
            ForwardError: the bytes are no msgpack, or a message is too long.
        """
        while True:
            frame = self._scan()
            if frame is not None or not self._unscanned:
                return frame
            piece = self._unscanned.pop(0)
            self._pending += piece
            self._scanner.feed(piece)

    def _scan(self) -> bytes | None:
        if not self._pending:
            return None
        try:
            self._scanner.skip()
        except msgpack.OutOfData:
            if len(self._pending) > self._limits.max_frame_bytes:
                raise ForwardError(Reason.FRAME_TOO_LARGE, f"more than {self._limits.max_frame_bytes} bytes") from None
            return None
        except msgpack.StackError:
            raise ForwardError(Reason.NESTING_TOO_DEEP) from None
        except (msgpack.UnpackException, ValueError):
            raise ForwardError(Reason.NOT_MSGPACK) from None
        end = self._scanner.tell()
        size = end - self._scanned
        self._scanned = end
        if size > self._limits.max_frame_bytes:
            raise ForwardError(Reason.FRAME_TOO_LARGE, f"{size} bytes")
        frame = bytes(self._pending[:size])
        del self._pending[:size]
        return frame


def decode(frame: bytes) -> Any:
    """The value of a complete message."""
    try:
        return msgpack.unpackb(
            frame, raw=False, unicode_errors="surrogateescape", strict_map_key=False, ext_hook=_extension
        )
    except msgpack.StackError:
        raise ForwardError(Reason.NESTING_TOO_DEEP) from None
    except (msgpack.UnpackException, ValueError, TypeError, RecursionError):
        raise ForwardError(Reason.NOT_MSGPACK) from None


def to_bytes(value: Any) -> bytes:
    """The bytes of a binary, or of a string that is really one."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode("utf-8", "surrogateescape")
    raise ForwardError(Reason.NOT_A_MESSAGE, "expected a string or a binary")


def read_chunk(message: list[Any], frame_bytes: int, limits: Limits) -> Chunk:
    """The chunk that a message carries, whatever its mode.

    Raises:
        ForwardError: it carries none, or breaks a limit.
    """
    if not 2 <= len(message) <= 4:
        raise ForwardError(Reason.NOT_A_MESSAGE, f"an array of {len(message)}")
    tag, second = _tag(message[0], limits), message[1]
    if type(second) is list:
        option = _option(message[2:])
        if len(second) > limits.max_entries:
            raise ForwardError(Reason.TOO_MANY_ENTRIES, f"{len(second)} entries")
        entries = [_entry(item, limits) for item in second]
    elif type(second) in (str, bytes):
        option = _option(message[2:])
        entries = list(_packed(_inflate(to_bytes(second), option.get("compressed"), limits), limits))
    else:
        option = _option(message[3:])
        if len(message) < 3:
            raise ForwardError(Reason.NOT_A_MESSAGE, "a time without a record")
        entries = [_entry(message[1:3], limits)]
    return Chunk(tag, entries, _chunk_id(option), frame_bytes)


def _tag(value: Any, limits: Limits) -> str:
    data = to_bytes(value)
    if len(data) > limits.max_tag_bytes:
        raise ForwardError(Reason.BAD_TAG, f"{len(data)} bytes")
    return data.decode("utf-8", "replace")


def _option(rest: list[Any]) -> dict[Any, Any]:
    if not rest or rest[0] is None:
        return {}
    if type(rest[0]) is not dict or len(rest) > 1:
        raise ForwardError(Reason.BAD_OPTION, "options are not a map")
    return rest[0]


def _chunk_id(option: dict[Any, Any]) -> str | None:
    chunk_id = option.get("chunk")
    if chunk_id is None:
        return None
    if type(chunk_id) is not str or len(chunk_id) > 256:
        raise ForwardError(Reason.BAD_OPTION, "chunk is no short string")
    return chunk_id


def _entry(item: Any, limits: Limits) -> Entry:
    if type(item) is not list or len(item) != 2:
        raise ForwardError(Reason.BAD_ENTRY, "an entry is no pair")
    head, record = item
    metadata = None
    if type(head) is list:
        if len(head) != 2 or type(head[1]) is not dict:
            raise ForwardError(Reason.BAD_ENTRY, "the head of an entry is no pair of time and metadata")
        head, metadata = head
        _check_depth(metadata, limits.max_depth)
        otlp = metadata.get("otlp")
        if type(otlp) is dict:
            # Ids are bytes here: their hexadecimal form is what OpenTelemetry calls them by.
            otlp.update({key: id_.hex() for key in _OTLP_IDS if type(id_ := otlp.get(key)) is bytes})
        metadata = plain(metadata)
    _check_depth(record, limits.max_depth)
    return Entry(_time(head), metadata, plain(record))


def _time(value: Any) -> Time:
    if isinstance(value, EventTime):
        return value
    if (type(value) is int and 0 <= value < 2**63) or (type(value) is float and value == value):
        return value
    if isinstance(value, datetime):
        return EventTime(int(value.timestamp()), value.microsecond * 1000)
    raise ForwardError(Reason.BAD_ENTRY, "an entry's time is none")


def _check_depth(value: Any, max_depth: int) -> None:
    """Walks level by level, so that no depth can exhaust the stack."""
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
    raise ForwardError(Reason.NESTING_TOO_DEEP, f"more than {max_depth} levels")


def _packed(data: bytes, limits: Limits) -> Iterator[Entry]:
    unpacker = _unpacker(len(data) or 1)
    unpacker.feed(data)
    position = count = 0
    try:
        while position < len(data):
            item = unpacker.unpack()
            end = unpacker.tell()
            if end - position > limits.max_entry_bytes:
                raise ForwardError(Reason.ENTRY_TOO_LARGE, f"{end - position} bytes")
            count += 1
            if count > limits.max_entries:
                raise ForwardError(Reason.TOO_MANY_ENTRIES, f"more than {limits.max_entries}")
            position = end
            yield _entry(item, limits)
    except msgpack.StackError:
        raise ForwardError(Reason.NESTING_TOO_DEEP) from None
    except (msgpack.UnpackException, ValueError, TypeError):
        raise ForwardError(Reason.BAD_ENTRY, "packed entries are no msgpack") from None


def _inflate(data: bytes, compressed: Any, limits: Limits) -> bytes:
    if compressed in (None, "text"):
        return data
    limit = min(limits.max_inflated_bytes, max(_SMALL_INFLATED_BYTES, limits.max_inflate_ratio * len(data)))
    if compressed == "gzip":
        inflated = _gunzip(data, limit)
    elif compressed == "zstd":
        inflated = _unzstd(data, limit)
    else:
        raise ForwardError(Reason.BAD_COMPRESSION, "an unknown compression")
    if len(inflated) > limit:
        raise ForwardError(Reason.INFLATED_TOO_LARGE, f"more than {limit} bytes")
    return inflated


def _gunzip(data: bytes, limit: int) -> bytes:
    """Any number of gzip members, one after the other, up to one byte over the limit."""
    inflated = bytearray()
    while data and len(inflated) <= limit:
        member = zlib.decompressobj(wbits=31)
        try:
            inflated += member.decompress(data, limit + 1 - len(inflated))
        except zlib.error:
            raise ForwardError(Reason.BAD_COMPRESSION, "broken gzip") from None
        if not member.eof and len(inflated) <= limit:
            raise ForwardError(Reason.BAD_COMPRESSION, "gzip ends too early")
        data = member.unused_data
    return bytes(inflated)


def _unzstd(data: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(data, read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError:
        raise ForwardError(Reason.BAD_COMPRESSION, "broken zstd") from None


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
    entries = b"".join(map(pack_entry, chunk.entries))
    option: dict[str, Any] = {"size": len(chunk.entries)}
    if chunk.chunk_id is not None:
        option["chunk"] = chunk.chunk_id
    if compress:
        # A fixed time in the gzip header: the same entries give the same bytes.
        deflate = zlib.compressobj(wbits=31)
        entries = deflate.compress(entries) + deflate.flush()
        option["compressed"] = "gzip"
    packed: bytes = msgpack.packb([chunk.tag, entries, option])
    return packed
