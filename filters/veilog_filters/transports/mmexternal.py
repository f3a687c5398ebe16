"""rsyslog's mmexternal protocol: a message per line on stdin, for each exactly one line of JSON on stdout.

The reply puts the event into the message's JSON tree as ``$!veilog`` (an array of events for a message that holds
several, nothing for one that policy drops), and leaves the message itself alone. That is what makes it fail closed:
rsyslog goes on with the unchanged message when a child dies, so an output may only ever write ``$!veilog``, which such
a message does not have. See ``conf/rsyslog/veilog.conf``.

rsyslog gives its child one pipe for standard output and standard error, and reads every line as an answer. A warning
would be taken for the answer to a message, and each later answer would be one message late. So ``keep_stderr_apart``
sends warnings to the system's log.

Format: https://www.rsyslog.com/doc/configuration/modules/mmexternal.html
"""

from __future__ import annotations

import io
import os
import socket
import sys
from typing import Any, BinaryIO, Final

import orjson

from veilog_filters.framing import Framer
from veilog_filters.pipeline import Pipeline
from veilog_filters.transports.inputs import Sink

READ_BYTES: Final = 262_144
_COOKIE: Final = b"@cee:"
_SYSTEM_LOG: Final = "/dev/log"
_DAEMON_WARNING: Final = 3 * 8 + 4


def keep_stderr_apart() -> None:
    """Let nothing but answers into the pipe, where standard error and standard output are one.

    Lines for people go to the system's log, and what a library writes to descriptor 2 goes nowhere.
    """
    try:
        joined = os.path.sameopenfile(1, 2) and not os.isatty(2)
    except OSError:  # one of them is closed
        return
    if joined:
        sys.stderr = SystemLog()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


class SystemLog(io.TextIOBase):
    """A stream whose lines become messages of the system's log (RFC 3164), with the facility daemon.

    It never waits: the log's reader may be the very rsyslog that waits for an answer of this process. A line that can't
    be taken at once is lost.

    Args:
        address: the log's datagram socket.
    """

    def __init__(self, address: str = _SYSTEM_LOG) -> None:
        self._address = address
        self._line = ""

    def writable(self) -> bool:
        """See ``io.TextIOBase``."""
        return True

    def write(self, text: str) -> int:
        """Send the lines that end in ``text``, and keep the rest."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._send(f"<{_DAEMON_WARNING}>veilog[{os.getpid()}]: {line}".encode("utf-8", "backslashreplace"))
        return len(text)

    def _send(self, message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.settimeout(0)
            try:
                log.connect(self._address)
                log.send(message)
            except OSError:
                return  # no log here, or it is full; there is no third place to say so


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
            _answer(events, sink)
            events.clear()
    if not begins:
        # The last message has no line feed. It is counted and answered as any other.
        events += (event for record in framer.finish() for event in pipeline(record))
        _answer(events, sink)


def _answer(events: list[dict[str, Any]], sink: Sink) -> None:
    sink.write(_reply(events))
    sink.flush()


def _reply(events: list[dict[str, Any]]) -> bytes:
    tree = {"veilog": events[0] if len(events) == 1 else events} if events else {}
    return orjson.dumps({"$!": tree}, option=orjson.OPT_APPEND_NEWLINE)
