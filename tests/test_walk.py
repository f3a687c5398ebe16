"""The walk in docs/how-it-works/record.md is the one that a record takes: which modules, in which order."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import orjson
import pytest

from samples import ROOT, config_with
from veilog_filters.forward import Chunk, Entry, EventTime
from veilog_filters.framing import FRAMERS, WRITERS
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.chunk import ChunkFilter, Settings
from veilog_filters.transports.fan_out import FanOut
from veilog_filters.transports.scheduling import ByteBudget, CpuAccount, Scheduler
from veilog_filters.transports.sender import StdoutSender
from veilog_filters.transports.stdio import Filter
from veilog_parsers.record.raw import RawRecord

PAGE = ROOT / "docs" / "how-it-works" / "record.md"
GUIDES = frozenset(
    ("veilog_filters.pipeline", "veilog_filters.transports.stdio", "veilog_filters.transports.chunk", "walk of a test")
)
"""A module counts as entered when one of these calls it; what it calls itself is its own affair."""
EVERYWHERE = frozenset(
    f"veilog_filters.{name}" for name in ("budget", "clock", "ids", "metrics", "quarantine", "transports.scheduling")
) | {"veilog_parsers.event", "veilog_parsers.record.raw", "veilog_parsers.record.times"}
"""What measures, counts, names and types: it belongs to no stage."""


def record(user: str) -> dict[str, Any]:
    message = {"role": "user", "content": f"write to {user}@example.com"}
    return {"model": "gpt-4o", "request": {"messages": [message]}, "response": {}}


class Walk:
    """The modules that are called from ``GUIDES``, in order."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        if event != "call" or not name.startswith("veilog") or name in GUIDES | EVERYWHERE:
            return
        caller = frame.f_back
        if caller is not None and caller.f_globals.get("__name__") in GUIDES:
            self.entered.append(name)

    def order(self) -> list[str]:
        """The modules in the order in which each was entered first."""
        return list(dict.fromkeys(self.entered))


@contextmanager
def traced() -> Iterator[Walk]:
    walk = Walk()
    sys.setprofile(walk)
    try:
        yield walk
    finally:
        sys.setprofile(None)


def walk_of_filter(pipeline: Pipeline) -> list[str]:
    filtering = Filter(pipeline, FRAMERS["jsonl"](pipeline.fingerprinter, "", 1_000_000), WRITERS["jsonl"], None)
    with traced() as walk:
        assert b'"ai_access"' in filtering.feed(orjson.dumps(record("bob")) + b"\n")
    return walk.order()


def walk_of_sidecar(pipeline: Pipeline) -> list[str]:
    class Nowhere(StdoutSender):
        def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
            assert b'"ai_access"' in packed[0]
            done()

    async def run() -> list[str]:
        work = ChunkFilter(
            Settings(config_with()),
            pipeline,
            FanOut({"native": Nowhere()}),
            ByteBudget(10**6),
            Scheduler(),
            CpuAccount(),
        )
        value = record("eve")
        chunk = Chunk("tag", [Entry(EventTime(1_740_994_863, 1), None, value, orjson.dumps(value))])
        with traced() as walk:
            await work.run(chunk, lambda: None)
        return walk.order()

    return asyncio.run(run())


def written(command: str) -> list[str]:
    """The walk of a command as the page has it, one module a line."""
    text = PAGE.read_text(encoding="utf-8").partition(f"<!-- walk: {command} -->")[2].partition("<!-- end")[0]
    return re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize(("command", "walk_of"), [("filter", walk_of_filter), ("sidecar", walk_of_sidecar)])
def test_a_record_walks_as_the_page_says(command: str, walk_of: Callable[[Pipeline], list[str]]) -> None:
    pipeline = Pipeline(config_with())
    pipeline.prepare()
    pipeline.batch([])
    walk_of(pipeline)  # builds what is built once
    pipeline = Pipeline(config_with())
    pipeline.prepare()
    assert walk_of(pipeline) == written(command)


STAGES = (
    "parse",
    "_identify",
    "_gather",
    "_scan",
    "_verify",
    "_label",
    "_fingerprint",
    "_compare",
    "_clean",
    "_count",
    "_write",
)


def test_no_stage_is_entered_before_the_one_ahead_of_it_is_done() -> None:
    pipeline = Pipeline(config_with())
    calls: list[str] = []

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_name
        module = frame.f_globals.get("__name__")
        is_stage = module == "veilog_filters.pipeline" or (name, module) == ("parse", "veilog_parsers.registry")
        if name in STAGES and is_stage and event in ("call", "return") and calls[-1:] != [name]:
            calls.append(name)

    line = record("ann")
    sys.setprofile(note)
    try:
        pipeline(RawRecord(line, orjson.dumps(line)))
    finally:
        sys.setprofile(None)
    assert calls == list(STAGES)
