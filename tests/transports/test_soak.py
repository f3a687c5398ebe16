"""A long run through a sidecar: every record is acknowledged, and the workers' memory stays where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgpack
import pytest

from forward_peers import Shipper, Sidecar, in_loop
from processes import resident_bytes
from shares import SOAK
from veilog_filters.forward import Ack
from veilog_filters.forward.connection import NEED_DATA

RECORDS = 1_000_000 if SOAK else 40_000
CHUNK = 500
WARM_UP = 0.25 if SOAK else 0.5
"""The share of the run after which caches are full and memory has to be flat."""


def packed(start: int) -> bytes:
    """A chunk of records that are all different, one in ten with an address."""
    entries = []
    for number in range(start, start + CHUNK):
        who = f" for canary{number}@example.com" if number % 10 == 0 else ""
        text = f"Explain step {number * 7919 % 1_000_003} of the plan{who} in plain words."
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        record = {
            "request_id": f"r{number}",
            "request": body,
            "response": {"choices": [{"message": {"content": "Ok."}}]},
        }
        entries.append(msgpack.packb([1_740_994_863, record]))
    data: bytes = msgpack.packb(["raw.app", b"".join(entries), {"chunk": f"c{start}"}])
    return data


def resident_mb(pid: int) -> float:
    return resident_bytes(pid) / 1e6


@pytest.mark.slow
@in_loop
async def test_memory_stays_flat(tmp_path_factory: pytest.TempPathFactory) -> None:
    sidecar = Sidecar(tmp_path_factory.mktemp("soak"), workers=2, detect={"cache_entries": 2000})
    sidecar.out = Path("/dev/null")
    await asyncio.to_thread(sidecar.start)
    before: dict[int, float] = {}
    try:
        clients = [await Shipper.connect(sidecar.port) for _ in range(8)]
        starts = iter(range(0, RECORDS, CHUNK))
        acked = 0

        async def ship(client: Shipper) -> None:
            nonlocal acked
            for start in starts:
                client.writer.write(packed(start))
                while (event := client.connection.next_event()) is NEED_DATA:
                    client.connection.receive_data(await client.reader.read(65_536))
                assert event == Ack(f"c{start}")
                acked += CHUNK
                if not before and acked >= WARM_UP * RECORDS:
                    before.update((pid, resident_mb(pid)) for pid in sidecar.worker_pids())

        await asyncio.gather(*(ship(client) for client in clients))
        after = {pid: resident_mb(pid) for pid in sidecar.worker_pids()}
        await asyncio.sleep(1)
        received = await asyncio.to_thread(sidecar.metric, "veilog_records_received_total")
    finally:
        await asyncio.to_thread(sidecar.stop)
    assert (acked, received) == (RECORDS, RECORDS)
    assert len(before) == 2
    for pid, megabytes in after.items():
        print(
            f"worker {pid}: {before[pid]:.1f} MB after {WARM_UP:.0%} of {RECORDS} records, {megabytes:.1f} MB at the end"
        )
        assert megabytes <= 1.1 * before[pid]
