"""Framing: bytes to records, however they are cut into chunks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.framing import Framer, JsonLines, MsgpackStream, decode_json
from veilog_filters.json_values import to_json_value
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.raw import RawRecord

FINGERPRINTER = Fingerprinter(b"k" * 32, "k1")


def json_lines(limit: int = 1000) -> JsonLines:
    return JsonLines(FINGERPRINTER, "", limit)


def msgpack_stream(limit: int = 1000) -> MsgpackStream:
    return MsgpackStream(FINGERPRINTER, "", limit)


def read(framer: Framer, *chunks: bytes) -> list[Any]:
    """Values of good records, error types of damaged ones."""
    records = [record for chunk in chunks for record in framer.feed(chunk)]
    records += framer.finish()
    return [record.value if isinstance(record, RawRecord) else record.error_type for record in records]


def test_lines() -> None:
    assert read(json_lines(), b'{"a":1}\r\n\n  \n{"b":', b"2}\n3") == [{"a": 1}, {"b": 2}, 3]


def test_raw_bytes_are_the_line() -> None:
    (record,) = json_lines().feed(b' {"a":1} \n')
    assert isinstance(record, RawRecord)
    assert record.raw == b' {"a":1} '


@given(st.lists(st.integers(0, 99), max_size=20), st.integers(1, 30))
def test_chunks_do_not_matter(numbers: list[int], size: int) -> None:
    data = b"".join(b'{"n":%d}\n' % number for number in numbers)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert read(json_lines(), *chunks) == [{"n": number} for number in numbers]


def test_a_line_over_the_limit_is_hashed_not_held() -> None:
    framer = json_lines(10)
    line = b"x" * 25
    damaged = [*framer.feed(line[:8]), *framer.feed(line[8:] + b"\n7\n")]
    assert isinstance(damaged[0], DecodeFailure)
    assert damaged[0].error_type is ErrorType.RECORD_TOO_LARGE
    assert damaged[0].raw_bytes == 25
    assert damaged[0].raw_hash == FINGERPRINTER.digest("raw", "", line)
    assert isinstance(damaged[1], RawRecord)
    held = json_lines(10)
    for _ in range(1000):
        assert list(held.feed(b"x" * 1000)) == []
    assert held._pieces == []


def test_whole_lines_leave_nothing_behind() -> None:
    framer = json_lines(10)
    assert [len(list(framer.feed(b"1\n2\n"))) for _ in range(3)] == [2, 2, 2]
    assert framer._pieces == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"cut \ud83d"', "cut \ufffd"),
        (rb'"\ude00 and \ud83d\ude00"', "\ufffd and 😀"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2, "a~1": 1}),
        (b"{", ErrorType.MALFORMED_JSON),
        (b'"\xff"', ErrorType.INVALID_UTF8),
        (b'"\t"', "\t"),
        (b"[" * 2000, ErrorType.NESTING_TOO_DEEP),
    ],
)
def test_decode_json(line: bytes, value: Any) -> None:
    assert decode_json(line) == value


def test_msgpack_objects_in_any_chunks() -> None:
    values = [{"a": 1}, {"b": [1, "x", None, True, 1.5]}, 7]
    data = b"".join(map(msgpack.packb, values))
    assert read(msgpack_stream(), data) == values
    assert read(msgpack_stream(), *(data[i : i + 1] for i in range(len(data)))) == values


def test_msgpack_values_become_json_values() -> None:
    packed = msgpack.packb(
        {1: b"\xffraw", "t": datetime(2025, 3, 3, tzinfo=UTC), "e": msgpack.ExtType(9, b"secret")}, datetime=True
    )
    (record,) = msgpack_stream().feed(packed)
    assert isinstance(record, RawRecord)
    assert record.value == {"1": "\ufffdraw", "t": "2025-03-03T00:00:00+00:00", "e": "<ext 6 bytes>"}
    assert orjson.dumps(record.value)
    assert record.raw == packed


@pytest.mark.parametrize(
    ("data", "error_type"),
    [
        (b"\xc1rest", ErrorType.MALFORMED_MSGPACK),
        (b"\xdb\xff\xff\xff\xff" + b"x" * 3000, ErrorType.RECORD_TOO_LARGE),
        (b"\xdd\xff\xff\xff\xff" + b"\x00" * 3000, ErrorType.MALFORMED_MSGPACK),
        (b"\x91" * 5000 + b"\xc0", ErrorType.NESTING_TOO_DEEP),
    ],
)
def test_a_broken_msgpack_stream_is_one_damaged_record(data: bytes, error_type: ErrorType) -> None:
    framer = msgpack_stream()
    good = msgpack.packb({"a": 1})
    records = [*framer.feed(good + data), *framer.feed(good), *framer.finish()]
    assert isinstance(records[0], RawRecord)
    (damaged,) = records[1:]
    assert isinstance(damaged, DecodeFailure)
    assert damaged.error_type is error_type
    assert damaged.raw_bytes == len(data + good)
    assert damaged.raw_hash == FINGERPRINTER.digest("raw", "", data + good)
    assert framer.broken


def test_a_deep_msgpack_object_is_damaged_alone() -> None:
    deep, good = b"\x91" * 900 + b"\xc0", msgpack.packb({"a": 1})
    assert read(msgpack_stream(), good + deep + good) == [{"a": 1}, ErrorType.NESTING_TOO_DEEP, {"a": 1}]


def test_a_msgpack_stream_that_ends_inside_an_object_has_lost_it() -> None:
    assert read(msgpack_stream(), b"\x81\xa1a") == [ErrorType.MALFORMED_MSGPACK]


def test_keys_that_become_one_string_lose_no_value() -> None:
    assert to_json_value({1: "a", "1": "b"}) == {"1": "b", "1~1": "a"}
    assert to_json_value({"1~1": "x", 1: "a", "1": "b", b"1": "c"}) == {"1~1": "x", "1~2": "a", "1~3": "b", "1": "c"}
    assert to_json_value({b"k": "a", "k": {2: 1, "2": 3}}) == {"k~1": "a", "k": {"2~1": 1, "2": 3}}
