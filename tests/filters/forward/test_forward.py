"""The Forward protocol: every case whole, byte by byte, and with the next message behind it."""

from __future__ import annotations

import dataclasses
import gzip
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from veilog_filters.forward import (
    NEED_DATA,
    Ack,
    Chunk,
    ClientConnection,
    Closed,
    Entry,
    EventTime,
    ForwardError,
    Heartbeat,
    Helo,
    Limits,
    Ping,
    Pong,
    Reason,
    ServerConnection,
)
from veilog_filters.forward.events import GROUP_END_SECONDS, GROUP_START_SECONDS, BadEntry
from veilog_filters.forward.scan import Scanner
from veilog_parsers.errors import ErrorType

DATA = Path(__file__).parents[2] / "data" / "forward"
TIME = EventTime(1740994863, 250_000_001)
EXT = msgpack.ExtType(0, struct.pack(">II", *TIME))
LIMITS = Limits(
    max_frame_bytes=4096,
    max_frame_elements=3500,
    max_entry_bytes=1024,
    max_entry_elements=100,
    max_entries=10,
    max_depth=8,
    max_inflated_bytes=2_000_000,
    max_members=10,
    max_tag_bytes=64,
    max_chunk_id_bytes=32,
    max_option_bytes=256,
)


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def packed_entries(*entries: Any) -> bytes:
    return b"".join(map(pack, entries))


def events(connection: ServerConnection | ClientConnection, *pieces: bytes) -> list[Any]:
    """All events that some bytes give; of chunks, the entries decoded."""
    return [
        dataclasses.replace(event, entries=[entry for entry in event.entries if entry is not None])
        if isinstance(event, Chunk)
        else event
        for event in raw_events(connection, *pieces)
    ]


def raw_events(connection: ServerConnection | ClientConnection, *pieces: bytes) -> list[Any]:
    """All events that some bytes give."""
    found: list[Any] = []
    for piece in pieces:
        connection.receive_data(piece)
        while (event := connection.next_event()) is not NEED_DATA and not isinstance(event, Closed):
            found.append(event)
    return found


def as_str(data: bytes) -> bytes:
    """A msgpack *string* of any bytes, as older senders write packed entries."""
    return b"\xda" + struct.pack(">H", len(data)) + data


WIDE_ZSTD = b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00"
"""A frame that asks for a window of 128 MiB, and has nothing in it."""
CUT_BLOCKS = zstandard.compress(bytes(range(256)) * 1000)[:-1]
RECORD = {"log": "hi", "n": [1, None, {"a": True}]}
V1 = [EXT, RECORD]
V2 = [[EXT, {"m": 1}], RECORD]
ENTRY1 = Entry(TIME, None, RECORD)
ENTRY2 = Entry(TIME, {"m": 1}, RECORD)
TWO = packed_entries(V1, V2)

GOOD: dict[str, tuple[bytes, Chunk]] = {
    "message": (pack(["t", EXT, RECORD]), Chunk("t", [ENTRY1])),
    "message, integer time, option": (
        pack(["t", 7, RECORD, {"chunk": "c"}]),
        Chunk("t", [Entry(7, None, RECORD)], "c"),
    ),
    "message, float time": (pack(["t", 7.5, RECORD, None]), Chunk("t", [Entry(7.5, None, RECORD)])),
    "forward": (pack(["t", [V1, V2]]), Chunk("t", [ENTRY1, ENTRY2])),
    "forward, option": (pack(["t", [V1], {"chunk": "c", "size": 1}]), Chunk("t", [ENTRY1], "c")),
    "forward, empty": (pack(["t", []]), Chunk("t", [])),
    "packed": (pack(["t", TWO, {"size": 2}]), Chunk("t", [ENTRY1, ENTRY2])),
    "packed in a string": (b"\x92\xa1t" + as_str(TWO), Chunk("t", [ENTRY1, ENTRY2])),
    "packed, compressed text": (pack(["t", TWO, {"compressed": "text"}]), Chunk("t", [ENTRY1, ENTRY2])),
    "gzip": (pack(["t", gzip.compress(TWO), {"compressed": "gzip"}]), Chunk("t", [ENTRY1, ENTRY2])),
    "gzip, two members": (
        pack(["t", gzip.compress(pack(V1)) + gzip.compress(pack(V2)), {"compressed": "gzip"}]),
        Chunk("t", [ENTRY1, ENTRY2]),
    ),
    "zstd": (
        pack(["t", zstandard.compress(TWO), {"compressed": "zstd", "chunk": "z"}]),
        Chunk("t", [ENTRY1, ENTRY2], "z"),
    ),
    "packed, empty": (pack(["t", b""]), Chunk("t", [])),
    "binary tag": (pack([b"t", [V1]]), Chunk("t", [ENTRY1])),
    "values that are no JSON": (
        b"\x93\xa1t\x07\x82\xc4\x01a\xa2\xff\xfe\xa1b\xc4\x01\xff",
        Chunk("t", [Entry(7, None, {"a": "\ufffd\ufffd", "b": "\ufffd"})]),
    ),
    "record is no map": (pack(["t", 7, "text"]), Chunk("t", [Entry(7, None, "text")])),
}

BAD: dict[str, tuple[bytes, Reason]] = {
    "no msgpack": (b"\xc1", Reason.NOT_MSGPACK),
    "HTTP": (b"GET / HTTP/1.1\r\n", Reason.NOT_A_MESSAGE),
    "TLS": (b"\x16\x03\x01\x02\x00\x01", Reason.NOT_A_MESSAGE),
    "a map": (pack({"ack": "c"}), Reason.NOT_A_MESSAGE),
    "an empty array": (pack([]), Reason.NOT_A_MESSAGE),
    "an array of five": (pack(["t", 1, {}, {}, {}]), Reason.NOT_A_MESSAGE),
    "a tag that is none": (pack([7, 1, {}]), Reason.NOT_A_MESSAGE),
    "a time without a record": (pack(["t", 7]), Reason.NOT_A_MESSAGE),
    "a long tag": (pack(["t" * 65, 1, {}]), Reason.BAD_TAG),
    "a long frame": (pack(["t", 1, "x" * 5000]), Reason.FRAME_TOO_LARGE),
    "4 GiB": (b"\x92\xa1t\xc6\xff\xff\xff\xff" + b"x" * 5000, Reason.FRAME_TOO_LARGE),
    "4 G entries": (b"\x92\xa1t\xdd\xff\xff\xff\xff" + b"\xc0" * 5000, Reason.TOO_MANY_ELEMENTS),
    "many elements": (pack(["t", 1, [None] * 3600]), Reason.TOO_MANY_ELEMENTS),
    "many empty maps": (b"\x93\xa1t\x01\xdc\x0e\x00" + b"\x80" * 3584, Reason.TOO_MANY_ELEMENTS),
    "many elements in many entries": (pack(["t", [[1, [None] * 90]] * 40]), Reason.TOO_MANY_ELEMENTS),
    "deep": (pack(["t", 1]) + b"\x91" * 4000, Reason.NOT_A_MESSAGE),
    "options that are none": (pack(["t", [V1], 7]), Reason.BAD_OPTION),
    "two options": (pack(["t", [V1], {}, {}]), Reason.BAD_OPTION),
    "a long option": (pack(["t", [V1], {"a": "x" * 300}]), Reason.BAD_OPTION),
    "an option with a key that is none": (b"\x93\xa1t\x90\x81\x90\x01", Reason.BAD_OPTION),
    "a number as chunk id": (pack(["t", [V1], {"chunk": 7}]), Reason.BAD_CHUNK_ID),
    "a list as chunk id": (pack(["t", [V1], {"chunk": ["c"]}]), Reason.BAD_CHUNK_ID),
    "true as chunk id": (pack(["t", [V1], {"chunk": True}]), Reason.BAD_CHUNK_ID),
    "a time as chunk id": (pack(["t", [V1], {"chunk": EXT}]), Reason.BAD_CHUNK_ID),
    "a long chunk id": (pack(["t", [V1], {"chunk": "c" * 33}]), Reason.BAD_CHUNK_ID),
    "a chunk id of long characters": (pack(["t", [V1], {"chunk": "é" * 17}]), Reason.BAD_CHUNK_ID),
    "an unknown compression": (pack(["t", b"", {"compressed": "lz4"}]), Reason.BAD_COMPRESSION),
    "no gzip": (pack(["t", b"x", {"compressed": "gzip"}]), Reason.BAD_COMPRESSION),
    "cut gzip": (pack(["t", gzip.compress(TWO)[:-9], {"compressed": "gzip"}]), Reason.BAD_COMPRESSION),
    "no zstd": (pack(["t", b"x", {"compressed": "zstd"}]), Reason.BAD_COMPRESSION),
    "gzip of empty members": (pack(["t", gzip.compress(b"") * 11, {"compressed": "gzip"}]), Reason.BAD_COMPRESSION),
    "cut zstd": (pack(["t", zstandard.compress(TWO)[:-3], {"compressed": "zstd"}]), Reason.BAD_COMPRESSION),
    "cut zstd of several blocks": (pack(["t", CUT_BLOCKS, {"compressed": "zstd"}]), Reason.BAD_COMPRESSION),
    "zstd with a wide window": (pack(["t", WIDE_ZSTD, {"compressed": "zstd"}]), Reason.BAD_COMPRESSION),
    "a gzip bomb": (pack(["t", gzip.compress(bytes(3_000_000)), {"compressed": "gzip"}]), Reason.INFLATED_TOO_LARGE),
    "a zstd bomb": (pack(["t", zstandard.compress(bytes(3_000_000)), {"compressed": "zstd"}]), Reason.INFLATED_TOO_LARGE),
    "the server's HELO": (pack(["HELO", {}]), Reason.NOT_A_MESSAGE),
}  # fmt: skip


# What no entry is, and what is said of it. Its neighbours are read.

DEEP = b"\x91" * 9 + b"\xc0"
BAD_TIMES = {
    "a word": "noon",
    "true": True,
    "nil": None,
    "negative": -1,
    "nan": float("nan"),
    "-inf": float("-inf"),
    "inf": float("inf"),
    "1e300": 1e300,
    "huge": 2**63,
    "milliseconds": 1_740_994_863_000,
    "msgpack's": msgpack.Timestamp(1_740_994_863, 5),
    "an unknown extension": msgpack.ExtType(5, b"12345678"),
    "an EventTime of seven bytes": msgpack.ExtType(0, b"1234567"),
    "an EventTime of two seconds' nanoseconds": msgpack.ExtType(0, struct.pack(">II", 1, 2_000_000_000)),
}
BAD_ENTRIES: dict[str, tuple[bytes, ErrorType]] = {
    **{f"the time {name}": (pack([time, {"a": 1}]), ErrorType.BAD_ENTRY) for name, time in BAD_TIMES.items()},
    "no pair": (pack(7), ErrorType.BAD_ENTRY),
    "nil": (b"\xc0", ErrorType.BAD_ENTRY),
    "a map": (pack({"a": 1}), ErrorType.BAD_ENTRY),
    "one": (pack([1]), ErrorType.BAD_ENTRY),
    "three": (pack([1, {}, {}]), ErrorType.BAD_ENTRY),
    "a head of one": (pack([[1], {}]), ErrorType.BAD_ENTRY),
    "a head of three": (pack([[1, {}, {}], {}]), ErrorType.BAD_ENTRY),
    "metadata that is none": (pack([[1, 7], {}]), ErrorType.BAD_ENTRY),
    "metadata with a number as key": (pack([[1, {1: 2}], {}]), ErrorType.BAD_ENTRY),
    "metadata with an unknown extension": (pack([[1, {"a": msgpack.ExtType(9, b"x")}], {}]), ErrorType.BAD_ENTRY),
    "deep metadata": (b"\x92\x92\x01\x81\xa1a" + DEEP + b"\x80", ErrorType.NESTING_TOO_DEEP),
    "long metadata": (pack([[1, {"a": "x" * 1100}], {}]), ErrorType.RECORD_TOO_LARGE),
    "a long record": (pack([1, "x" * 1100]), ErrorType.RECORD_TOO_LARGE),
    "a record of many elements": (pack([1, [None] * 200]), ErrorType.RECORD_TOO_LARGE),
    "a deep record": (b"\x92\x01" + DEEP, ErrorType.NESTING_TOO_DEEP),
    "an unknown extension": (pack([1, {"a": [msgpack.ExtType(42, b"x")]}]), ErrorType.BAD_ENTRY),
    "an unknown extension as record": (pack([1, msgpack.ExtType(42, b"x")]), ErrorType.BAD_ENTRY),
    "a time out of range": (pack([1, {"a": msgpack.Timestamp(2**62, 5)}]), ErrorType.BAD_ENTRY),
    "a number as key": (pack([1, {7: 1}]), ErrorType.BAD_ENTRY),
    "nil as key": (pack([1, {"a": {None: 1}}]), ErrorType.BAD_ENTRY),
    "a list as key": (b"\x92\x01\x81\x90\x01", ErrorType.BAD_ENTRY),
    "a map as key": (b"\x92\x01\x81\x80\x01", ErrorType.BAD_ENTRY),
    "an extension as key": (b"\x92\x01\x81\xd4\x05x\x01", ErrorType.BAD_ENTRY),
}
MODES: dict[str, Callable[[list[bytes]], bytes]] = {
    "forward": lambda entries: (
        b"\x93\xa1t\xdc" + struct.pack(">H", len(entries)) + b"".join(entries) + pack({"chunk": "c"})
    ),
    "packed": lambda entries: pack(["t", b"".join(entries), {"chunk": "c"}]),
    "gzip": lambda entries: pack(["t", gzip.compress(b"".join(entries)), {"chunk": "c", "compressed": "gzip"}]),
    "zstd": lambda entries: pack(["t", zstandard.compress(b"".join(entries)), {"chunk": "c", "compressed": "zstd"}]),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("bad", "error_type"), BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
def test_a_bad_entry_is_one_and_its_neighbours_are_read(mode: str, bad: bytes, error_type: ErrorType) -> None:
    data = MODES[mode]([pack(V1), bad, pack(V2)])
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        (chunk,) = events(ServerConnection(LIMITS), *pieces)
        first, damaged, last = chunk.entries
        assert (first, last, chunk.chunk_id) == (ENTRY1, ENTRY2, "c")
        assert isinstance(damaged, BadEntry)
        assert damaged.error_type is error_type
        assert bad.endswith(damaged.raw)
        assert len(damaged.raw) >= len(bad) - 2


@pytest.mark.parametrize("mode", MODES)
def test_an_entry_nested_deeper_than_any_stack_is_one_and_its_neighbours_are_read(mode: str) -> None:
    for depth in (300, 1020, 1030, 200_000):
        deep = b"\x92\x01" + b"\x91" * depth + b"\xc0"
        (chunk,) = events(ServerConnection(), MODES[mode]([pack(V1), deep, pack(V2)]))
        first, damaged, last = chunk.entries
        assert (first, last) == (ENTRY1, ENTRY2)
        assert damaged == BadEntry(ErrorType.NESTING_TOO_DEEP, deep[2:], 1)


@pytest.mark.parametrize("rest", [TWO[len(pack(V1)) : -1], b"\xc1" + pack(V2), b"\xdd\xff\xff\xff\xff", b"\xdc"])
def test_where_no_next_entry_can_be_found_the_rest_is_one(rest: bytes) -> None:
    for mode in ("packed", "gzip", "zstd"):
        (chunk,) = events(ServerConnection(), MODES[mode]([pack(V1), rest]))
        assert chunk.entries == [ENTRY1, BadEntry(ErrorType.BAD_ENTRY, rest)]


def test_more_entries_than_the_limit_are_one() -> None:
    for mode in MODES.values():
        (chunk,) = events(ServerConnection(LIMITS), mode([pack([1, {}])] * 12))
        assert [type(entry) for entry in chunk.entries] == [Entry] * 10 + [BadEntry]
        assert chunk.entries[-1].raw == pack([1, {}]) * 2


def test_a_record_keeps_the_bytes_it_came_as() -> None:
    record = b"\x81\xd9\x01a\xcd\x00\x07"  # no packer writes {"a": 7} like that
    for mode in MODES.values():
        (chunk,) = events(ServerConnection(), mode([b"\x92\x01" + record]))
        assert [(entry.record, entry.raw) for entry in chunk.entries] == [({"a": 7}, record)]
    (chunk,) = events(ServerConnection(), b"\x93\xa1t\x01" + record)
    assert [(entry.record, entry.raw) for entry in chunk.entries] == [({"a": 7}, record)]


def test_times_in_records_are_written_out() -> None:
    record = {"a": EXT, "b": msgpack.Timestamp(1_740_994_863, 0)}
    (chunk,) = events(ServerConnection(), pack(["t", 7, record]))
    assert chunk.entries[0].record == {"a": "2025-03-03T09:41:03.250000001Z", "b": "2025-03-03T09:41:03+00:00"}


@pytest.mark.parametrize("mode", MODES)
def test_many_small_entries_are_walked_through_in_linear_time_and_no_memory(mode: str) -> None:
    (chunk,) = raw_events(ServerConnection(), MODES[mode]([pack([1, {}])] * 60_000))
    tracemalloc.start()
    assert sum(entry is not None for entry in chunk.entries) == 60_000
    assert tracemalloc.get_traced_memory()[1] < 1_500_000
    tracemalloc.stop()


def test_small_gzip_members_cost_no_more_each_the_more_there_are() -> None:
    spent = []
    for members in (2_000, 16_000):
        (chunk,) = raw_events(ServerConnection(), members_of(members))
        began = time.process_time()
        assert set(chunk.entries) == {None}
        spent.append((time.process_time() - began) / members)
    assert spent[1] < 3 * spent[0]


def members_of(count: int) -> bytes:
    return pack(["t", gzip.compress(b"", mtime=0) * count, {"compressed": "gzip"}])


# Chunk ids are sent back as they came.

CHUNK_IDS = {
    "text": b"\xa1c",
    "empty": b"\xa0",
    "not UTF-8": b"\xa3\xff\x00\xfe",
    "half a surrogate pair": b"\xa3\xed\xa0\x80",
    "a binary": b"\xc4\x02\xff\x00",
    "as long as may be": b"\xd9\x20" + b"c" * 32,
}


@pytest.mark.parametrize("chunk_id", CHUNK_IDS.values(), ids=CHUNK_IDS.keys())
def test_a_chunk_id_is_sent_back_byte_for_byte(chunk_id: bytes) -> None:
    server = ServerConnection(LIMITS)
    (chunk,) = events(server, b"\x93\xa1t\x90\x81\xa5chunk" + chunk_id)
    assert server.send(Ack(chunk.chunk_id)) == b"\x81\xa3ack" + chunk_id
    assert events(ClientConnection(LIMITS), server.send(Ack(chunk.chunk_id))) == [Ack(chunk.chunk_id)]


# What marks a group is the shipper's entry.

START, END = (
    msgpack.ExtType(0, struct.pack(">II", seconds, 0)) for seconds in (GROUP_START_SECONDS, GROUP_END_SECONDS)
)
BODY: dict[str, Any] = {"resource": {"attributes": {"service.name": "s"}}, "scope": {}}
MARKERS = {
    "a start": ([[START, {"schema": "otlp", "resource_id": 0}], BODY], True),
    "an end": ([[END, {}], {}], True),
    "a v1 entry with a start's time": ([START, BODY], False),
    "a v1 entry with an end's time": ([END, {}], False),
    "a start without a schema": ([[START, {}], BODY], False),
    "a start with a schema that is none": ([[START, {"schema": 7}], BODY], False),
    "a start with something else in its body": ([[START, {"schema": "otlp"}], BODY | {"log": "x"}], False),
    "a start whose body is no map": ([[START, {"schema": "otlp"}], "x"], False),
    "an end with a body": ([[END, {}], {"log": "x"}], False),
    "a record that says so": ([[EXT, {}], {"time": 0xFFFF_FFFF, "schema": "otlp"}], False),
    "a number of that size": ([[GROUP_START_SECONDS, {"schema": "otlp"}], BODY], False),
}


@pytest.mark.parametrize(("entry", "marks"), MARKERS.values(), ids=MARKERS.keys())
def test_what_marks_a_group(entry: list[Any], marks: bool) -> None:
    (chunk,) = events(ServerConnection(), pack(["t", [entry]]))
    (read,) = chunk.entries
    assert isinstance(read, Entry)
    assert read.is_group_marker is marks
    time = entry[0][0] if isinstance(entry[0], list) else entry[0]
    assert read.has_time is (time not in (START, END))


# The scanner agrees with msgpack about where objects end.

OBJECTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=300)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20)),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=20),
    max_leaves=30,
)


def count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


@given(st.lists(OBJECTS, min_size=1, max_size=4), st.integers(1, 40))
def test_the_scanner_finds_where_objects_end(values: list[Any], size: int) -> None:
    packed = [pack(value) for value in values]
    data = b"".join(packed)
    scanner, buffer, found = Scanner(1 << 30), bytearray(), []
    for start in range(0, len(data), size):
        buffer += data[start : start + size]
        while scanner.scan(buffer):
            found.append((scanner.position, scanner.elements))
            scanner.restart(scanner.position)
    ends = [sum(map(len, packed[: number + 1])) for number in range(len(packed))]
    assert found == list(zip(ends, map(count, values), strict=True))


def same(event: Any, expected: Chunk) -> bool:
    return isinstance(event, Chunk) and (event.tag, event.entries, event.chunk_id) == (
        expected.tag,
        expected.entries,
        expected.chunk_id,
    )


@pytest.mark.parametrize(("data", "chunk"), GOOD.values(), ids=GOOD.keys())
def test_chunks_whole_byte_by_byte_and_with_the_next_behind(data: bytes, chunk: Chunk) -> None:
    (event,) = events(ServerConnection(), data)
    assert same(event, chunk)
    assert event.frame_bytes == len(data)
    (event,) = events(ServerConnection(), *(data[i : i + 1] for i in range(len(data))))
    assert same(event, chunk)
    first, beat, second = events(ServerConnection(), data + b"\xc0" + data[:3], data[3:])
    assert same(first, chunk)
    assert beat == Heartbeat()
    assert same(second, chunk)


@pytest.mark.parametrize(("data", "reason"), BAD.values(), ids=BAD.keys())
def test_violations_whole_and_byte_by_byte(data: bytes, reason: Reason) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        connection = ServerConnection(LIMITS)
        with pytest.raises(ForwardError) as raised:
            events(connection, *pieces)
            connection.receive_data(b"")
            connection.next_event()
        assert raised.value.reason is reason
        if reason in (Reason.BAD_COMPRESSION, Reason.INFLATED_TOO_LARGE) and "unknown" not in str(raised.value):
            continue  # that shows when the chunk is read
        with pytest.raises(ForwardError):
            connection.next_event()


def test_an_end_between_messages_is_a_close_and_inside_one_is_an_error() -> None:
    connection = ServerConnection()
    connection.receive_data(pack(["t", 7, {}]))
    connection.receive_data(b"")
    assert isinstance(connection.next_event(), Chunk)
    assert connection.next_event() == Closed()
    connection = ServerConnection()
    connection.receive_data(b"\x93\xa1t")
    connection.receive_data(b"")
    with pytest.raises(ForwardError) as raised:
        connection.next_event()
    assert raised.value.reason is Reason.TRUNCATED


def test_a_length_that_is_never_kept_costs_nothing() -> None:
    tracemalloc.start()
    connection = ServerConnection()
    connection.receive_data(b"\x92\xa1t\xdd\x00\x3f\xff\xff" + b"\xc0" * 200)
    assert connection.next_event() is NEED_DATA
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_give_events_or_one_error(data: bytes, size: int) -> None:
    connection = ServerConnection(LIMITS)
    try:
        found = events(connection, *(data[start : start + size] for start in range(0, len(data), size)))
    except ForwardError as error:
        assert error.reason in Reason
        return
    assert all(isinstance(event, Chunk | Heartbeat) for event in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.builds(EventTime, st.integers(0, 2**32 - 1), st.integers(0, 999_999_999)) | st.integers(0, 253_402_300_799)
ENTRIES = st.lists(
    st.builds(Entry, TIMES, st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=2), JSON), max_size=4
)


@given(st.text(max_size=10), ENTRIES, st.none() | st.text(max_size=10), st.booleans())
def test_what_a_client_sends_a_server_reads(
    tag: str, entries: list[Entry], chunk_id: str | None, compress: bool
) -> None:
    chunk = Chunk(tag, entries, chunk_id)
    (event,) = events(ServerConnection(), ClientConnection(compress=compress).send(chunk))
    assert same(event, chunk)


def test_the_same_chunk_compresses_to_the_same_bytes() -> None:
    chunk = Chunk("t", [ENTRY1] * 50)
    first, second = (ClientConnection(compress=True).send(chunk) for _ in range(2))
    assert first == second
    assert zlib.decompress(msgpack.unpackb(first)[1], wbits=31)


def test_acks_and_heartbeats() -> None:
    server, client = ServerConnection(), ClientConnection()
    assert events(client, server.send(Ack("c"))) == [Ack("c")]
    assert events(client, server.send(Heartbeat())) == [Heartbeat()]
    assert events(server, client.send(Heartbeat())) == [Heartbeat()]


@pytest.mark.parametrize("data", [pack(["PONG", True, "", "", ""]), pack(["HELO", {}]), pack(7), pack({"ack": 7})])
def test_a_client_refuses_what_no_server_says(data: bytes) -> None:
    with pytest.raises(ForwardError) as raised:
        events(ClientConnection(), data)
    assert raised.value.reason is Reason.UNEXPECTED


def shake(server: ServerConnection, client: ClientConnection, auth_salt: bytes = b"") -> tuple[Ping, Pong]:
    """A whole handshake; salts with bytes that are no UTF-8."""
    (helo,) = events(client, server.send(Helo(b"\xff\x00nonce", auth_salt)))
    assert helo == Helo(b"\xff\x00nonce", auth_salt)
    (ping,) = events(server, client.send(Ping("", b"\xfe\x01salt")))
    pongs = events(client, server.send(Pong(ping.accepted, "" if ping.accepted else "no")))
    return ping, pongs[0]


def test_handshake() -> None:
    server = ServerConnection(shared_key=b"key", hostname="srv")
    client = ClientConnection(shared_key=b"key", hostname="cli")
    ping, pong = shake(server, client)
    assert (ping.accepted, ping.hostname, pong.accepted, pong.hostname) == (True, "cli", True, "srv")
    (event,) = events(server, client.send(Chunk("t", [ENTRY1])))
    assert isinstance(event, Chunk)


@pytest.mark.parametrize(
    ("username", "password", "accepted"),
    [("ann", "pw", True), ("ann", "px", False), ("bob", "pw", False), ("", "", False), ("bob", "", False)],
)
def test_handshake_with_a_user(username: str, password: str, accepted: bool) -> None:
    server = ServerConnection(shared_key=b"key", users={"ann": "pw"})
    client = ClientConnection(shared_key=b"key", username=username, password=password)
    ping, pong = shake(server, client, auth_salt=b"\xffsalt")
    assert (ping.accepted, pong.accepted) == (accepted, accepted)


def test_a_client_with_the_wrong_key_is_turned_away() -> None:
    server, client = ServerConnection(shared_key=b"key"), ClientConnection(shared_key=b"kex")
    ping, pong = shake(server, client)
    assert (ping.accepted, pong.accepted, pong.reason) == (False, False, "no")
    assert events(server, client.send(Chunk("t", []))) == []
    assert server.next_event() == Closed()


def test_a_server_with_the_wrong_key_is_found_out() -> None:
    server, client = ServerConnection(shared_key=b"key"), ClientConnection(shared_key=b"kex")
    events(client, server.send(Helo(b"n")))
    events(server, client.send(Ping("", b"s")))
    with pytest.raises(ForwardError) as raised:
        events(client, server.send(Pong(True)))
    assert raised.value.reason is Reason.WRONG_KEY


def test_a_server_that_only_echoes_is_found_out() -> None:
    """The digests of both sides are over the same values but for the name: an impostor has ours to send back."""
    for name in ("cli", b"cli", "CLI", "cli\0", "cl\u0131"):
        client = ClientConnection(shared_key=b"key", hostname="cli")
        events(client, pack(["HELO", {"nonce": b"n", "auth": b"", "keepalive": True}]))
        ping = msgpack.unpackb(client.send(Ping("", b"s")))
        with pytest.raises(ForwardError) as raised:
            events(client, pack(["PONG", True, "", name, ping[3]]))
        assert raised.value.reason is (Reason.REFLECTED if name in ("cli", b"cli") else Reason.WRONG_KEY)
        assert not client.is_authenticated


def odd_digests(right: str) -> list[Any]:
    """What is not the digest, and what would raise in a comparison."""
    wide = right.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    return [right.upper(), right[:-1], right + "0", f" {right}", "", wide, "é" * 128, "\udc80" * 128, b"\xff" * 128]


def test_digests_that_are_not_plain_hexadecimal_are_refused_on_both_sides() -> None:
    for number in range(9):
        server, client = ServerConnection(shared_key=b"key"), ClientConnection(shared_key=b"key")
        events(client, server.send(Helo(b"n")))
        message = msgpack.unpackb(client.send(Ping("", b"s")))
        message[3] = odd_digests(message[3])[number]
        (ping,) = events(server, msgpack.packb(message, unicode_errors="surrogateescape"))
        assert not ping.accepted
        server, client = ServerConnection(shared_key=b"key"), ClientConnection(shared_key=b"key")
        events(client, server.send(Helo(b"n")))
        events(server, client.send(Ping("", b"s")))
        message = msgpack.unpackb(server.send(Pong(True)))
        message[4] = odd_digests(message[4])[number]
        with pytest.raises(ForwardError) as raised:
            events(client, msgpack.packb(message, unicode_errors="surrogateescape"))
        assert raised.value.reason is Reason.WRONG_KEY


@pytest.mark.parametrize("name", ["é", "\ud800", "a\0b", "ａｎｎ", "\u202eann", "ann" * 1000])
def test_odd_names_raise_nothing(name: str) -> None:
    server = ServerConnection(shared_key=b"key", hostname=name, users={name: name, "ann": "pw"})
    client = ClientConnection(shared_key=b"key", hostname=f"not {name}", username=name, password=name)
    ping, pong = shake(server, client, auth_salt=b"a")
    assert (ping.accepted, pong.accepted) == (True, True)
    server = ServerConnection(shared_key=b"key", users={"ann": "pw"})
    client = ClientConnection(shared_key=b"key", hostname=name, username=name, password=name)
    ping, pong = shake(server, client, auth_salt=b"a")
    assert (ping.accepted, pong.accepted) == (False, False)


def test_a_password_need_not_be_text() -> None:
    password = b"\xff\xfepw".decode("utf-8", "surrogateescape")
    server = ServerConnection(shared_key=b"key", users={"ann": password})
    client = ClientConnection(shared_key=b"key", username="ann", password=password)
    assert shake(server, client, auth_salt=b"a")[0].accepted


def test_users_need_a_key() -> None:
    with pytest.raises(ValueError, match="shared key"):
        ServerConnection(users={"ann": "pw"})
    with pytest.raises(ValueError, match="shared key"):
        ClientConnection(username="ann")


@pytest.mark.parametrize("piece", [b"\xc0" * 1000, b"\xc6\x00\xff\xff\xff" + b"x" * 1000])
def test_a_stranger_costs_64_kib(piece: bytes) -> None:
    server = ServerConnection(shared_key=b"key")
    server.send(Helo(b"n"))
    with pytest.raises(ForwardError) as raised:
        events(server, piece, *[b"\xc0" * 1000] * 66)
    assert raised.value.reason in (Reason.UNAUTHENTICATED, Reason.FRAME_TOO_LARGE)
    assert server.pending_bytes <= 66_000


@pytest.mark.parametrize(
    "ack", [7, None, [], {}, True, 1.5, msgpack.ExtType(5, b"x"), {"a": 1}, msgpack.Timestamp(2**62)]
)
def test_a_malformed_ack_is_one_error(ack: Any) -> None:
    for message in ({"ack": ack}, {ack: 1} if isinstance(ack, int | str) else {"x": ack}, [ack], ["PONG", ack]):
        with pytest.raises(ForwardError):
            events(ClientConnection(), pack(message))


def test_a_server_makes_us_hold_no_more_than_64_kib() -> None:
    with pytest.raises(ForwardError) as raised:
        events(ClientConnection(), b"\x81\xa3ack\xdb\x00\x0f\xff\xff", *[b"x" * 1000] * 70)
    assert raised.value.reason is Reason.FRAME_TOO_LARGE


@pytest.mark.parametrize("data", [pack(["t", 7, {}]), pack(["PING", "h", "s", "d", ""]), b"\x90", pack(["PING"])])
def test_nothing_is_heard_before_the_handshake(data: bytes) -> None:
    server = ServerConnection(shared_key=b"key")
    server.send(Helo(b"n"))
    with pytest.raises(ForwardError) as raised:
        events(server, data)
    assert raised.value.reason in (Reason.UNAUTHENTICATED, Reason.NOT_A_MESSAGE)


def test_errors_quote_nothing() -> None:
    for data, _ in BAD.values():
        with pytest.raises(ForwardError) as raised:
            events(ServerConnection(LIMITS), data, b"")
            events(ServerConnection(LIMITS), data + b"\xc1")
        assert all(part.isascii() and "x" * 5 not in part for part in str(raised.value).split())


RECORDED = sorted(path.name for path in DATA.glob("*.bin") if "otlp" not in path.name)


def recorded(name: str) -> list[Any]:
    """The events of a recording, through the handshake if it has one."""
    data = (DATA / name).read_bytes()
    keyed = "key" in name
    server = ServerConnection(shared_key=b"capture-key" if keyed else b"", hostname="recorder")
    if keyed:
        server.send(Helo(b"0123456789abcdef"))
        server.receive_data(data)
        ping = server.next_event()
        assert isinstance(ping, Ping)
        assert ping.accepted
        server.send(Pong(True))
        return [ping, *events(server, b"\xc0")]
    return events(server, data)


@pytest.mark.parametrize("name", RECORDED)
def test_recordings_of_real_shippers(name: str) -> None:
    chunks = [event for event in recorded(name) if isinstance(event, Chunk)]
    entries = [entry for chunk in chunks for entry in chunk.entries if isinstance(entry, Entry)]
    assert len(entries) == 5
    assert {chunk.tag for chunk in chunks} == {"ai.gateway"}
    assert all(isinstance(entry.record, dict) and entry.record for entry in entries)
    assert all(chunk.chunk_id for chunk in chunks) is ("ack" in name)
    assert all(isinstance(entry.time, int if "integer" in name else EventTime) for entry in entries)


def test_recorded_group_markers_and_metadata_survive_a_round_trip() -> None:
    chunks = events(ServerConnection(), (DATA / "fluent-bit-5.1.1.otlp-logs.bin").read_bytes())
    entries = [entry for chunk in chunks for entry in chunk.entries]
    assert entries[0].is_group_marker
    assert any(not entry.is_group_marker for entry in entries)
    assert any(entry.metadata and "otlp" in entry.metadata for entry in entries)
    for chunk in chunks:
        (again,) = events(ServerConnection(), ClientConnection().send(chunk))
        assert same(again, chunk)


@pytest.mark.parametrize(
    "data",
    [
        b"\x96\xdd\x00\x40\x00\x00" + b"\x90" * 1000,
        b"\x96\xa4PING" + b"\xdc\x03\xe8" + b"\x90" * 1000,
        b"\x96\xa4PING" + b"\x91" * 1000,
        b"\x92\xa1t\xdd\x00\x40\x00\x00" + b"\x90" * 1000,
        b"\x81" * 1000,
        b"\xc0" * 1000,
    ],
    ids=["an array of millions", "in an element", "nested", "entries", "maps", "heartbeats"],
)
def test_a_stranger_is_turned_away_before_much_is_scanned(data: bytes) -> None:
    connection = ServerConnection(Limits(), b"key", "here")
    connection.send(Helo(b"n" * 16, b""))
    connection.receive_data(data)
    scanned = 0
    with pytest.raises(ForwardError):
        while connection.next_event() is not NEED_DATA:
            scanned += 1
    assert scanned <= Limits().max_unauthenticated_elements


def test_a_peer_that_knows_the_key_may_send_long_messages() -> None:
    server, client = ServerConnection(Limits(), b"key", "here"), ClientConnection(None, b"key", "there")
    client.receive_data(server.send(Helo(b"n" * 16, b"")))
    assert isinstance(client.next_event(), Helo)
    server.receive_data(client.send(Ping("", b"s" * 16)))
    event = server.next_event()
    assert isinstance(event, Ping)
    assert event.accepted
    server.send(Pong(accepted=True, reason=""))
    server.receive_data(msgpack.packb(["tag", [[1, {"a": number}] for number in range(1000)]]))
    assert isinstance(server.next_event(), Chunk)
