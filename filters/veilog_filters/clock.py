"""The clock by which records are billed: it stands still while something is built that later records use too.

Presidio is imported, and patterns are compiled, when the first record needs them. That takes seconds, and is nobody's
cost: without this, the first record after a start would be over its budget.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_stopped_secs = 0.0
_stopped_processor_secs = 0.0
_depth = 0


def secs() -> float:
    """Seconds on the wall, without those in which the clock stood still."""
    return time.perf_counter() - _stopped_secs


def processor_secs() -> float:
    """Seconds that the processor spent in this thread, without those in which the clock stood still."""
    return time.thread_time() - _stopped_processor_secs


@contextmanager
def stopped() -> Iterator[None]:
    """Let the clock stand still. May be nested; for the thread that filters alone."""
    global _stopped_secs, _stopped_processor_secs, _depth  # noqa: PLW0603 - one clock for the process
    began, processor_began = time.perf_counter(), time.thread_time()
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            _stopped_secs += time.perf_counter() - began
            _stopped_processor_secs += time.thread_time() - processor_began
