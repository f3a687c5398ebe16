"""What a worker does with one chunk: decode, filter, hand on, a part at a time.

Theory of operation. A chunk's entries are decoded while they are filtered, a batch at a time; what has been made of
them goes to the outlets whenever it is ``PART_BYTES`` for all of them together (less while the budget is full), to each
in a chunk of its own. So neither a long chunk nor one of many small entries is ever in memory as a whole, except for
its bytes. Nothing is filtered while an outlet is full: of each connection no more waits then than ``_LEAST_BYTES`` and
what a batch became. The chunk that came is done when all parts are, at all outlets (see ``fan_out``).

A group of entries (OTLP through Fluent Bit) that is cut by this ends in its part and begins again in the next.

An entry that could not be read, or whose event cannot be written, is one quarantine event; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from veilog_filters.config import Config
from veilog_filters.forward import BadEntry, Chunk, Entry, EventTime
from veilog_filters.forward.codec import Packed
from veilog_filters.forward.events import GROUP_END_SECONDS, Time
from veilog_filters.joining import Joiner
from veilog_filters.pipeline import BATCH_BYTES, Leaving, Pipeline, size_of
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.transports.fan_out import FanOut
from veilog_filters.transports.scheduling import ByteBudget, CpuAccount, Scheduler, TimeSlice
from veilog_filters.transports.sender import Sender
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import from_epoch_ns

PART_BYTES: Final = 524_288
_LEAST_BYTES: Final = 32_768
"""What is handed on while the budget is full: smaller chunks would fill the ledgers by their number."""
_SLOW_STEP_SECS: Final = 0.1
"""When batches that take longer become smaller."""
_NS: Final = 1_000_000_000
_NO_TIME: Final = 0
"""What stands for the time of an entry that had none: the Forward protocol has no word for that."""
_GROUP_END: Final = Entry(EventTime(GROUP_END_SECONDS, 0), {}, {})
_OTLP: Final = "otlp"
_GROUP_IDS: Final = ("resource_id", "scope_id")

Item = tuple[Entry, RawRecord | DecodeFailure | None]
"""An entry and its record; None for the marker of a group."""


class Settings:
    """What the configuration says about chunks."""

    def __init__(self, config: Config) -> None:
        self.tag = config.sidecar.tag
        self.keep_metadata = config.sidecar.keep_metadata


class _Part:
    """What has been made of a chunk for one outlet, and is not handed on yet.

    Args:
        outlet: where it goes.
        tag: with what tag.
        budget: what may be kept.

    Attributes:
        size: its length in bytes.
    """

    def __init__(self, outlet: Sender, tag: str, budget: ByteBudget) -> None:
        self.size = 0
        self._outlet = outlet
        self._tag = tag
        self._budget = budget
        self._packed: list[bytes] = []
        self._group: bytes | None = None

    def pack(self, entry: Entry) -> bytes:
        """An entry as the outlet sends it."""
        return self._outlet.pack(entry)

    def add(self, packed: bytes) -> None:
        """Add an entry."""
        self._packed.append(packed)
        self.size += len(packed)
        self._budget.reserve(len(packed))

    def add_marker(self, marker: Entry, *, is_start: bool) -> None:
        """Add the marker of a group."""
        packed = self.pack(marker)
        self._group = packed if is_start else None
        self.add(packed)

    def deliver(self, done: Callable[[], None]) -> bool:
        """Hand it on, if there is anything; a group that is open ends in it and begins again in the next."""
        if not self._packed:
            return False
        packed = self._packed
        self.discard()
        if self._group is not None:
            packed.append(self.pack(_GROUP_END))
            self.add(self._group)
        self._outlet.deliver(self._tag, packed, done)
        return True

    def discard(self) -> None:
        """Forget what is in it."""
        self._budget.release(self.size)
        self._packed, self.size = [], 0


class ChunkFilter:
    """Filters one chunk.

    Args:
        settings: of the worker.
        pipeline: what happens to a record.
        outlets: where it goes, by the schemas of the pipeline.
        budget: what may be kept.
        scheduler: gives slices of time.
        account: the chunk's sender's.
    """

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        outlets: FanOut,
        budget: ByteBudget,
        scheduler: Scheduler,
        account: CpuAccount,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._outlets = outlets
        self._budget = budget
        self._slice = TimeSlice(scheduler, account)
        self._account = account
        self._tag = ""
        self._parts: list[_Part] = []
        self._open_parts = 1  # for the chunk itself, until all of it is filtered
        self._done: Callable[[], None] = lambda: None

    async def run(self, chunk: Chunk, done: Callable[[], None]) -> None:
        """Filter it; ``done`` is called when everything made from it has been acknowledged.

        Raises:
            ForwardError: it cannot be inflated, or is too much.
        """
        self._done = done
        self._tag = self._pipeline.tag(chunk.tag)
        self._parts = [self._part(schema) for schema in self._pipeline.schemas]
        packed = chunk.entries
        inflated_bytes = 0
        try:
            async with self._slice:
                if isinstance(packed, Packed) and packed.is_compressed:
                    inflated_bytes = await self._inflate(packed)
                await self._filter(chunk)
                await self._deliver()
        finally:
            for part in self._parts:
                part.discard()
            if inflated_bytes:
                self._budget.release_inflated(inflated_bytes)
        self._part_done()

    def _part(self, schema: str) -> _Part:
        # The shipper's tag comes last: whatever it is, nothing in it is replaced.
        tag = self._settings.tag.replace("{schema}", schema).replace("{tag}", self._tag)
        return _Part(self._outlets.outlets[schema], tag, self._budget)

    async def _inflate(self, packed: Packed) -> int:
        """Inflate it when there is room; how much it is."""
        size = 0
        for so_far in packed.measure():
            size = so_far
            await self._slice.yield_if_over()
        self._slice.end()
        await self._budget.wait_to_inflate(size)
        try:
            await self._slice.begin()
            packed.inflate()
        except BaseException:
            self._budget.release_inflated(size)
            raise
        return size

    async def _filter(self, chunk: Chunk) -> None:
        batch: list[Item] = []
        size = 0
        for item in self._items(chunk):
            if item is None:
                if self._slice.is_over:
                    await self._batch(batch)
                    batch, size = [], 0
                    await self._slice.yield_if_over()
                continue
            batch.append(item)
            size += size_of(item[1])
            if len(batch) >= self._account.batch_records or size >= BATCH_BYTES:
                await self._batch(batch)
                batch, size = [], 0
                await self._slice.yield_if_over()
        await self._batch(batch)

    async def _batch(self, batch: list[Item]) -> None:
        if not batch:
            return
        await self._wait_for_outlets()
        # A group's body before what is in the group: what a parser reads of it, it may take out of it.
        markers = [self._marker(entry) for entry, record in batch if record is None]
        results = await self._events([record for _, record in batch if record is not None])
        for entry, record in batch:
            if record is None:
                marker = markers.pop(0)
                if marker is not None:
                    for part in self._parts:
                        part.add_marker(marker, is_start=entry.is_group_start)
            else:
                self._add_events(entry, record, results.pop(0))
            enough = _LEAST_BYTES if self._budget.is_full else PART_BYTES
            if sum(part.size for part in self._parts) >= enough:
                await self._deliver()

    async def _events(self, records: list[RawRecord | DecodeFailure]) -> list[Leaving]:
        """What leaves for each record; others go on between two steps of the pipeline."""
        clock = self._slice.clock
        slowest = 0.0
        steps = self._pipeline.steps(records)
        while True:
            began = clock()
            try:
                next(steps)
            except StopIteration as finished:
                slowest = max(slowest, clock() - began)
                # After a batch that took long, acks and heartbeats wait for one record alone, and then for few.
                most = min(2 * self._account.batch_records, self._pipeline.batch_records)
                self._account.batch_records = 1 if slowest > _SLOW_STEP_SECS else most
                results: list[Leaving] = finished.value
                return results
            slowest = max(slowest, clock() - began)
            await self._slice.yield_if_over()

    def _marker(self, entry: Entry) -> Entry | None:
        """A group's body names a resource and a scope: what may leave of it, for the shipper that closes the group."""
        if not self._settings.keep_metadata:
            return None
        if entry.is_group_end:
            return _GROUP_END
        metadata = entry.metadata or {}
        kept: dict[str, Any] = {"schema": _OTLP} if metadata.get("schema") == _OTLP else {}
        kept |= {key: metadata[key] for key in _GROUP_IDS if type(metadata.get(key)) is int}
        return Entry(entry.time, kept, self._pipeline.group(entry.record))

    def _add_events(self, entry: Entry, record: RawRecord | DecodeFailure, leaving: Leaving) -> None:
        """Put into the parts what is handed on for the events of a record."""
        # Only now: what a parser reads of the metadata (attributes with prompts) it takes out of it. Of a record in
        # quarantine nobody knows whether it did.
        metadata = self._metadata(entry) if leaving.is_whole else None
        time = entry.time if entry.has_time else _NO_TIME
        unwritable: Leaving | None = None
        for number, (part, events) in enumerate(zip(self._parts, leaving.written, strict=True)):
            for event in events:
                try:
                    part.add(part.pack(Entry(time, metadata, event)))
                except (ValueError, TypeError, OverflowError):
                    # A number that msgpack cannot hold, for example. Its message is not read: it may quote it.
                    unwritable = unwritable or self._unwritable(entry, record)
                    for instead in unwritable.written[number]:
                        part.add(part.pack(Entry(time, None, instead)))

    def _unwritable(self, entry: Entry, record: RawRecord | DecodeFailure) -> Leaving:
        """What leaves for a record whose events the protocol cannot hold."""
        raw = record.raw if isinstance(record, RawRecord) else entry.raw
        damaged = self._pipeline.decode_failure(ErrorType.ENCODING_FAILED, raw, record.tag, record.time)
        (leaving,) = self._pipeline.leaving([damaged])
        return leaving

    async def _deliver(self) -> None:
        """Hand the parts on, when all outlets have room for them."""
        if any(part.size for part in self._parts):
            await self._wait_for_outlets()
            self._deliver_now()

    async def _wait_for_outlets(self) -> None:
        """Return when all outlets have room; others use the processor meanwhile."""
        while not self._outlets.has_capacity:
            self._slice.end()
            await self._outlets.wait_for_capacity()
            await self._slice.begin()

    def _deliver_now(self) -> None:
        for part in self._parts:
            # Counted before it is handed on: an outlet may be done with it at once.
            self._open_parts += 1
            if not part.deliver(self._part_done):
                self._part_done()

    def _part_done(self) -> None:
        self._open_parts -= 1
        if not self._open_parts:
            self._done()

    def _items(self, chunk: Chunk) -> Iterator[Item | None]:
        """The records of a chunk, log records of one model call as one; None where others may go on."""
        group: dict[str, Any] = {}
        joiner: Joiner[Entry] = self._pipeline.joiner()
        for entry in chunk.entries:
            if entry is None:
                yield None
            elif isinstance(entry, BadEntry):
                yield from joiner.flush()
                yield self._bad(entry)
            elif entry.is_group_marker:
                group = entry.record
                yield from joiner.flush()
                yield entry, None
            else:
                yield from joiner.add(entry, self._record(entry, group))
        yield from joiner.flush()

    def _metadata(self, entry: Entry) -> dict[str, Any] | None:
        """An entry's metadata, cleaned; none if it is empty: released Fluentds skip and acknowledge such entries."""
        if not entry.metadata or not self._settings.keep_metadata:
            return None
        return self._pipeline.clean(entry.metadata) or None

    def _record(self, entry: Entry, group: dict[str, Any]) -> RawRecord:
        time = _rfc3339(entry.time) if entry.has_time else None
        return RawRecord(entry.record, entry.raw, self._tag, time, entry.metadata or {}, group)

    def _bad(self, bad: BadEntry) -> tuple[Entry, DecodeFailure]:
        entry = Entry(_NO_TIME if bad.time is None else bad.time, None, None, bad.raw)
        time = _rfc3339(bad.time) if bad.time is not None and entry.has_time else None
        return entry, self._pipeline.decode_failure(bad.error_type, bad.raw, self._tag, time)


def _rfc3339(time: Time) -> str | None:
    if isinstance(time, EventTime):
        return from_epoch_ns(time.seconds * _NS + time.nanoseconds)
    return from_epoch_ns(int(time * _NS))
