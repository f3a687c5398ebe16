"""``veilog filter --workers N``: standard input to standard output through several processes, order kept.

Theory of operation. This process cuts the input at ends of records and gives each batch to a worker that has nothing to
do; each worker is a whole filter and gives back what it would have written. Results are written in the order in which
batches were given out, so the output is the same as that of one process. A worker has one batch at a time: it is sent
nothing before its last result was taken, so neither end ever waits for the other to read while it writes itself. A
worker that is done before its predecessors goes on with the next batch; its results wait here, a few at most.

A batch is what one read gave, up to its last whole record: a typed line is answered at once, a file goes through in
pieces that are large beside what it costs to pass them on, and small beside the file, so that no worker works alone at
the end. A record that is longer than a read is passed to its worker piece by piece and never held here.

On Linux workers are forked from this process, before it reads anything and while it has one thread: they start with
what it has imported and loaded. Elsewhere each builds a filter of its own.

When a worker dies nothing more leaves, and the exit code says so: what it held is lost, as it is when a single process
dies.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import select
import signal
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any, Final

from veilog_filters.framing import MsgpackObjects
from veilog_filters.log import keep_messages_in
from veilog_filters.metrics import Counts
from veilog_filters.transports.inputs import Sink, Source
from veilog_filters.transports.stdio import Filter

MAX_WAITING_PER_WORKER: Final = 4
"""Batches that are given out and not yet written."""
_FORKS: Final = sys.platform == "linux"


class _Signal(Enum):
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
    """Where whole msgpack objects end. In a stream that is broken nothing ends any more: the rest is one worker's.

    Args:
        max_record_bytes: longest object.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self._objects = MsgpackObjects(max_record_bytes)

    def feed(self, data: bytes) -> int:
        """As ``LineCutter.feed``."""
        before = self._objects.begun_bytes
        return max(0, sum(size for _, size in self._objects.feed(data)) - before)


def run(
    filtering: Filter,
    make_filter: Callable[[], Filter],
    workers: int,
    cutter: LineCutter | MsgpackCutter,
    source: Source,
    sink: Sink,
    progress: Callable[[Counts], None] = lambda _: None,
) -> bool:
    """Filter everything from ``source`` to ``sink``.

    Args:
        filtering: a filter that has read nothing: what forked workers start with.
        make_filter: makes another one, in the process of a worker that is not forked; must be picklable.
        workers: how many processes.
        cutter: finds the ends of records.
        source: where bytes come from.
        sink: where what leaves is written.
        progress: called with the sums over all workers after each batch.

    Returns:
        Whether all input could be read as records.

    Raises:
        WorkerDiedError: a worker has died. Nothing more was written.
        OutputError: the sink takes nothing more.
    """
    pool: list[_Process] = []
    try:
        for _ in range(workers):
            pool.append(_Process((lambda: filtering) if _FORKS else make_filter, pool))
        _dispatch(_Dispatcher(pool, sink, lambda: progress(_sum(pool))), cutter, source)
    except (EOFError, OSError):
        raise WorkerDiedError from None
    finally:
        for process in pool:
            process.stop()
    return not any(process.broken for process in pool)


def _dispatch(dispatcher: _Dispatcher, cutter: LineCutter | MsgpackCutter, source: Source) -> None:
    """Give out all batches, and then the word that there are no more."""
    current: _Process | None = None
    while True:
        waits_on = source.waits_on
        while waits_on is not None and not dispatcher.collect(waits_on):
            pass
        data = source.read()
        if not data:
            break
        end = cutter.feed(data)
        if end:
            current = current or dispatcher.idle()
            current.send(data[:end])
            dispatcher.assign(current, _Signal.END_OF_BATCH)
            current = None
        if end < len(data):
            current = current or dispatcher.idle()
            current.send(data[end:])
    # What is left of the input is where a record was begun; it comes first.
    if current is not None:
        dispatcher.assign(current, _Signal.END_OF_INPUT)
    dispatcher.finish()


class _Dispatcher:
    """Knows which worker has what.

    Args:
        pool: the workers.
        sink: where results are written.
        progress: called after each.
    """

    def __init__(self, pool: list[_Process], sink: Sink, progress: Callable[[], None]) -> None:
        self._idle = deque(pool)
        self._busy: dict[_Process, _Batch] = {}
        self._assigned: deque[_Batch] = deque()
        self._max_assigned = MAX_WAITING_PER_WORKER * len(pool)
        self._sink = sink
        self._progress = progress

    def idle(self) -> _Process:
        """A worker that has nothing to do. Blocks until there is one."""
        while not self._idle or len(self._assigned) >= self._max_assigned:
            self.collect()
        return self._idle.popleft()

    def assign(self, process: _Process, signal: _Signal) -> None:
        """Let a worker give back what it makes of what it was sent; that comes after all that was given before."""
        batch = _Batch()
        process.signal(signal)
        self._busy[process] = batch
        self._assigned.append(batch)

    def collect(self, source: int | None = None) -> bool:
        """Take results and write those whose turn it is. Blocks until there is one.

        Args:
            source: a file descriptor; if it can be read nothing is waited for.

        Returns:
            Whether it can be read.
        """
        others: list[Any] = [] if source is None else [source]
        ready, _, _ = select.select([*others, *self._busy], [], [])
        for process in ready:
            if process in self._busy:
                self._busy.pop(process).result = process.result()
                self._idle.append(process)
        while self._assigned and self._assigned[0].result is not None:
            self._sink.write(self._assigned.popleft().result or b"")
            self._sink.flush()
            self._progress()
        return source in ready

    def finish(self) -> None:
        """Collect everything and let all workers give back what is left."""
        while self._assigned:
            self.collect()
        for process in self._idle:
            self.assign(process, _Signal.END_OF_INPUT)
        while self._assigned:
            self.collect()


@dataclasses.dataclass(slots=True)
class _Batch:
    """What a worker was given, and what came of it."""

    result: bytes | None = None


def _sum(pool: list[_Process]) -> Counts:
    counts = Counts()
    for process in pool:
        counts.add(process.counts)
    return counts


class _Process:
    """One worker as the dispatcher sees it.

    Args:
        make_filter: called in the worker.
        others: workers that were started before.
    """

    def __init__(self, make_filter: Callable[[], Filter], others: list[_Process]) -> None:
        context: Any = multiprocessing.get_context("fork" if _FORKS else "spawn")
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        # A fork has this process's ends of all pipes too, and would keep a worker waiting when this process is gone.
        inherited = [self.pipe, *(other.pipe for other in others)] if _FORKS else []
        self._process = context.Process(target=_serve, args=(make_filter, theirs, inherited), daemon=True)
        self._process.start()
        theirs.close()
        self.counts = Counts()
        self.broken = False

    @property
    def alive(self) -> bool:
        return bool(self._process.is_alive())

    def fileno(self) -> int:
        """For ``select``: readable when there is a result."""
        return self.pipe.fileno()

    def send(self, data: bytes) -> None:
        self.pipe.send(data)

    def signal(self, signal: _Signal) -> None:
        self.pipe.send(signal)

    def result(self) -> bytes:
        """What the batch gave. Blocks."""
        out: bytes
        out, self.counts, self.broken = self.pipe.recv()
        return out

    def stop(self) -> None:
        self.pipe.close()
        self._process.join(5)
        self._process.kill()


def _serve(make_filter: Callable[[], Filter], pipe: Connection, inherited: list[Connection]) -> None:
    """A worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_messages_in()
    for end in inherited:
        end.close()
    try:
        _work(make_filter(), pipe)
    except (EOFError, OSError):
        return  # the dispatcher has closed the pipe, or is gone
    except Exception:
        sys.exit(1)  # without a traceback, which may quote the text


def _work(filtering: Filter, pipe: Connection) -> None:
    out: list[bytes] = []
    while True:
        data = pipe.recv()
        if type(data) is bytes:
            out.append(filtering.feed(data))
            continue
        if data is _Signal.END_OF_INPUT:
            out.append(filtering.finish())
        pipe.send((b"".join(out), filtering.counts, filtering.broken))
        out.clear()
