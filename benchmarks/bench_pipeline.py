"""Where the time of a record goes, stage by stage: run with ``make bench``. Compare ratios within one run only.

``python benchmarks/bench_pipeline.py`` prints what records cost in batches beside one by one.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from corpora import KINDS, Corpus
from veilog_filters.config import Config, Detect, HashKey
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.detect.presidio.engine import PresidioDetector
from veilog_filters.framing import write_json
from veilog_filters.pipeline import Pipeline, batches, size_of
from veilog_parsers.record.raw import RawRecord
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
    pipeline = Pipeline(Config(hash_key=HashKey(ephemeral=True)), detector=PerText(no_findings))

    def process() -> list[bytes]:
        return [write_json(event) for event in pipeline(RawRecord(orjson.loads(data), data))]

    benchmark(process)


def cost(pipeline: Pipeline, lines: list[bytes], *, in_batches: bool) -> float:
    """Seconds for some lines."""
    start = time.perf_counter()
    records = (RawRecord(orjson.loads(line), line) for line in lines)
    for batch in batches(records, size_of) if in_batches else ([record] for record in records):
        for events in pipeline.batch(batch):
            for event in events:
                write_json(event)
    return time.perf_counter() - start


def main() -> None:
    """Print ratios: each pair is measured side by side, on records that were not seen before."""
    pipeline = Pipeline(Config(hash_key=HashKey(ephemeral=True), detect=Detect(cache_entries=0)))
    pipeline.prepare()
    for kind in KINDS:
        lines = Corpus().lines(kind, 1700).splitlines()
        cost(pipeline, lines[:100], in_batches=True)
        ratios, costs = [], []
        for start in range(100, 1700, 200):
            alone = cost(pipeline, lines[start : start + 100], in_batches=False)
            together = cost(pipeline, lines[start + 100 : start + 200], in_batches=True)
            ratios.append(together / alone)
            costs.append(together / 100 * 1e6)
        print(f"{kind:6} {statistics.median(costs):7.1f} us per record, {statistics.median(ratios):.2f} of one by one")


if __name__ == "__main__":
    main()
