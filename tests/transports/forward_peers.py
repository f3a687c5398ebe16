"""What stands on either side of a sidecar in the tests: a shipper, a collector, and the sidecar itself as a process.

The collector is a next hop whose manners can be spoilt: it may never acknowledge, acknowledge twice, or hang up.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, cast

import yaml

import veilog_filters
import veilog_parsers
from no_network import sitecustomize
from processes import children_of, command_line
from samples import KEY_FILE
from veilog_filters.config import Config
from veilog_filters.detect.api import Finding, PerText
from veilog_filters.forward import (
    NEED_DATA,
    Ack,
    Chunk,
    ChunkId,
    ClientConnection,
    Closed,
    Entry,
    Helo,
    Ping,
    Pong,
    ServerConnection,
)
from veilog_filters.metrics import Delivery, Traffic
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.addresses import bind_tcp
from veilog_filters.transports.fan_out import fan_out
from veilog_filters.transports.scheduling import ByteBudget
from veilog_filters.transports.worker import Worker

SOURCE_ROOTS = [Path(package.__file__ or "").parents[1] for package in (veilog_filters, veilog_parsers)]
"""A sidecar's process runs the code that the test has imported, wherever that is."""

WAIT_SECS = 30.0
LONG_WAIT_SECS = 120.0
TEST_SECS = 7200 if os.environ.get("VEILOG_SOAK") else 240


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Any], timeout_secs: float = WAIT_SECS) -> None:
    """Return when the condition holds; fail if it does not in time."""
    deadline = time.monotonic() + timeout_secs
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.005)


def wait_for(condition: Callable[[], Any], timeout_secs: float = LONG_WAIT_SECS) -> None:
    """As ``until``, for tests that talk to processes."""
    deadline = time.monotonic() + timeout_secs
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop of its own, with a limit on its time."""

    async def bounded(*arguments: Any, **named: Any) -> None:
        try:
            await asyncio.wait_for(test(*arguments, **named), TEST_SECS)
        finally:
            for shipper in Shipper.opened:
                shipper.writer.transport.abort()
            Shipper.opened.clear()
            await asyncio.sleep(0)

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(bounded(*arguments, **named))

    return run


@dataclasses.dataclass
class Received:
    """A chunk that arrived, with all its entries."""

    tag: str
    entries: list[Entry]
    chunk_id: ChunkId | None
    frame_bytes: int


def received(chunk: Chunk) -> Received:
    """A chunk, its entries decoded; all can be."""
    entries = [entry for entry in chunk.entries if entry is not None]
    assert all(isinstance(entry, Entry) for entry in entries)
    return Received(chunk.tag, cast("list[Entry]", entries), chunk.chunk_id, chunk.frame_bytes)


@dataclasses.dataclass
class Collector:
    """A next hop in this process.

    Attributes:
        acks: what it answers to a chunk id, in order; nothing if empty.
        shared_key: what clients must know.
        tls: the context to listen with.
        chunks: what arrived.
        connections: how many clients came.
    """

    port: int = dataclasses.field(default_factory=free_port)
    acks: Callable[[str], list[str]] = lambda chunk_id: [chunk_id]
    shared_key: bytes = b""
    tls: ssl.SSLContext | None = None
    chunks: list[Received] = dataclasses.field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = dataclasses.field(default_factory=set)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All records that arrived, in order."""
        return [entry.record for chunk in self.chunks for entry in chunk.entries]

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)

    async def stop(self) -> None:
        """Stop listening and hang up."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        connection = ServerConnection(shared_key=self.shared_key, hostname="collector")
        try:
            if self.shared_key:
                writer.write(connection.send(Helo(b"n" * 16)))
            while not isinstance(event := connection.next_event(), Closed):
                if event is NEED_DATA:
                    connection.receive_data(await reader.read(65_536))
                elif isinstance(event, Ping):
                    writer.write(connection.send(Pong(event.accepted, "" if event.accepted else "no")))
                elif isinstance(event, Chunk):
                    self.chunks.append(received(event))
                    for chunk_id in self.acks(str(event.chunk_id or "")):
                        writer.write(connection.send(Ack(chunk_id)))
        except OSError:
            pass  # the sidecar hung up; what it did is asserted on its side
        finally:
            self._writers.discard(writer)
            writer.close()


class Shipper:
    """A client in this process, over asyncio streams. ``in_loop`` hangs up at the end of a test."""

    opened: ClassVar[list[Shipper]] = []

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        shared_key: bytes = b"",
        user: tuple[str, str] = ("", ""),
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.connection = ClientConnection(
            shared_key=shared_key, hostname="shipper", username=user[0], password=user[1]
        )
        self.opened.append(self)

    @classmethod
    async def connect(
        cls, port: int, shared_key: bytes = b"", tls: ssl.SSLContext | None = None, user: tuple[str, str] = ("", "")
    ) -> Shipper:
        """Connect, and shake hands where there is a key."""
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        shipper = cls(reader, writer, shared_key, user)
        if shared_key:
            assert isinstance(await shipper._event(), Helo)
            writer.write(shipper.connection.send(Ping("", os.urandom(16))))
            pong = await shipper._event()
            assert isinstance(pong, Pong)
            assert pong.accepted
        return shipper

    async def _event(self) -> Any:
        while (event := self.connection.next_event()) is NEED_DATA:
            self.connection.receive_data(await asyncio.wait_for(self.reader.read(65_536), WAIT_SECS))
        return event

    def send(self, tag: str, *records: Any, chunk_id: str | None = None, time: int = 1_740_994_863) -> None:
        """Send a chunk."""
        self.send_entries(tag, [Entry(time, None, record) for record in records], chunk_id)

    def send_entries(self, tag: str, entries: list[Entry], chunk_id: str | None = None) -> None:
        """Send a chunk of any entries."""
        self.writer.write(self.connection.send(Chunk(tag, entries, chunk_id)))

    async def ack(self) -> ChunkId:
        """The next ack's chunk id; "" when the sidecar hangs up."""
        event = await self._event()
        if isinstance(event, Closed):
            return ""
        assert isinstance(event, Ack)
        return event.chunk_id

    async def closed(self) -> bool:
        """Wait until the sidecar hangs up; True if it did without saying anything more."""
        try:
            return await asyncio.wait_for(self.reader.read(), WAIT_SECS) == b""
        except ConnectionError:
            return True


def addresses(text: str) -> list[Finding]:
    """A detector that knows one address: building Presidio's would take seconds, and transports do not care."""
    at = text.find("ann@example.com")
    return [] if at < 0 else [Finding(at, at + 15, "EMAIL_ADDRESS", 1.0)]


@dataclasses.dataclass
class Running:
    """A worker in this process."""

    worker: Worker
    traffic: Traffic
    port: int
    serving: asyncio.Task[None]
    config: Config

    @property
    def errors(self) -> dict[tuple[str, str], int]:
        return dict(self.traffic.errors)

    @property
    def delivery(self) -> Delivery:
        return self.traffic.delivery("native")


@contextlib.asynccontextmanager
async def running(*places: Collector, listen: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Running]:
    """A worker that sends to the given places, with further options of the ``sidecar`` section.

    ``schemas`` are the places' schemas, native by default.
    """
    port = free_port()
    schemas = options.pop("schemas", ("native",) * len(places))
    forward = [
        {"address": f"127.0.0.1:{place.port}", "schema": schema} for place, schema in zip(places, schemas, strict=True)
    ]
    policy, limits, usage = options.pop("policy", {}), options.pop("limits", {}), options.pop("usage", {})
    detector = options.pop("detector", addresses)
    sidecar = {"listen": {"tcp": f"127.0.0.1:{port}", **(listen or {})}, "forward": forward, "grace_secs": 5, **options}
    config = Config.model_validate(
        {"hash_key": {"file": str(KEY_FILE)}, "policy": policy, "limits": limits, "usage": usage, "sidecar": sidecar}
    )
    traffic = Traffic()
    pipeline = Pipeline(config, config.schemas(), detector=PerText(detector))
    budget = ByteBudget(config.sidecar.max_in_flight_bytes)
    worker = Worker(config, pipeline, fan_out(config, traffic, budget), traffic, budget)
    ready = asyncio.Event()
    listeners = bind_tcp(config.sidecar.listen.tcp, "sidecar.listen.tcp")
    serving = asyncio.create_task(worker.serve(listeners, ready.set))
    await asyncio.wait_for(ready.wait(), WAIT_SECS)
    try:
        yield Running(worker, traffic, port, serving, config)
    finally:
        worker.stop()
        try:
            await asyncio.wait_for(serving, WAIT_SECS)
        finally:
            for listener in listeners:
                listener.close()


class Sidecar:
    """``veilog sidecar`` in a process of its own, without network but loopback.

    Args:
        folder: where its configuration and its log go.
        forward: ports of the places it sends to; it prints events if there is none.
        workers: how many processes filter.
        sections: further sections of the configuration; ``sidecar`` and ``listen`` are merged in.
    """

    def __init__(
        self,
        folder: Path,
        forward: tuple[int, ...] = (),
        workers: int = 1,
        listen: dict[str, Any] | None = None,
        sidecar: dict[str, Any] | None = None,
        **sections: Any,
    ) -> None:
        self.port, self.http = free_port(), free_port()
        self.config = folder / "veilog.yaml"
        self.log = folder / "sidecar.log"
        self.out = folder / "sidecar.out"
        self._document = {
            "hash_key": {"file": str(KEY_FILE)},
            **sections,
            "sidecar": {
                "listen": {"tcp": f"127.0.0.1:{self.port}", **(listen or {})},
                "forward": [{"address": f"127.0.0.1:{port}"} for port in forward],
                "http": f"127.0.0.1:{self.http}",
                "workers": workers,
                **(sidecar or {}),
            },
        }
        self.write(self._document)

    def write(self, document: dict[str, Any] | str) -> None:
        """Replace the configuration at once, as Kubernetes does."""
        fresh = self.config.with_suffix(".new")
        fresh.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        fresh.replace(self.config)

    def rewrite(self, **sections: Any) -> None:
        """Replace the configuration by one with other sections."""
        self.write({**self._document, **sections})

    def start(self) -> Sidecar:
        """Start it and wait until it is ready."""
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")},
            "PYTHONPATH": os.pathsep.join(map(str, (Path(sitecustomize.__file__).parent, *SOURCE_ROOTS))),
        }
        with self.log.open("ab") as log, self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "veilog_filters", "sidecar", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=environment,
            )
        wait_for(lambda: self.get("/readyz")[0] == 200 or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def __enter__(self) -> Sidecar:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONG_WAIT_SECS)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(LONG_WAIT_SECS)

    def worker_pids(self) -> list[int]:
        """Process ids of its workers."""
        return [pid for pid in children_of(self.process.pid) if "spawn_main" in command_line(pid)]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of one of its HTTP pages; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum over a metric's samples that have the labels."""
        return sum(
            value
            for sample, sample_labels, value in samples_of(self.get("/metrics")[1])
            if sample == name and labels.items() <= sample_labels.items()
        )


def samples_of(page: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of a Prometheus page."""
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
