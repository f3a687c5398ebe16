"""Recognizing and parsing alone: ``python benchmarks/bench_parse.py`` prints ratios from one run.

* What recognizing a record costs with all sources, beside six of them that its own is one of: on a mixture of the
  samples of all sources, a gateway's records and unrelated logs; and on the latter two alone, where the six do not look
  for MCP in a gateway's bodies and all do.
* Parsing and encoding records of 2.5 KB without inspecting their texts, beside decoding and encoding their JSON.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from pytest_benchmark.fixture import BenchmarkFixture

from corpora import Corpus
from veilog_filters.encode.native import encode
from veilog_parsers.event import AuditEvent, Constant, Kind, SensitiveText
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES, Registry

SIX = ("aws_bedrock_invocation", "aws_cloudtrail", "azure_monitor", "litellm", "openai_gateway", "otel_genai")
SAMPLES = Path(__file__).parents[1] / "parsers" / "samples"
LINES = Corpus().lines("clean", 300).splitlines()
OTHERS = [
    orjson.dumps({"time": 1, "level": "info", "msg": "started", "caller": "main.go:1", "n": n}) for n in range(300)
]
TEXTS = (
    *("tenant_id", "user_id", "user_name", "session_id", "conversation_id", "client_ip", "user_agent", "provider"),
    *("api_operation", "endpoint", "model_name", "model_version", "request_id", "error_code"),
)


def mixture() -> list[tuple[Registry, list[dict[str, Any]]]]:
    """Six sources at a time, in their order, and records that are theirs or nobody's. The last six may overlap."""
    starts = range(0, len(SOURCES), 6)
    mixed = []
    for number, start in enumerate(starts):
        records = [orjson.loads(line) for line in OTHERS[number :: len(starts)]]
        for source in SOURCES[start : start + 6]:
            paths = sorted((SAMPLES / source.name).glob("*.in.json"))
            records += [value for path in paths if type(value := orjson.loads(path.read_bytes())) is dict]
            if source.name == "openai_gateway":
                records += [orjson.loads(line) for line in LINES]
        mixed.append((Registry(SOURCES[min(start, len(SOURCES) - 6) :][:6]), records))
    return mixed


def recognize(mixed: list[tuple[Registry, list[dict[str, Any]]]]) -> None:
    for registry, records in mixed:
        for record in records:
            registry.recognize(record)


def let_go(event: AuditEvent) -> None:
    """What no stage has cleaned cannot be encoded: texts are let go, names are taken for cleaned."""
    event.prompt_messages, event.response_messages, event.unmapped = [], [], None
    for name in TEXTS:
        value = getattr(event, name)
        if type(value) is SensitiveText:
            setattr(event, name, Constant(value.reveal()))
    event.finish_reasons = [Constant(str(reason)) for reason in event.finish_reasons or []]


def parse(registry: Registry, lines: list[bytes]) -> None:
    """Decode, recognize, parse, and encode what may leave without any text."""
    for line in lines:
        for event in registry.parse(RawRecord(orjson.loads(line), line)):
            assert isinstance(event, AuditEvent)
            assert event.kind is Kind.AI_ACCESS
            let_go(event)
            orjson.dumps(encode(event))


def json_alone(lines: list[bytes]) -> None:
    for line in lines:
        orjson.dumps(orjson.loads(line))


def test_recognize(benchmark: BenchmarkFixture) -> None:
    benchmark(recognize, [(Registry(), [orjson.loads(line) for line in LINES + OTHERS])])


def test_parse(benchmark: BenchmarkFixture) -> None:
    benchmark(parse, Registry(), LINES)


def side_by_side(one: Callable[[], None], other: Callable[[], None], rounds: int = 15) -> tuple[float, float]:
    """Medians of the seconds of CPU time that both take, in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for job, taken in zip((one, other), times, strict=True):
            start = time.process_time()
            job()
            taken.append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Measure and print."""
    everything = Registry()
    few = Registry([source for source in SOURCES if source.name in SIX])
    two_shapes = [(few, [orjson.loads(line) for line in LINES + OTHERS])]
    for name, by_six in (("all kinds of records", mixture()), ("gateway's and unrelated ones", two_shapes)):
        by_all = [(everything, records) for _, records in by_six]
        six, every = side_by_side(partial(recognize, by_six), partial(recognize, by_all), rounds=200)
        each = 1e6 / sum(len(records) for _, records in by_six)
        print(
            f"recognize {name}: {six * each:.2f} us with 6 sources, {every * each:.2f} us with {len(SOURCES)}: "
            f"{every / six:.2f}x"
        )
    plain, parsed = side_by_side(lambda: json_alone(LINES), lambda: parse(everything, LINES))
    rates = (len(LINES) / plain, len(LINES) / parsed)
    print(f"parse and encode: {rates[1]:.0f} records/s; JSON alone {rates[0]:.0f}; ratio {rates[1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
