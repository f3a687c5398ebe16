"""rsyslog's mmexternal protocol: a message per line on stdin, for each exactly one line of JSON on stdout.

The reply puts the event into the message's JSON tree as ``$!veilog`` (an array of events for a message that holds
several, nothing for one that policy drops), and leaves the message itself alone. That is what makes it fail closed:
rsyslog goes on with the unchanged message when a child dies, so an output may only ever write ``$!veilog``, which such
a message does not have. See ``conf/rsyslog/veilog.conf``.

Format: https://www.rsyslog.com/doc/configuration/modules/mmexternal.html
"""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import orjson

from veilog_filters.framing import Framer
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.inputs import Sink

READ_BYTES: Final = 262_144
_COOKIE: Final = b"@cee:"


def run(pipeline: Pipeline, framer: Framer, source: BinaryIO, sink: Sink) -> None:
    """Answer every message until the end of input.

    Args:
        pipeline: what happens to a record.
        framer: cuts lines; holds no more of a long one than its limit.
        source: messages.
        sink: replies, flushed one by one: rsyslog waits for each.
    """
    begins = True
    events: list[dict[str, Any]] = []
    while piece := source.readline(READ_BYTES):
        if begins:
            piece = piece.lstrip(b" ").removeprefix(_COOKIE)
        events += (event for record in framer.feed(piece) for event in pipeline(record))
        begins = piece.endswith(b"\n")
        if begins:
            sink.write(_reply(events))
            sink.flush()
            events.clear()


def _reply(events: list[dict[str, Any]]) -> bytes:
    tree = {"veilog": events[0] if len(events) == 1 else events} if events else {}
    return orjson.dumps({"$!": tree}, option=orjson.OPT_APPEND_NEWLINE)
