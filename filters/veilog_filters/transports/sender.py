"""Delivering clean chunks: to a Forward input, with reconnection and failover, or to standard output."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import random
import socket
import ssl
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from veilog_filters.config import Forward, Sidecar, read_secret
from veilog_filters.forward import (
    NEED_DATA,
    Ack,
    Chunk,
    ClientConnection,
    Closed,
    Entry,
    ForwardError,
    Heartbeat,
    Helo,
    Ping,
    Pong,
    Reason,
)
from veilog_filters.forward.wire import write_chunk
from veilog_filters.framing import write_json
from veilog_filters.metrics import Traffic
from veilog_filters.transports.addresses import client_tls, split
from veilog_filters.transports.ledger import Ledger

CONNECT_TIMEOUT_SECS: Final = 10.0
_BACKOFF_SECS: Final = 0.2
_MAX_BACKOFF_SECS: Final = 15.0
_READ_BYTES: Final = 65_536


class Sender(Protocol):
    """Where a worker hands over what it has made."""

    async def room(self) -> None:
        """Return when another chunk may be delivered."""
        ...

    def deliver(self, tag: str, entries: list[Entry], done: Callable[[], None]) -> None:
        """Deliver entries; ``done`` is called when they are somebody else's."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...


class StdoutSender:
    """Prints events as JSON Lines, for trying things out: what is written is done."""

    async def room(self) -> None:
        """At once."""

    def deliver(self, tag: str, entries: list[Entry], done: Callable[[], None]) -> None:  # noqa: ARG002 - protocol
        """Write and flush."""
        for entry in entries:
            if not entry.is_group_marker:
                sys.stdout.buffer.write(write_json(entry.record))
        sys.stdout.buffer.flush()
        done()

    async def run(self) -> None:
        """Nothing to do."""
        await asyncio.Event().wait()


class ForwardSender:
    """Keeps one connection to one of the places, and the ledger of what that place has not acknowledged.

    Args:
        config: places, balance, limits.
        traffic: counts connections, acks and failures.
    """

    def __init__(self, config: Sidecar, traffic: Traffic) -> None:
        self._places = [_Place(place) for place in config.forward]
        self._failover = config.balance == "failover"
        self._compress = config.compress
        self._require_ack = config.require_ack
        self._ack_timeout_secs = config.ack_timeout_secs
        self._traffic = traffic
        self._ledger = Ledger(config.max_in_flight_chunks, config.max_in_flight_bytes)
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ids = (f"{os.getpid():x}".encode() + os.urandom(12) for _ in itertools.count())
        self._progress = 0.0

    async def room(self) -> None:
        """See ``Sender``."""
        while not self._ledger.has_room:
            self._room.clear()
            await self._room.wait()

    def deliver(self, tag: str, entries: list[Entry], done: Callable[[], None]) -> None:
        """See ``Sender``."""
        chunk_id = base64.b64encode(next(self._ids)).decode()
        payload = write_chunk(Chunk(tag, entries, chunk_id if self._require_ack else None), self._compress)
        if not self._ledger:
            self._progress = asyncio.get_running_loop().time()
        self._ledger.enter(chunk_id, payload, done)
        self._unsent.append((chunk_id, payload))
        self._news.set()
        self._note()

    def _settle(self, chunk_id: str) -> bool:
        known = self._ledger.settle(chunk_id)
        if known:
            self._traffic.chunks_delivered += 1
            self._progress = asyncio.get_running_loop().time()
            self._room.set()
            self._note()
        return known

    def _note(self) -> None:
        self._traffic.in_flight_chunks, self._traffic.in_flight_bytes = len(self._ledger), self._ledger.bytes

    async def run(self) -> None:
        """Connect, deliver, reconnect, until cancelled. Backs off with jitter while no place takes anything."""
        failures = 0
        for turn in itertools.count():
            place = self._places[(failures if self._failover else turn) % len(self._places)]
            delivered = self._traffic.chunks_delivered
            try:
                await self._connection(place)
            except ForwardError as error:
                self._traffic.errors["send", error.reason] += 1
            except TimeoutError:
                self._traffic.errors["send", "timeout"] += 1
            except EOFError:
                self._traffic.errors["send", "closed"] += 1
            except ssl.SSLError:
                self._traffic.errors["send", "tls_failed"] += 1
            except OSError:
                self._traffic.errors["send", "connection_failed"] += 1
            # A place that took something was healthy: begin again with the first one, and soon.
            failures = 0 if self._traffic.chunks_delivered > delivered else failures + 1
            self._traffic.reconnects += 1
            if failures == 0 or failures % len(self._places) == 0:
                rounds = failures // len(self._places)
                pause = min(_MAX_BACKOFF_SECS, _BACKOFF_SECS * 2 ** min(rounds, 10))
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret

    async def _connection(self, place: _Place) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
            reader, writer = await asyncio.open_connection(
                place.host, place.port, ssl=place.tls, server_hostname=place.server_name
            )
        try:
            connection = place.connection()
            async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
                await self._shake_hands(place, connection, reader, writer)
            self._unsent = deque(self._ledger.unsettled())
            self._news.set()
            self._progress = asyncio.get_running_loop().time()
            await _first_to_fail(self._write(writer), self._read(connection, reader), self._watch())
        finally:
            writer.close()

    async def _shake_hands(
        self,
        place: _Place,
        connection: ClientConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer the Helo and wait for the Pong, where there is a shared key."""
        while place.shared_key:
            event = connection.next_event()
            if event is NEED_DATA:
                connection.receive_data(await reader.read(_READ_BYTES))
            elif isinstance(event, Helo):
                writer.write(connection.send(Ping("", os.urandom(16))))
            elif isinstance(event, Pong):
                if not event.accepted:
                    raise ForwardError(Reason.UNAUTHENTICATED, "the next hop refused key, user or password")
                return
            else:
                raise EOFError

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        while True:
            while self._unsent:
                chunk_id, payload = self._unsent.popleft()
                writer.write(payload)
                await writer.drain()
                if not self._require_ack:
                    self._settle(chunk_id)
            self._news.clear()
            await self._news.wait()

    async def _read(self, connection: ClientConnection, reader: asyncio.StreamReader) -> None:
        while True:
            event = connection.next_event()
            if event is NEED_DATA:
                connection.receive_data(await reader.read(_READ_BYTES))
            elif isinstance(event, Ack):
                if not self._settle(event.chunk_id):
                    self._traffic.errors["send", "unexpected_ack"] += 1
            elif isinstance(event, Closed):
                raise EOFError
            else:
                assert isinstance(event, Heartbeat)  # noqa: S101 - all that is left after the handshake

    async def _watch(self) -> None:
        """Give up on a place that accepts and never acknowledges."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._ack_timeout_secs / 4))
            if self._ledger and loop.time() - self._progress > self._ack_timeout_secs:
                raise TimeoutError


class _Place:
    """One place to send to, its secrets read and its TLS context made."""

    def __init__(self, options: Forward) -> None:
        self.host, self.port = split(options.address)
        self.tls = client_tls(options.tls) if options.tls else None
        self.server_name = (options.tls.server_name or self.host) if options.tls else None
        self.shared_key = read_secret(options.shared_key)
        self._username = options.username
        self._password = read_secret(options.password).decode("utf-8", "surrogateescape")

    def connection(self) -> ClientConnection:
        """The protocol's state for a new connection."""
        return ClientConnection(
            shared_key=self.shared_key,
            hostname=socket.gethostname(),
            username=self._username,
            password=self._password,
        )


async def _first_to_fail(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run jobs that never end until one raises, and raise that. (A task group of 3.11 may swallow a cancellation.)"""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in finished:
        task.result()
