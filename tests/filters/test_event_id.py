"""``event_id``: one for one record, whatever it came in; two for two that differ in anything."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import msgpack
import orjson
import pytest

from samples import config_with, samples
from veilog_filters.detect.api import PerText
from veilog_filters.framing import FRAMERS
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

RECORD: dict[str, Any] = {
    "time": "2026-01-01T00:00:00Z",
    "request": {"model": "m", "messages": [{"role": "user", "content": "größer 🚀"}]},
    "response": {"choices": [], "usage": {"total_tokens": 7}},
    "status": 200,
    "took": 1.5,
    "flag": True,
    "none": None,
}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(config_with(), detector=PerText(lambda _: []))


def ids(pipeline: Pipeline, record: RawRecord) -> list[str]:
    return [event["event_id"] for event in pipeline(record)]


def framed(pipeline: Pipeline, name: str, data: bytes) -> list[str]:
    framer = FRAMERS[name](pipeline.fingerprinter, "", 1_000_000)
    records = [*framer.feed(data), *framer.finish()]
    return [event["event_id"] for record in records for event in pipeline(record)]


def fresh(**changes: Any) -> Any:
    """A record of its own: parsers consume what they are given."""
    return copy.deepcopy(RECORD | changes)


def test_json_msgpack_blanks_and_the_order_of_keys_make_no_difference(pipeline: Pipeline) -> None:
    (wanted,) = ids(pipeline, RawRecord(fresh(), b"whatever"))
    turned = dict(reversed(RECORD.items()))
    for name, data in (
        ("jsonl", orjson.dumps(RECORD) + b"\n"),
        ("jsonl", orjson.dumps(turned) + b"\n"),
        ("jsonl", b"  " + orjson.dumps(RECORD).replace(b":", b" : ").replace(b"00 : 00 : 00", b"00:00:00") + b"\r\n"),
        ("msgpack", msgpack.packb(RECORD)),
        ("msgpack", msgpack.packb(turned)),
    ):
        assert framed(pipeline, name, data) == [wanted], (name, data)


@pytest.mark.parametrize("sample", list(samples()), ids=str)
def test_every_sample_has_the_same_ids_as_json_and_msgpack(pipeline: Pipeline, sample: Any) -> None:
    value = orjson.loads(sample.line)
    assert framed(pipeline, "jsonl", sample.line + b"\n") == framed(pipeline, "msgpack", msgpack.packb(value))


def test_whatever_differs_makes_another_id(pipeline: Pipeline) -> None:
    variants = [
        RawRecord(fresh(), b""),
        RawRecord(fresh(status=201), b""),
        RawRecord(fresh(took=1.25), b""),
        RawRecord(fresh(flag=False), b""),
        RawRecord(fresh(none=0), b""),
        RawRecord(fresh(extra=[]), b""),
        RawRecord(fresh(extra={}), b""),
        RawRecord(fresh(big=2**70), b""),
        RawRecord(fresh(big=2**70 + 1), b""),
        RawRecord(fresh(), b"", metadata={"a": 1}),
        RawRecord(fresh(), b"", metadata={"a": 2}),
        RawRecord(fresh(), b"", group={"a": 1}),
        RawRecord(fresh(), b"", metadata={"a": 1}, group={"a": 1}),
        RawRecord([fresh(), fresh()], b""),
        RawRecord({"unknown": 1}, b""),
        RawRecord({"unknown": 2}, b""),
        RawRecord({"unknown": 1}, b"", metadata={"a": 1}),
        RawRecord("text", b"1"),
        RawRecord("another", b"1"),
    ]
    found = list(itertools.chain.from_iterable(ids(pipeline, variant) for variant in variants))
    assert len(found) == len(set(found)) >= len(variants)


def test_a_time_beside_the_record_counts_where_the_record_has_none(pipeline: Pipeline) -> None:
    without = {key: value for key, value in RECORD.items() if key != "time"}
    for record, wanted in ((RECORD, 1), (without, 2)):
        times = ("2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z")
        found = {
            i for time in times for i in ids(pipeline, RawRecord(orjson.loads(orjson.dumps(record)), b"", time=time))
        }
        assert len(found) == wanted


@pytest.mark.parametrize(
    "lines",
    [
        (rb'{"a":"\ud800"}', rb'{"a":"\ud801"}', rb'{"a":"\ufffd"}'),
        (b'{"a":123456789012345678901234567890}', b'{"a":123456789012345678901234567891}'),
        (b'{"a":-9223372036854775809}', b'{"a":-9223372036854775810}'),
        (b'{"a":[1,18446744073709551616]}', b'{"a":[1,18446744073709551617]}'),
    ],
)
def test_records_that_are_decoded_to_the_same_have_ids_of_their_own(
    pipeline: Pipeline, lines: tuple[bytes, ...]
) -> None:
    found = [framed(pipeline, "jsonl", line + b"\n") for line in lines]
    assert len({i for each in found for i in each}) == len(lines)
    assert found == [framed(pipeline, "jsonl", line + b"\n") for line in lines]


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 0.12345678901234568e-7, "9" * 40, {"id": "1" * 19}])
def test_what_is_decoded_exactly_has_one_id_in_every_format(pipeline: Pipeline, value: Any) -> None:
    record = {"a": value}
    assert framed(pipeline, "jsonl", orjson.dumps(record) + b"\n") == framed(pipeline, "msgpack", msgpack.packb(record))
