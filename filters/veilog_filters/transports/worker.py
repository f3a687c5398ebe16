"""One sidecar process: Forward in, through the pipeline, Forward out.

Filtering uses the processor, and one event loop does all of it, in slices of some milliseconds; between them acks,
heartbeats and other senders are served (see ``scheduling``). More processors are for more workers, which the
supervisor starts (see ``supervisor``); a worker talks to it over a pipe.

On stop a worker accepts and reads no more, finishes the chunks it is at, waits for the acks of what it has sent, passes
them on, and ends. If one of its own tasks ends that never should, the worker ends too, and is replaced.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from veilog_filters.config import Config, Listen, read_secret
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.forward import Chunk, Helo, Limits, ServerConnection
from veilog_filters.metrics import Traffic
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.addresses import server_tls, trust_of
from veilog_filters.transports.chunk import ChunkFilter, Settings
from veilog_filters.transports.fan_out import FanOut
from veilog_filters.transports.peer import Peer
from veilog_filters.transports.scheduling import READ_BYTES, ByteBudget, CpuAccount, Reader, Scheduler
from veilog_filters.transports.usage_output import UsageOutput

_WATCH_SECS: Final = 0.25
_ACCEPT_ROUND: Final = 2
_DEFER_SECS: Final = 0.001
"""A worker that has connections waits so long before it takes two more, so that workers with fewer come first."""
_NO_FILES_SECS: Final = 0.1
_USAGE_SECS: Final = 1.0
_STRANGERS_SHARE: Final = 4
"""One for each so many connections may be a stranger."""


class TaskEndedError(RuntimeError):
    """A task has ended that never should.

    Args:
        ended: the task, or all of them.

    Attributes:
        tasks: their names in this code.
        error: the type of what the first of them raised, without its message, which may quote a record.
    """

    def __init__(self, *ended: asyncio.Task[Any]) -> None:
        self.tasks = ",".join(sorted({task.get_coro().__qualname__ for task in ended}))  # type: ignore[union-attr]
        raised = None if ended[0].cancelled() else ended[0].exception()
        self.error = type(raised).__name__ if raised is not None else "none"
        super().__init__(f"a task has ended that never should: {self.tasks} ({self.error})")


class Access:
    """The access rules of the current configuration; a reload makes new ones.

    Args:
        options: ``sidecar.listen``.

    Raises:
        ConfigError: a secret or certificate is not there, or there are users and no key.
    """

    def __init__(self, options: Listen) -> None:
        if options.users and options.shared_key is None:
            problem = "users are asked for their passwords only where there is a shared key"
            raise ConfigError(Defect("configuration", 0, "sidecar.listen.users", problem, "write shared_key too"))
        self.shared_key = read_secret(options.shared_key)
        self.users = {
            name: read_secret(secret).decode("utf-8", "surrogateescape") for name, secret in options.users.items()
        }
        self.hostname = options.hostname
        # Read before it is loaded: if it is replaced in between, the next reload sees another one, and hangs up.
        self.trust = trust_of(options.tls)
        self.tls = server_tls(options.tls) if options.tls else None
        self.handshake_timeout_secs = options.handshake_timeout_secs
        self.idle_timeout_secs = options.idle_timeout_secs
        self.max_known = options.max_connections
        self.max_strangers = max(1, options.max_connections // _STRANGERS_SHARE)

    def connection(self, limits: Limits) -> tuple[ServerConnection, bytes]:
        """The protocol's state for a new client, and the greeting that it is sent."""
        connection = ServerConnection(limits, self.shared_key, self.hostname, self.users)
        if not self.shared_key:
            return connection, b""
        return connection, connection.send(Helo(os.urandom(16), os.urandom(16) if self.users else b""))

    def still_admits(self, peer: Peer) -> bool:
        """Whether a connection that was admitted by earlier rules would be admitted now."""
        before = peer.access
        if self.shared_key != before.shared_key or bool(self.users) != bool(before.users):
            return False
        # A peer without TLS, or with a certificate of other authorities, has not proven what is required now.
        if self.trust != before.trust:
            return False
        user = peer.user.decode("utf-8", "replace")
        return not user or self.users.get(user) == before.users.get(user)


class Worker:
    """Serves shippers.

    Args:
        config: what to listen on and how.
        pipeline: what happens to a record; may be replaced at any time, it is looked up for each chunk.
        outlets: where clean chunks go, by the schemas of the pipeline.
        traffic: counts connections, chunks and protocol errors.
        budget: what may be kept; the outlets' too.
    """

    def __init__(
        self, config: Config, pipeline: Pipeline, outlets: FanOut, traffic: Traffic, budget: ByteBudget
    ) -> None:
        self.pipeline = pipeline
        self.budget = budget
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.stopping = False
        self.outlets = outlets
        self._traffic = traffic
        self._scheduler = Scheduler()
        self._stop = asyncio.Event()
        self._strangers: dict[Peer, None] = {}
        self._known: dict[Peer, None] = {}
        self._grace_secs = config.sidecar.grace_secs
        self._defers_to_idle_workers = config.sidecar.workers > 1
        self._usage = UsageOutput(outlets)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over what may change while it runs; connections that would not be let in now are closed.

        Raises:
            ConfigError: a secret or certificate is not there; then nothing has changed.
        """
        self.access = Access(config.sidecar.listen)
        self.limits = Limits(
            max_frame_bytes=config.sidecar.listen.max_frame_bytes,
            max_inflated_bytes=config.sidecar.listen.max_frame_bytes,
            max_entry_bytes=config.limits.max_record_bytes,
        )
        self._settings = Settings(config)
        for peer in (*self._strangers, *self._known):
            if not self.access.still_admits(peer):
                peer.drop("access_revoked")

    def replace(self, pipeline: Pipeline) -> None:
        """Take another pipeline from the next chunk on; what was counted by caller leaves."""
        self._usage.add(self.pipeline.hand_over(pipeline))
        self.pipeline = pipeline

    async def _send_usage(self) -> None:
        """Send what was counted by caller when its window is over, whether anything comes in or not."""
        while True:
            await asyncio.sleep(_USAGE_SECS)
            self._usage.add(self.pipeline.usage())
            await self._usage.send(self._settings.tag)

    async def serve(self, listeners: Sequence[socket.socket], ready: Callable[[], None]) -> None:
        """Accept until ``stop`` is called, then close the listeners and finish what is in flight in the grace period.

        Raises:
            TaskEndedError: one of the tasks that should never end has ended; so must the process.
        """
        sending = asyncio.create_task(self.outlets.run())
        accepting = [asyncio.create_task(self._accept(listener)) for listener in listeners]
        watching = asyncio.create_task(self._watch())
        counting = asyncio.create_task(self._send_usage())
        stopped = asyncio.create_task(self._stop.wait())
        tasks = [sending, *accepting, watching, counting]
        try:
            ready()
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            ended = [task for task in tasks if task.done()]
            if ended and not self.stopping:
                raise TaskEndedError(*ended)
            await _cancel(*accepting, counting)
            for listener in listeners:
                listener.close()
            await self._finish(sending)
        finally:
            await _cancel(stopped, *tasks)

    async def _finish(self, sending: asyncio.Task[None]) -> None:
        """Wait for the peers' acks, as long as the next hop may still send them."""
        self.budget.close()
        for stranger in list(self._strangers):
            stranger.drop("unfinished")
        for peer in self._known:
            peer.wake()
        deadline = asyncio.get_running_loop().time() + self._grace_secs
        while self._known and not sending.done() and asyncio.get_running_loop().time() < deadline:
            left = deadline - asyncio.get_running_loop().time()
            tasks = [sending, *(peer.task for peer in self._known)]
            await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        self._usage.add(self.pipeline.usage(everything=True))
        left = 0.0 if sending.done() else deadline - asyncio.get_running_loop().time()
        if not await self._usage.finish(self._settings.tag, left):
            self.count_error("usage_not_delivered")
        late = [*self._strangers, *self._known]
        for peer in late:
            peer.drop("unfinished")  # unacknowledged: the shipper sends it again
        if late:
            await asyncio.wait([peer.task for peer in late])

    def stop(self) -> None:
        """Begin to stop."""
        self.stopping = True
        self._stop.set()

    # The table of connections.

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
        while True:
            try:
                for _ in range(_ACCEPT_ROUND):
                    connected, _ = await loop.sock_accept(listener)
                    self._admit_connection(connected)
            except (ConnectionError, TimeoutError):
                self.count_error("connection_failed")  # it was gone before it was accepted
            except OSError:
                # No more file descriptors, for example: connections that are open go on, and some of them will close.
                self.count_error("not_accepted")
                await asyncio.sleep(_NO_FILES_SECS)
            await asyncio.sleep(_DEFER_SECS if self._defers_to_idle_workers and self._known else 0)

    def _admit_connection(self, connected: socket.socket) -> None:
        connected.setblocking(False)  # noqa: FBT003 - socket's own signature
        while len(self._strangers) >= self.access.max_strangers:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.drop("too_many_strangers")
        peer = Peer(self, connected)
        self._strangers[peer] = None
        self._count_connections()

    def promote(self, peer: Peer) -> None:
        """A peer is no stranger, or has just sent something whole again."""
        peer.is_known = True
        self._strangers.pop(peer, None)
        self._known.pop(peer, None)
        if len(self._known) >= self.access.max_known:
            # The one that has been idle for longest; a newcomer that finds only busy ones must wait.
            idle = next((other for other in self._known if not other.outstanding), peer)
            self._known.pop(idle, None)
            idle.drop("too_many_connections")
        if not peer.is_dropped:
            self._known[peer] = None
        self._count_connections()

    def forget(self, peer: Peer) -> None:
        """A peer has gone."""
        self._strangers.pop(peer, None)
        self._known.pop(peer, None)
        self._count_connections()

    def _count_connections(self) -> None:
        self._traffic.connections = len(self._known) + len(self._strangers)

    def count_error(self, reason: str) -> None:
        """Something went wrong with a connection."""
        self._traffic.errors["receive", reason] += 1

    async def _watch(self) -> None:
        """Close connections that hold the byte budget while others wait for it."""
        loop = asyncio.get_running_loop()
        lag_secs = 0.0
        while True:
            began = loop.time()
            await asyncio.sleep(_WATCH_SECS)
            lag_secs = max(loop.time() - began - _WATCH_SECS, lag_secs / 2)
            for reader in self.budget.holders_to_drop(loop.time(), lag_secs):
                _drop(reader)

    # The work.

    async def process_chunk(self, chunk: Chunk, account: CpuAccount, done: Callable[[], None]) -> None:
        """Filter a chunk and hand it on; ``done`` is called when everything made from it has been acknowledged."""
        self._traffic.chunks_received += 1
        work = ChunkFilter(self._settings, self.pipeline, self.outlets, self.budget, self._scheduler, account)
        await work.run(chunk, done)


def _drop(reader: Reader) -> None:
    assert isinstance(reader, Peer)  # noqa: S101 - there is no other kind of reader
    reader.drop("over_budget")


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
