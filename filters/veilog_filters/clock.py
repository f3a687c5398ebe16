"""The clock by which records are billed: it stands still while something is built that later records use too.

Presidio is imported, and patterns are compiled, when the first record needs them. That takes seconds, and is nobody's
cost: without this, the first record after a start would be over its budget.

It stands still for full garbage collections too. They walk through all objects of the process, whatever record is at
hand: in a process with many of them one takes longer than the search of a pattern may.

Each thread has a clock of its own: a reload builds the next pipeline, and tests it with records, in one thread, while
another one filters, and what the one builds is not for the other's clock to stand still for.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import Any, Final

_FULL_GENERATION: Final = 2


class _Stopped(threading.local):
    """For how long a thread's clock stood still until now."""

    secs = 0.0
    processor_secs = 0.0
    depth = 0


_stopped = _Stopped()


def secs() -> float:
    """Seconds on the wall, without those in which this thread's clock stood still."""
    return perf_counter() - _stopped.secs


def processor_secs() -> float:
    """Seconds that the processor spent in this thread, without those in which its clock stood still."""
    return thread_time() - _stopped.processor_secs


@contextmanager
def stopped() -> Iterator[None]:
    """Let this thread's clock stand still. May be nested."""
    began, processor_began = perf_counter(), thread_time()
    _stopped.depth += 1
    try:
        yield
    finally:
        _stopped.depth -= 1
        if _stopped.depth == 0:
            _stopped.secs += perf_counter() - began
            _stopped.processor_secs += thread_time() - processor_began


class _Collections:
    """Lets the clock of the thread that collects garbage stand still (the collector's callbacks run in it)."""

    def __init__(self) -> None:
        self._began = self._processor_began = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != _FULL_GENERATION:
            return
        if phase == "start":
            self._began, self._processor_began = perf_counter(), thread_time()
        elif _stopped.depth == 0:
            _stopped.secs += perf_counter() - self._began
            _stopped.processor_secs += thread_time() - self._processor_began


# Collections do not overlap: the interpreter starts none while one is running.
gc.callbacks.append(_Collections())
