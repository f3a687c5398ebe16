"""The Forward protocol: every case whole, byte by byte, and with the next message behind it."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
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

DATA = Path(__file__).parents[2] / "data" / "forward"
TIME = EventTime(1740994863, 250_000_001)
EXT = msgpack.ExtType(0, struct.pack(">II", *TIME))
LIMITS = Limits(
    max_frame_bytes=4096,
    max_entry_bytes=1024,
    max_entries=10,
    max_depth=8,
    max_inflated_bytes=2_000_000,
    max_inflate_ratio=100,
    max_tag_bytes=64,
)


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def packed_entries(*entries: Any) -> bytes:
    return b"".join(map(pack, entries))


def events(connection: ServerConnection | ClientConnection, *pieces: bytes) -> list[Any]:
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
        b"\x93\xa1t\x07\x82\x01\xa2\xff\xfe\xa1b\xc4\x01\xff",
        Chunk("t", [Entry(7, None, {"1": "\ufffd\ufffd", "b": "\ufffd"})]),
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
    "4 G entries": (b"\x92\xa1t\xdd\xff\xff\xff\xff" + b"\xc0" * 5000, Reason.FRAME_TOO_LARGE),
    "deep": (pack(["t", 1]) + b"\x91" * 4000, Reason.NOT_A_MESSAGE),
    "a deep record": (b"\x93\xa1t\x01" + b"\x91" * 9 + b"\xc0", Reason.NESTING_TOO_DEEP),
    "a very deep record": (b"\x93\xa1t\x01" + b"\x91" * 3000 + b"\xc0", Reason.NESTING_TOO_DEEP),
    "a deep packed record": (pack(["t", b"\x92\x01" + b"\x91" * 3000 + b"\xc0"]), Reason.NESTING_TOO_DEEP),
    "a long entry": (pack(["t", pack([1, "x" * 2000])]), Reason.ENTRY_TOO_LARGE),
    "many entries": (pack(["t", [[1, {}]] * 11]), Reason.TOO_MANY_ENTRIES),
    "many packed entries": (pack(["t", pack([1, {}]) * 11]), Reason.TOO_MANY_ENTRIES),
    "an entry that is none": (pack(["t", [7]]), Reason.BAD_ENTRY),
    "a time that is none": (pack(["t", [["noon", {}]]]), Reason.BAD_ENTRY),
    "a negative time": (pack(["t", [[-1, {}]]]), Reason.BAD_ENTRY),
    "a time that is not a number": (pack(["t", [[float("nan"), {}]]]), Reason.BAD_ENTRY),
    "a head that is none": (pack(["t", [[[1], {}]]]), Reason.BAD_ENTRY),
    "metadata that is none": (pack(["t", [[[1, 7], {}]]]), Reason.BAD_ENTRY),
    "cut packed entries": (pack(["t", TWO[:-1]]), Reason.BAD_ENTRY),
    "options that are none": (pack(["t", [V1], 7]), Reason.BAD_OPTION),
    "two options": (pack(["t", [V1], {}, {}]), Reason.BAD_OPTION),
    "a chunk id that is none": (pack(["t", [V1], {"chunk": 7}]), Reason.BAD_OPTION),
    "an unknown compression": (pack(["t", b"", {"compressed": "lz4"}]), Reason.BAD_COMPRESSION),
    "no gzip": (pack(["t", b"x", {"compressed": "gzip"}]), Reason.BAD_COMPRESSION),
    "cut gzip": (pack(["t", gzip.compress(TWO)[:-9], {"compressed": "gzip"}]), Reason.BAD_COMPRESSION),
    "no zstd": (pack(["t", b"x", {"compressed": "zstd"}]), Reason.BAD_COMPRESSION),
    "a gzip bomb": (pack(["t", gzip.compress(bytes(3_000_000)), {"compressed": "gzip"}]), Reason.INFLATED_TOO_LARGE),
    "a zstd bomb": (pack(["t", zstandard.compress(bytes(3_000_000)), {"compressed": "zstd"}]), Reason.INFLATED_TOO_LARGE),
    "the server's HELO": (pack(["HELO", {}]), Reason.NOT_A_MESSAGE),
}  # fmt: skip


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
    connection.receive_data(b"\x92\xa1t\xdd\xff\xff\xff\xff" + b"\xdd\xff\xff\xff\xff" * 200)
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
TIMES = st.builds(EventTime, st.integers(0, 2**32 - 1), st.integers(0, 999_999_999)) | st.integers(0, 2**40)
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
    entries = [entry for chunk in chunks for entry in chunk.entries]
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
