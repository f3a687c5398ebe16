"""Every parser on every source's samples, whole and broken: an event or a quarantine event, and nothing raised."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest

from samples import samples
from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import AuditEvent
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import SOURCES, Registry, Rejected
from veilog_parsers.source import Source

SOAK = bool(os.environ.get("VEILOG_SOAK"))
ALL = list(samples())
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
    "\u0000",
    [],
    [[]],
    {},
    {"": {}},
    ["a", 1, {}],
)


def mutated(value: Any, chance: random.Random) -> Any:
    """A record with some of its fields dropped, renamed, retyped, cut or nested."""
    if isinstance(value, dict):
        out = {}
        for key, item in value.items():
            fate = chance.random()
            if fate > 0.04:
                out[key + "_" if fate < 0.07 else key] = mutated(item, chance)
        return out
    if isinstance(value, list):
        return [mutated(item, chance) for item in value if chance.random() > 0.05]
    fate = chance.random()
    if fate < 0.08:
        return chance.choice(RETYPED)
    if isinstance(value, str) and fate < 0.16:
        return value[: chance.randrange(len(value) + 1)]
    return value


def records(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for sample in ALL:
        yield sample.line
        for _ in range(40 if SOAK else 2):
            yield orjson.dumps(mutated(orjson.loads(sample.line), chance))


@pytest.mark.parametrize("source", ["", *(source.name for source in SOURCES)])
def test_an_event_or_a_rejection(source: str) -> None:
    registry = Registry(fixed=source)
    events = 0
    for line in records(seed=len(source)):
        try:
            for parsed in registry.parse(RawRecord(orjson.loads(line), line)):
                if isinstance(parsed, Rejected):
                    assert parsed.error_type is not ErrorType.PARSER_FAILED, line
                events += 1
        except RecordError as error:
            assert error.error_type is not ErrorType.PARSER_FAILED
    assert events >= len(ALL)


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
    found = [fields for line in records(seed=1) for fields in objects(orjson.loads(line))]
    both = [one | other for one, other in zip(found, chance.sample(found, len(found)), strict=True)]
    recognized = set()
    for fields in found + both:
        source = registry.recognize(fields)
        assert source is asking_in_turn(sources, fields), fields
        recognized.add(source.name if source else "")
    assert recognized == {"", *(source.name for source in sources)}


@pytest.mark.parametrize("source", [source.name for source in SOURCES])
def test_long_strings_and_deep_nesting(source: str) -> None:
    """In every text of a good sample: a string of 5 MB (50 in a soak), and a list 200 deep."""
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    long = "word " * (10_000_000 if SOAK else 1_000_000)
    sample = next(sample for sample in ALL if sample.source == source and sample.case.startswith("good"))
    record = orjson.loads(sample.line)
    for key in record:
        for value in (long, deep):
            line = orjson.dumps(record | {key: value})
            for parsed in Registry(fixed=source).parse(RawRecord(orjson.loads(line), line)):
                assert not isinstance(parsed, Rejected) or parsed.error_type is not ErrorType.PARSER_FAILED, key


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
