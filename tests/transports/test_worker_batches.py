"""How many records a sidecar's worker takes at a time: many when they are quick, one where others would have to wait."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from samples import config_with
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.forward import Chunk, Entry, EventTime, Limits
from veilog_filters.forward.codec import pack_entry, read_entry
from veilog_filters.forward.events import GROUP_END_SECONDS, GROUP_START_SECONDS
from veilog_filters.pipeline import BATCH_RECORDS, Pipeline
from veilog_filters.transports import chunk as chunk_module
from veilog_filters.transports.chunk import ChunkFilter, Settings
from veilog_filters.transports.fan_out import FanOut
from veilog_filters.transports.scheduling import ByteBudget, CpuAccount, Scheduler
from veilog_filters.transports.sender import StdoutSender

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
def pipeline(sizes: list[int]) -> Pipeline:
    pipeline = Pipeline(config_with(), detector=PerText(detector))
    steps = pipeline.steps

    def counted(records: Sequence[Any]) -> Any:
        sizes.append(len(records))
        return steps(records)

    pipeline.steps = counted  # type: ignore[method-assign]
    return pipeline


class Nowhere(StdoutSender):
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.packed: list[bytes] = []

    def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
        self.packed += packed
        done()


def filtered(pipeline: Pipeline, *texts: str, account: CpuAccount | None = None) -> list[bytes]:
    """What is made of a chunk."""

    async def run() -> list[bytes]:
        settings, sender, acks = Settings(config_with()), Nowhere(), []
        turns, budget = Scheduler(), ByteBudget(1_000_000)
        work = ChunkFilter(settings, pipeline, FanOut({"native": sender}), budget, turns, account or CpuAccount())
        await work.run(Chunk("tag", entries(*texts)), lambda: acks.append(1))
        assert acks == [1]
        assert budget.used_bytes == 0
        return sender.packed

    return asyncio.run(run())


def test_batches_grow_while_they_are_quick_and_begin_anew_where_one_was_slow(
    pipeline: Pipeline, sizes: list[int]
) -> None:
    texts = [*["quick"] * 60, SLOW, *["quick"] * 30]
    assert len(filtered(pipeline, *texts)) == len(texts)
    assert sizes[:5] == [1, 2, 4, 8, BATCH_RECORDS]
    assert sum(sizes) == len(texts)
    slow = next(number for number in range(len(sizes)) if sum(sizes[: number + 1]) > 60)
    assert sizes[slow + 1 : slow + 4] == [1, 2, 4]


def test_slow_records_are_taken_one_by_one_also_in_the_next_chunk(pipeline: Pipeline, sizes: list[int]) -> None:
    account = CpuAccount()
    filtered(pipeline, *[SLOW] * 4, account=account)
    filtered(pipeline, *[SLOW] * 2, account=account)
    assert sizes == [1] * 6


def test_what_is_made_goes_out_in_parts_and_the_chunk_is_done_after_the_last(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_module, "PART_BYTES", 2_000)
    parts: list[tuple[int, Callable[[], None]]] = []

    class Held(StdoutSender):
        def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
            parts.append((len(packed), done))

    async def run() -> None:
        acks: list[int] = []
        work = ChunkFilter(
            Settings(config_with()),
            pipeline,
            FanOut({"native": Held()}),
            ByteBudget(1_000_000),
            Scheduler(),
            CpuAccount(),
        )
        await work.run(Chunk("tag", entries(*["quick"] * 40)), lambda: acks.append(1))
        assert len(parts) > 3
        assert sum(size for size, _ in parts) == 40
        for number, (_, done) in enumerate(reversed(parts), 1):
            assert not acks
            done()
            assert bool(acks) is (number == len(parts))

    asyncio.run(run())


def test_a_group_that_is_cut_ends_and_begins_again(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_module, "PART_BYTES", 2_000)
    parts: list[list[Any]] = []

    class Unpacked(StdoutSender):
        def pack(self, entry: Entry) -> bytes:
            return pack_entry(entry)

        def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
            parts.append([read_entry(data, Limits()) for data in packed])
            done()

    start = Entry(EventTime(GROUP_START_SECONDS, 0), {"schema": "otlp", "resource_id": 3, "x": "y"}, {"resource": {}})
    end = Entry(EventTime(GROUP_END_SECONDS, 0), {}, {})
    work = [start, *entries(*["quick"] * 20), end, *entries("quick")]

    async def run() -> None:
        filtering = ChunkFilter(
            Settings(config_with()),
            pipeline,
            FanOut({"native": Unpacked()}),
            ByteBudget(1_000_000),
            Scheduler(),
            CpuAccount(),
        )
        await filtering.run(Chunk("tag", work), lambda: None)

    asyncio.run(run())
    assert len(parts) > 2
    depth = 0
    for part in parts:
        marks = [entry.is_group_start - entry.is_group_end for entry in part]
        assert all(entry.metadata == {"schema": "otlp", "resource_id": 3} for entry in part if entry.is_group_start)
        assert sum(marks) == 0
        assert min(itertools.accumulate(marks)) >= 0
        depth += marks.count(1)
    assert depth == len(parts)
    assert not parts[-1][-1].is_group_marker
    assert sum(not entry.is_group_marker for part in parts for entry in part) == 21
