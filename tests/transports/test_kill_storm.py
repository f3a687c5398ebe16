"""Nothing is lost and nothing leaks while everything behind the shipper is killed, again and again.

A shipper that keeps what is not acknowledged, as Fluent Bit does, sends records through the sidecar to a collector that
writes them to a file. Meanwhile ``kill -9`` hits the sidecar, one of its workers, or the collector, at random. At the
end every expected ``event_id`` is in the file, at least once, and no address that was in the records ever was. With two
collectors, each of which gets events in a schema of its own, all of this holds for both files.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest

from forward_peers import Shipper, Sidecar, free_port, in_loop
from samples import config_with
from shares import SOAK
from veilog_filters.detect.api import PerText
from veilog_filters.forward import Ack, Closed, ForwardError
from veilog_filters.forward.connection import NEED_DATA
from veilog_filters.pipeline import Pipeline
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import from_epoch_ns

RECORDS, KILLS = (100_000, 20) if SOAK else (12_000, 4)
RECORDS_TO_BOTH, KILLS_OF_BOTH = (200_000, 60) if SOAK else (6_000, 4)
CHUNK = 50
SECONDS = 1_740_994_863
KEEP = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}
COLLECTOR = Path(__file__).parents[1] / "peers" / "collector.py"


def record(number: int) -> dict[str, Any]:
    return {"log": f"call {number} by canary{number}@example.com", "number": number}


def expected_ids(records: int) -> set[str]:
    """The event ids of so many records, from a pipeline of our own: they do not depend on what a detector finds."""
    pipeline = Pipeline(config_with(policy=KEEP), detector=PerText(lambda text: []))
    time = from_epoch_ns(SECONDS * 1_000_000_000)
    raws = (record(number) for number in range(records))
    return {pipeline(RawRecord(raw, msgpack.packb(raw), "raw.app", time, {}))[0]["event_id"] for raw in raws}


class Collector:
    """The collector's process."""

    def __init__(self, port: int, path: Path) -> None:
        self.port, self.path = port, path
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(COLLECTOR), str(self.port), str(self.path)])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


async def ship_everything(port: int, records: int, acked: set[str]) -> None:
    """Send all chunks, at most 20 unacknowledged at a time, and again what is not acknowledged, until all are."""
    left = {f"c{start}": range(start, min(start + CHUNK, records)) for start in range(0, records, CHUNK)}
    while left:
        try:
            shipper = await Shipper.connect(port)
            unsent, waiting = list(left), 0
            while unsent or waiting:
                while unsent and waiting < 20:
                    chunk_id = unsent.pop(0)
                    shipper.send("raw.app", *map(record, left[chunk_id]), chunk_id=chunk_id, time=SECONDS)
                    waiting += 1
                event = shipper.connection.next_event()
                if event is NEED_DATA:
                    shipper.connection.receive_data(await asyncio.wait_for(shipper.reader.read(65_536), 60))
                elif isinstance(event, Ack):
                    del left[str(event.chunk_id)]
                    acked.add(str(event.chunk_id))
                    waiting -= 1
                elif isinstance(event, Closed):
                    break
            shipper.writer.close()
        except (TimeoutError, OSError, ForwardError):
            await asyncio.sleep(0.1)


async def storm(
    sidecar: Sidecar, collectors: dict[str, Collector], records: int, kills: int, chance: random.Random
) -> None:
    """Ship so many records while so many processes die: each kind once, and then one by chance."""
    await asyncio.to_thread(sidecar.start)
    acked: set[str] = set()
    shipping = asyncio.create_task(ship_everything(sidecar.port, records, acked))
    kinds = ["sidecar", "worker", *collectors]
    assert kills >= len(kinds)
    try:
        for blow in range(1, kills + 1):
            # Spread over the run: the next blow falls when its share of chunks has been acknowledged.
            while len(acked) < blow / (kills + 1) * records / CHUNK and not shipping.done():
                await asyncio.sleep(0.01)
            assert not shipping.done(), "everything had arrived before the last blow"
            await asyncio.sleep(chance.random() / 5)
            victim = kinds[blow - 1] if blow <= len(kinds) else chance.choice(kinds)
            if victim == "sidecar":
                await asyncio.to_thread(sidecar.kill)
                await asyncio.to_thread(sidecar.start)
            elif victim == "worker":
                os.kill(chance.choice(sidecar.worker_pids()), signal.SIGKILL)
            else:
                collectors[victim].kill()
                await asyncio.sleep(chance.random())
                collectors[victim].start()
        await shipping
    finally:
        shipping.cancel()
        await asyncio.to_thread(sidecar.stop)
        for collector in collectors.values():
            collector.kill()
    assert not re.search(r"canary\d", sidecar.log.read_text())


def collected(collector: Collector) -> list[dict[str, Any]]:
    """What is in a collector's file; no address is."""
    written = collector.path.read_bytes()
    assert not re.search(rb"canary\d", written)
    lines = written.splitlines()
    assert b"<EMAIL_ADDRESS>" in lines[0]
    return [orjson.loads(line) for line in lines]


@pytest.mark.slow
@in_loop
async def test_everything_arrives_and_nothing_leaks(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("storm")
    collector = Collector(free_port(), folder / "collected.jsonl")
    options = {"ack_timeout_secs": 5, "grace_secs": 2}
    sidecar = Sidecar(folder, (collector.port,), workers=2, sidecar=options, policy=KEEP)
    await storm(sidecar, {"collector": collector}, RECORDS, KILLS, random.Random(20_261_124))
    events = collected(collector)
    assert {event["event_id"] for event in events} == expected_ids(RECORDS)
    assert len(events) >= RECORDS


@pytest.mark.slow
@in_loop
async def test_everything_arrives_in_both_places_each_in_its_schema(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("both")
    collectors = {schema: Collector(free_port(), folder / f"{schema}.jsonl") for schema in ("native", "ocsf")}
    places = [{"address": f"127.0.0.1:{collector.port}", "schema": schema} for schema, collector in collectors.items()]
    options = {"forward": places, "ack_timeout_secs": 5, "grace_secs": 2}
    sidecar = Sidecar(folder, workers=2, sidecar=options, policy=KEEP)
    await storm(sidecar, collectors, RECORDS_TO_BOTH, KILLS_OF_BOTH, random.Random(2_004_6003))
    expected = expected_ids(RECORDS_TO_BOTH)
    assert {event["event_id"] for event in collected(collectors["native"])} == expected
    assert {event["metadata"]["uid"] for event in collected(collectors["ocsf"])} == expected
