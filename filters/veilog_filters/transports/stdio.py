"""Standard input to standard output: raw records in, events out, in order.

Input is read as it comes and answered chunk by chunk, so a line typed by a person is answered at once and a file goes
through in constant memory. Delivery is at most once: what was read and not yet written when the process dies is lost,
and only the shipper that feeds it can know.

A shipper that can hand over nothing but records puts tag and time into them (Fluentd's exec_filter does, under names of
its user's choice). ``Injected`` takes them out before the record is parsed and puts them back on what leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from veilog_filters.framing import Framer
from veilog_filters.pipeline import Pipeline, batches, size_of
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.transports.inputs import Sink, Source
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import parse_time

_TAG = re.compile(r"[A-Za-z0-9_./:*-]{1,256}")


class Injected:
    """Tag and time that a shipper has put into records.

    Args:
        tag_key: the tag's key; "" for none.
        time_key: the time's key, seconds since the epoch or a time in text; "" for none.
        tag: template of the tag of what leaves, with ``{tag}`` for the record's.
        name: a record's tag as it may leave.
    """

    def __init__(self, tag_key: str, time_key: str, tag: str, name: Callable[[str], str]) -> None:
        self._tag_key = tag_key
        self._time_key = time_key
        self._template = tag
        self._name = name

    def pop_injected(self, record: RawRecord) -> dict[str, Any]:
        """Move tag and time from a record's fields to where transports put them; what to add to its events.

        Only what has the form of a tag or a time is added: anybody may write a log that has these keys. The record's
        bytes stay as they came, with both keys in them: so its hashes and ``event_id`` depend on them.
        """
        add: dict[str, Any] = {}
        if type(record.value) is not dict:
            return add
        if self._tag_key:
            tag = record.value.pop(self._tag_key, None)
            if type(tag) is str and _TAG.fullmatch(tag):
                record.tag = tag
                add[self._tag_key] = self._template.replace("{tag}", self._name(tag))
        if self._time_key:
            time = record.value.pop(self._time_key, None)
            if type(time) in (int, float, str) and (parsed := parse_time(time)) is not None:
                record.time = parsed
                add[self._time_key] = time.strip() if type(time) is str else time
        return add


class Filter:
    """Bytes in, bytes out: a framer, a pipeline and a writer.

    Args:
        pipeline: what happens to a record.
        framer: cuts input into records.
        write: encodes an event.
        injected: keys of records that are the shipper's, not the record's.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        framer: Framer,
        write: Callable[[dict[str, Any]], bytes],
        injected: Injected | None = None,
    ) -> None:
        self.counts = pipeline.counts
        self._pipeline = pipeline
        self._framer = framer
        self._write = write
        self._injected = injected

    @property
    def broken(self) -> bool:
        """Whether the input stopped being what it should be (a msgpack stream; JSON lines always go on)."""
        return self._framer.broken

    def feed(self, data: bytes) -> bytes:
        """What is to be written for the records that ``data`` completes, and for windows of usage that have closed."""
        out = b"".join(map(self._filtered, batches(self._framer.feed(data), size_of)))
        return out + self._usage(everything=False)

    def finish(self) -> bytes:
        """What is to be written for what is left at the end of input."""
        out = b"".join(map(self._filtered, batches(self._framer.finish(), size_of)))
        return out + self._usage(everything=True)

    def _usage(self, *, everything: bool) -> bytes:
        rows = self._pipeline.usage(everything=everything)
        out = b"".join([self._write(event) for row in rows for events in row for event in events])
        self.counts.bytes_out += len(out)
        return out

    def _filtered(self, records: list[RawRecord | DecodeFailure]) -> bytes:
        injected = self._injected
        shippers = [
            injected.pop_injected(record) if injected is not None and isinstance(record, RawRecord) else {}
            for record in records
        ]
        out = b"".join(
            [
                self._write(event | added if added else event)
                for events, added in zip(self._pipeline.batch(records), shippers, strict=True)
                for event in events
            ]
        )
        self.counts.bytes_out += len(out)
        return out


def run(filtering: Filter, source: Source, sink: Sink, progress: Callable[[], None] = lambda: None) -> None:
    """Filter everything from ``source`` to ``sink``.

    Args:
        filtering: what happens to the bytes.
        source: where they come from.
        sink: where what leaves is written.
        progress: called after each piece.
    """
    while piece := source.read():
        sink.write(filtering.feed(piece))
        sink.flush()
        progress()
    sink.write(filtering.finish())
    sink.flush()
    progress()
