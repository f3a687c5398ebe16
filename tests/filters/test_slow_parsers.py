"""Records on which a parser takes too long: interrupted, in quarantine, and none of the processor's time forgotten."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from samples import config_with
from veilog_filters import pipeline as pipeline_module
from veilog_filters.budget import LARGE_RECORD_BYTES
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.interrupt import Interrupted, within
from veilog_filters.pipeline import Pipeline
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways import openai_gateway

LIMIT_SECS = 0.3


def work(secs: float) -> None:
    end = time.thread_time() + secs
    while time.thread_time() < end:
        pass


def record_of(size: int, **fields: Any) -> RawRecord:
    value = {"request": {"model": "m", "messages": [{"role": "user", "content": "x" * size}]}, "response": {}, **fields}
    return RawRecord(value, orjson.dumps(value))


def pipeline_with(parse_secs: float, find_secs: float = 0.0) -> Pipeline:
    """A pipeline whose parser and whose detector take that long for a record."""
    pipeline = Pipeline(config_with(limits={"record_secs": LIMIT_SECS}), detector=PerText(_finder(find_secs)))
    source = openai_gateway.SOURCE

    def parse(fields: dict[str, Any]) -> AuditEvent:
        work(parse_secs)
        return source.parse(fields)

    pipeline.registry = Registry([dataclasses.replace(source, parse=parse)])
    return pipeline


def _finder(secs: float) -> Any:
    def find(text: str) -> list[Finding]:
        if len(text) > 1000:
            work(secs)
        return []

    return find


def kinds(pipeline: Pipeline, size: int) -> list[tuple[str, str | None]]:
    return [(event["kind"], event.get("error_type")) for event in pipeline(record_of(size))]


def test_a_parser_that_takes_too_long_is_interrupted() -> None:
    pipeline = pipeline_with(parse_secs=20)
    began = time.thread_time()
    assert kinds(pipeline, LARGE_RECORD_BYTES) == [("quarantine", "over_budget")]
    assert time.thread_time() - began < 5
    assert pipeline.counts.quarantined == {"over_budget": 1}


def test_what_parsing_took_counts_with_what_detection_takes() -> None:
    assert kinds(pipeline_with(0.7 * LIMIT_SECS, 0.0), LARGE_RECORD_BYTES) == [("ai_access", None)]
    assert kinds(pipeline_with(0.0, 0.7 * LIMIT_SECS), LARGE_RECORD_BYTES) == [("ai_access", None)]
    assert kinds(pipeline_with(0.7 * LIMIT_SECS, 0.7 * LIMIT_SECS), LARGE_RECORD_BYTES) == [
        ("quarantine", "over_budget")
    ]


def test_a_stage_that_takes_too_long_and_never_asks_is_over_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = pipeline_with(0.0)
    classify = pipeline._classify

    def slowly(evidence: Any) -> Any:
        work(2 * LIMIT_SECS)
        return classify(evidence)

    monkeypatch.setattr(pipeline, "_classify", slowly)
    assert kinds(pipeline, 10) == [("quarantine", "over_budget")]


@pytest.mark.parametrize(
    "body",
    [
        "{\n" * 60_000,
        "data:{'\n" * 30_000,
        "data: {\n" * 30_000,
        "[" * 200_000,
        '{"a":' * 60_000,
        "{'a': " * 60_000,
        'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' * 5_000,
    ],
    ids=["braces", "repr", "pieces", "brackets", "nested", "nested repr", "stream"],
)
@pytest.mark.parametrize("place", ["response", "request", "message", "log"])
def test_other_records_are_processed_beside_a_slow_one(body: str, place: str) -> None:
    pipeline = Pipeline(config_with(limits={"record_secs": LIMIT_SECS}), detector=PerText(_finder(0)))
    slow = record_of(10, **{place: body})
    began = time.thread_time()
    steps = _steps(pipeline, [record_of(10), slow, record_of(20)])
    first, _, last = list(steps)[-1]
    assert time.thread_time() - began < 3
    assert [event["kind"] for event in (*first, *last)] == ["ai_access", "ai_access"]


def _steps(pipeline: Pipeline, records: list[RawRecord]) -> Iterator[Any]:
    yield pipeline.batch(records)


def test_a_small_record_costs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(pipeline_module, "within", fail)
    assert kinds(pipeline_with(0.0), 100) == [("ai_access", None)]
    assert kinds(pipeline_with(0.0), LARGE_RECORD_BYTES) == [("quarantine", "parser_failed")]


@pytest.mark.parametrize("in_thread", [False, True])
def test_an_interrupted_call_leaves_nothing_behind(in_thread: bool) -> None:
    """The interpreter kept looking for an exception that never came: slower from then on, and hung under a profiler."""
    code = f"""
import sys, threading, time
from veilog_filters.interrupt import Interrupted, within

def hang():
    end = time.thread_time() + 20
    while time.thread_time() < end:
        pass

def work():
    within(0.02, "quick", int)
    for _ in range(3):
        try:
            within(0.02, "slow", hang)
        except Interrupted:
            pass

if {in_thread}:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
sys.setprofile(lambda *arguments: None)
(lambda: [int() for _ in range(1000)])()
sys.setprofile(None)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False, text=True)
    assert done.stdout == "done\n", done.stderr


def test_short_calls_inside_of_one_do_not_put_its_limit_off() -> None:
    def loop() -> None:
        end = time.thread_time() + 5
        while time.thread_time() < end:
            within(1.0, "inner", int)
            work(0.01)

    began = time.thread_time()
    with pytest.raises(Interrupted):
        within(0.1, "outer", loop)
    assert time.thread_time() - began < 1
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
