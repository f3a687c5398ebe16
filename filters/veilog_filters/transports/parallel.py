"""``veilog filter --workers N``: standard input to standard output through several processes, order kept.

Theory of operation. This process cuts the input at ends of records and deals batches to the workers in turn; each
worker is a whole filter and gives back what it would have written. Results are collected in the order in which batches
were dealt, so the output is the same as that of one process. A worker has one batch at a time: it is sent nothing
before its last result was taken, so neither end ever waits for the other to read while it writes itself.

A batch is what one read gave, up to its last whole record: a typed line is answered at once, a file goes through in
large pieces. A record that is longer than a read is passed to its worker piece by piece and never held here.

When a worker dies nothing more leaves, and the exit code says so: what it held is lost, as it is when a single process
dies.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
from collections import deque
from collections.abc import Callable
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

import msgpack

from veilog_filters.metrics import Counts
from veilog_filters.transports.stdio import CHUNK_BYTES, Filter


class _Word(Enum):
    """What a worker is told beside the bytes."""

    END_OF_BATCH = "give back what you have"
    END_OF_INPUT = "and what is left; there will be no more"


class WorkerDiedError(Exception):
    """A worker has ended before its time."""


class LineCutter:
    """Where whole JSON lines end."""

    def feed(self, data: bytes) -> int:
        """How many of these bytes belong to lines that are complete; 0 if none is."""
        return data.rfind(b"\n") + 1


class MsgpackCutter:
    """Where whole msgpack objects end. In a stream that is broken nothing ends any more.

    Args:
        max_record_bytes: longest object.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self._scanner = msgpack.Unpacker(max_buffer_size=2 * max_record_bytes + CHUNK_BYTES)
        self._fed = 0
        self._broken = False

    def feed(self, data: bytes) -> int:
        """As ``LineCutter.feed``."""
        if self._broken:
            return 0
        before, self._fed = self._fed, self._fed + len(data)
        end = 0
        try:
            self._scanner.feed(data)
            while True:
                self._scanner.skip()
                end = self._scanner.tell()
        except msgpack.OutOfData:
            return max(0, end - before)
        except (msgpack.UnpackException, ValueError):
            self._broken = True
            return max(0, end - before)


def run(
    make_filter: Callable[[], Filter],
    workers: int,
    cutter: LineCutter | MsgpackCutter,
    source: BinaryIO,
    sink: BinaryIO,
    progress: Callable[[Counts], None] = lambda _: None,
) -> bool:
    """Filter everything from ``source`` to ``sink``.

    Args:
        make_filter: called in each worker's process; must be picklable.
        workers: how many processes.
        cutter: finds the ends of records.
        source: a binary stream with a file descriptor.
        sink: a binary stream.
        progress: called with the sums over all workers after each batch.

    Returns:
        Whether all input could be read as records.

    Raises:
        WorkerDiedError: a worker has died. Nothing more was written.
    """
    context = multiprocessing.get_context("spawn")
    pool = [_Process(context, make_filter) for _ in range(workers)]
    try:
        _deal(pool, cutter, source, sink, lambda: progress(_sum(pool)))
    except (EOFError, OSError) as error:
        if isinstance(error, BrokenPipeError) and all(process.alive for process in pool):
            raise  # it is the sink that is gone
        raise WorkerDiedError from None
    finally:
        for process in pool:
            process.stop()
    return not any(process.broken for process in pool)


def _deal(
    pool: list[_Process],
    cutter: LineCutter | MsgpackCutter,
    source: BinaryIO,
    sink: BinaryIO,
    progress: Callable[[], None],
) -> None:
    """Deal batches in turn and collect results in the same order."""
    dealt: deque[_Process] = deque()

    def collect() -> None:
        sink.write(dealt.popleft().result())
        sink.flush()
        progress()

    turn = 0
    descriptor = source.fileno()
    while True:
        # Nothing to read yet: give out what is ready instead of waiting for more.
        while dealt and not select.select([descriptor], [], [], 0)[0]:
            collect()
        data = os.read(descriptor, CHUNK_BYTES)
        if not data:
            break
        process = pool[turn % len(pool)]
        while process in dealt:
            collect()
        end = cutter.feed(data)
        if not end:
            process.send(data)
            continue
        process.send(data[:end])
        process.end_batch()
        dealt.append(process)
        turn += 1
        if end < len(data):
            process = pool[turn % len(pool)]
            while process in dealt:
                collect()
            process.send(data[end:])
    while dealt:
        collect()
    for process in pool[turn % len(pool) :] + pool[: turn % len(pool)]:
        process.finish()
        dealt.append(process)
        collect()


def _sum(pool: list[_Process]) -> Counts:
    counts = Counts()
    for process in pool:
        counts.add(process.counts)
    return counts


class _Process:
    """One worker as the dealer sees it."""

    def __init__(self, context: Any, make_filter: Callable[[], Filter]) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make_filter, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.counts = Counts()
        self.broken = False

    @property
    def alive(self) -> bool:
        return bool(self._process.is_alive())

    def send(self, data: bytes) -> None:
        self._pipe.send(data)

    def end_batch(self) -> None:
        self._pipe.send(_Word.END_OF_BATCH)

    def finish(self) -> None:
        self._pipe.send(_Word.END_OF_INPUT)

    def result(self) -> bytes:
        """What the batch gave. Blocks."""
        out: bytes
        out, self.counts, self.broken = self._pipe.recv()
        return out

    def stop(self) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()


def _serve(make_filter: Callable[[], Filter], pipe: Connection) -> None:
    """A worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    filtering = make_filter()
    out: list[bytes] = []
    try:
        while True:
            data = pipe.recv()
            if type(data) is bytes:
                out.append(filtering.feed(data))
                continue
            if data is _Word.END_OF_INPUT:
                out.append(filtering.finish())
            pipe.send((b"".join(out), filtering.counts, filtering.broken))
            out.clear()
    except (EOFError, OSError):
        return  # the dealer has closed the pipe, or is gone
