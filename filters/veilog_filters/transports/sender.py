"""Delivering clean chunks: to a Forward input, with reconnection and failover, or to standard output."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import random
import ssl
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from veilog_filters.config import Config, Forward, read_secret
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.forward import (
    NEED_DATA,
    Ack,
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
from veilog_filters.forward.codec import pack_entry, write_packed
from veilog_filters.framing import write_json
from veilog_filters.log import log_event
from veilog_filters.metrics import Traffic
from veilog_filters.transports.addresses import client_tls, split
from veilog_filters.transports.ledger import Ledger
from veilog_filters.transports.scheduling import ByteBudget

CONNECT_TIMEOUT_SECS: Final = 10.0
_BACKOFF_SECS: Final = 0.2
_MAX_BACKOFF_SECS: Final = 15.0
_READ_BYTES: Final = 65_536
_REPLACED: Final = "replaced"
_BAD_NAME: Final = "bad_name"
_UNKNOWN: Final = "internal"
_UNREACHABLE: Final = ("connection_failed", "timeout")


UNCONNECTED_SECS: Final = 10.0
"""After so long without a connection or an ack, in seconds, an outlet is not healthy."""


class _NameError(Exception):
    """A host's name is none: it has not the form of one, so that it cannot even be looked up."""


class Sender(Protocol):
    """Where a worker hands over what it has made."""

    @property
    def has_capacity(self) -> bool:
        """Whether a part may be delivered now."""
        ...

    async def wait_for_capacity(self) -> None:
        """Return when another part may be delivered."""
        ...

    def pack(self, entry: Entry) -> bytes:
        """An entry as it will be sent."""
        ...

    def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
        """Deliver packed entries; ``done`` is called when they have been acknowledged."""
        ...

    @property
    def is_healthy(self) -> bool:
        """Whether what is delivered can be expected to arrive."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...


class StdoutSender:
    """Prints events as JSON Lines, for trying things out: what is written is done."""

    has_capacity = True
    is_healthy = True

    async def wait_for_capacity(self) -> None:
        """At once."""

    def pack(self, entry: Entry) -> bytes:
        """A line; groups have no place in lines."""
        return b"" if entry.is_group_marker else write_json(entry.record)

    def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:  # noqa: ARG002 - protocol
        """Write and flush."""
        sys.stdout.buffer.write(b"".join(packed))
        sys.stdout.buffer.flush()
        done()

    async def run(self) -> None:
        """Nothing to do."""
        await asyncio.Event().wait()


class ForwardSender:
    """Keeps one connection to one of the next hops of a schema, and the ledger of what that one has not acknowledged.

    Args:
        config: next hops, balance, limits.
        schema: which next hops.
        traffic: counts connections, acks and failures.
        budget: what may be kept; output takes no more than half of it, and each schema its share of that half.

    Raises:
        ConfigError: a secret or certificate is not there, or there is a user and no key.
    """

    def __init__(self, config: Config, schema: str, traffic: Traffic, budget: ByteBudget) -> None:
        options = config.sidecar
        self._schema = schema
        self._next_hops = self.prepare(config)
        self._replaced = asyncio.Event()
        self._failover = options.balance == "failover"
        self._compress = options.compress
        self._require_ack = options.require_ack
        self._ack_timeout_secs = options.ack_timeout_secs
        self._traffic = traffic
        self._delivery = traffic.delivery(schema)
        self._budget = budget
        self._ledger = Ledger(options.max_in_flight_chunks, budget.max_bytes // 2 // len(config.schemas()))
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._wakeup = asyncio.Event()
        self._capacity_freed = asyncio.Event()
        self._capacity_freed.set()
        self._ids = (f"{os.getpid():x}".encode() + os.urandom(12) for _ in itertools.count())
        self._progress = 0.0
        self._connected_to = ""
        self._lost_at: float | None = None
        self._has_been_connected = False

    def prepare(self, config: Config) -> list[NextHop]:
        """The next hops in a configuration, with their secrets and certificates, for ``replace``.

        Raises:
            ConfigError: a secret or certificate is not there.
        """
        return [NextHop(place) for place in config.places()[self._schema]]

    def replace(self, next_hops: list[NextHop]) -> None:
        """Take other next hops; where they differ, connect anew."""
        differ = [next_hop.identity for next_hop in next_hops] != [next_hop.identity for next_hop in self._next_hops]
        self._next_hops = next_hops
        if differ:
            self._replaced.set()
            self._replaced = asyncio.Event()

    @property
    def has_capacity(self) -> bool:
        """See ``Sender``."""
        return self._ledger.has_capacity

    @property
    def is_healthy(self) -> bool:
        """See ``Sender``: not while there has been no next hop for long, or one that acknowledges nothing."""
        now = asyncio.get_running_loop().time()
        if not self._connected_to:
            return self._lost_at is None or now - self._lost_at < UNCONNECTED_SECS
        return self.has_capacity or now - self._progress < UNCONNECTED_SECS

    async def wait_for_capacity(self) -> None:
        """See ``Sender``."""
        while not self._ledger.has_capacity:
            self._capacity_freed.clear()
            await self._capacity_freed.wait()

    def pack(self, entry: Entry) -> bytes:
        """See ``Sender``."""
        return pack_entry(entry)

    def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
        """See ``Sender``."""
        chunk_id = base64.b64encode(next(self._ids)).decode()
        payload = write_packed(tag, packed, chunk_id if self._require_ack else None, self._compress)
        if not self._ledger:
            self._progress = asyncio.get_running_loop().time()
        self._ledger.enter(chunk_id, payload, done)
        self._budget.reserve(len(payload))
        self._unsent.append((chunk_id, payload))
        self._wakeup.set()
        self._update_gauges()

    def _settle(self, chunk_id: str | bytes) -> bool:
        if isinstance(chunk_id, bytes):
            chunk_id = chunk_id.decode("ascii", "replace")
        before = self._ledger.bytes
        try:
            return self._ledger.settle(chunk_id)
        finally:
            # The ledger has removed the chunk even if its callback failed.
            if self._ledger.bytes != before:
                self._delivery.chunks_delivered += 1
                self._progress = asyncio.get_running_loop().time()
                self._budget.release(before - self._ledger.bytes)
                self._capacity_freed.set()
                self._update_gauges()

    def _update_gauges(self) -> None:
        self._delivery.in_flight_chunks, self._delivery.in_flight_bytes = len(self._ledger), self._ledger.bytes

    async def run(self) -> None:
        """Connect, deliver, reconnect, until cancelled. Backs off with jitter while none takes anything."""
        failures = 0
        self._lost_at = asyncio.get_running_loop().time()
        for turn in itertools.count():
            next_hop = self._next_hops[(failures if self._failover else turn) % len(self._next_hops)]
            delivered = self._delivery.chunks_delivered
            reason = await self._use_until_failure(next_hop)
            self._on_disconnected(next_hop, reason)
            # A next hop that took something was healthy: begin again with the first one, and soon.
            failures = 0 if self._delivery.chunks_delivered > delivered or reason == _REPLACED else failures + 1
            if failures == 0 or failures % len(self._next_hops) == 0:
                rounds = failures // len(self._next_hops)
                pause = min(_MAX_BACKOFF_SECS, _BACKOFF_SECS * 2 ** min(rounds, 10))
                await self._back_off(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret

    async def _back_off(self, secs: float) -> None:
        """Wait, but no longer than until a reload asks for other next hops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(secs):
                await self._replaced.wait()

    async def _use_until_failure(self, next_hop: NextHop) -> str:
        """Use a next hop until it fails; the reason why it did.

        Whatever fails, only the connection is lost: what stands in the ledger is sent again.
        """
        try:
            await self._connection(next_hop)
        except ForwardError as error:
            return error.reason
        except TimeoutError:
            return "timeout"
        except EOFError:
            return "closed"
        except ssl.SSLError:
            return "tls_failed"
        except OSError:
            return "connection_failed"
        except _NameError:
            return _BAD_NAME
        except Exception as error:
            # Left to asyncio, it would be logged with its message, which may quote a record.
            next_hop.log_once("next_hop_failed", type(error).__name__)
            return _UNKNOWN
        return _REPLACED

    def _on_connected(self, next_hop: NextHop) -> None:
        self._connected_to = next_hop.address
        next_hop.said.clear()
        again = self._has_been_connected
        self._has_been_connected = True
        log_event("next_hop_regained" if again else "next_hop_connected", address=next_hop.address)

    def _on_disconnected(self, next_hop: NextHop, reason: str) -> None:
        was_connected = bool(self._connected_to)
        self._connected_to = ""
        if reason == _REPLACED:
            return
        if was_connected or self._lost_at is None:
            self._lost_at = asyncio.get_running_loop().time()
        # A next hop that is not there yet is nobody's error: shippers and collectors are started in any order.
        if not self._has_been_connected and reason in _UNREACHABLE:
            next_hop.log_once("next_hop_awaited", reason)
            return
        self._traffic.errors["send", reason] += 1
        self._delivery.reconnects += 1
        if was_connected:
            log_event("next_hop_lost", address=next_hop.address, reason=reason)
        elif reason not in _UNREACHABLE:
            next_hop.log_once("next_hop_refused", reason)

    async def _connection(self, next_hop: NextHop) -> None:
        """Connect to a next hop and use it, until something fails or a reload asks for others."""
        # Asked for before anything is waited for: a reload may come while it connects.
        replaced = self._replaced
        await _first_to_end(self._use(next_hop), _wait_for(replaced))

    async def _use(self, next_hop: NextHop) -> None:
        reader, writer = await _connect(next_hop)
        try:
            connection = next_hop.connection()
            async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
                await self._shake_hands(next_hop, connection, reader, writer)
            self._unsent = deque(self._ledger.unsettled())
            self._wakeup.set()
            self._progress = asyncio.get_running_loop().time()
            self._on_connected(next_hop)
            await _first_to_end(self._write(writer), self._read(connection, reader), self._watch())
        finally:
            writer.close()

    async def _shake_hands(
        self,
        next_hop: NextHop,
        connection: ClientConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer the Helo and wait for the Pong, where there is a shared key."""
        while next_hop.shared_key:
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
            self._wakeup.clear()
            await self._wakeup.wait()

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
            elif not isinstance(event, Heartbeat):
                raise ForwardError(Reason.UNEXPECTED, "not what a server says after the handshake")

    async def _watch(self) -> None:
        """Give up on a next hop that accepts and never acknowledges."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._ack_timeout_secs / 4))
            if self._ledger and loop.time() - self._progress > self._ack_timeout_secs:
                raise TimeoutError


class NextHop:
    """One next hop to send to, its secrets read and its TLS context made."""

    def __init__(self, options: Forward) -> None:
        if options.username and options.shared_key is None:
            problem = "a next hop asks for a user only where there is a shared key"
            raise ConfigError(Defect("configuration", 0, "sidecar.forward.username", problem, "write shared_key too"))
        self.address = options.address
        self.host, self.port = split(options.address)
        self.tls = client_tls(options.tls) if options.tls else None
        self.server_name = (options.tls.server_name or self.host) if options.tls else None
        self.shared_key = read_secret(options.shared_key)
        self.said: set[str] = set()
        self._hostname = options.hostname
        self._username = options.username
        self._password = read_secret(options.password).decode("utf-8", "surrogateescape")
        self.identity = options.model_dump_json(), self.shared_key, self._password

    def log_once(self, event: str, reason: str) -> None:
        """Say what is wrong with it; not again, however often it is tried, before it has been connected to."""
        if event not in self.said:
            self.said.add(event)
            log_event(event, address=self.address, reason=reason)

    def connection(self) -> ClientConnection:
        """The protocol's state for a new connection."""
        return ClientConnection(
            shared_key=self.shared_key,
            hostname=self._hostname,
            username=self._username,
            password=self._password,
        )


async def _connect(next_hop: NextHop) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
            return await asyncio.open_connection(
                next_hop.host, next_hop.port, ssl=next_hop.tls, server_hostname=next_hop.server_name
            )
    except UnicodeError:
        # So the encoding of names says that a label is empty or too long.
        raise _NameError from None


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def _first_to_end(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run jobs until one ends, and raise what it raised. (A task group of 3.11 may swallow a cancellation.)"""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in finished:
        task.result()
