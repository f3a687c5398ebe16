"""One shipper's connection.

Theory of operation. A peer reads only when it has asked for it: it takes one piece of at most ``READ_BYTES``, stops
reading, and looks at what it has. So nothing is buffered that the budget does not know of, and a peer whose chunk is
being filtered, or for whose message there is no room, makes its shipper wait. All peers of a worker share the buffer
that the kernel writes to, since a piece is taken out of it before anything else happens.

Until a peer is known it is a stranger: where there is a shared key, until it has shown that it knows it; else until it
has sent one complete chunk. Strangers have a table of their own, and the oldest of them goes when it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Final, cast

from veilog_filters.forward import (
    NEED_DATA,
    Ack,
    Chunk,
    Closed,
    ForwardError,
    Heartbeat,
    Ping,
    Pong,
    Reason,
)
from veilog_filters.transports.scheduling import CpuAccount, Reader

if TYPE_CHECKING:
    from veilog_filters.transports.worker import Worker

_MAX_UNREAD_ACK_BYTES: Final = 1_048_576
_CLOSE_SECS: Final = 5.0


class Peer(asyncio.BufferedProtocol, Reader):
    """A connection from its first byte to its last.

    Args:
        worker: whose tables, budget and options it lives by.
        connected: the accepted socket.
    """

    def __init__(self, worker: Worker, connected: socket.socket) -> None:
        self._worker = worker
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self.access = worker.access
        self.is_known = False
        self.outstanding = 0
        self._dropped = ""
        self._has_begun = False
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._eof = False
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._gone = asyncio.Event()
        self._account = CpuAccount()
        self._deadline = self._loop.time() + self.access.handshake_timeout_secs
        self._connection, self._greeting = self.access.connection(worker.limits)
        self._task = self._loop.create_task(self._run())

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BufferedProtocol``."""
        # A socket's transport reads and writes. Those of uvloop do, and are no ``asyncio.Transport``.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """See ``asyncio.BufferedProtocol``."""
        return self._worker.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See ``asyncio.BufferedProtocol``."""
        assert self._transport is not None  # noqa: S101 - it has just been read from
        self._data += self._worker.buffer[:nbytes]
        self._transport.pause_reading()
        self._woken.set()

    def eof_received(self) -> bool:
        """See ``asyncio.BufferedProtocol``: a shipper may close its side and still wait for its acks."""
        self._eof = True
        self._woken.set()
        return self.access.tls is None

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.BufferedProtocol``."""
        self._eof = True
        self._gone.set()
        self._woken.set()
        if error is not None and not self._dropped:
            self._worker.count_error("connection_failed")

    # What the worker calls.

    @property
    def user(self) -> bytes:
        """The authenticated user name; empty where the configuration has no users."""
        return self._connection.username

    def drop(self, reason: str) -> None:
        """Hang up, and count why. What it had sent and is not acknowledged it will send again."""
        if self._dropped:
            return
        self._dropped = reason
        self._task.cancel()
        if not self._has_begun:
            # Then its task never runs, and nothing else would close the socket.
            self._worker.count_error(reason)
            self._hang_up(abort=True)

    @property
    def is_dropped(self) -> bool:
        """Whether it has been hung up on."""
        return bool(self._dropped)

    def wake(self) -> None:
        """Look whether the worker stops."""
        self._woken.set()

    @property
    def task(self) -> asyncio.Task[None]:
        """What it does."""
        return self._task

    # What it does.

    async def _run(self) -> None:
        reason = ""
        self._has_begun = True
        try:
            await self._connect()
            await self._handle_messages()
            await self._drain()
        except ForwardError as error:
            reason = error.reason
        except TimeoutError:
            reason = "timeout"
        except ssl.SSLError:
            reason = "tls_failed"
        except OSError:
            reason = "connection_failed"
        except asyncio.CancelledError:
            reason = self._dropped or "unfinished"
        except Exception:
            # Left to asyncio, it would be logged with its message, which may quote a record.
            reason = "internal"
        finally:
            if reason:
                self._worker.count_error(reason)
            self._hang_up(abort=bool(reason))

    async def _connect(self) -> None:
        access = self.access
        async with asyncio.timeout(access.handshake_timeout_secs):
            await self._loop.connect_accepted_socket(
                lambda: self,
                self._socket,
                ssl=access.tls,
                ssl_handshake_timeout=access.handshake_timeout_secs if access.tls else None,
            )
        if self._greeting:
            self._write(self._greeting)

    async def _handle_messages(self) -> None:
        """Until the client closes, breaks the protocol, falls silent, or the worker stops."""
        while True:
            event = self._connection.next_event()
            self._account_for()
            if event is NEED_DATA:
                known = self._connection.is_authenticated
                secs = self.access.idle_timeout_secs if known else self._deadline - self._loop.time()
                if not await self._read(secs):
                    return
            elif isinstance(event, Chunk):
                self._worker.promote(self)
                await self._process_chunk(event)
            elif isinstance(event, Ping):
                self._write(self._connection.send(Pong(event.accepted, "" if event.accepted else "not authenticated")))
                if not event.accepted:
                    await self._drain()
                    raise ForwardError(Reason.UNAUTHENTICATED, "wrong key, user or password")
                self._worker.promote(self)
            elif isinstance(event, Heartbeat):
                self._write(self._connection.send(event))
            elif isinstance(event, Closed):
                return

    async def _read(self, secs: float) -> bool:
        """Take a piece to the connection; False if the worker stops."""
        assert self._transport is not None  # noqa: S101 - _connect has set it
        if self._may_read and not self._data:
            await self._worker.budget.wait_to_read(self)
        self.allowed_at = self._loop.time()
        try:
            async with asyncio.timeout(secs):
                while self._may_read and not self._data:
                    self._woken.clear()
                    self._transport.resume_reading()
                    await self._woken.wait()
        except TimeoutError:
            if not self._connection.is_authenticated:
                raise ForwardError(Reason.UNAUTHENTICATED, "no handshake in time") from None
            raise
        if not self._data and not self._eof:
            return False
        if not self.unfinished_bytes:
            self.sending_secs = 0.0
        self.sending_secs += self._loop.time() - self.allowed_at
        data, self._data = self._data, b""
        self._connection.receive_data(data)
        return True

    @property
    def _may_read(self) -> bool:
        return not (self._eof or self._worker.stopping)

    def _account_for(self) -> None:
        """Tell the budget what is kept of messages that are not complete."""
        pending = self._connection.pending_bytes
        difference, self.unfinished_bytes = pending - self.unfinished_bytes, pending
        if difference > 0:
            self._worker.budget.reserve(difference)
        elif difference < 0:
            self._worker.budget.release(-difference)

    async def _process_chunk(self, chunk: Chunk) -> None:
        self.outstanding += 1
        self._settled.clear()
        budget = self._worker.budget
        budget.chunk_begins(chunk.frame_bytes)
        budget.message_ended(self)
        chunk_id = chunk.chunk_id

        def done() -> None:
            self.outstanding -= 1
            if not self.outstanding:
                self._settled.set()
            if chunk_id is not None and self._transport is not None and not self._transport.is_closing():
                self._transport.write(self._connection.send(Ack(chunk_id)))

        try:
            await self._worker.process_chunk(chunk, self._account, done)
        finally:
            budget.chunk_ends(chunk.frame_bytes)
        self._bound_unread()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - _connect has set it
        self._transport.write(data)
        self._bound_unread()

    def _bound_unread(self) -> None:
        """A client that never reads its acks must not make us keep them."""
        if self._transport is not None and self._transport.get_write_buffer_size() > _MAX_UNREAD_ACK_BYTES:
            raise TimeoutError

    async def _drain(self) -> None:
        """The client may have half-closed, or the worker may be stopping: its acks are still to come."""
        assert self._transport is not None  # noqa: S101 - _connect has set it
        async with asyncio.timeout(self.access.idle_timeout_secs):
            await self._settled.wait()
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECS):
                await self._gone.wait()

    def _hang_up(self, *, abort: bool) -> None:
        budget = self._worker.budget
        budget.release(self.unfinished_bytes)
        self.unfinished_bytes = 0
        budget.message_ended(self)
        if self._transport is None:
            self._socket.close()
        elif abort or not self._gone.is_set():
            self._transport.abort()
        self._worker.forget(self)
