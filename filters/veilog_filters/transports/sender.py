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

from veilog_filters.config import Forward, Sidecar, read_secret
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
from veilog_filters.forward.wire import pack_entry, write_packed
from veilog_filters.framing import write_json
from veilog_filters.metrics import Traffic
from veilog_filters.transports.addresses import client_tls, split
from veilog_filters.transports.ledger import Ledger
from veilog_filters.transports.log import say
from veilog_filters.transports.turns import ByteBudget

CONNECT_TIMEOUT_SECS: Final = 10.0
_BACKOFF_SECS: Final = 0.2
_MAX_BACKOFF_SECS: Final = 15.0
_READ_BYTES: Final = 65_536
_REPLACED: Final = "replaced"
_BAD_NAME: Final = "bad_name"
_UNKNOWN: Final = "internal"
_NOT_THERE: Final = ("connection_failed", "timeout")


UNCONNECTED_SECS: Final = 10.0
"""After so long without a next hop, in seconds, a worker is not ready."""


class _NameError(Exception):
    """A host's name is none: it has not the form of one, so that it cannot even be looked up."""


class Sender(Protocol):
    """Where a worker hands over what it has made."""

    @property
    def has_room(self) -> bool:
        """Whether a part may be delivered now."""
        ...

    async def room(self) -> None:
        """Return when another part may be delivered."""
        ...

    def pack(self, entry: Entry) -> bytes:
        """An entry as it will be sent."""
        ...

    def deliver(self, tag: str, packed: list[bytes], done: Callable[[], None]) -> None:
        """Deliver packed entries; ``done`` is called when they have been acknowledged."""
        ...

    @property
    def is_well(self) -> bool:
        """Whether what is delivered can be expected to arrive."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...


class StdoutSender:
    """Prints events as JSON Lines, for trying things out: what is written is done."""

    has_room = True
    is_well = True

    async def room(self) -> None:
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
    """Keeps one connection to one of the places, and the ledger of what that place has not acknowledged.

    Args:
        config: places, balance, limits.
        traffic: counts connections, acks and failures.
        budget: what may be kept; output takes no more than half of it.

    Raises:
        ConfigError: a secret or certificate is not there, or there is a user and no key.
    """

    def __init__(self, config: Sidecar, traffic: Traffic, budget: ByteBudget | None = None) -> None:
        self._places = [_Place(place) for place in config.forward]
        self._replaced = asyncio.Event()
        self._failover = config.balance == "failover"
        self._compress = config.compress
        self._require_ack = config.require_ack
        self._ack_timeout_secs = config.ack_timeout_secs
        self._traffic = traffic
        self._budget = budget or ByteBudget(config.max_in_flight_bytes)
        self._ledger = Ledger(config.max_in_flight_chunks, self._budget.max_bytes // 2)
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ids = (f"{os.getpid():x}".encode() + os.urandom(12) for _ in itertools.count())
        self._progress = 0.0
        self._connected_to = ""
        self._lost_at: float | None = None
        self._has_been_connected = False

    def configure(self, config: Sidecar) -> None:
        """Take places, secrets and certificates from a configuration; where they differ, connect anew.

        Raises:
            ConfigError: a secret or certificate is not there; then nothing has changed.
        """
        places = [_Place(place) for place in config.forward]
        differ = [place.identity for place in places] != [place.identity for place in self._places]
        self._places = places
        if differ:
            self._replaced.set()
            self._replaced = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """See ``Sender``."""
        return self._ledger.has_room

    @property
    def is_well(self) -> bool:
        """See ``Sender``: not while there has been no next hop for long, or one that acknowledges nothing."""
        now = asyncio.get_running_loop().time()
        if not self._connected_to:
            return self._lost_at is None or now - self._lost_at < UNCONNECTED_SECS
        return self.has_room or now - self._progress < UNCONNECTED_SECS

    async def room(self) -> None:
        """See ``Sender``."""
        while not self._ledger.has_room:
            self._room.clear()
            await self._room.wait()

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
        self._budget.hold(len(payload))
        self._unsent.append((chunk_id, payload))
        self._news.set()
        self._note()

    def _settle(self, chunk_id: str | bytes) -> bool:
        if isinstance(chunk_id, bytes):
            chunk_id = chunk_id.decode("ascii", "replace")
        before = self._ledger.bytes
        try:
            return self._ledger.settle(chunk_id)
        finally:
            # The ledger has let it go even if whoever waited for it could not be told.
            if self._ledger.bytes != before:
                self._traffic.chunks_delivered += 1
                self._progress = asyncio.get_running_loop().time()
                self._budget.free(before - self._ledger.bytes)
                self._room.set()
                self._note()

    def _note(self) -> None:
        self._traffic.in_flight_chunks, self._traffic.in_flight_bytes = len(self._ledger), self._ledger.bytes

    async def run(self) -> None:
        """Connect, deliver, reconnect, until cancelled. Backs off with jitter while no place takes anything."""
        failures = 0
        self._lost_at = asyncio.get_running_loop().time()
        for turn in itertools.count():
            place = self._places[(failures if self._failover else turn) % len(self._places)]
            delivered = self._traffic.chunks_delivered
            reason = await self._try(place)
            self._lost(place, reason)
            # A place that took something was healthy: begin again with the first one, and soon.
            failures = 0 if self._traffic.chunks_delivered > delivered or reason == _REPLACED else failures + 1
            if failures == 0 or failures % len(self._places) == 0:
                rounds = failures // len(self._places)
                pause = min(_MAX_BACKOFF_SECS, _BACKOFF_SECS * 2 ** min(rounds, 10))
                await self._rest(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret

    async def _rest(self, secs: float) -> None:
        """Wait, but not for a place that is no longer asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(secs):
                await self._replaced.wait()

    async def _try(self, place: _Place) -> str:
        """Use a place as long as it goes well; why it no longer does.

        Whatever fails, the place is lost and no more than that: what stands in the ledger is sent again.
        """
        try:
            await self._connection(place)
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
            place.say_once("next_hop_failed", type(error).__name__)
            return _UNKNOWN
        return _REPLACED

    def _found(self, place: _Place) -> None:
        self._connected_to = place.address
        place.said.clear()
        again = self._has_been_connected
        self._has_been_connected = True
        say("next_hop_regained" if again else "next_hop_connected", address=place.address)

    def _lost(self, place: _Place, reason: str) -> None:
        was_connected = bool(self._connected_to)
        self._connected_to = ""
        if reason == _REPLACED:
            return
        if was_connected or self._lost_at is None:
            self._lost_at = asyncio.get_running_loop().time()
        # A place that is not there yet is nobody's error: shippers and collectors are started in any order.
        if not self._has_been_connected and reason in _NOT_THERE:
            place.say_once("next_hop_awaited", reason)
            return
        self._traffic.errors["send", reason] += 1
        self._traffic.reconnects += 1
        if was_connected:
            say("next_hop_lost", address=place.address, reason=reason)
        elif reason not in _NOT_THERE:
            place.say_once("next_hop_refused", reason)

    async def _connection(self, place: _Place) -> None:
        """Connect to a place and use it, until something fails or a reload asks for others."""
        # Asked for before anything is waited for: a reload may come while it connects.
        replaced = self._replaced
        await _first_to_end(self._use(place), _wait_for(replaced))

    async def _use(self, place: _Place) -> None:
        reader, writer = await _connect(place)
        try:
            connection = place.connection()
            async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
                await self._shake_hands(place, connection, reader, writer)
            self._unsent = deque(self._ledger.unsettled())
            self._news.set()
            self._progress = asyncio.get_running_loop().time()
            self._found(place)
            await _first_to_end(self._write(writer), self._read(connection, reader), self._watch())
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
            elif not isinstance(event, Heartbeat):
                raise ForwardError(Reason.UNEXPECTED, "not what a server says after the handshake")

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
        if options.username and options.shared_key is None:
            problem = "a place asks for a user only where there is a shared key"
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

    def say_once(self, event: str, reason: str) -> None:
        """Say what is wrong with it; not again, however often it is tried, before it has been connected to."""
        if event not in self.said:
            self.said.add(event)
            say(event, address=self.address, reason=reason)

    def connection(self) -> ClientConnection:
        """The protocol's state for a new connection."""
        return ClientConnection(
            shared_key=self.shared_key,
            hostname=self._hostname,
            username=self._username,
            password=self._password,
        )


async def _connect(place: _Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECS):
            return await asyncio.open_connection(
                place.host, place.port, ssl=place.tls, server_hostname=place.server_name
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
