"""Recognizing and parsing alone: ``python benchmarks/bench_parse.py`` prints ratios from one run.

* What recognizing a record costs with all sources, beside six.
* Parsing and encoding records of 2.5 KB without inspecting their texts, beside decoding and encoding their JSON.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import orjson
from pytest_benchmark.fixture import BenchmarkFixture

from corpora import Corpus
from veilog_filters.encode.native import encode
from veilog_parsers.event import AuditEvent, CleanText, Kind, SensitiveText
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import SOURCES, Registry

SIX = ("aws_bedrock_invocation", "aws_cloudtrail", "azure_monitor", "litellm", "openai_gateway", "otel_genai")
LINES = Corpus().lines("clean", 300).splitlines()
OTHERS = [
    orjson.dumps({"time": 1, "level": "info", "msg": "started", "caller": "main.go:1", "n": n}) for n in range(300)
]


TEXTS = [field.name for field in dataclasses.fields(AuditEvent)]


def recognize(registry: Registry, records: list[dict[str, Any]]) -> None:
    for record in records:
        registry.recognize(record)


def parse(registry: Registry, lines: list[bytes]) -> None:
    """Decode, recognize, parse, and encode what may leave without any text."""
    for line in lines:
        for event in registry.parse(RawRecord(orjson.loads(line), line)):
            assert isinstance(event, AuditEvent)
            assert event.kind is Kind.AI_ACCESS
            # What no stage has cleaned cannot be encoded: texts are let go, names are taken for cleaned.
            event.prompt_messages, event.response_messages, event.unmapped = [], [], None
            for name in TEXTS:
                value = getattr(event, name)
                if type(value) is SensitiveText:
                    setattr(event, name, CleanText(value.reveal()))
            event.finish_reasons = [CleanText(str(reason)) for reason in event.finish_reasons or []]
            orjson.dumps(encode(event))


def json_alone(lines: list[bytes]) -> None:
    for line in lines:
        orjson.dumps(orjson.loads(line))


def test_recognize(benchmark: BenchmarkFixture) -> None:
    benchmark(recognize, Registry(), [orjson.loads(line) for line in LINES + OTHERS])


def test_parse(benchmark: BenchmarkFixture) -> None:
    benchmark(parse, Registry(), LINES)


def side_by_side(one: Callable[[], None], other: Callable[[], None], rounds: int = 15) -> tuple[float, float]:
    """Medians of the seconds that both take, in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for job, taken in zip((one, other), times, strict=True):
            start = time.perf_counter()
            job()
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Measure and print."""
    records = [orjson.loads(line) for line in LINES + OTHERS]
    few, everything = Registry([source for source in SOURCES if source.name in SIX]), Registry()
    six, every = side_by_side(lambda: recognize(few, records), lambda: recognize(everything, records), rounds=50)
    each = 1e6 / len(records)
    print(
        f"recognize: {six * each:.2f} us with 6 sources, {every * each:.2f} us with {len(SOURCES)}: {every / six:.2f}x"
    )
    plain, parsed = side_by_side(lambda: json_alone(LINES), lambda: parse(everything, LINES))
    rates = (len(LINES) / plain, len(LINES) / parsed)
    print(f"parse and encode: {rates[1]:.0f} records/s; JSON alone {rates[0]:.0f}; ratio {rates[1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
