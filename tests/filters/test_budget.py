"""A record's time: what takes longer leaves as ``over_budget``, alone."""

from __future__ import annotations

import time

import pytest

from samples import config_with
from veilog_filters import clock
from veilog_filters.budget import Budget
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.pipeline import Pipeline
from veilog_parsers.errors import RecordError
from veilog_parsers.record.raw import RawRecord

SECS = 0.1


def spin(secs: float) -> None:
    end = time.thread_time() + secs
    while time.thread_time() < end:
        pass


def detect(text: str) -> list[Finding]:
    if "slow" in text:
        spin(SECS / 4)
    return []


def record(*texts: str) -> RawRecord:
    messages = [{"role": "user", "content": text} for text in texts]
    return RawRecord({"request": {"model": "m", "messages": messages}, "response": {}}, b"{}")


def test_a_record_over_its_budget_is_quarantined_and_its_neighbours_are_not() -> None:
    pipeline = Pipeline(config_with(limits={"record_secs": SECS}), detector=PerText(detect))
    began = time.thread_time()
    events = pipeline.batch([record("quick"), record(*["slow"] * 400), record("slow"), record("quick")])
    spent = time.thread_time() - began
    assert [event.get("error_type") for (event,) in events] == [None, "over_budget", None, None]
    assert pipeline.counts.quarantined == {"over_budget": 1}
    # 400 texts would have taken 100 times the budget: it was stopped between two of them.
    assert spent < 20 * SECS


def test_time_in_which_the_processor_did_something_else_is_not_spent() -> None:
    budget = Budget(0.001)
    budget.begin_batch()
    budget.resume(clock.secs(), 0.0)
    time.sleep(0.01)
    budget.check()
    spin(0.002)
    with pytest.raises(RecordError):
        budget.check()


def test_others_may_go_on_between_events_that_are_slow() -> None:
    pipeline = Pipeline(config_with(), detector=PerText(detect))
    steps = pipeline.steps([record("slow") for _ in range(8)])
    between = pipeline.steps([record("quick")])
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            results = [leaving.written[0] for leaving in done.value]
            break
        count += 1
        if count == 3:
            # Another sender's record goes through while the first batch is on its way.
            with pytest.raises(StopIteration) as other:
                next(between)
            assert other.value.value[0].written[0][0]["kind"] == "ai_access"
    assert count >= 8
    (first,), *rest = results
    assert all(event | {"event_id": ""} == first | {"event_id": ""} for (event,) in rest)
