"""What a worker takes while much comes at once, and how long one sender waits for another.

    python benchmarks/bench_neighbours.py backlog --megabytes 124 372 1000
    python benchmarks/bench_neighbours.py wait

``backlog``: as Fluent Bit sends what has piled up, over many connections at once, in chunks of 2 MB; prints the peak of
the worker's memory (``VmHWM``). It ends early when the memory has not grown for long.

``wait``: an honest sender's acks while another one's records each use up their time: the longest and the median wait.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack

from bench_sidecar import Hop, connect, start_sidecar
from corpora import Corpus

CHUNK_BYTES = 2_000_000
FLAT_SECS = 60.0


def workers_of(pid: int) -> list[int]:
    """Process ids of a sidecar's workers."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


class Backlog:
    """Chunks that are made when they are sent, and are taken by whichever connection is free."""

    def __init__(self, megabytes: int) -> None:
        corpus = Corpus()
        self._entries = [msgpack.packb([1_740_994_863, corpus.record("mixed")]) for _ in range(4_000)]
        self._left = megabytes * 1_000_000
        self._number = 0

    def take(self) -> bytes:
        """The next chunk in Forward mode; b"" when there is none."""
        if self._left <= 0:
            return b""
        size, entries = 0, []
        while size < CHUNK_BYTES:
            entry = self._entries[self._number % len(self._entries)]
            self._number += 1
            entries.append(entry)
            size += len(entry)
        self._left -= size
        head = b"\x93\xa7raw.app\xdd" + len(entries).to_bytes(4, "big")
        data: bytes = head + b"".join(entries) + msgpack.packb({"chunk": f"c{self._number}"})
        return data

    async def ship(self, port: int) -> None:
        client = await connect(port)
        while data := self.take():
            await client.send(data)


async def backlog(megabytes: int, connections: int, pid: int, port: int) -> None:
    before = peak_mb(pid)
    work = Backlog(megabytes)
    shipping = asyncio.gather(*(work.ship(port) for _ in range(connections)))
    began = grown_at = time.monotonic()
    most = before
    with contextlib.suppress(asyncio.CancelledError):
        while not shipping.done():
            await asyncio.sleep(0.5)
            if peak_mb(pid) > most + 0.5:
                most, grown_at = peak_mb(pid), time.monotonic()
            if time.monotonic() - grown_at > FLAT_SECS:
                shipping.cancel()
    print(
        f"backlog {megabytes} MB over {connections} connections: before {before:.0f} MB, peak {peak_mb(pid):.0f} MB, "
        f"{time.monotonic() - began:.0f} s, {'all' if not shipping.cancelled() else 'memory flat; stopped'}",
        flush=True,
    )


def slow_record(number: int) -> dict[str, Any]:
    """A record that takes a tenth of a second or more: full of telephone numbers, and not remembered from before."""
    text = "".join(f" call 212-555-{number:04d}" for number in range(number, number + 4_000))
    return {"request": {"model": "m", "messages": [{"role": "user", "content": text}]}, "response": {"model": "m"}}


async def wait(port: int) -> None:
    alone = await waits(port)
    attacker = await connect(port)
    attacker.write(msgpack.packb(["slow", [[1, slow_record(number)] for number in range(400)], {"chunk": "s"}]))
    began = time.perf_counter()
    acks = asyncio.create_task(attacker.acks())
    await asyncio.sleep(1)
    beside = await waits(port)
    if acks.done():
        raise SystemExit("the slow records are through, so no other sender had to wait: nothing was measured")
    await acks
    each = (time.perf_counter() - began) / 400
    for name, taken in (("alone", alone), (f"beside 400 records of {each * 1e3:.0f} ms", beside)):
        print(
            f"a chunk of 20 quick records, {name}: median {statistics.median(taken) * 1e3:.0f} ms, "
            f"longest {max(taken) * 1e3:.0f} ms",
            flush=True,
        )


async def waits(port: int) -> list[float]:
    """Seconds from chunk to ack, one after the other."""
    honest, taken = await connect(port), []
    for number in range(40):
        began = time.perf_counter()
        await honest.send(msgpack.packb(["quick", [[1, {"log": "quick"}]] * 20, {"chunk": f"q{number}"}]))
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    return taken


async def run(arguments: argparse.Namespace, folder: Path) -> None:
    hop = Hop()
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0, limit=4_194_304)
    sizes = arguments.megabytes if arguments.what == "backlog" else [0]
    options = {"max_in_flight_bytes": arguments.in_flight_bytes} if arguments.in_flight_bytes else {}
    for megabytes in sizes:
        process, port = start_sidecar(folder, server.sockets[0].getsockname()[1], 1, **options)
        try:
            (pid,) = workers_of(process.pid)
            await (backlog(megabytes, arguments.connections, pid, port) if megabytes else wait(port))
        finally:
            process.terminate()
            process.wait()
    server.close()


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["backlog", "wait"])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[124, 372, 1000])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--in-flight-bytes", type=int, default=0, help="sidecar.max_in_flight_bytes")
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
