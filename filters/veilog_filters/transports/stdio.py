"""Standard input to standard output: raw records in, events out, in order.

Input is read as it comes and answered chunk by chunk, so a line typed by a person is answered at once and a file goes
through in constant memory. Delivery is at most once: what was read and not yet written when the process dies is lost,
and only the shipper that feeds it can know.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from veilog_filters.framing import Framer
from veilog_filters.pipeline import Damaged, Pipeline
from veilog_parsers.record import RawRecord

CHUNK_BYTES: Final = 262_144


def run(
    pipeline: Pipeline,
    framer: Framer,
    write: Callable[[dict[str, Any]], bytes],
    source: BinaryIO,
    sink: BinaryIO,
    progress: Callable[[], None] = lambda: None,
) -> bool:
    """Filter everything from ``source`` to ``sink``.

    Args:
        pipeline: what happens to a record.
        framer: cuts input into records.
        write: encodes an event.
        source: a binary stream with a file descriptor.
        sink: a binary stream.
        progress: called after each chunk.

    Returns:
        Whether all input could be read as records (a broken msgpack stream could not).
    """

    def emit(record: RawRecord | Damaged) -> None:
        for event in pipeline(record):
            encoded = write(event)
            pipeline.counts.bytes_out += len(encoded)
            sink.write(encoded)

    while chunk := os.read(source.fileno(), CHUNK_BYTES):
        for record in framer.feed(chunk):
            emit(record)
        sink.flush()
        progress()
    for record in framer.finish():
        emit(record)
    sink.flush()
    return not framer.broken
