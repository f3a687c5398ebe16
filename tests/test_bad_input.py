"""Hostile and broken input through the real command: one event for each bad record, in order, and the next is read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Run
from samples import config_with, samples
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.framing import JsonLines, MsgpackStream
from veilog_filters.pipeline import Pipeline
from veilog_parsers.errors import ErrorType

MARKER = b"zq5a5a5a5azq"
GOOD = next(sample.line for sample in samples() if str(sample) == "openai_gateway/good_chat")
REGEX_BOMB = "(((((((((" * 2000 + "a" * 50_000 + "!" + "1-" * 20_000 + "@" * 5000

BAD: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"this is " + MARKER, "malformed_json"),
    "cut JSON": (GOOD[:-40], "malformed_json"),
    "two values, one of them broken": (b'{"a":1} {"b" 2}', "malformed_json"),
    "text around a value": (b'INFO gateway: {"a":1} done', ""),
    "printed by Python": (b"{'a': None}", ""),
    "coloured": (b'\x1b[32m{"a":1}\x1b[0m', ""),
    "control characters": (b'{"a":"\x01\t"}', ""),
    "not UTF-8": (b'{"a":"\xff\xfe' + MARKER + b'"}', "invalid_utf8"),
    "UTF-16": ('{"a":"é"}'.encode("utf-16"), "invalid_utf8"),
    "50 MB": (b'{"a":"' + MARKER + b"x" * 50_000_000 + b'"}', "record_too_large"),
    "10,000 deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nesting_too_deep"),
    "10,000 lists deep": (b"[" * 10_000 + b"]" * 10_000, "nesting_too_deep"),
    "900 deep": (b'{"a":' * 900 + b"1" + b"}" * 900, "nesting_too_deep"),
    "NaN": (b'{"a":NaN}', ""),
    "infinity": (b'{"a":1e999}', ""),
    "list": (b'["' + MARKER + b'"]', "not_an_object"),
    "empty list": (b"[]", "not_an_object"),
    "string": (b'"' + MARKER + b'"', "not_an_object"),
    "number": (b"7", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "NUL bytes": (b"\0\0\0" + MARKER, "malformed_json"),
    "lone surrogate": (rb'{"a":"cut \ud83d"}', ""),
    "lone surrogate before an address": (rb'{"mail":"\udc00 anna.berg@nordwind-ag.com"}', ""),
    "escaped NUL": (rb'{"a":"\u0000 x"}', ""),
    "duplicate keys": (b'{"a":"anna.berg@nordwind-ag.com","a":"' + b'b"}', ""),
    "huge integer": (b'{"a":' + b"9" * 400 + b"}", ""),
    "large integer": (b'{"a":123456789012345678901234567890}', ""),
    "regex bomb": (orjson.dumps({"a": REGEX_BOMB}), ""),
    "empty object": (b"{}", ""),
    "empty keys": (b'{"":{"":[{"":""}]}}', ""),
    "wrong types in an envelope": (b'{"Records":{"a":1},"records":[[]],"detail-type":7,"logEvents":"x"}', ""),
    "byte order mark": (b"\xef\xbb\xbf" + b'{"a":1}', ""),
}


def test_each_bad_record_gives_one_event_and_the_next_is_processed(veilog: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("policy: {content: redacted, unmapped: redact, unrecognized: redact}\n")
    lines = [line for bad, _ in BAD.values() for line in (bad, GOOD)]
    done = veilog("filter", "--config", "c.yaml", stdin=b"\n".join(lines) + b"\n")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == len(lines)
    assert {event["source"] for event in events[1::2]} == {"openai_gateway"}
    for (name, (_, error_type)), event in zip(BAD.items(), events[::2], strict=True):
        assert event.get("error_type", "") == error_type, name
        assert event["kind"] == ("quarantine" if error_type else "other"), name
    for text in (MARKER, b"anna.berg", b"Traceback"):
        assert text not in done.stdout + done.stderr


def test_several_values_in_a_line_are_several_records(veilog: Run) -> None:
    done = veilog("filter", stdin=GOOD + b" " + GOOD + b"\n" + b"gateway: " + GOOD + b"\n")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["source"] for event in events] == ["openai_gateway"] * 3
    assert len({event["event_id"] for event in events}) == 3
    assert events[2]["redaction"]["unmapped_fields"] == 1


def test_msgpack_stream_ends_where_it_stops_being_msgpack(veilog: Run) -> None:
    good = msgpack.packb(orjson.loads(GOOD))
    done = veilog("filter", "--input", "msgpack", "--output", "msgpack", stdin=good + b"\xc1" + MARKER + good)
    assert done.returncode == 1
    events = list(msgpack.Unpacker(io.BytesIO(done.stdout)))
    assert [event["kind"] for event in events] == ["ai_access", "quarantine"]
    assert MARKER not in done.stdout + done.stderr


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
RECORDS = [orjson.loads(sample.line) for sample in samples()]


def no_findings(text: str) -> list[Finding]:
    return []


@pytest.fixture(scope="module")
def keeping_all() -> Pipeline:
    return Pipeline(
        config_with(policy={"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}),
        detector=PerText(no_findings),
    )


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A sample with one value, somewhere, replaced by any JSON value."""
    record = orjson.loads(orjson.dumps(draw(st.sampled_from(RECORDS))))
    holder = record
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return record
        key = draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or draw(st.integers(0, 3)) == 0:
            holder[key] = draw(JSON_VALUES)
            return record
        holder = holder[key]


@given(mutated())
def test_any_type_anywhere_gives_events_and_no_failure(keeping_all: Pipeline, record: Any) -> None:
    line = json.dumps(record).encode()
    framer = JsonLines(keeping_all.fingerprinter, "", 1_000_000)
    for decoded in framer.feed(line + b"\n"):
        for event in keeping_all(decoded):
            assert event.get("error_type") in (None, ErrorType.NOT_AN_OBJECT, ErrorType.MALFORMED_JSON)


@given(st.binary(max_size=200))
def test_any_bytes_give_one_event_per_line(keeping_all: Pipeline, data: bytes) -> None:
    framer = JsonLines(keeping_all.fingerprinter, "", 100)
    records = [*framer.feed(data), *framer.finish()]
    assert len(records) == sum(1 for line in data.split(b"\n") if line and not (len(line) <= 100 and line.isspace()))
    for record in records:
        assert len(keeping_all(record)) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_accounted_for_as_msgpack(keeping_all: Pipeline, data: bytes) -> None:
    framer = MsgpackStream(keeping_all.fingerprinter, "", 100)
    records = [*framer.feed(data), *framer.finish()]
    lengths = [len(record.raw) if hasattr(record, "raw") else record.raw_bytes for record in records]
    assert sum(lengths) == len(data)
    for record in records:
        assert len(keeping_all(record)) == 1
