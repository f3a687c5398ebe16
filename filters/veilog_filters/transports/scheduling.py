"""Scheduling: which sender may use the processor next, and whose bytes may come in.

Theory of operation. A worker is one loop, and whatever is done for one sender is not done for another. Two things are
shared out here.

Time (``Scheduler``). Work is done in slices. A slice ends at the first opportunity after ``SLICE_SECS``: between two
batches of records, or between two steps of the pipeline. One step cannot be interrupted; ``limits.record_secs`` bounds
its records. The next slice goes to the sender that has used the least time. So a sender of slow records has fewer
slices, and a sender of quick records waits for one slice of another, not for as many as the other likes. A sender that
exceeded its slice rests for a tenth of what it used, ``MAX_REST_SECS`` at most: meanwhile another sender's chunk can
arrive, be filtered and be acknowledged by the next hop. Without the rest it would wait for a slow slice before each of
the three. A new sender starts with as much used time as the sender of the last slice: it is neither behind nor ahead.
Measured by ``benchmarks/bench_neighbours.py wait``.

Bytes (``ByteBudget``). What is kept is counted in one place, before it is there: messages that are not complete, chunks
that wait or are being filtered, and what the next hop has not acknowledged. When it is full, no more is read: the
kernel's buffers fill, and shippers wait. Output may fill one half, so that input can never keep output from leaving.
Two things go on in any case, or nothing would ever leave: a message of up to ``ALLOWANCE_BYTES``; and, while no chunk
is being filtered, which would make room, the oldest of the messages that are not complete. What can be over the budget
is therefore one message, and for each connection the allowance, and what waits for a full outlet: a small part, and
what one batch of its records became in all schemas (``chunk``). A connection that holds more than the allowance while
others wait, and is silent or slow, is closed (``holders_to_drop``): it has begun a message and does not end it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Final

SLICE_SECS: Final = 0.01
MAX_REST_SECS: Final = 0.02
_REST_SHARE: Final = 0.1
ALLOWANCE_BYTES: Final = 65_536
READ_BYTES: Final = 65_536
_STARVED_SECS: Final = 1.0
_SILENT_SECS: Final = 1.0
_MAX_SENDING_SECS: Final = 10.0
"""A message that takes longer to be sent, in seconds, is not waited for while others wait."""


class CpuAccount:
    """What a sender has had.

    Attributes:
        used_secs: processor time.
        batch_records: how many of its records are taken at a time; few if they were slow.
        rests_until: when it may have its next turn, in the loop's time.
    """

    __slots__ = ("batch_records", "rests_until", "used_secs")

    def __init__(self) -> None:
        self.used_secs = 0.0
        self.batch_records = 1
        self.rests_until = 0.0


class Scheduler:
    """Gives slices of time, one at a time, to the sender that has used the least."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, asyncio.Future[None], CpuAccount]] = []
        self._numbers = itertools.count()
        self._busy = False
        self._floor_secs = 0.0

    async def acquire(self, account: CpuAccount) -> None:
        """Wait for a slice; the event loop runs at least once, so that sockets are served between two slices."""
        loop = asyncio.get_running_loop()
        account.used_secs = max(account.used_secs, self._floor_secs)
        granted = loop.create_future()
        heapq.heappush(self._waiting, (account.used_secs, next(self._numbers), granted, account))
        self._wake()
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self._release()
            raise

    def release(self, account: CpuAccount, secs: float) -> None:
        """End a slice that took ``secs`` seconds."""
        account.used_secs += secs
        if secs > SLICE_SECS:
            rest_secs = min(MAX_REST_SECS, _REST_SHARE * secs)
            account.rests_until = asyncio.get_running_loop().time() + rest_secs
        self._release()

    def _release(self) -> None:
        # Not at once: the sender that ends a slice may ask for the next one right away, and may have used the least.
        asyncio.get_running_loop().call_soon(self._next)

    def _wake(self) -> None:
        if not self._busy and self._waiting:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Give the slice to the sender that has used the least and does not rest."""
        loop = asyncio.get_running_loop()
        now, resting = loop.time(), []
        while self._waiting:
            waiting = heapq.heappop(self._waiting)
            used, _, granted, account = waiting
            if granted.done():
                continue
            if account.rests_until > now:
                resting.append(waiting)
                continue
            self._floor_secs = max(self._floor_secs, used)
            granted.set_result(None)
            break
        else:
            self._busy = False
            if resting:
                loop.call_at(min(account.rests_until for *_, account in resting), self._wake)
        for waiting in resting:
            heapq.heappush(self._waiting, waiting)


class TimeSlice:
    """One sender's slices while it works on a chunk: ``async with``, and ``yield_if_over`` where others may go on.

    Attributes:
        clock: the loop's.
    """

    def __init__(self, scheduler: Scheduler, account: CpuAccount) -> None:
        self._scheduler = scheduler
        self._account = account
        self.clock = asyncio.get_running_loop().time
        self._began = 0.0
        self._is_running = False

    async def __aenter__(self) -> TimeSlice:
        await self.begin()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.end()

    async def begin(self) -> None:
        """Wait for a slice."""
        await self._scheduler.acquire(self._account)
        self._is_running = True
        self._began = self.clock()

    def end(self) -> None:
        """End the slice, if one is running."""
        if self._is_running:
            self._is_running = False
            self._scheduler.release(self._account, self.clock() - self._began)

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others go on."""
        return self.clock() - self._began > SLICE_SECS

    async def yield_if_over(self) -> None:
        """End this slice and wait for another one, if it has lasted long enough."""
        if self.is_over:
            self.end()
            await self.begin()


class Reader:
    """What the budget knows of a connection.

    Attributes:
        unfinished_bytes: what is kept of a message that is not complete.
        allowed_at: since when it may send, in the loop's time.
        sending_secs: how long it has taken before that to send what is kept. What it waited for us does not count.
    """

    unfinished_bytes = 0
    allowed_at = 0.0
    sending_secs = 0.0


class ByteBudget:
    """Counts bytes, and lets readers go on while there is room.

    Args:
        max_bytes: when no more is read.

    Attributes:
        used_bytes: what is kept now.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._messages: dict[Reader, None] = {}
        self._waiting: dict[Reader, tuple[asyncio.Future[None], float]] = {}
        self._chunks = 0
        self._is_closed = False
        self._inflated = 0
        self._inflating: dict[asyncio.Future[None], int] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more is read."""
        return self.used_bytes >= self.max_bytes

    def reserve(self, size: int) -> None:
        """Something is kept."""
        self.used_bytes += size

    def release(self, size: int) -> None:
        """Something is no longer kept."""
        self.used_bytes -= size
        self._admit()

    async def wait_to_read(self, reader: Reader) -> None:
        """Return when a reader may read ``READ_BYTES`` more."""
        if reader.unfinished_bytes < ALLOWANCE_BYTES:
            self.message_ended(reader)
            return
        self._messages.setdefault(reader)
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not self._may_read(reader):
            granted = loop.create_future()
            self._waiting[reader] = granted, since
            try:
                await granted
            finally:
                self._waiting.pop(reader, None)

    def _may_read(self, reader: Reader) -> bool:
        if self._is_closed or not self.is_full:
            return True
        # Whatever is being filtered will make room. If nothing is, only the end of a message will.
        return not self._chunks and next(iter(self._messages)) is reader

    def chunk_begins(self, size: int) -> None:
        """A message is complete, and its chunk is kept until it has been filtered."""
        self._chunks += 1
        self.used_bytes += size

    def chunk_ends(self, size: int) -> None:
        """It has been."""
        self._chunks -= 1
        self.release(size)

    def close(self) -> None:
        """Release all waiting readers: the worker stops and reads no more."""
        self._is_closed = True
        for granted, _ in self._waiting.values():
            if not granted.done():
                granted.set_result(None)

    def message_ended(self, reader: Reader) -> None:
        """A reader's message is complete, or the reader has gone."""
        if reader in self._messages:
            del self._messages[reader]
            self._admit()

    async def wait_to_inflate(self, size: int) -> None:
        """Return when a compressed chunk may become ``size`` bytes, and hold them; one may in any case."""
        if self._inflating or not self._may_inflate(size):
            granted = asyncio.get_running_loop().create_future()
            self._inflating[granted] = size
            try:
                await granted
            except asyncio.CancelledError:
                if granted.done() and not granted.cancelled():
                    self.release_inflated(size)
                raise
            finally:
                self._inflating.pop(granted, None)
            return
        self._inflate(size)

    def release_inflated(self, size: int) -> None:
        """What was inflated is no longer kept."""
        self._inflated -= 1
        self.release(size)

    def _may_inflate(self, size: int) -> bool:
        return not self._inflated or self.used_bytes + size <= self.max_bytes

    def _inflate(self, size: int) -> None:
        self._inflated += 1
        self.used_bytes += size

    def _admit(self) -> None:
        for granted, size in list(self._inflating.items()):
            if not self._may_inflate(size):
                break
            del self._inflating[granted]
            if not granted.done():
                self._inflate(size)
                granted.set_result(None)
        if not self._waiting:
            return
        room = self.max_bytes - self.used_bytes
        for number, reader in enumerate(self._messages):
            if room <= 0 and (number or self._chunks):
                return
            if reader in self._waiting and not self._waiting[reader][0].done():
                self._waiting[reader][0].set_result(None)
                room -= READ_BYTES

    def holders_to_drop(self, now: float, lag_secs: float) -> list[Reader]:
        """Readers that hold more than their allowance and are silent or slow, while others have waited for long.

        Args:
            now: the loop's time.
            lag_secs: recent delay of the event loop, in seconds; data may have arrived that is not read yet.
        """
        if not any(now - since > _STARVED_SECS for _, since in self._waiting.values()):
            return []
        return [
            reader
            for reader in self._messages
            if reader not in self._waiting
            and self._is_late(now - reader.allowed_at - 2 * lag_secs, reader.sending_secs)
        ]

    @staticmethod
    def _is_late(silent_secs: float, sending_secs: float) -> bool:
        return silent_secs > _SILENT_SECS or sending_secs + silent_secs > _MAX_SENDING_SECS
