"""Where the time of a record goes, stage by stage: run with ``make bench``. Compare ratios within one run only."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from veilog_filters.config import Config, Detect, HashKey
from veilog_filters.detect.finding import Finding
from veilog_filters.detect.presidio import PresidioDetector
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record import RawRecord
from veilog_parsers.registry import Registry

CLEAN = "Explain how a heat pump works, and when it is worth its price, to somebody who heats with gas. " * 6
DENSE = "Mail anna.berg@nordwind-ag.com, card 4111 1111 1111 1111, call (212) 555-0182 from 203.0.113.9. " * 6


def line(text: str) -> bytes:
    return orjson.dumps(
        {
            "time": "2025-03-03T09:41:03.250Z",
            "request_id": "req-7f3a0003",
            "user": "dana",
            "client_ip": "203.0.113.41",
            "endpoint": "/v1/chat/completions",
            "status": 200,
            "latency_ms": 812,
            "request": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]},
            "response": {
                "model": "gpt-4o-mini",
                "choices": [{"message": {"role": "assistant", "content": CLEAN}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 96, "completion_tokens": 21, "total_tokens": 117},
            },
        }
    )


def no_findings(text: str) -> list[Finding]:
    return []


@pytest.mark.parametrize("text", [CLEAN, DENSE], ids=["clean", "dense"])
def test_detect(text: str, benchmark: BenchmarkFixture) -> None:
    benchmark(PresidioDetector(Detect()), text)


def test_json_in_and_out(benchmark: BenchmarkFixture) -> None:
    """The floor: nothing but decoding and encoding."""
    data = line(CLEAN)
    benchmark(lambda: orjson.dumps(orjson.loads(data)))


def test_parse(benchmark: BenchmarkFixture) -> None:
    data, registry = line(CLEAN), Registry()

    def parse() -> list[Any]:
        return list(registry.parse(RawRecord(orjson.loads(data), data)))

    benchmark(parse)


def test_everything_but_detection(benchmark: BenchmarkFixture) -> None:
    data = line(CLEAN)
    pipeline = Pipeline(Config(hash_key=HashKey(ephemeral=True)), detector=no_findings)

    def process() -> list[bytes]:
        return [write_json(event) for event in pipeline(RawRecord(orjson.loads(data), data))]

    benchmark(process)
