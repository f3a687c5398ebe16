"""How many records a sidecar's worker takes at a time: many when they are quick, one where others would have to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from samples import config_with
from veilog_filters.detect.finding import Finding
from veilog_filters.forward import Chunk, Entry
from veilog_filters.metrics import Traffic
from veilog_filters.pipeline import BATCH_RECORDS, Pipeline
from veilog_filters.transports.worker import Worker

SLOW = "a slow one"


def entries(*texts: str) -> list[Entry]:
    return [
        Entry(1_700_000_000, None, {"request": {"model": "m", "messages": [{"role": "user", "content": text}]}})
        for text in texts
    ]


def detector(text: str) -> list[Finding]:
    time.sleep(0.15 if text == SLOW else 0)
    return []


@pytest.fixture
def sizes() -> list[int]:
    return []


@pytest.fixture
def worker(sizes: list[int]) -> Worker:
    pipeline = Pipeline(config_with(), detector=detector)
    batch = pipeline.batch

    def counted(records: Sequence[Any]) -> Any:
        sizes.append(len(records))
        return batch(records)

    pipeline.batch = counted  # type: ignore[method-assign]
    return Worker(config_with(), pipeline, None, Traffic())  # type: ignore[arg-type]  # nothing is sent


def test_batches_grow_while_they_are_quick_and_begin_anew_where_one_was_slow(worker: Worker, sizes: list[int]) -> None:
    texts = [*["quick"] * 60, SLOW, *["quick"] * 30]
    out = asyncio.run(worker._filter(Chunk("tag", entries(*texts), None)))
    assert len(out) == len(texts)
    assert sizes[:5] == [1, 2, 4, 8, BATCH_RECORDS]
    assert sum(sizes) == len(texts)
    slow = next(number for number in range(len(sizes)) if sum(sizes[: number + 1]) > 60)
    assert sizes[slow + 1 : slow + 4] == [1, 2, 4]


def test_slow_records_are_taken_one_by_one(worker: Worker, sizes: list[int]) -> None:
    asyncio.run(worker._filter(Chunk("tag", entries(*[SLOW] * 4), None)))
    assert sizes == [1, 1, 1, 1]
