"""Throughput and added latency of ``veilog sidecar`` on loopback, acks on: ``python benchmarks/bench_sidecar.py``.

The load is packed before the clock runs, and the next hop reads nothing but the frame and the chunk id of what it
acknowledges, so that the workers get the processors. Throughput: as many chunks as are allowed unacknowledged, over
several connections, until all are acknowledged. Latency: single records at a third of the throughput, from the moment
they are sent to the moment they are at the next hop, less what the same way takes without a sidecar.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import yaml

from corpora import KINDS, Corpus
from veilog_filters.fingerprint import new_key

CONNECTIONS = 12
CHUNK_RECORDS = 50
UNACKNOWLEDGED = 4
LATENCY_RECORDS = 600


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def packed(records: list[dict[str, Any]], chunk_id: str) -> bytes:
    entries = b"".join(msgpack.packb([1_740_994_863, record]) for record in records)
    data: bytes = msgpack.packb(["raw.app", entries, {"size": len(records), "chunk": chunk_id}])
    return data


class Hop:
    """The next hop: acknowledges, and tells when what arrived."""

    def __init__(self) -> None:
        self.arrived: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unpacker = msgpack.Unpacker(raw=True, max_buffer_size=2**30)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(1_048_576):
                unpacker.feed(data)
                for message in unpacker:
                    self.arrived.append(time.perf_counter())
                    writer.write(msgpack.packb({"ack": message[2][b"chunk"].decode()}))
        writer.close()


class Client:
    """One connection of the shipper's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._unpacker = msgpack.Unpacker(raw=True)
        self._acks = 0

    async def send_all(self, chunks: list[bytes]) -> None:
        """Send chunks from a common stack, a few unacknowledged at a time."""
        waiting = 0
        while chunks or waiting:
            while chunks and waiting < UNACKNOWLEDGED:
                self._writer.write(chunks.pop())
                waiting += 1
            waiting -= await self.acks()

    async def acks(self) -> int:
        """How many acks came, at least one."""
        self._unpacker.feed(await self._reader.read(65_536))
        return sum(1 for _ in self._unpacker)

    def write(self, data: bytes) -> None:
        """Send a chunk without waiting for its ack; another task reads acks."""
        self._writer.write(data)

    async def send(self, data: bytes) -> float:
        """Send a chunk; when it was sent, and its ack is here."""
        sent = time.perf_counter()
        self._writer.write(data)
        while not await self.acks():
            pass
        return sent


async def connect(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


async def throughput(port: int, chunks: list[bytes]) -> float:
    """Records per second."""
    clients = [await connect(port) for _ in range(CONNECTIONS)]
    count = len(chunks) * CHUNK_RECORDS
    start = time.perf_counter()
    await asyncio.gather(*(client.send_all(chunks) for client in clients))
    return count / (time.perf_counter() - start)


async def latencies(port: int, hop: Hop, records: list[bytes], per_second: float) -> list[float]:
    """Seconds from the shipper to the next hop, one record at a time at a given rate."""
    client, taken = await connect(port), []
    for data in records:
        hop.arrived.clear()
        sent = await client.send(data)
        taken.append(hop.arrived[0] - sent)
        await asyncio.sleep(max(0.0, 1 / per_second - (time.perf_counter() - sent)))
    return taken


def start_sidecar(folder: Path, hop_port: int, workers: int, **options: Any) -> tuple[subprocess.Popen[bytes], int]:
    port, http = free_port(), free_port()
    config = {
        "sidecar": {
            "listen": {"tcp": f"127.0.0.1:{port}"},
            "forward": [{"address": f"127.0.0.1:{hop_port}"}],
            "http": f"127.0.0.1:{http}",
            "workers": workers,
            **options,
        }
    }
    (folder / "veilog.yaml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "veilog_filters", "sidecar", "--config", str(folder / "veilog.yaml")],
        env=os.environ | {"VEILOG_HASH_KEY": new_key()},
    )
    wait_until(lambda: f"veilog_workers_ready {workers}.0" in page(f"http://127.0.0.1:{http}/metrics"))
    return process, port


def page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the sidecar did not become ready")
        time.sleep(0.1)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


async def measure(arguments: argparse.Namespace, folder: Path) -> None:
    hop = Hop()
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0, limit=4_194_304)
    hop_port = server.sockets[0].getsockname()[1]
    corpus = Corpus()
    records = [corpus.record(arguments.corpus) for _ in range(arguments.records)]
    chunks = [
        packed(records[start : start + CHUNK_RECORDS], f"c{start}") for start in range(0, len(records), CHUNK_RECORDS)
    ]
    singles = [packed([corpus.record(arguments.corpus)], f"s{number}") for number in range(LATENCY_RECORDS)]
    direct = percentiles(await latencies(hop_port, hop, singles, 200))
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(arguments.rounds):
        for workers, seen in rates.items():
            process, port = start_sidecar(folder, hop_port, workers)
            try:
                await throughput(port, chunks[:20])
                rate = await throughput(port, list(chunks))
                seen.append(rate)
                p50, p99 = percentiles(await latencies(port, hop, singles, rate / 3))
                print(
                    f"{workers} worker(s): {rate:8.0f} records/s, added latency at a third of that rate: "
                    f"p50 {p50 - direct[0]:.2f} ms, p99 {p99 - direct[1]:.2f} ms",
                    flush=True,
                )
            finally:
                process.terminate()
                process.wait()
    ratio = statistics.median(rates[2]) / statistics.median(rates[1])
    print(f"2 workers reach {ratio:.2f} times 1, on {os.cpu_count()} processors")
    server.close()


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000, help="records per run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--corpus", default="mixed", choices=KINDS)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
