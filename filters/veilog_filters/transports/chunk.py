"""What a worker does with one chunk: decode, filter, hand on, a part at a time.

Theory of operation. A chunk's entries are decoded while they are filtered, a batch at a time; what has been made of
them goes to the sender whenever it is ``PART_BYTES``, in a chunk of its own. So neither a long chunk nor one of many
small entries is ever in memory as a whole, except for its bytes. The chunk that came is done when all parts are.

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
from veilog_filters.pipeline import BATCH_BYTES, Pipeline, size_of
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.transports.scheduling import ByteBudget, CpuAccount, Scheduler, TimeSlice
from veilog_filters.transports.sender import Sender
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import from_epoch_ns

PART_BYTES: Final = 524_288
_SLOW_STEP_SECS: Final = 0.1
"""When batches that take longer become smaller."""
_NS: Final = 1_000_000_000
_NO_TIME: Final = 0
"""What stands for the time of an entry that had none: the Forward protocol has no word for that."""
_GROUP_END: Final = Entry(EventTime(GROUP_END_SECONDS, 0), {}, {})
_SCHEMA: Final = "otlp"
_GROUP_IDS: Final = ("resource_id", "scope_id")

Item = tuple[Entry, RawRecord | DecodeFailure | None]
"""An entry and its record; None for the marker of a group."""


class Settings:
    """What the configuration says about chunks."""

    def __init__(self, config: Config) -> None:
        self.tag = config.sidecar.tag
        self.keep_metadata = config.sidecar.keep_metadata


class ChunkFilter:
    """Filters one chunk.

    Args:
        settings: of the worker.
        pipeline: what happens to a record.
        sender: where it goes.
        budget: what may be kept.
        scheduler: gives slices of time.
        account: the chunk's sender's.
    """

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        sender: Sender,
        budget: ByteBudget,
        scheduler: Scheduler,
        account: CpuAccount,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._sender = sender
        self._budget = budget
        self._slice = TimeSlice(scheduler, account)
        self._account = account
        self._tag = ""
        self._part: list[bytes] = []
        self._part_bytes = 0
        self._group: bytes | None = None
        self._open_parts = 1
        self._done: Callable[[], None] = lambda: None

    async def run(self, chunk: Chunk, done: Callable[[], None]) -> None:
        """Filter it; ``done`` is called when everything made from it has been acknowledged.

        Raises:
            ForwardError: it cannot be inflated, or is too much.
        """
        self._done = done
        self._tag = self._pipeline.tag(chunk.tag)
        packed = chunk.entries
        inflated_bytes = 0
        try:
            async with self._slice:
                if isinstance(packed, Packed) and packed.is_compressed:
                    inflated_bytes = await self._inflate(packed)
                await self._filter(chunk)
                await self._deliver()
        finally:
            self._budget.release(self._part_bytes)
            if inflated_bytes:
                self._budget.release_inflated(inflated_bytes)
        self._part_done()

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
        # A group's body before what is in the group: what a parser reads of it, it may take out of it.
        markers = [self._marker(entry) for entry, record in batch if record is None]
        results = await self._events([record for _, record in batch if record is not None])
        for entry, record in batch:
            if record is None:
                marker = markers.pop(0)
                if marker is not None:
                    self._add_marker(entry, marker)
            else:
                self._add_events(entry, record, results.pop(0))
            if self._part_bytes >= PART_BYTES:
                await self._deliver()

    async def _events(self, records: list[RawRecord | DecodeFailure]) -> list[list[dict[str, Any]]]:
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
                results: list[list[dict[str, Any]]] = finished.value
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
        kept: dict[str, Any] = {"schema": _SCHEMA} if metadata.get("schema") == _SCHEMA else {}
        kept |= {key: metadata[key] for key in _GROUP_IDS if type(metadata.get(key)) is int}
        return Entry(entry.time, kept, self._pipeline.group(entry.record))

    def _add_marker(self, entry: Entry, marker: Entry) -> None:
        packed = self._sender.pack(marker)
        self._group = packed if entry.is_group_start else None
        self._add(packed)

    def _add_events(self, entry: Entry, record: RawRecord | DecodeFailure, events: list[dict[str, Any]]) -> None:
        """Put into the part what is handed on for the events of a record."""
        # Only now: what a parser reads of the metadata (attributes with prompts) it takes out of it. Of a record in
        # quarantine nobody knows whether it did.
        failed = any(event["kind"] == "quarantine" for event in events)
        metadata = None if failed else self._metadata(entry)
        time = entry.time if entry.has_time else _NO_TIME
        for event in events:
            try:
                packed = self._sender.pack(Entry(time, metadata, event))
            except (ValueError, TypeError, OverflowError):
                # A number that msgpack cannot hold, for example. Its message is not read: it may quote it.
                raw = record.raw if isinstance(record, RawRecord) else entry.raw
                damaged = self._pipeline.decode_failure(ErrorType.ENCODING_FAILED, raw, record.tag, record.time)
                ((instead,),) = self._pipeline.batch([damaged])
                packed = self._sender.pack(Entry(time, None, instead))
            self._add(packed)

    def _add(self, packed: bytes) -> None:
        self._part.append(packed)
        self._part_bytes += len(packed)
        self._budget.reserve(len(packed))

    async def _deliver(self) -> None:
        """Hand the part on, when the sender has room for it."""
        if not self._part:
            return
        if not self._sender.has_capacity:
            self._slice.end()
            await self._sender.wait_for_capacity()
            self._deliver_now()
            await self._slice.begin()
        else:
            self._deliver_now()

    def _deliver_now(self) -> None:
        part, group = self._part, self._group
        self._budget.release(self._part_bytes)
        self._part, self._part_bytes = [], 0
        if group is not None:
            part.append(self._sender.pack(_GROUP_END))
            self._add(group)
        self._open_parts += 1
        self._sender.deliver(self._settings.tag.replace("{tag}", self._tag), part, self._part_done)

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
