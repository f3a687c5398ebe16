"""Who may use the processor next, and whose bytes may come in.

Theory of operation. A worker is one loop, and whatever is done for one sender is not done for another. Two things are
shared out here.

Time (``Turns``). Work is done in turns. A turn ends as soon as it can be after ``SLICE_SECS``: between two batches of
records, or between two steps of the pipeline. What cannot be interrupted is one step; its records are bounded by
``limits.record_secs``. The next turn goes to the sender that has had the least time, so a sender whose records are
slow has fewer turns, and one that comes with quick records waits for one turn of another, not for as many as the other
likes. A sender whose turn was longer than a slice rests for a tenth of that, ``MAX_REST_SECS`` at most: in that time
another one's chunk can come, be filtered and be acknowledged by the next hop, where it would else wait for a slow turn
before each of these. A newcomer begins with as much as the sender whose turn it was last: it is neither behind nor owed
anything. Measured by ``benchmarks/bench_neighbours.py wait``.

Bytes (``ByteBudget``). What is kept is counted in one place, before it is there: messages that are not complete, chunks
that wait or are being filtered, and what the next hop has not acknowledged. When it is full, no more is read: the
kernel's buffers fill, and shippers wait. Output may fill one half, so that input can never keep output from leaving.
Two things go on in any case, or nothing would ever leave: a message of up to ``ALLOWANCE_BYTES``; and, while no chunk
is being filtered, which would make room, the oldest of the messages that are not complete. What can be over the budget
is therefore one message, and the allowance of each connection. Whoever holds more than the allowance while others wait,
and is silent or slow, is hung up on (``holders_to_drop``): it is a message that somebody began and does not end.
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


class Account:
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


class Turns:
    """Gives turns, one at a time, to the sender that has had the least."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, asyncio.Future[None], Account]] = []
        self._numbers = itertools.count()
        self._busy = False
        self._floor_secs = 0.0

    async def take(self, account: Account) -> None:
        """Wait for a turn; in any case the loop goes round once, so that sockets are served between two turns."""
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

    def give(self, account: Account, secs: float) -> None:
        """End a turn that took so long."""
        account.used_secs += secs
        if secs > SLICE_SECS:
            rest_secs = min(MAX_REST_SECS, _REST_SHARE * secs)
            account.rests_until = asyncio.get_running_loop().time() + rest_secs
        self._release()

    def _release(self) -> None:
        # Not at once: whoever ends a turn may ask for the next one in the same breath, and may have had the least.
        asyncio.get_running_loop().call_soon(self._next)

    def _wake(self) -> None:
        if not self._busy and self._waiting:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Give the turn to whoever has had the least and does not rest."""
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


class Turn:
    """One sender's turns while it works on something: ``async with``, and ``pass_on`` where others may go on.

    Attributes:
        clock: the loop's.
    """

    def __init__(self, turns: Turns, account: Account) -> None:
        self._turns = turns
        self._account = account
        self.clock = asyncio.get_running_loop().time
        self._began = 0.0
        self._has_turn = False

    async def __aenter__(self) -> Turn:
        await self.begin()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.end()

    async def begin(self) -> None:
        """Wait for a turn."""
        await self._turns.take(self._account)
        self._has_turn = True
        self._began = self.clock()

    def end(self) -> None:
        """End it, if there is one."""
        if self._has_turn:
            self._has_turn = False
            self._turns.give(self._account, self.clock() - self._began)

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others go on."""
        return self.clock() - self._began > SLICE_SECS

    async def pass_on(self) -> None:
        """End this turn and wait for another one, if it is time."""
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

    def hold(self, size: int) -> None:
        """Something is kept."""
        self.used_bytes += size

    def free(self, size: int) -> None:
        """Something is no longer kept."""
        self.used_bytes -= size
        self._admit()

    async def room_to_read(self, reader: Reader) -> None:
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
        if self._is_closed or self.used_bytes < self.max_bytes:
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
        self.free(size)

    def close(self) -> None:
        """Nobody reads any more, and nobody waits to read."""
        self._is_closed = True
        for granted, _ in self._waiting.values():
            if not granted.done():
                granted.set_result(None)

    def message_ended(self, reader: Reader) -> None:
        """A reader's message is complete, or the reader has gone."""
        if reader in self._messages:
            del self._messages[reader]
            self._admit()

    async def room_to_inflate(self, size: int) -> None:
        """Return when a compressed chunk may become ``size`` bytes, and hold them; one may in any case."""
        if self._inflating or not self._may_inflate(size):
            granted = asyncio.get_running_loop().create_future()
            self._inflating[granted] = size
            try:
                await granted
            except asyncio.CancelledError:
                if granted.done() and not granted.cancelled():
                    self.deflated(size)
                raise
            finally:
                self._inflating.pop(granted, None)
            return
        self._inflate(size)

    def deflated(self, size: int) -> None:
        """What was inflated is no longer kept."""
        self._inflated -= 1
        self.free(size)

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
            lag_secs: how late the loop was of late, and did not hear who was not silent.
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
