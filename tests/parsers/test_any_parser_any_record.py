"""Every parser on every source's samples, whole and broken: an event or a quarantine event, and nothing raised.

All goes through the whole pipeline, with a marker in every text: no marker leaves, whatever was done to the record.
"""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest

from canary import MARKER, canaries, marker, planted_everywhere
from samples import Sample, config_with, samples
from shares import SOAK, share
from veilog_filters.detect.api import PerText
from veilog_filters.framing import JsonLines, write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers.errors import ErrorType
from veilog_parsers.event import AuditEvent, Kind
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES, Registry
from veilog_parsers.source import Source

ALL = list(samples())
LONG = ("word " * (10_000_000 if SOAK else 80_000)) + marker(0xFFFF01)
"""50 MB in a soak, else 2."""
NESTED = 200
ALLOWED = {None, ErrorType.NOT_AN_OBJECT, ErrorType.MALFORMED_JSON, ErrorType.NESTING_TOO_DEEP}
"""What may be wrong with such records. That a stage failed is not among it."""
RETYPED: tuple[Any, ...] = (
    None,
    True,
    7,
    -1.5,
    10**18,
    "",
    "x",
    "{",
    "[1",
    '{"a": "b',
    '"',
    "data: {",
    "\u0000",
    "\U0010ffff",
    [],
    [[]],
    {},
    {"": {}},
    ["a", 1, {}],
)


def nested(value: Any, depth: int = NESTED) -> Any:
    """A value in lists and objects, by turns."""
    for level in range(depth):
        value = [value] if level % 2 else {"content": value}
    return value


def mutated(value: Any, chance: random.Random) -> Any:
    """A record with some of its fields dropped, renamed, retyped, wrapped or cut, also those of JSON in strings."""
    if isinstance(value, dict):
        out = {}
        for key, item in value.items():
            fate = chance.random()
            if fate > 0.04:
                renamed = f"{key}_{marker(0xEEEE)}" if fate < 0.07 else key
                out[renamed] = [mutated(item, chance)] if fate > 0.99 else mutated(item, chance)
        return out
    if isinstance(value, list):
        return [mutated(item, chance) for item in value if chance.random() > 0.05]
    fate = chance.random()
    if fate < 0.08:
        return chance.choice(RETYPED)
    if isinstance(value, str):
        if fate < 0.16:
            return value[: chance.randrange(len(value) + 1)]
        if fate < 0.17:
            return nested(value)
        if value[:1] in ("{", "[") and fate < 0.6:
            return _mutated_inside(value, chance)
    return value


def _mutated_inside(value: str, chance: random.Random) -> str:
    try:
        return orjson.dumps(mutated(orjson.loads(value), chance)).decode()
    except ValueError:
        return value


def records(source: str) -> Iterator[bytes]:
    """Samples and mutations of them: its own and every sixteenth of the others for one source, the soak has all."""
    chance = random.Random(len(source))
    turn = sum(source.encode()) % 16
    for number, sample in enumerate(ALL):
        if not SOAK and source and sample.source != source and number % 16 != turn:
            continue
        record = planted_everywhere(sample)
        yield orjson.dumps(record)
        for _ in range(40 if SOAK else 2):
            yield orjson.dumps(mutated(record, chance))


def pipeline_for(source: str, **sections: Any) -> Pipeline:
    sections = {
        "policy": {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"},
        "source": source or "auto",
        **sections,
    }
    return Pipeline(config_with(**sections), detector=PerText(canaries))


def checked(pipeline: Pipeline, record: RawRecord | DecodeFailure, case: object) -> list[dict[str, Any]]:
    """What leaves for a record: events of the closed list of kinds, with no marker in them."""
    events = pipeline(record)
    for event in events:
        assert event["kind"] in set(Kind), case
        assert event.get("error_type") in ALLOWED, case
        assert (event["kind"] == Kind.QUARANTINE) == ("error_type" in event), case
        assert not MARKER.search(write_json(event).decode()), case
    return events


@pytest.mark.parametrize("source", ["", *(source.name for source in SOURCES)])
def test_an_event_or_a_quarantine_event(source: str) -> None:
    pipeline = pipeline_for(source)
    events = total = 0
    for line in records(source):
        total += 1
        events += len(checked(pipeline, RawRecord(orjson.loads(line), line), line))
    assert events >= 0.95 * total


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """A value and what is inside it, as far as it is an object."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from objects(item)


def asking_in_turn(sources: Sequence[Source], fields: dict[str, Any]) -> Source | None:
    """What recognizing a record means, as slow and plain as can be."""
    for source in sources:
        if any(key in fields and test(fields) for key, test in source.markers.items()):
            return source
    return None


@pytest.mark.parametrize("sources", [SOURCES, SOURCES[::-1], SOURCES[::4]], ids=["all", "reversed", "some"])
def test_recognized_as_by_asking_every_source_in_turn(sources: Sequence[Source]) -> None:
    registry, chance = Registry(sources), random.Random(7)
    lines = [*(sample.line for sample in ALL), *records("")]
    found = [fields for line in lines for fields in objects(orjson.loads(line))]
    both = [one | other for one, other in zip(found, chance.sample(found, len(found)), strict=True)]
    recognized = set()
    # Every third object of a record, but every record: there is one of each source.
    records_of = [fields for line in lines if isinstance(fields := orjson.loads(line), dict)]
    for fields in records_of + share(found + both, 3):
        source = registry.recognize(fields)
        assert source is asking_in_turn(sources, fields), fields
        recognized.add(source.name if source else "")
    assert recognized == {"", *(source.name for source in sources)}


MANY = 100_000
KEYS = {f"k{number}": number for number in range(MANY)}
SAID = {"role": "user", "content": "x"}
ASKED = {"request": {"model": "m", "messages": [SAID]}}


def chunks(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """A streamed answer of many chunks."""
    return [
        {"object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": delta}]}
        for delta in deltas * (MANY // len(deltas))
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "record",
    [
        ASKED | KEYS,
        {"request": {"model": "m", "messages": [SAID], **KEYS}},
        {"request": {"model": "m", "messages": [SAID | KEYS]}},
        {"request": {"model": "m", "messages": [SAID] * MANY}},
        {"request": {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * MANY}]}},
        {"request": {"model": "m", "input": ["x"] * MANY}},
        {"request": {"model": "m", "prompt": {"id": "p", "variables": dict.fromkeys(KEYS, "x")}}},
        ASKED | {"headers": KEYS},
        ASKED | {"response": {"model": "m", "choices": [{"message": SAID}] * MANY}},
        ASKED | {"response": {"model": "m", "output": [{"type": "message", **SAID}] * MANY}},
        ASKED | {"response": chunks({"content": "x"})},
        ASKED | {"response": chunks({"tool_calls": [{"index": 7, "function": {"name": "f", "arguments": "x"}}]})},
        ASKED | {"x": [{}] * MANY},
    ],
    ids=lambda record: "+".join(record)[:40],
)
def test_many_of_anything_cost_in_proportion(record: dict[str, Any]) -> None:
    """A hundred thousand of them take a second or two; by the square it would be hours."""
    line = orjson.dumps(record)
    fields = orjson.loads(line)
    start = time.process_time()
    (event,) = Registry().parse(RawRecord(fields, line))
    assert time.process_time() - start < 20
    assert isinstance(event, AuditEvent)
    assert event.source == "openai_gateway"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every leaf and container."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The value with another one at a path."""
    if not path:
        return by
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], by)
    return changed


GOOD: dict[str, list[Sample]] = {
    source.name: [sample for sample in ALL if sample.source == source.name and sample.case.startswith("good")]
    for source in SOURCES
}


@pytest.mark.parametrize("source", GOOD)
def test_deep_nesting_at_any_place(source: str) -> None:
    """In place of every third value, whatever its depth: one 200 deep, plain and as JSON in a string."""
    pipelines = (pipeline_for(""), pipeline_for(source))
    framer = JsonLines(pipelines[0].fingerprinter, "", 100_000_000)
    deep = nested(marker(0xFFFF02))
    for sample in GOOD[source][: None if SOAK else 1]:
        record = planted_everywhere(sample)
        for path in share(leaves(record), 3, len(source)):
            for value in (deep, orjson.dumps(deep).decode()):
                line = orjson.dumps(replaced(record, path, value))
                for pipeline in pipelines:
                    for decoded in framer.feed(line + b"\n"):
                        checked(pipeline, decoded, (sample, path))


@pytest.mark.parametrize("source", GOOD)
def test_very_long_strings(source: str) -> None:
    """In place of some values: a text of 400 KB (50 in a soak), JSON that holds one, and JSON that is cut after it."""
    pipelines = (pipeline_for(""), pipeline_for(source))
    chance = random.Random(source)
    record = planted_everywhere(chance.choice(GOOD[source]))
    paths = list(leaves(record))
    whole = orjson.dumps({"messages": [{"role": "user", "content": LONG}]}).decode()
    for path in chance.sample(paths, min(len(paths), 4 if SOAK else 2)):
        for value in (LONG, whole, whole[:-4]):
            line = orjson.dumps(replaced(record, path, value))
            for pipeline in pipelines:
                checked(pipeline, RawRecord(orjson.loads(line), line), path)


def with_great_numbers(value: Any) -> Iterator[Any]:
    """A record, each time with another of its numbers as great as a float can be."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            changes = with_great_numbers(item)
        else:
            is_number = type(item) in (int, float) or (isinstance(item, str) and item[:1].isdigit())
            changes = iter((1.7e308,) if is_number else ())
        for change in changes:
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = change
            yield copy


@pytest.mark.parametrize("sample", [sample for sample in ALL if sample.case.startswith("good")], ids=str)
def test_no_number_becomes_infinite(sample: Sample) -> None:
    """JSON has no infinite numbers."""
    registry = Registry()
    for (record,) in list(with_great_numbers([orjson.loads(sample.line)])):
        for event in registry.parse(RawRecord(orjson.loads(orjson.dumps(record)), sample.line)):
            found = vars_of(event)
            assert all(math.isfinite(number) for number in found if type(number) is float)


def vars_of(event: Any) -> list[Any]:
    """The values of an event's fields; none of a rejected record."""
    fields = dataclasses.fields(event) if isinstance(event, AuditEvent) else ()
    return [getattr(event, field.name) for field in fields]
