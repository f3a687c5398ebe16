"""The first half of parsing for records that come entry by entry: log records of one model call become one record.

Fluent Bit hands OTLP on as entries of their own, with what they share in the metadata and in the group's marker. Which
of them belong together only the parser of OTLP knows, so a transport asks here and opens nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from veilog_filters.metrics import Counts
from veilog_filters.quarantine import DecodeFailure, Quarantine
from veilog_parsers.errors import ErrorType
from veilog_parsers.record.otlp import CallCollector
from veilog_parsers.record.raw import RawRecord

T = TypeVar("T")

MAX_JOINED_BYTES: Final = 4_194_304
"""Log records of model calls wait so long for others of the same call; a chunk of Fluent Bit's is no longer."""


class Joiner(Generic[T]):
    """Joins the records of one chunk.

    Args:
        max_record_bytes: how large the log records of a call may be together.
        quarantine: says what stands for a record that cannot be opened.
        counts: of the pipeline.
    """

    def __init__(self, max_record_bytes: int, quarantine: Quarantine, counts: Counts) -> None:
        self._calls = CallCollector[T](max_record_bytes)
        self._quarantine = quarantine
        self._counts = counts
        self._waiting_bytes = 0

    def add(self, origin: T, record: RawRecord) -> Iterator[tuple[T, RawRecord | DecodeFailure] | None]:
        """What is complete once a record has come, in order; None if the record waits for others of its call.

        Args:
            origin: what to give back with the record; of a call's first log record that of all.
            record: the record.
        """
        joined: RawRecord | DecodeFailure = record
        try:
            count = self._calls.add(origin, record)
        except Exception:
            # An unforeseen shape of metadata. The exception's message is not used: it may quote it.
            joined = self._quarantine.failure(ErrorType.PARSER_FAILED, record.raw, record.tag, record.time)
            count = 0
        # Each log record that joins another was received too.
        self._counts.received += count > 1
        if count:
            self._waiting_bytes += len(record.raw)
            if self._waiting_bytes > MAX_JOINED_BYTES:
                yield from self.flush()
            yield None
            return
        yield from self.flush()
        yield origin, joined

    def flush(self) -> Iterator[tuple[T, RawRecord]]:
        """What waits for others: none will come."""
        self._waiting_bytes = 0
        yield from self._calls.drain()
