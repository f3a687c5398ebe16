"""Peers that mean harm, on real sockets, each with an honest one beside it.

While an attack goes on, an honest shipper sends a record every 20 ms and waits for its ack. It is to be served at once,
which here, on machines that do other things too, is a few seconds at most; and at the end all that it sent is downstream,
and nothing of the attack has been an error that nobody expected.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import resource
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from forward_peers import WAIT_SECS, Collector, Running, Shipper, Sidecar, free_port, in_loop, running, until, wait_for
from samples import KEY_FILE
from veilog_filters.detect.api import Finding

KEEP = {"content": "redacted", "unmapped": "redact", "unrecognized": "redact"}
SERVED_SECS = 10.0
KEY = KEY_FILE.read_bytes().strip()
KEYED: dict[str, Any] = {"shared_key": {"file": str(KEY_FILE)}}


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return packed


class Honest:
    """A shipper that sends a record, waits for its ack, and sends the next, and notes how long it waited."""

    def __init__(self, port: int, shared_key: bytes = b"") -> None:
        self._port, self._shared_key = port, shared_key
        self.sent = 0
        self.longest_secs = 0.0

    async def once(self, shipper: Shipper) -> None:
        began = time.monotonic()
        shipper.send("honest", {"honest": self.sent}, chunk_id=f"h{self.sent}")
        assert await shipper.ack() == f"h{self.sent}"
        self.longest_secs = max(self.longest_secs, time.monotonic() - began)
        self.sent += 1

    async def for_ever(self) -> None:
        shipper = await Shipper.connect(self._port, self._shared_key)
        while True:
            await self.once(shipper)
            await asyncio.sleep(0.02)

    async def anew(self) -> None:
        """The same over a new connection."""
        await self.once(await Shipper.connect(self._port, self._shared_key))


@contextlib.asynccontextmanager
async def beside_an_honest_one(sidecar: Running, hop: Collector, shared_key: bytes = b"") -> AsyncIterator[Honest]:
    """An honest shipper that goes on all the time; afterwards, whether it was served."""
    honest = Honest(sidecar.port, shared_key)
    going_on = asyncio.create_task(honest.for_ever())
    try:
        await until(lambda: honest.sent > 2 or going_on.done())
        yield honest
        sent = honest.sent
        await until(lambda: honest.sent > sent + 2 or going_on.done())
        assert not going_on.done(), "the honest shipper was hung up on"
        await honest.anew()
    finally:
        going_on.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going_on
    assert honest.longest_secs < SERVED_SECS
    arrived = {event["unmapped"]["honest"] for event in hop.events if "honest" in event.get("unmapped", ())}
    assert arrived >= set(range(honest.sent - 1))
    assert ("receive", "internal") not in sidecar.errors


async def attack(port: int, data: bytes) -> Shipper:
    """Connect and send bytes as they are."""
    attacker = await Shipper.connect(port)
    attacker.writer.write(data)
    return attacker


# Messages and entries.


@in_loop
async def test_bad_chunk_ids() -> None:
    hop = Collector()
    await hop.start()
    odd = [7, True, 1.5, [], {}, ["c"], {"a": 1}, msgpack.ExtType(5, b"x"), "c" * 300, b"c" * 300, -(2**63)]
    async with running(hop, policy=KEEP) as sidecar, beside_an_honest_one(sidecar, hop):
        for chunk_id in odd:
            attacker = await attack(sidecar.port, pack(["t", [[1, {"a": 1}]], {"chunk": chunk_id}]))
            assert await attacker.closed()
        await until(lambda: sidecar.errors == {("receive", "bad_chunk_id"): len(odd)})
        for good in ("\udcff\udcfe", b"\xff\x00", "", "\udced\udca0\udc80"):
            attacker = await attack(sidecar.port, pack(["t", [[1, {"a": 1}]], {"chunk": good}]))
            assert await attacker.ack() == good
    assert not any("a" in event["unmapped"] and len(hop.chunks) < 4 for event in hop.events)
    await hop.stop()


POISON = {
    "no pair": pack(7),
    "nan": pack([float("nan"), {}]),
    "-inf": pack([float("-inf"), {}]),
    "1e300": pack([1e300, {}]),
    "negative": pack([-5, {}]),
    "huge": pack([2**64 - 1, {}]),
    "datetime": pack([msgpack.Timestamp(1, 1), {}]),
    "extension as time": pack([msgpack.ExtType(7, b"12345678"), {}]),
    "extension inside": pack([1, {"a": {"b": [msgpack.ExtType(7, b"x")]}}]),
    "extension in metadata": pack([[1, {"a": msgpack.ExtType(7, b"x")}], {}]),
    "keys": pack([1, {1: 2}]),
    "a map as key": b"\x92\x01\x81\x80\x01",
    "deep": b"\x92\x01" + b"\x81\xa1a" * 300 + b"\xc0",
    "very deep": b"\x92\x01" + b"\x91" * 100_000 + b"\xc0",
    "no map": pack([1, "text"]),
    "nil": pack([1, None]),
}


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@in_loop
async def test_poison_entries(compression: str) -> None:
    """Each is one quarantine event; its neighbours go on; the chunk is acknowledged, so nobody sends it again."""
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP) as sidecar, beside_an_honest_one(sidecar, hop):
        for name, poison in POISON.items():
            entries = pack([1, {"before": name}]) + poison + pack([1, {"after": name}])
            option = {"chunk": name} | ({"compressed": compression} if compression else {})
            packers: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
            if compression:
                data = pack(["poison", packers[compression](entries), option])
            else:
                data = b"\x93\xa6poison\x93" + entries + pack(option)
            attacker = await attack(sidecar.port, data)
            assert await attacker.ack() == name
    chunks = [chunk for chunk in hop.chunks if chunk.tag == "clean.poison"]
    assert len(chunks) == len(POISON)
    for chunk, (name, poison) in zip(chunks, POISON.items(), strict=True):
        before, damaged, after = (entry.record for entry in chunk.entries)
        assert (before["unmapped"]["before"], after["unmapped"]["after"]) == (name, name)
        assert damaged["kind"] == "quarantine"
        assert 0 < damaged["raw_bytes"] <= len(poison)
        assert len(damaged["raw_hash"]) == 64
        assert damaged["tag"] == "poison"
    assert sidecar.errors == {}
    await hop.stop()


@in_loop
async def test_a_record_cannot_be_declared_a_marker_by_its_author() -> None:
    hop = Collector()
    await hop.start()
    marks = [msgpack.ExtType(0, struct.pack(">II", seconds, 0)) for seconds in (0xFFFF_FFFF, 0xFFFF_FFFE)]
    entries = [
        entry for mark in marks for entry in ([mark, {"a": 1}], [[mark, {}], {"a": 1}], [[mark, {"b": 2}], {"a": 1}])
    ]
    async with running(hop, policy=KEEP) as sidecar, beside_an_honest_one(sidecar, hop):
        attacker = await attack(sidecar.port, pack(["marks", entries, {"chunk": "c"}]))
        assert await attacker.ack() == "c"
    ((chunk),) = [chunk for chunk in hop.chunks if chunk.tag == "clean.marks"]
    assert len(chunk.entries) == 6
    for entry in chunk.entries:
        assert entry.record["unmapped"] == {"a": 1}
        assert "timestamp" not in entry.record
        assert entry.time == 0, "or it would be a marker downstream"
    await hop.stop()


BOMBS = {
    "gzip": ({"compressed": "gzip"}, gzip.compress(bytes(300_000_000), 9), "inflated_too_large"),
    "zstd": ({"compressed": "zstd"}, zstandard.compress(bytes(300_000_000)), "inflated_too_large"),
    "empty members": ({"compressed": "gzip"}, gzip.compress(b"", mtime=0) * 200_000, "bad_compression"),
    "a wide window": ({"compressed": "zstd"}, b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00", "bad_compression"),
    "cut gzip": ({"compressed": "gzip"}, gzip.compress(os.urandom(1_000_000))[:-9], "bad_compression"),
    "cut zstd": ({"compressed": "zstd"}, zstandard.compress(os.urandom(1_000_000))[:-9], "bad_compression"),
}


@pytest.mark.parametrize("name", BOMBS)
@in_loop
async def test_bombs(name: str) -> None:
    option, payload, reason = BOMBS[name]
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP) as sidecar, beside_an_honest_one(sidecar, hop):
        attackers = [await attack(sidecar.port, pack(["t", payload, option])) for _ in range(4)]
        assert all([await attacker.closed() for attacker in attackers])
        await until(lambda: sidecar.errors.get(("receive", reason)) == 4)
        await until(lambda: sidecar.worker.budget.used_bytes < 100_000)
    await hop.stop()


@in_loop
async def test_many_empty_entries_make_others_wait_for_a_slice_alone() -> None:
    hop = Collector()
    await hop.start()
    entries = pack([1, {}]) * 20_000
    async with running(hop, policy=KEEP) as sidecar, beside_an_honest_one(sidecar, hop) as honest:
        sent = honest.sent
        attackers = [await attack(sidecar.port, pack(["empty", entries, {"chunk": "c"}])) for _ in range(2)]
        assert [await attacker.ack() for attacker in attackers] == ["c", "c"]
        assert honest.sent > sent + 5
    sizes = [len(chunk.entries) for chunk in hop.chunks if chunk.tag == "clean.empty"]
    assert sum(sizes) == 40_000
    assert max(sizes) < 20_000, "in parts"
    await hop.stop()


def slow(text: str) -> list[Finding]:
    time.sleep(0.3 if "slow" in text else 0)
    return []


@in_loop
async def test_slow_records_of_one_do_not_keep_others() -> None:
    """A slice is one step of the pipeline: here one record of 0.3 s. A chunk waits for one whenever bytes of it or of its
    ack come in between, which is several times in this process, where all peers live; and not for each of its batches.
    """
    hop = Collector()
    await hop.start()
    slow_chunk = pack(["slow", [[1, {"log": f"slow {number}"}] for number in range(80)]])
    async with running(hop, policy=KEEP, detector=slow, grace_secs=0.1) as sidecar:
        await attack(sidecar.port, slow_chunk)
        await until(lambda: sidecar.worker.pipeline.counts.received > 1)
        shipper = await Shipper.connect(sidecar.port)
        for number in range(3):
            shipper.send("honest", *[{"honest": number} for number in range(60)], chunk_id=f"h{number}")
            assert await shipper.ack() == f"h{number}"
        assert [chunk.tag for chunk in hop.chunks] == ["clean.honest"] * 3, "the slow ones are still at it"
    await hop.stop()


# Connections.


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of all connections are in this process."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


async def say_nothing(port: int) -> None:
    """1,000 connections."""
    for _ in range(1000):
        await Shipper.connect(port)


async def say_something_once(port: int) -> None:
    """1,000 connections that have sent a chunk each."""
    for _ in range(1000):
        await attack(port, pack(["idle", [[1, {}]]]))


async def begin_a_message(port: int) -> None:
    """500 connections, each with the first kilobyte of a message."""
    for _ in range(500):
        await attack(port, b"\x92\xa1t\xc6\x00\x10\x00\x00" + bytes(1000))


async def shake_hands_and_go(port: int) -> None:
    """1,000 connections that are reset at once."""
    for _ in range(1000):
        (await Shipper.connect(port)).writer.transport.abort()


@pytest.mark.parametrize("crowd", [say_nothing, say_something_once, begin_a_message, shake_hands_and_go])
@in_loop
async def test_crowds(crowd: Callable[[int], Awaitable[None]], many_files: None) -> None:
    hop = Collector()
    await hop.start()
    async with (
        running(hop, policy=KEEP, listen={"max_connections": 100}) as sidecar,
        beside_an_honest_one(sidecar, hop),
    ):
        await crowd(sidecar.port)
        assert sidecar.traffic.connections <= 126
    await hop.stop()


@in_loop
async def test_unfinished_messages_do_not_keep_the_budget() -> None:
    """Each holds more than it may while others wait: those that are silent then are hung up on."""
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP, max_in_flight_bytes=2_000_000) as sidecar, beside_an_honest_one(sidecar, hop):
        half = b"\x92\xa1t\xc6\x00\x10\x00\x00" + bytes(500_000)
        attackers = [await attack(sidecar.port, half) for _ in range(12)]
        await until(lambda: sidecar.worker.budget.used_bytes > 1_500_000)
        big = await Shipper.connect(sidecar.port)
        big.send("big", *[{"log": "x" * 100_000}] * 10, chunk_id="big")
        assert await big.ack() == "big"
        await until(lambda: sidecar.errors.get(("receive", "over_budget"), 0) > 0)
        assert sidecar.worker.budget.used_bytes < 4_000_000
        for attacker in attackers:
            attacker.writer.transport.abort()
    await hop.stop()


@in_loop
async def test_a_backlog_over_many_connections_stays_in_the_budget() -> None:
    """As Fluent Bit sends one: all at once. Nobody is hung up on; most of them wait."""
    hop = Collector()
    await hop.start()
    async with running(hop, policy=KEEP, max_in_flight_bytes=2_000_000) as sidecar, beside_an_honest_one(sidecar, hop):
        shippers = [await Shipper.connect(sidecar.port) for _ in range(24)]
        for number, shipper in enumerate(shippers):
            shipper.send("backlog", *[{"log": "x" * 10_000, "n": number}] * 60, chunk_id=f"b{number}")
        most = 0
        acks = asyncio.gather(*(shipper.ack() for shipper in shippers))
        while not acks.done():
            most = max(most, sidecar.worker.budget.used_bytes)
            await asyncio.sleep(0.005)
        assert await acks == [f"b{number}" for number in range(24)]
        assert most < 2_000_000 + 24 * 131_072 + 1_200_000
        assert sidecar.errors == {}
    await hop.stop()


# Before authentication.


async def flood(port: int) -> list[Shipper]:
    """Strangers with as much as they may have, in every shape that is no handshake."""
    attackers = []
    for number in range(200):
        shapes = [b"\xc6\x00\xff\xff\xff", b"\xdd\x00\xff\xff\xff", b"\x96\xa4PING\xda\xff\xff", b"\xc0" * 100]
        attackers.append(await attack(port, shapes[number % 4] + bytes(70_000)))
    return attackers


@in_loop
async def test_floods_before_authentication(many_files: None) -> None:
    hop = Collector()
    await hop.start()
    async with (
        running(hop, policy=KEEP, listen={**KEYED, "max_connections": 100}) as sidecar,
        beside_an_honest_one(sidecar, hop, KEY),
    ):
        attackers = await flood(sidecar.port)
        assert sidecar.worker.budget.used_bytes < 26 * 131_072
        for attacker in attackers:
            with contextlib.suppress(OSError):
                await asyncio.wait_for(attacker.reader.read(), WAIT_SECS)
        assert sum(sidecar.errors.values()) == 200
        assert not [event for event in hop.events if "honest" not in event.get("unmapped", ())]
    await hop.stop()


@in_loop
async def test_a_handshake_has_a_deadline() -> None:
    hop = Collector()
    await hop.start()
    listen = {**KEYED, "handshake_timeout_secs": 1}
    async with running(hop, policy=KEEP, listen=listen) as sidecar, beside_an_honest_one(sidecar, hop, KEY):
        began = time.monotonic()
        silent, slow_loris = await Shipper.connect(sidecar.port), await Shipper.connect(sidecar.port)
        ping = pack(["PING", "me", "salt", "0" * 128, "", ""])
        with contextlib.suppress(ConnectionError):
            for byte in ping:
                slow_loris.writer.write(bytes([byte]))
                await slow_loris.writer.drain()
                await asyncio.sleep(0.02)
                if sidecar.errors.get(("receive", "unauthenticated")) == 2:
                    break
        await asyncio.wait_for(silent.reader.read(), WAIT_SECS)
        assert time.monotonic() - began < 1 + SERVED_SECS
        await until(lambda: sidecar.errors == {("receive", "unauthenticated"): 2})
    await hop.stop()


@in_loop
async def test_odd_names_and_digests_from_strangers() -> None:
    hop = Collector()
    await hop.start()
    odd: list[Any] = ["", "é" * 128, "\udcff" * 128, b"\xff" * 128, "0" * 128, "A" * 128, 7, None, [], {}]
    async with running(hop, policy=KEEP, listen=KEYED) as sidecar, beside_an_honest_one(sidecar, hop, KEY):
        for value in odd:
            for place in range(1, 6):
                message: list[Any] = ["PING", "me", "salt", "0" * 128, "", ""]
                message[place] = value
                attacker = await attack(sidecar.port, pack(message))
                await asyncio.wait_for(attacker.reader.read(), WAIT_SECS)
        await until(lambda: sum(sidecar.errors.values()) == 5 * len(odd))
        assert {reason for _, reason in sidecar.errors} <= {"unauthenticated", "not_a_message"}
    await hop.stop()


@in_loop
async def test_strangers_are_told_no_hostname() -> None:
    async with running(Collector(), listen=KEYED) as sidecar:
        shipper = await Shipper.connect(sidecar.port, KEY)
        assert shipper.connection.is_authenticated
        reader, writer = await asyncio.open_connection("127.0.0.1", sidecar.port)
        writer.write(pack(["PING", "me", "salt", "0" * 128, "", ""]))
        said = await asyncio.wait_for(reader.read(), WAIT_SECS)
        assert b"veilog" in said
        assert socket.gethostname().encode() not in said
        writer.close()


# The other side: a next hop that is none.


class Impostor:
    """A server that does not know the key, and sends back what it was sent."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = b""
        self.connections = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(pack(["HELO", {"nonce": b"n" * 16, "auth": b"", "keepalive": True}]))
        ping = msgpack.unpackb(await reader.read(65_536), raw=True)
        writer.write(pack(["PONG", True, "", ping[1], ping[3]]))
        with contextlib.suppress(ConnectionError):
            self.heard += await reader.read(65_536)
        writer.close()

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()


@in_loop
async def test_an_impostor_gets_nothing() -> None:
    impostor, hop = Impostor(), Collector(shared_key=KEY)
    await impostor.start()
    await hop.start()
    places = [{"address": f"127.0.0.1:{port}", **KEYED} for port in (impostor.port, hop.port)]
    async with running(policy=KEEP, forward=places) as sidecar:
        honest = Honest(sidecar.port)
        await honest.anew()
        assert impostor.connections >= 1
        assert sidecar.errors[("send", "reflected")] == impostor.connections
        assert impostor.heard == b""
        assert hop.events[0]["unmapped"] == {"honest": 0}
    await impostor.stop()
    await hop.stop()


@pytest.mark.parametrize(
    "answer",
    [
        {"ack": 7},
        {"ack": None},
        {"ack": ["x"]},
        {"nack": "x"},
        ["HELO", {}],
        ["PONG", True, "", "", ""],
        ["x"] * 100,
        7,
        b"\xc1",
        {"ack": "x" * 70_000},
        {"ack": "\udcff"},
    ],
)
@in_loop
async def test_a_next_hop_that_talks_nonsense_is_an_error_and_not_the_end(answer: Any) -> None:
    spoilt, hop = Collector(), Collector()
    nonsense = answer if isinstance(answer, bytes) else pack(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", spoilt.port)
    await hop.start()
    async with running(spoilt, hop, policy=KEEP, ack_timeout_secs=1) as sidecar:
        honest = Honest(sidecar.port)
        await honest.anew()
        assert sum(sidecar.errors.values()) >= 1
        assert not sidecar.serving.done()
    server.close()
    await hop.stop()


# What ends that never should.


@pytest.mark.parametrize("victim", ["sending", "accepting", "watching"])
@in_loop
async def test_a_task_that_ends_ends_the_worker(victim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hop = Collector()
    await hop.start()
    with pytest.raises(RuntimeError, match="never should"):
        async with running(hop, policy=KEEP) as sidecar:
            honest = Honest(sidecar.port)
            await honest.anew()
            name = {"sending": "ForwardSender.run", "accepting": "Worker._accept", "watching": "Worker._watch"}[victim]
            (task,) = (task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == name)  # type: ignore[union-attr]
            task.cancel()
            await until(sidecar.serving.done)
    await hop.stop()


# The whole thing, as processes.


def ship(port: int, number: int) -> None:
    """An honest record, and its ack in time."""
    with socket.create_connection(("127.0.0.1", port), timeout=SERVED_SECS) as client:
        client.sendall(pack(["honest", [[1, {"honest": number}]], {"chunk": f"h{number}"}]))
        assert msgpack.unpackb(client.recv(100)) == {"ack": f"h{number}"}


def trickle(clients: list[socket.socket], data: bytes) -> None:
    for client in clients:
        with contextlib.suppress(OSError):
            client.sendall(data)


def test_slow_loris_on_both_ports(tmp_path: Path) -> None:
    with Sidecar(tmp_path, policy=KEEP, listen={"max_connections": 40}) as sidecar:
        lorises = [socket.create_connection(("127.0.0.1", sidecar.port)) for _ in range(100)]
        lorises += [socket.create_connection(("127.0.0.1", sidecar.http)) for _ in range(100)]
        for number in range(12):
            trickle(lorises[:100], b"\x92\xa1t\xc6\x00\x10\x00\x00"[number : number + 1])
            trickle(lorises[100:], b"GET /metrics HTTP/1.1"[number : number + 1])
            began = time.monotonic()
            ship(sidecar.port, number)
            assert sidecar.get("/readyz") == (200, "ready\n")
            assert sidecar.get("/healthz")[0] == 200
            assert time.monotonic() - began < SERVED_SECS
            time.sleep(0.1)
        lorises += [socket.create_connection(("127.0.0.1", sidecar.http)) for _ in range(20)]
        # The last ones are within the bound of 32; what they cost ends with their time.
        began = time.monotonic()
        lorises[-1].settimeout(30)
        with contextlib.suppress(ConnectionError):
            assert lorises[-1].recv(100) == b""
        assert time.monotonic() - began < 15
        assert sidecar.metric("veilog_worker_restarts_total") == 0
        for client in lorises:
            client.close()


def test_a_stopped_worker_is_not_ready_and_then_is_again(tmp_path: Path) -> None:
    with Sidecar(tmp_path, policy=KEEP) as sidecar:
        (worker,) = sidecar.worker_pids()
        os.kill(worker, signal.SIGSTOP)
        try:
            wait_for(lambda: sidecar.get("/readyz")[0] == 503, 30)
            assert sidecar.get("/healthz")[0] == 200
        finally:
            os.kill(worker, signal.SIGCONT)
        wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30)
        ship(sidecar.port, 1)


def test_a_sidecar_without_a_next_hop_is_not_ready(tmp_path: Path) -> None:
    """Ready at first, since shippers and collectors are started in any order; and not when none has come for long."""
    port = free_port()
    with Sidecar(tmp_path, (port,), policy=KEEP, sidecar={"grace_secs": 0.5}) as sidecar:
        wait_for(lambda: sidecar.get("/readyz")[0] == 503, 60)
        assert sidecar.metric("veilog_errors_total", stage="send") == 0
        with socket.create_server(("127.0.0.1", port)) as listener:
            connection, _ = listener.accept()
            with connection:
                wait_for(lambda: sidecar.get("/readyz")[0] == 200, 30)
        wait_for(lambda: sidecar.get("/readyz")[0] == 503, 60)
        log = sidecar.log.read_text()
        assert "event=next_hop_awaited" in log
        assert "event=next_hop_connected" in log
        assert "event=next_hop_lost" in log
