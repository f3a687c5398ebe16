"""One sidecar process: Forward in, through the pipeline, Forward out.

Filtering is work for the processor, and one loop does all of it: one chunk at a time, in the order of arrival, handing
the loop back every few milliseconds so that acks and heartbeats go on. More processors are for more workers, which the
supervisor starts (see ``supervisor``); a worker talks to it over a pipe.

On stop a worker accepts and reads no more, finishes the chunk it is at, waits for the acks of what it has sent, passes
them on, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgpack

from veilog_filters.config import Config, Sidecar, read_secret
from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.forward import (
    NEED_DATA,
    Ack,
    Chunk,
    Closed,
    Entry,
    EventTime,
    ForwardError,
    Heartbeat,
    Helo,
    Limits,
    Ping,
    Pong,
    Reason,
    ServerConnection,
)
from veilog_filters.framing import RAW
from veilog_filters.metrics import Traffic
from veilog_filters.pipeline import Damaged, Pipeline, batches, size_of
from veilog_filters.transports.addresses import server_tls, split
from veilog_filters.transports.sender import Sender
from veilog_parsers.errors import ErrorType
from veilog_parsers.otlp import Calls
from veilog_parsers.record import RawRecord
from veilog_parsers.times import from_epoch_ns

_READ_BYTES: Final = 262_144
_SLICE_SECS: Final = 0.01
_SLOW_SECS: Final = 0.1
"""When batches that take longer become smaller."""
_MAX_UNREAD_ACK_BYTES: Final = 1_048_576
_NS: Final = 1_000_000_000


class Worker:
    """Serves shippers.

    Args:
        config: what to listen on and how.
        pipeline: what happens to a record; may be replaced at any time, it is looked up for each chunk.
        sender: where clean chunks go.
        traffic: counts connections, chunks and protocol errors.
    """

    def __init__(self, config: Config, pipeline: Pipeline, sender: Sender, traffic: Traffic) -> None:
        self.pipeline = pipeline
        self._batch_records = 1
        self._sender = sender
        self._traffic = traffic
        self._options: Sidecar = config.sidecar
        self._max_record_bytes = config.limits.max_record_bytes
        self._tenant = config.tenant_id
        self._keep_metadata = config.sidecar.keep_metadata
        listen = config.sidecar.listen
        self._limits = Limits(max_frame_bytes=listen.max_frame_bytes, max_entry_bytes=listen.max_frame_bytes)
        self._shared_key = read_secret(listen.shared_key)
        self._users = {
            name: read_secret(secret).decode("utf-8", "surrogateescape") for name, secret in listen.users.items()
        }
        self._tls = server_tls(listen.tls, self._tls_failed) if listen.tls else None
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._clients: set[asyncio.Task[None]] = set()

    async def serve(self, unix_socket: socket.socket | None, ready: Callable[[], None]) -> None:
        """Listen until ``stop`` is called, then finish what is in flight within the grace period."""
        servers = []
        if self._options.listen.tcp:
            host, port = split(self._options.listen.tcp)
            servers.append(
                await asyncio.start_server(
                    self._accept, host, port, ssl=self._tls, reuse_port=True, backlog=1024, limit=_READ_BYTES
                )
            )
        if unix_socket is not None:
            servers.append(await asyncio.start_unix_server(self._accept, sock=unix_socket, limit=_READ_BYTES))
        sending = asyncio.create_task(self._sender.run())
        ready()
        await self._stop.wait()
        for server in servers:
            server.close()
        if self._clients:
            _, late = await asyncio.wait(self._clients, timeout=self._options.grace_secs)
            for client in late:
                client.cancel()  # unacknowledged: the shipper sends it again
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

    def stop(self) -> None:
        """Begin to stop."""
        self._stop.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback runs in a task
        if len(self._clients) >= self._options.listen.max_connections:
            self._traffic.errors["receive", "too_many_connections"] += 1
            writer.close()
            return
        self._clients.add(task)
        self._traffic.connections = len(self._clients)
        try:
            await _Client(self, reader, writer).run()
        except ForwardError as error:
            self._traffic.errors["receive", error.reason] += 1
        except TimeoutError:
            self._traffic.errors["receive", "timeout"] += 1
        except (OSError, ssl.SSLError):
            self._traffic.errors["receive", "connection_failed"] += 1
        except asyncio.CancelledError:
            # The grace period is over; asyncio's streams would print a traceback for a task that was cancelled.
            self._traffic.errors["receive", "unfinished"] += 1
        except Exception:
            # Left to asyncio, it would be logged with its message, which may quote a record.
            self._traffic.errors["receive", "internal"] += 1
        finally:
            self._clients.discard(task)
            self._traffic.connections = len(self._clients)
            writer.close()

    def _tls_failed(self) -> None:
        self._traffic.errors["receive", "tls_failed"] += 1

    def connection(self) -> tuple[ServerConnection, bytes]:
        """The protocol's state for a new client, and the greeting that it is sent."""
        connection = ServerConnection(self._limits, self._shared_key, socket.gethostname(), self._users)
        if not self._shared_key:
            return connection, b""
        return connection, connection.send(Helo(os.urandom(16), os.urandom(16) if self._users else b""))

    @property
    def stopping(self) -> asyncio.Event:
        """Set when no more may be read."""
        return self._stop

    @property
    def idle_timeout_secs(self) -> float:
        """How long a client may send nothing."""
        return self._options.listen.idle_timeout_secs

    async def take(self, chunk: Chunk, done: Callable[[], None]) -> None:
        """Filter a chunk and hand it on; ``done`` is called when everything made from it is somebody else's."""
        self._traffic.chunks_received += 1
        async with self._turn:
            await self._sender.room()
            entries = await self._filter(chunk)
        if entries:
            self._sender.deliver(self._options.tag.replace("{tag}", chunk.tag), entries, done)
        else:
            done()

    async def _filter(self, chunk: Chunk) -> list[Entry]:
        pipeline = self.pipeline
        loop = asyncio.get_running_loop()
        pause_at = loop.time() + _SLICE_SECS
        out: list[Entry] = []
        began = loop.time()
        for batch in batches(
            self._records(chunk, pipeline), lambda pair: size_of(pair[1]), lambda: self._batch_records
        ):
            # A group's body before what is in the group: what a parser reads of it, it may take out of it.
            markers = [self._marker(entry, pipeline) for entry, record in batch if record is None]
            results = pipeline.batch([record for _, record in batch if record is not None])
            for entry, record in batch:
                out += markers.pop(0) if record is None else self._entries(entry, results.pop(0), pipeline)
            now = loop.time()
            # After a batch that took long, acks and heartbeats wait for one record alone, and then for few.
            self._batch_records = (
                1 if now - began > _SLOW_SECS else min(2 * self._batch_records, pipeline.batch_records)
            )
            if now > pause_at:
                await asyncio.sleep(0)
                pause_at = loop.time() + _SLICE_SECS
            began = loop.time()
        return out

    def _marker(self, entry: Entry, pipeline: Pipeline) -> list[Entry]:
        """A group's body names a resource and a scope: kept, cleaned, for the shipper that closes the group."""
        if not self._keep_metadata:
            return []
        body = pipeline.clean(entry.record) if type(entry.record) is dict else {}
        return [Entry(entry.time, self._metadata(entry, pipeline) or {}, body)]

    def _entries(self, entry: Entry, events: list[dict[str, Any]], pipeline: Pipeline) -> list[Entry]:
        """What is handed on for the events of a record."""
        # Only now: what a parser reads of the metadata (attributes with prompts) it takes out of it. Of a record in
        # quarantine nobody knows whether it did.
        failed = any(event["kind"] == "quarantine" for event in events)
        metadata = None if failed else self._metadata(entry, pipeline)
        return [Entry(entry.time, metadata, event) for event in events]

    def _records(self, chunk: Chunk, pipeline: Pipeline) -> Iterator[tuple[Entry, RawRecord | Damaged | None]]:
        """The records of a chunk, log records of one model call as one; None for the marker of a group."""
        group: dict[str, Any] = {}
        calls = Calls[Entry](self._max_record_bytes)
        for entry in chunk.entries:
            record = None
            if entry.is_group_marker:
                # The mark of a group's end has no body.
                group = entry.record if type(entry.record) is dict else {}
            else:
                record = self._record(entry, chunk.tag, group, pipeline.fingerprinter)
            if isinstance(record, RawRecord) and (count := calls.add(entry, record)):
                pipeline.counts.received += count > 1
                continue
            yield from calls.take()
            yield entry, record
        yield from calls.take()

    def _metadata(self, entry: Entry, pipeline: Pipeline) -> dict[str, Any] | None:
        """An entry's metadata, cleaned; none if it is empty: released Fluentds skip and acknowledge such entries."""
        return pipeline.clean(entry.metadata) if entry.metadata and self._keep_metadata else None

    def _record(
        self, entry: Entry, tag: str, group: dict[str, Any], fingerprinter: Fingerprinter
    ) -> RawRecord | Damaged:
        raw: bytes = msgpack.packb(entry.record)
        if isinstance(entry.time, EventTime):
            time = from_epoch_ns(entry.time.seconds * _NS + entry.time.nanoseconds)
        else:
            time = from_epoch_ns(int(entry.time * _NS)) if entry.time < 2**40 else None
        if len(raw) > self._max_record_bytes:
            digest = fingerprinter.digest(RAW, self._tenant, raw)
            return Damaged(ErrorType.RECORD_TOO_LARGE, len(raw), digest, tag, time)
        return RawRecord(entry.record, raw, tag, time, entry.metadata or {}, group)


class _Client:
    """One shipper's connection."""

    def __init__(self, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._worker = worker
        self._reader = reader
        self._writer = writer
        self._connection, greeting = worker.connection()
        if greeting:
            writer.write(greeting)
        self._outstanding = 0
        self._settled = asyncio.Event()
        self._settled.set()

    async def run(self) -> None:
        """Until the client closes, breaks the protocol, falls silent, or the worker stops."""
        while True:
            event = self._connection.next_event()
            if event is NEED_DATA:
                data = await self._read()
                if data is None:
                    break
                self._connection.receive_data(data)
            elif isinstance(event, Chunk):
                await self._take(event)
            elif isinstance(event, Ping):
                self._write(self._connection.send(Pong(event.accepted, "" if event.accepted else "not authenticated")))
                if not event.accepted:
                    raise ForwardError(Reason.UNAUTHENTICATED, "wrong key, user or password")
            elif isinstance(event, Heartbeat):
                self._write(self._connection.send(event))
            elif isinstance(event, Closed):
                break
        # The client may have half-closed, or the worker may be stopping: its acks are still to come.
        async with asyncio.timeout(self._worker.idle_timeout_secs):
            await self._settled.wait()
            await self._writer.drain()

    async def _read(self) -> bytes | None:
        """Bytes, or None if the worker stops."""
        read = asyncio.ensure_future(self._reader.read(_READ_BYTES))
        stop = asyncio.ensure_future(self._worker.stopping.wait())
        try:
            finished, _ = await asyncio.wait(
                (read, stop), timeout=self._worker.idle_timeout_secs, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stop.cancel()
        if read in finished:
            return read.result()
        read.cancel()
        if not finished:
            raise TimeoutError
        return None

    async def _take(self, chunk: Chunk) -> None:
        self._outstanding += 1
        self._settled.clear()

        def done() -> None:
            self._outstanding -= 1
            if not self._outstanding:
                self._settled.set()
            if chunk.chunk_id is not None and not self._writer.is_closing():
                self._writer.write(self._connection.send(Ack(chunk.chunk_id)))

        await self._worker.take(chunk, done)
        self._bound_unread()

    def _write(self, data: bytes) -> None:
        self._writer.write(data)
        self._bound_unread()

    def _bound_unread(self) -> None:
        """A client that never reads its acks must not make us keep them."""
        if self._writer.transport.get_write_buffer_size() > _MAX_UNREAD_ACK_BYTES:
            self._writer.transport.abort()
            raise TimeoutError


def bind_unix(path: str) -> socket.socket:
    """A listening Unix socket, in place of one that a dead process left behind; only its owner and group may use it."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    Path(path).chmod(0o660)
    listener.listen(1024)
    listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    return listener
