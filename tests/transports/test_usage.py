"""Rows of usage from a worker to a next hop: without traffic, when it stops, when it reloads, until acknowledged."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from forward_peers import Collector, Shipper, in_loop, running, until
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord

NOW = 1_796_000_400.0
"""20 minutes past an hour."""
USAGE = {"events": True, "window_secs": 3600, "late_secs": 0}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def record(user: str, number: int = 0) -> dict[str, Any]:
    """A call; the same number is the same call."""
    return {
        "time": int(NOW) + number,
        "user": user,
        "request": {"model": "m", "messages": [{"role": "user", "content": "Good morning"}]},
        "response": {},
    }


def rows(hop: Collector) -> list[dict[str, Any]]:
    return [entry.record for chunk in hop.chunks if chunk.tag == "clean.usage" for entry in chunk.entries]


def counted(hop: Collector) -> dict[str, int]:
    """Calls by user; a row that came twice counts once."""
    by_id = {row["event_id"]: row for row in rows(hop)}
    sums: dict[str, int] = {}
    for row in by_id.values():
        sums[row["user_id"]] = sums.get(row["user_id"], 0) + row["usage"]["requests"]
    return sums


def has_rows(hop: Collector, number: int) -> bool:
    return len(rows(hop)) == number


@in_loop
async def test_a_window_that_is_over_leaves_without_traffic() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, usage=USAGE) as sidecar:
        clock = Clock()
        sidecar.worker.pipeline.follow(clock)
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), record("bob"), record("ann", 1), chunk_id="c1")
        assert await shipper.ack() == "c1"
        await asyncio.sleep(1.2)
        assert rows(hop) == []
        clock.now += 3600
        await until(lambda: rows(hop))
        assert counted(hop) == {"ann": 2, "bob": 1}
    await hop.stop()
    assert len(rows(hop)) == 2


@in_loop
async def test_a_worker_that_stops_sends_what_it_has_and_waits_for_the_ack() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, usage=USAGE) as sidecar:
        sidecar.worker.pipeline.follow(Clock())
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), chunk_id="c1")
        assert await shipper.ack() == "c1"
        sidecar.worker.stop()
        await sidecar.serving
        assert sidecar.errors == {}
        assert sidecar.traffic.delivery("native").in_flight_chunks == 0
    assert counted(hop) == {"ann": 1}
    await hop.stop()


@in_loop
async def test_rows_go_to_the_places_of_every_schema() -> None:
    hops = Collector(), Collector()
    for hop in hops:
        await hop.start()
    async with running(*hops, usage=USAGE, schemas=("native", "ecs"), tag="clean.{schema}.{tag}") as sidecar:
        sidecar.worker.pipeline.follow(Clock())
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), chunk_id="c1")
        assert await shipper.ack() == "c1"
        sidecar.worker.stop()
        await sidecar.serving
        assert sidecar.errors == {}
    (row,) = [chunk.entries[0].record for chunk in hops[0].chunks if chunk.tag == "clean.native.usage"]
    assert (row["user_id"], row["usage"]["requests"]) == ("ann", 1)
    (row,) = [event for event in hops[1].events if "usage" in event.get("veilog", {})]
    assert row["event"]["module"] == "veilog"
    assert row["veilog"]["usage"]["requests"] == 1
    for hop in hops:
        await hop.stop()


@in_loop
async def test_a_next_hop_that_does_not_acknowledge_is_told_and_not_waited_for_longer_than_the_grace() -> None:
    hop = Collector(acks=lambda chunk_id: [chunk_id] if len(hop.chunks) == 1 else [])
    await hop.start()
    async with running(hop, usage=USAGE, grace_secs=0.5) as sidecar:
        sidecar.worker.pipeline.follow(Clock())
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), chunk_id="c1")
        assert await shipper.ack() == "c1"
        sidecar.worker.stop()
        await sidecar.serving
        assert sidecar.errors == {("receive", "usage_not_delivered"): 1}
    await hop.stop()


@in_loop
async def test_a_reload_sends_what_was_counted_and_loses_nothing_that_is_still_filtered() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, usage=USAGE) as sidecar:
        old = sidecar.worker.pipeline
        old.follow(Clock())
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), chunk_id="c1")
        assert await shipper.ack() == "c1"
        new = Pipeline(sidecar.config, detector=old.detector)
        new.follow(Clock())
        sidecar.worker.replace(new)
        await until(lambda: rows(hop))
        assert counted(hop) == {"ann": 1}
        old(RawRecord(record("bob"), b"a chunk that the old pipeline was at"))
        shipper.send("raw.app", record("ann", 1), chunk_id="c2")
        assert await shipper.ack() == "c2"
    assert counted(hop) == {"ann": 2, "bob": 1}
    await hop.stop()


@in_loop
async def test_a_chunk_that_comes_again_after_its_row_left_gives_a_row_with_the_same_id() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop, usage=USAGE) as sidecar:
        clock = Clock()
        sidecar.worker.pipeline.follow(clock)
        shipper = await Shipper.connect(sidecar.port)
        for number in (1, 2):
            shipper.send("raw.app", record("ann"), record("ann", 1), chunk_id=f"c{number}")
            assert await shipper.ack() == f"c{number}"
            clock.now += 3600
            await until(partial(has_rows, hop, number))
    assert counted(hop) == {"ann": 2}
    await hop.stop()


@in_loop
async def test_nothing_is_sent_where_nothing_is_asked_for() -> None:
    hop = Collector()
    await hop.start()
    async with running(hop) as sidecar:
        shipper = await Shipper.connect(sidecar.port)
        shipper.send("raw.app", record("ann"), chunk_id="c1")
        assert await shipper.ack() == "c1"
    assert rows(hop) == []
    await hop.stop()
