"""``event_id``: one for one record, whatever it came in; two for two that differ in anything."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import msgpack
import orjson
import pytest

from samples import config_with, samples
from veilog_filters.framing import FRAMERS
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record import RawRecord

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
    return Pipeline(config_with(), detector=lambda _: [])


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
